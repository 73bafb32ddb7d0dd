"""Nearest-neighbor estimates near the truth, their errors those of repetition, and strangers refused."""

import math

import pytest
import torch

from genzoo.core.noise import Noise
from genzoo.distributions import TooFew, Unknowable, neighbor_entropy, neighbor_kl


def normal(seed: int, n: int = 1000, dims: int = 2) -> torch.Tensor:
    return Noise(seed, "normal").normal(n, dims, dtype=torch.float64)


def uniform(seed: int, n: int = 1000) -> torch.Tensor:
    return Noise(seed, "uniform").uniform(n, 1, dtype=torch.float64)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("dims", [1, 3])
def test_entropy_of_a_normal(dims, k):
    found = [neighbor_entropy(normal(seed, dims=dims), k=k) for seed in range(20)]
    values, errors = torch.tensor(found).T
    truth = dims * math.log(2 * math.pi * math.e) / 2
    assert values.mean().item() == pytest.approx(truth, abs=0.03 * dims)
    assert errors.mean().item() == pytest.approx(values.std().item(), rel=0.5)


def test_entropy_moves_with_the_scale_and_not_with_the_place():
    x = normal(0)
    assert neighbor_entropy(3 * x + 100).value == pytest.approx(neighbor_entropy(x).value + 2 * math.log(3), abs=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0])
def test_kl_of_normals(shift):
    found = [neighbor_kl(normal(2 * seed), normal(2 * seed + 1) + shift / math.sqrt(2)) for seed in range(12)]
    values, errors = torch.tensor(found).T
    assert values.mean().item() == pytest.approx(shift**2 / 2, abs=0.05)
    assert 0.7 < errors.mean().item() / values.std().item() < 2.5


@pytest.mark.parametrize("n", [300, 2000])
def test_kl_of_strangers_is_refused(n):
    """Two segments; intervals apart, side by side, and one that covers seven tenths of the other."""
    heights = [
        torch.cat([torch.full((n, 1), x).double(), uniform(seed, n)], dim=1) for seed, x in enumerate((0.0, 0.5))
    ]
    pairs = [heights] + [(uniform(0, n), uniform(1, n) * width + gap) for gap, width in ((3, 1), (1, 1), (0, 0.6))]
    for x, y in pairs:
        with pytest.raises(Unknowable, match="the true value may be ∞"):
            neighbor_kl(x, y)


def test_atoms_and_few_rows_are_refused():
    with pytest.raises(Unknowable, match="more than 3 are equal: they have atoms"):
        neighbor_entropy(normal(0).round())
    with pytest.raises(TooFew, match="at least 100 rows, got 99"):
        neighbor_kl(normal(0, 99), normal(1))
