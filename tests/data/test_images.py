from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from dse.data.choice import DataChoice
from dse.data.images import load_images, stratified_choice, upscale_digits
from dse.errors import DataError
from tests.small import FEW_DIGITS

NOWHERE = Path("unused")


@given(st.lists(st.integers(0, 5), min_size=1, max_size=200), st.floats(0, 1), st.integers(0, 10))
def test_a_stratified_choice_keeps_every_class_its_share(labels_list, fraction, seed):
    labels = np.array(labels_list)
    size = round(fraction * len(labels))
    chosen = stratified_choice(labels, size, seed)
    assert len(chosen) == len(set(chosen.tolist())) == size
    assert (np.diff(chosen) > 0).all()
    for label in range(6):
        share = size * (labels == label).mean()
        assert abs((labels[chosen] == label).sum() - share) < 1
    assert chosen.tolist() == stratified_choice(labels, size, seed).tolist()


def test_another_seed_chooses_others():
    labels = np.arange(100) % 10
    assert stratified_choice(labels, 50, 0).tolist() != stratified_choice(labels, 50, 1).tolist()


def test_digits_are_split_as_asked(digits):
    assert (len(digits.train), len(digits.validation), len(digits.test)) == (1200, 200, 397)
    for images in (digits.train, digits.validation, digits.test):
        assert images.pixels.dtype == np.uint8
        assert images.pixels.shape == (len(images), 1, 28, 28)
        assert images.labels.dtype == np.int64
        counts = np.bincount(images.labels, minlength=10)
        assert counts.sum() == len(images)
        assert counts.max() - counts.min() <= 0.06 * len(images)
    whole = np.concatenate([part.pixels for part in (digits.train, digits.validation, digits.test)])
    assert len(np.unique(whole.reshape(1797, -1), axis=0)) == 1797  # no image twice, none lost


def test_paper_trains_on_all_and_sets_none_aside():
    data = load_images(DataChoice(protocol="paper"), NOWHERE)
    assert (len(data.train), data.validation, len(data.test)) == (1400, None, 397)


def test_the_test_part_of_digits_ignores_the_split_seed(digits):
    other = load_images(DataChoice(split_seed=1), NOWHERE)
    assert np.array_equal(other.test.pixels, digits.test.pixels)
    assert not np.array_equal(other.validation.pixels, digits.validation.pixels)
    assert other.fingerprint != digits.fingerprint


def test_the_validation_part_ignores_how_many_images_train(digits):
    other = load_images(DataChoice(images=100), NOWHERE)
    assert np.array_equal(other.validation.pixels, digits.validation.pixels)


def test_the_same_arguments_give_the_same_data(few_digits):
    again = load_images(FEW_DIGITS, NOWHERE)
    assert again.fingerprint == few_digits.fingerprint
    assert np.array_equal(again.train.pixels, few_digits.train.pixels)


def test_upscaled_digits_are_the_bilinear_ones():
    images = load_digits().images[:200]
    expected_BCHW = torch.nn.functional.interpolate(
        torch.from_numpy(images)[:, None], size=(28, 28), mode="bilinear", align_corners=False
    )
    upscaled = upscale_digits(images.astype(np.int64))
    assert np.abs(upscaled - expected_BCHW[:, 0].numpy() * 255 / 16).max() <= 0.5 + 1e-9
    assert (upscaled.min(), upscaled.max()) == (0, 255)


def test_what_cannot_be_loaded_is_refused():
    with pytest.raises(DataError, match="data set 'mnits' is unknown"):
        load_images(DataChoice(name="mnits"), NOWHERE)
    with pytest.raises(DataError, match="images=2000, but it must lie between 10"):
        load_images(DataChoice(images=2000), NOWHERE)


def test_real_mnist_is_split(mnist_folder):
    data = load_images(DataChoice(name="mnist", images=1000, test_images=500), mnist_folder.parent)
    assert (len(data.train), len(data.validation), len(data.test)) == (1000, 6000, 500)
    official = np.array([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949])
    assert np.abs(np.bincount(data.validation.labels) - official / 10).max() < 1
