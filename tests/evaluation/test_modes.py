"""Mode coverage: what a perfect sampler reaches, and what collapse looks like."""

import math

import pytest
import torch

from genzoo.core.noise import Noise
from genzoo.evaluation import TooFew, histogram_divergence, mode_coverage

GRID = torch.cartesian_prod(*[torch.arange(-4.0, 5.0, 2.0)] * 2)
ANGLES = torch.arange(8) * (2 * math.pi / 8)
RING = torch.stack([ANGLES.cos(), ANGLES.sin()], dim=1)


def perfect(centers: torch.Tensor, sigma: float, n: int, seed: int) -> torch.Tensor:
    noise = Noise(seed)
    return centers[noise.integers(len(centers), n)] + sigma * noise.normal(n, centers.shape[1])


@pytest.mark.parametrize(("centers", "sigma", "floor"), [(GRID, 0.05, 0.0047), (RING, 0.01, 0.0013)])
def test_a_perfect_sampler_reaches_the_floors(centers, sigma, floor):
    made = [mode_coverage(perfect(centers, sigma, 2500, seed), centers, sigma) for seed in range(150)]
    assert all(done.captured == done.modes == len(centers) for done in made)
    quality = torch.tensor([done.quality.value for done in made])
    divergence = torch.tensor([done.divergence.value for done in made])
    assert quality.mean().item() == pytest.approx(0.9889, abs=0.001)
    assert made[0].quality_floor == pytest.approx(1 - math.exp(-4.5), abs=1e-5)
    assert divergence.mean().item() == pytest.approx(floor, abs=0.0004)
    assert made[0].divergence_floor == pytest.approx(floor, abs=0.00015)
    spread = torch.tensor([done.spread.value for done in made])
    assert spread.mean().item() == pytest.approx(1, abs=0.002)
    assert made[0].spread.error == pytest.approx(spread.std().item(), rel=0.35)
    assert made[0].quality.error == pytest.approx(quality.std().item(), rel=0.35)


def test_sees_dropped_modes_low_quality_and_collapsed_variance():
    dropped = mode_coverage(perfect(GRID[:5], 0.05, 2500, 0), GRID, 0.05)
    assert dropped.captured == 5
    assert dropped.divergence.value == pytest.approx(math.log(5), abs=0.01)
    assert mode_coverage(perfect(GRID, 0.1, 2500, 0), GRID, 0.05).quality.value == pytest.approx(0.675, abs=0.03)
    collapsed = mode_coverage(perfect(GRID, 0.01, 2500, 0), GRID, 0.05)
    assert collapsed.quality.value == 1 > collapsed.quality_floor
    assert collapsed.spread.value == pytest.approx(0.2 / 0.9744, abs=0.01)
    assert math.isnan(mode_coverage(GRID.repeat(5, 1) + 1, GRID, 0.05).spread.value)


def test_quality_of_high_dimensions_has_its_own_floor():
    centers = torch.eye(10) * 50
    done = mode_coverage(perfect(centers, 1.0, 5000, 0), centers, 1.0)
    assert done.quality.value == pytest.approx(done.quality_floor, abs=3 * done.quality.error)


def test_divergence_is_that_from_the_weights_and_its_error_the_spread():
    assert histogram_divergence(torch.tensor([30, 10]), torch.tensor([3.0, 1.0])).value == pytest.approx(0, abs=1e-9)
    weights, n = torch.tensor([0.7, 0.2, 0.1]), 500
    made = []
    for seed in range(300):
        labels = Noise(seed).categorical(weights.log().expand(n, -1))
        made.append(histogram_divergence(torch.bincount(labels, minlength=3)))
    values = torch.tensor([estimate.value for estimate in made])
    truth = (weights * (3 * weights).log()).sum().item()
    assert values.mean().item() == pytest.approx(truth, abs=0.005)
    assert made[0].error == pytest.approx(values.std().item(), rel=0.2)


def test_the_floor_of_stacked_digits_is_known():
    """1,000 labels, 26,000 samples."""
    counts = torch.bincount(Noise(0).integers(1000, 26_000), minlength=1000)
    assert histogram_divergence(counts).value == pytest.approx(0.0190, abs=0.002)


def test_refuses_few_samples():
    with pytest.raises(TooFew, match="The coverage of 25 modes needs at least 125 rows, got 100"):
        mode_coverage(perfect(GRID, 0.05, 100, 0), GRID, 0.05)
