"""Target transforms: what is fitted to samples, beside what was published."""

from __future__ import annotations

import numpy as np
import pytest

from inrcodec.coordinate.transforms import fit_transform, forward
from tests.coordinate.test_transforms import FULL


def test_simple_fits() -> None:
    samples = np.random.default_rng(1).integers(20, 120, 501).astype(np.uint8)
    assert fit_transform("none", samples, 8).scalars == (samples.min(), samples.max())
    targets = forward(fit_transform("none", samples, 8), samples, 8)
    assert (targets.min(), targets.max()) == (-1, 1)
    targets = forward(fit_transform("zscore", samples, 8), samples, 8)
    assert targets.mean() == pytest.approx(0, abs=1e-4)
    assert targets.std() == pytest.approx(1, abs=1e-4)
    for power in (0.3, 3):
        skewed = np.rint(255 * np.random.default_rng(2).random(501) ** power).astype(np.uint8)
        targets = forward(fit_transform("gamma", skewed, 8), skewed, 8)
        assert np.median(targets) == pytest.approx(0, abs=1e-4)
    with pytest.raises(ValueError, match="sqrt"):
        fit_transform("sqrt", samples, 8)


@pytest.mark.parametrize("shape", [(0.5, 5), (2, 5), (3, 3), (5, 1)])
def test_box_cox_is_most_likely(shape: tuple[float, float]) -> None:
    """Of all that can be stored, by the formula of Box and Cox for the samples themselves."""
    samples = np.rint(65535 * np.random.default_rng(3).beta(*shape, 999)).astype(np.uint16)
    raised = samples + 6554.0

    def likelihood(power: float) -> float:
        y = np.log(raised) if power == 0 else (raised**power - 1) / power
        return (power - 1) * np.log(raised).sum() - len(y) / 2 * np.log(y.var())

    best = max(range(257), key=lambda stored: likelihood(stored / 64 - 2))
    assert fit_transform("box-cox", samples, 16).scalars[2] == best


@pytest.mark.parametrize("power", [0.02, 0.3, 0.8, 1.3, 4, 30])
def test_symmetric_power_is_as_published(power: float) -> None:
    """Against the formulas of Zhang et al. on the samples, with their histograms of 256 bins."""
    drawn = np.random.default_rng(4).random(5001) ** power
    samples = np.rint(65535 * np.concatenate([drawn, [0, 1, 0, 1]])).astype(np.uint16)
    unit = samples / 65535

    def mass(of: np.ndarray, bins: slice) -> float:
        return np.histogram(of, bins=256, range=(0, 1))[0][bins].sum() / of.size

    beta = np.log(0.5) / np.log(np.clip(np.median(unit), 1 / 256, 255 / 256))
    edge = slice(0, 12) if beta > 1 else slice(244, 256)
    delta = min(1, (mass(unit**beta, edge) - mass(unit, edge)) / 0.05)
    moved = beta - (beta - 1) * delta if beta > 1 else 1 / (1 / beta - (1 / beta - 1) * delta)
    beta = min(max(moved, 1 / 5), 5)
    left, right = (255.996 * 256 * mass(unit, bins) for bins in (slice(0, 2), slice(254, 256)))
    _, _, exponent, stored_left, stored_right = fit_transform("sym-power", samples, 16).scalars
    assert exponent / FULL == pytest.approx(1 / beta, rel=1e-4)
    assert stored_left / 256 == pytest.approx(left, rel=1e-4, abs=0.01)
    assert stored_right / 256 == pytest.approx(right, rel=1e-4, abs=0.01)
