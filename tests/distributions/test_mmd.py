"""Maximum mean discrepancies against their definition and torchmetrics; that the unbiased one is unbiased."""

import math

import pytest
import torch

from genzoo.core.noise import Noise
from genzoo.distributions import (
    DistanceKernel,
    GaussianKernel,
    PolynomialKernel,
    energy_distance,
    median_width,
    mmd2,
)
from tests.golden.frozen import frozen

X, Y = (Noise(seed).normal(n, 3, dtype=torch.float64) for seed, n in ((0, 50), (1, 37)))
KERNELS = [GaussianKernel(1.3), PolynomialKernel(), PolynomialKernel(2, scale=0.3, offset=0.5), DistanceKernel()]


def test_equals_torchmetrics():
    asked = frozen("metrics")
    found = mmd2(asked["fake"], asked["real"][: len(asked["fake"])], PolynomialKernel())
    assert found == pytest.approx(asked["kernel"].item(), rel=1e-4)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
@pytest.mark.parametrize("chunk", [7, 1024])
def test_is_its_definition(kernel, chunk):
    within_x, within_y, across = kernel(X, X), kernel(Y, Y), kernel(X, Y)
    biased = within_x.mean() + within_y.mean() - 2 * across.mean()
    parts = [(part.sum() - part.trace()) / (len(part) * (len(part) - 1)) for part in (within_x, within_y)]
    unbiased = parts[0] + parts[1] - 2 * across.mean()
    assert mmd2(X, Y, kernel, unbiased=False, chunk=chunk) == pytest.approx(biased.item(), rel=1e-6, abs=1e-9)
    assert mmd2(X, Y, kernel, chunk=chunk) == pytest.approx(unbiased.item(), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_is_symmetric_zero_between_equals_and_blind_to_order(kernel):
    shuffled = X[Noise(0).permutation(len(X))]
    assert mmd2(X, shuffled, kernel, unbiased=False) == pytest.approx(0, abs=1e-7)
    assert mmd2(X, Y, kernel) == pytest.approx(mmd2(Y, X, kernel), rel=1e-9)
    assert mmd2(shuffled, Y, kernel) == pytest.approx(mmd2(X, Y, kernel), rel=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_the_unbiased_one_is_right_on_average_at_ten_rows(shift):
    width, n, rounds = 1.0, 10, 400
    draws = Noise(5).normal(rounds, 2 * n, dtype=torch.float64)
    values = torch.tensor([mmd2(d[:n, None], d[n:, None] + shift, GaussianKernel(width)) for d in draws])
    flat = 1 / math.sqrt(1 + 2 / width**2)
    truth = 2 * flat * (1 - math.exp(-(shift**2) / (2 * (width**2 + 2))))
    assert abs(values.mean().item() - truth) < 4 * values.std().item() / math.sqrt(rounds)


def test_energy_of_points_is_known_and_its_width_is_a_median():
    a, b = torch.zeros(4, 2), torch.zeros(3, 2) + torch.tensor([3.0, 4.0])
    assert energy_distance(a, b) == 10
    assert median_width(X) == pytest.approx(torch.nn.functional.pdist(X).median().item(), rel=1e-9)


def test_refuses_one_row_when_unbiased():
    with pytest.raises(ValueError, match="at least 2 rows of each sample, got 1 and 37"):
        mmd2(X[:1], Y, GaussianKernel(1.0))
