"""Toy densities: they integrate to one, their entropies and draws are right."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate
from scipy.stats import chi2

from genzoo.core import Noise
from genzoo.data import DataError, toy

STEPS = {
    "ring": 0.005,
    "grid": 0.025,
    "8gaussians": 0.1,
    "moons": 0.1,
    "spirals": 0.05,
    "rings": 0.04,
    "checkerboard": 0.1,
}
PUBLISHED = {"ring": -4.2930, "grid": 0.0653, "8gaussians": 2.6147, "checkerboard": math.log(32)}


def centers(density: toy.Density, step: float) -> torch.Tensor:
    """Centers of cells of a side that divides the box."""
    axes = []
    for low, high in zip(density.low, density.high, strict=True):
        cells = round((high - low) / step)
        axes.append(low + (torch.arange(cells, dtype=torch.float64) + 0.5) * (high - low) / cells)
    return torch.cartesian_prod(*axes)


@pytest.mark.parametrize("name", toy.names())
def test_integrates_to_one_and_has_its_entropy(name: str) -> None:
    density = toy.density(name)
    grid = centers(density, STEPS[name])
    cell = math.prod(high - low for low, high in zip(density.low, density.high, strict=True)) / len(grid)
    log_p = density.log_prob(grid)
    assert float(log_p.exp().sum()) * cell == pytest.approx(1, abs=1e-6)
    surprise = torch.where(log_p.isinf(), 0, -log_p.exp() * log_p)
    assert float(surprise.sum()) * cell == pytest.approx(density.entropy, abs=1e-4)


@pytest.mark.parametrize(("name", "entropy"), PUBLISHED.items())
def test_entropies_that_are_published(name: str, entropy: float) -> None:
    assert toy.density(name).entropy == pytest.approx(entropy, abs=5e-5)


@pytest.mark.parametrize("name", toy.names())
def test_draws_follow_the_density(name: str) -> None:
    """The mean of −log p over draws is the entropy, and counts in cells pass a χ² test against the density."""
    density = toy.density(name)
    n = 8000
    x = density.draw(n, Noise(1)).double()
    surprise = -density.log_prob(x)
    assert float(surprise.mean()) == pytest.approx(
        density.entropy, abs=5 * float(surprise.std()) / math.sqrt(n) + 1e-6
    )

    low, high = torch.tensor(density.low, dtype=torch.float64), torch.tensor(density.high, dtype=torch.float64)
    coarse, fine = 8, 8 * {"ring": 60, "spirals": 20}.get(name, 30)
    place = ((x - low) / (high - low) * coarse).long().clamp(0, coarse - 1)
    seen = torch.bincount(place[:, 0] * coarse + place[:, 1], minlength=coarse**2).double()
    middle = [low_ + (torch.arange(fine) + 0.5) * (high_ - low_) / fine for low_, high_ in zip(low, high, strict=True)]
    p = density.log_prob(torch.cartesian_prod(*middle)).exp().reshape(coarse, fine // coarse, coarse, fine // coarse)
    mass = p.sum((1, 3)).flatten()
    expected = n * mass / mass.sum()
    enough = expected > 20
    statistic = float(((seen - expected).square() / expected)[enough].sum())
    assert statistic < chi2.isf(1e-5, int(enough.sum()))
    assert float(seen[~enough].sum()) < 100


@pytest.mark.parametrize("name", toy.names())
def test_rows_of_draws_stand_alone(name: str) -> None:
    density = toy.density(name)
    assert torch.equal(density.draw(6, Noise(3))[2:], density.draw(4, Noise(3, start=2)))


def test_moons_against_a_second_quadrature() -> None:
    density = toy.density("moons")
    for x, y in [(0.0, 1.0), (1.0, -0.4), (0.5, 0.3), (2.5, 0.0), (-1.5, -1.0)]:

        def kernel(angle: float, x: float = x, y: float = y) -> float:
            upper = (x - math.cos(angle)) ** 2 + (y - math.sin(angle)) ** 2
            lower = (x - 1 + math.cos(angle)) ** 2 + (y - 0.5 + math.sin(angle)) ** 2
            return (math.exp(-upper / 0.08) + math.exp(-lower / 0.08)) / 2 / math.pi / (2 * math.pi * 0.04)

        expected = integrate.quad(kernel, 0, math.pi, epsabs=1e-12)[0]
        got = float(density.log_prob(torch.tensor([[x, y]], dtype=torch.float64)).exp())
        assert got == pytest.approx(expected, rel=1e-8)


def test_moons_are_those_of_scikit_learn() -> None:
    import sklearn.datasets as datasets

    theirs = torch.from_numpy(datasets.make_moons(20_000, noise=0.2, random_state=0)[0])
    surprise = -toy.density("moons").log_prob(theirs)
    assert float(surprise.mean()) == pytest.approx(toy.density("moons").entropy, abs=0.03)


def test_rings_against_a_second_quadrature() -> None:
    angle = np.linspace(0, 2 * np.pi, 4001)[:-1]
    for radius in (0.0, 0.7, 1.1, 3.05):
        squares = [(radius - r * np.cos(angle)) ** 2 + (r * np.sin(angle)) ** 2 for r in (0.75, 1.5, 2.25, 3.0)]
        expected = np.mean(np.exp(-np.array(squares) / (2 * 0.08**2))) / (2 * np.pi * 0.08**2)
        got = float(toy.density("rings").log_prob(torch.tensor([[radius, 0.0]], dtype=torch.float64)).exp())
        assert got == pytest.approx(expected, rel=1e-8)


def test_scores_come_by_differentiation() -> None:
    x = torch.tensor([[1.0, 0.01]], dtype=torch.float64, requires_grad=True)
    (score,) = torch.autograd.grad(toy.density("ring").log_prob(x).sum(), x)
    assert score.tolist()[0] == pytest.approx([0, -100], abs=1e-6)


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(DataError, match="Did you mean 'moons'"):
        toy.density("mons")
