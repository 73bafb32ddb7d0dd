"""The Fréchet distance against its closed forms and torchmetrics; that it is zero, symmetric and blind to order."""

import pytest
import torch

from genzoo.core.noise import Noise
from genzoo.distributions import Moments, frechet_distance
from genzoo.distributions.frechet import factor
from tests.golden.frozen import frozen


def rows(seed: int, n: int = 700, dims: int = 300) -> torch.Tensor:
    """Rows of more dimensions than one block of columns has."""
    mixing = Noise(seed, "mixing").normal(dims, dims, dtype=torch.float64) / dims**0.5
    return Noise(seed).normal(n, dims, dtype=torch.float64) @ mixing + seed


def test_equals_torchmetrics():
    asked = frozen("metrics")
    found = frechet_distance(Moments.of(asked["fake"]), Moments.of(asked["real"]))
    assert found == pytest.approx(asked["frechet"].item(), rel=1e-4)


def test_moments_are_those_of_torch_at_any_number_of_chunks(monkeypatch):
    monkeypatch.setattr("genzoo.distributions.frechet.ROWS", 64)
    x = rows(1).float().requires_grad_()
    torch.testing.assert_close(Moments.of(x).covariance, x.detach().double().T.cov())
    torch.testing.assert_close(Moments.of(x).mean, x.detach().double().mean(0))


def test_of_commuting_covariances_is_the_distance_of_their_roots():
    one, other = (Noise(seed).uniform(300, dtype=torch.float64) for seed in (0, 1))
    zero = torch.zeros(300, dtype=torch.float64)
    found = frechet_distance(Moments(zero, one.square().diag()), Moments(zero + 1, other.square().diag()))
    assert found == pytest.approx(300 + (one - other).square().sum().item(), rel=1e-9)


@pytest.mark.parametrize("n", [700, 200], ids=["full rank", "singular"])
def test_is_symmetric_zero_between_equals_and_blind_to_order(n):
    a, b = rows(1, n), rows(2, n)
    one, other = Moments.of(a), Moments.of(b)
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one), rel=1e-6)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-4)
    shuffled = Moments.of(a[Noise(0).permutation(n)])
    assert frechet_distance(shuffled, other) == pytest.approx(frechet_distance(one, other), rel=1e-9)


def test_a_factor_multiplies_to_the_covariance_even_a_singular_one():
    for n in (700, 200):
        covariance = Moments.of(rows(3, n)).covariance
        root = factor(covariance)
        torch.testing.assert_close(root @ root.T, covariance)
