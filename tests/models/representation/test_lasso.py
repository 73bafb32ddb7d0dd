"""Sparse codes against scikit-learn, and against what ISTA and FISTA promise."""

import itertools

import pytest
import torch
from torch import Tensor

from genzoo.core import Noise
from genzoo.models.representation.lasso import fista, ista, lasso_objective, soft_threshold, sparse_codes

PENALTY = 0.3


def problem(n: int = 20, atoms: int = 15, dims: int = 10) -> tuple[Tensor, Tensor]:
    noise = Noise(0, "lasso")
    rows = torch.nn.functional.normalize(noise.normal(atoms, dims, dtype=torch.float64))
    return noise.normal(n, dims, dtype=torch.float64), rows


def test_codes_are_those_of_scikit_learn() -> None:
    x, atoms = problem()
    from sklearn.decomposition import sparse_encode as encode

    z = sparse_codes(x, atoms, PENALTY, tol=1e-12, steps=20_000)
    for algorithm in ("lasso_cd", "lasso_lars"):
        theirs = encode(x.numpy(), atoms.numpy(), algorithm=algorithm, alpha=PENALTY, max_iter=100_000)
        ours, best = (lasso_objective(x, atoms, code, PENALTY) for code in (z, torch.from_numpy(theirs)))
        assert (ours <= best + 1e-12).all()
    assert torch.allclose(z, torch.from_numpy(theirs), rtol=0, atol=1e-6)


def test_codes_are_those_of_the_lasso() -> None:
    x, atoms = problem(3)
    from sklearn.linear_model import Lasso

    lasso = Lasso(PENALTY / x.shape[1], fit_intercept=False, tol=1e-14, max_iter=100_000)
    z = sparse_codes(x, atoms, PENALTY, tol=1e-13, steps=20_000)
    for row, code in zip(x, z, strict=True):
        lasso.fit(atoms.T.numpy(), row.numpy())
        assert torch.allclose(code, torch.from_numpy(lasso.coef_), rtol=0, atol=1e-6)


def test_codes_meet_the_conditions_of_optimality() -> None:
    """The slope of the square is −λ sign(z) where z is not zero, and within ±λ where it is."""
    x, atoms = problem()
    z = sparse_codes(x, atoms, PENALTY, tol=1e-12, steps=20_000)
    slope = (x - z @ atoms) @ atoms.T
    assert torch.allclose(slope[z != 0], PENALTY * z[z != 0].sign(), atol=1e-8)
    assert (slope[z == 0].abs() <= PENALTY + 1e-8).all()
    assert 0 < (z != 0).double().mean() < 1


def test_ista_never_rises_and_fista_is_faster() -> None:
    x, atoms = problem(5, atoms=200, dims=30)
    best = lasso_objective(x, atoms, sparse_codes(x, atoms, 0.05, tol=1e-14, steps=20_000), 0.05)
    gaps = {}
    for name, iterates in {"ista": ista(x, atoms, 0.05), "fista": fista(x, atoms, 0.05)}.items():
        costs = [lasso_objective(x, atoms, z, 0.05) - best for z in itertools.islice(iterates, 400)]
        gaps[name] = torch.stack(costs).mean(1)
    assert (gaps["ista"].diff() <= 1e-12).all()
    assert gaps["fista"][199] < 0.1 * gaps["ista"][199]


@pytest.mark.parametrize(("method", "power"), [(ista, 1), (fista, 2)])
def test_the_bounds_of_beck_and_teboulle_hold(method: object, power: int) -> None:
    """F(z_k) − F* ≤ L‖z*‖² / 2k for ISTA, 2L‖z*‖² / (k + 1)² for FISTA."""
    x, atoms = problem(5, atoms=60, dims=20)
    z = sparse_codes(x, atoms, 0.05, tol=1e-14, steps=20_000)
    best, size = lasso_objective(x, atoms, z, 0.05), z.square().sum(1)
    slope = torch.linalg.matrix_norm(atoms @ atoms.T, 2)
    for k, iterate in enumerate(itertools.islice(method(x, atoms, 0.05), 300), 1):
        bound = slope * size / (2 * k) if power == 1 else 2 * slope * size / (k + 1) ** 2
        assert (lasso_objective(x, atoms, iterate, 0.05) - best <= bound + 1e-12).all()


def test_a_high_price_leaves_nothing() -> None:
    x, atoms = problem()
    assert not sparse_codes(x, atoms, 100.0).any()
    assert sparse_codes(x[:0], atoms, 1.0).shape == (0, 15)
    assert torch.equal(soft_threshold(torch.tensor([-0.5, 0.5]), 1.0), torch.zeros(2))
