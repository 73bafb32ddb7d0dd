"""Kernel distances: the value is the unbiased MMD², the error is the spread over repetitions."""

import pytest
import torch

from genzoo.core.noise import Noise
from genzoo.distributions import GaussianKernel, PolynomialKernel, mmd2
from genzoo.evaluation import TooFew, energy, kernel_distance
from tests.golden.frozen import frozen


def test_is_the_unbiased_mmd_and_equals_torchmetrics():
    asked = frozen("metrics")
    fake, real = asked["fake"], asked["real"]
    assert kernel_distance(fake, real).value == pytest.approx(mmd2(fake, real, PolynomialKernel()), rel=1e-9)
    assert kernel_distance(fake, real[: len(fake)]).value == pytest.approx(asked["kernel"].item(), rel=1e-4)


def test_is_what_random_subsets_have_on_average():
    """The published estimate: here of 300 subsets of 40 rows."""
    asked = frozen("metrics")
    fake, real = asked["fake"] / 3, asked["real"] / 3
    noise, values = Noise(0), []
    for round_ in range(300):
        i, j = (noise.at(round_, part).permutation(len(rows))[:40] for part, rows in enumerate((fake, real)))
        values.append(mmd2(fake[i], real[j], PolynomialKernel()))
    values = torch.tensor(values)
    assert abs(values.mean().item() - kernel_distance(fake, real).value) < 4 * values.std().item() / 300**0.5


@pytest.mark.parametrize("kernel", [None, GaussianKernel(1.0)], ids=["polynomial", "gaussian"])
@pytest.mark.parametrize(("n", "m"), [(60, 60), (40, 120)])
def test_error_is_the_spread_over_repetitions(kernel, n, m):
    made = []
    for seed in range(200):
        x, y = Noise(seed, "x").normal(n, 2), 1.3 * Noise(seed, "y").normal(m, 2) + 0.5
        made.append(kernel_distance(x, y, kernel))
    spread = torch.tensor([estimate.value for estimate in made]).std().item()
    error = torch.tensor([estimate.error for estimate in made]).square().mean().sqrt().item()
    assert error == pytest.approx(spread, rel=0.25)


def test_energy_is_near_zero_between_equals_within_its_error():
    inside = [abs(estimate.value) < 1.96 * estimate.error for estimate in map(_equal, range(100))]
    assert sum(inside) >= 90


def _equal(seed: int):
    return energy(Noise(seed, "x").normal(50, 3), Noise(seed, "y").normal(50, 3))


def test_refuses_three_rows():
    x = torch.zeros(10, 2)
    with pytest.raises(TooFew, match="at least 4 rows, got 3"):
        kernel_distance(x[:3], x)
