"""By how much the accuracy of weights that were chosen by the same images is too good.

Dimensions: E epochs of one run, I images, H halvings.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HALVINGS = 64


def optimism(wrong_EI: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Estimate by how much the best accuracy so far exceeds that of the same weights on images that did not choose.

    The images are halved at random, again and again; one half chooses the best epoch so far, and the other one judges
    it. What the first half has on the second one is noise of its own, that of half as many images, and so larger than
    that of all of them by the square root of 2: for epochs that are equally good this is exact, and where one is
    clearly the best both are nearly 0. Source of the idea: Efron 1983 (Estimating the error rate of a prediction
    rule), who calls the difference optimism.

    Args:
        wrong_EI: Which images each epoch of a run gets wrong.
        rng: The source of all randomness.

    Returns:
        The optimism after each epoch; shape (E,).
    """
    images = wrong_EI.shape[1]
    if images < 2:
        return np.zeros(len(wrong_EI))
    wrong_EI = wrong_EI.compress(wrong_EI.any(axis=0), axis=1)
    first_IH = rng.random((wrong_EI.shape[1], HALVINGS), dtype=np.float32) < 0.5
    first_EH = wrong_EI.astype(np.float32) @ first_IH.astype(np.float32)
    second_EH = wrong_EI.sum(axis=1)[:, None] - first_EH
    best_EH = np.minimum.accumulate(first_EH, axis=0)
    improved_EH = np.diff(best_EH, axis=0, prepend=np.inf) < 0
    at_EH = np.maximum.accumulate(np.where(improved_EH, np.arange(len(wrong_EI))[:, None], 0), axis=0)
    excess_EH = second_EH - first_EH
    # Of a fixed epoch the halves differ by nothing on average: what these happen to differ by is left out.
    excess_EH -= excess_EH.mean(axis=1, keepdims=True)
    found_E: Floats = np.take_along_axis(excess_EH, at_EH, axis=0).mean(axis=1) / (images / 2) / np.sqrt(2)
    return np.maximum(found_E, 0)
