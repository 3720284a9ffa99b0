from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dse.training.shift import random_shift, shift_by


def shift_one(image_CHW: np.ndarray, down: int, right: int) -> np.ndarray:
    _, height, width = image_CHW.shape
    shifted = np.zeros_like(image_CHW)
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - right < width:
                shifted[:, y, x] = image_CHW[:, y - down, x - right]
    return shifted


@given(
    shifts=st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=1, max_size=6),
    channels=st.sampled_from([1, 3]),
    dtype=st.sampled_from([torch.uint8, torch.float32]),
)
def test_each_image_moves_by_its_own_shift(shifts, channels, dtype):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(1, 256, (len(shifts), channels, 5, 7), generator=generator).to(dtype)
    before = images.clone()
    shifted = shift_by(images, torch.tensor(shifts))
    expected = [shift_one(image.numpy(), *shift) for image, shift in zip(images, shifts, strict=True)]
    assert shifted.dtype == dtype
    assert np.array_equal(shifted.numpy(), np.stack(expected))
    assert torch.equal(images, before)


def test_all_shifts_come_about_equally_often():
    images = torch.zeros(5000, 1, 5, 5, dtype=torch.uint8)
    images[:, :, 2, 2] = 1
    counts = random_shift(images, torch.Generator().manual_seed(0)).sum(0)[0]
    assert counts.sum() == 5000
    assert counts.min() > 140  # 200 expected, standard deviation 14
    assert counts.max() < 260


@pytest.mark.parametrize("seed", [0, 1])
def test_chance_comes_from_the_generator_alone(seed):
    images = torch.randint(0, 256, (50, 1, 6, 6), dtype=torch.uint8)
    state = torch.get_rng_state()
    first, second = (random_shift(images, torch.Generator().manual_seed(seed)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)
