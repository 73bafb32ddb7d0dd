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
    found = [neighbor_entropy(normal(seed, dims=dims), k=k) for seed in range(10)]
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


@pytest.mark.parametrize("dims", [2, 10])
def test_a_normal_start_is_right_for_normals_in_any_dimension(dims):
    """Rows that are stretched, turned and moved; the plain estimate is off by a third in ten dimensions."""
    scales = torch.linspace(1.0, 1.5, dims, dtype=torch.float64)
    turned = (
        torch.linalg.qr(Noise(0).normal(dims, dims, dtype=torch.float64)).Q
        @ torch.linspace(1, 3, dims).double().diag()
    )
    truth = (scales.log() + (scales**-2 - 1) / 2).sum().item()
    found, entropies = [], []
    for seed in range(2):
        x, y = normal(2 * seed, 1000, dims), normal(2 * seed + 1, 1500, dims) * scales
        found.append(
            [neighbor_kl(x @ turned.T + 5, y @ turned.T + 5, start=start).value for start in ("constant", "normal")]
        )
        entropies.append(neighbor_entropy(x @ turned.T, start="normal").value)
    constant, guided = torch.tensor(found).mean(0).tolist()
    assert guided == pytest.approx(truth, abs=0.06 * truth + 0.03)
    assert dims == 2 or abs(constant - truth) > 0.2 * truth
    entropy = dims * math.log(2 * math.pi * math.e) / 2 + turned.det().abs().log().item()
    assert sum(entropies) / len(entropies) == pytest.approx(entropy, abs=0.08)


def test_a_normal_start_goes_with_any_change_of_axes():
    """It sees rows as white, whatever the units; only that the neighbors of a row change a little with the axes."""
    x, y = normal(0, 500, 3), normal(1, 500, 3) * 1.5
    units = torch.tensor([1e-3, 1.0, 1e3], dtype=torch.float64)
    plain, scaled = (neighbor_kl(x * u, y * u, start="normal").value for u in (torch.ones(3).double(), units))
    assert scaled == pytest.approx(plain, rel=1e-6)


def test_rows_on_a_plane_have_no_normal_start():
    flat = torch.cat([normal(0), normal(0)[:, :1] * 0], dim=1)
    with pytest.raises(Unknowable, match="vary in every direction"):
        neighbor_entropy(flat, start="normal")


@pytest.mark.parametrize("n", [300, 1000])
def test_kl_of_strangers_is_refused(n):
    """Two segments; intervals apart, side by side, and one that covers seven tenths of the other."""
    heights = [
        torch.cat([torch.full((n, 1), x).double(), uniform(seed, n)], dim=1) for seed, x in enumerate((0.0, 0.5))
    ]
    pairs = [heights] + [(uniform(0, n), uniform(1, n) * width + gap) for gap, width in ((3, 1), (1, 1), (0, 0.6))]
    for x, y in pairs:
        for start in ("constant", "normal"):
            with pytest.raises(Unknowable, match="the true value may be ∞|vary in every direction"):
                neighbor_kl(x, y, start=start)
    far = normal(0, n), normal(1, n) + torch.tensor([8.0, 0.0])
    with pytest.raises(Unknowable, match="the true value may be ∞"):  # 32, but no row says so
        neighbor_kl(*far, start="normal")


def test_atoms_and_few_rows_are_refused():
    with pytest.raises(Unknowable, match="more than 3 are equal: they have atoms"):
        neighbor_entropy(normal(0).round())
    with pytest.raises(TooFew, match="at least 100 rows, got 99"):
        neighbor_kl(normal(0, 99), normal(1))
