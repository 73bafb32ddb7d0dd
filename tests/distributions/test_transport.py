"""Plans, potentials and the formula on a line agree; Sinkhorn's bracket holds the optimum; answers are POT's."""

import math
import sys

import pytest
import torch

from genzoo.core.noise import Noise
from genzoo.distributions import (
    TOTAL_VARIATION,
    cityblock,
    discrete,
    euclidean,
    exact_wasserstein,
    optimal_plan,
    sinkhorn_divergence,
    sinkhorn_plan,
    wasserstein_1d,
)
from tests.golden.frozen import frozen

X, Y = (Noise(seed).normal(n, 2, dtype=torch.float64) for seed, n in ((0, 20), (1, 14)))
SOLVERS = pytest.mark.parametrize("solver", ["ot", "scipy"])


def only(solver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """POT, or as if it were not there."""
    if solver != "ot":
        monkeypatch.setitem(sys.modules, "ot", None)


def stack(seed: int, places: int = 12) -> torch.Tensor:
    """Earth piled on places in a row, some of them bare."""
    heights = Noise(seed, "stack").integers(5, places).double()
    return heights / heights.sum()


@SOLVERS
@pytest.mark.parametrize("seed", range(10))
def test_plan_potentials_and_formula_agree_on_stacks_of_earth(solver, seed, monkeypatch):
    only(solver, monkeypatch)
    p, q, places = stack(2 * seed), stack(2 * seed + 1), torch.arange(12.0).double()[:, None]
    plan = optimal_plan(euclidean(places, places), p, q)
    formula = (p - q).cumsum(0).abs().sum().item()  # ∫ |F − G|
    assert plan.cost == pytest.approx(formula, abs=1e-9)
    assert plan.dual == pytest.approx(formula, abs=1e-9)
    assert wasserstein_1d(places[:, 0], places[:, 0], weights=(p, q)) == pytest.approx(formula, abs=1e-9)
    torch.testing.assert_close(plan.coupling.sum(1), p, rtol=0, atol=1e-12)
    torch.testing.assert_close(plan.coupling.sum(0), q, rtol=0, atol=1e-12)
    assert bool((plan.f[:, None] + plan.g <= euclidean(places, places) + 1e-12).all())
    steps = plan.f.diff().abs().max()  # of one potential for both sides, which is 1-Lipschitz
    assert steps <= 1 + 1e-9


@SOLVERS
@pytest.mark.parametrize("k", [1.0, 2.0, 3.5])
@pytest.mark.parametrize("metric", [euclidean, cityblock], ids=lambda metric: metric.__name__)
def test_a_plan_costs_what_the_potentials_earn_at_any_power_and_metric(solver, metric, k, monkeypatch):
    only(solver, monkeypatch)
    plan = optimal_plan(metric(X, Y) ** k)
    assert 0 <= plan.gap + 1e-12 < 1e-9
    independent = (metric(X, Y) ** k).mean().item()
    assert plan.cost < independent
    if metric is euclidean:
        assert plan.distance(k) == pytest.approx(exact_wasserstein(X, Y, k), rel=1e-9)


@pytest.mark.parametrize("k", [1, 2])
def test_plans_are_those_of_pot(k):
    asked = frozen("transport")
    plan = optimal_plan(euclidean(asked["x"], asked["y"]) ** k, asked["p"], asked["q"])
    assert plan.cost == pytest.approx(asked[f"cost_{k}"].item(), abs=1e-9)
    torch.testing.assert_close(plan.coupling, asked[f"plan_{k}"], rtol=0, atol=1e-7)
    line = wasserstein_1d(asked["x"][:, 0], asked["y"][:, 0], float(k), weights=(asked["p"], asked["q"]))
    assert line**k == pytest.approx(asked[f"line_{k}"].item(), rel=1e-9)
    smooth = sinkhorn_plan(euclidean(asked["x"], asked["y"]) ** k, asked["p"], asked["q"], epsilon=0.05, steps=5000)
    torch.testing.assert_close(smooth.coupling, asked[f"smooth_{k}"], rtol=0, atol=1e-7)


def test_under_the_discrete_metric_transport_is_total_variation():
    p, q, places = stack(0), stack(1), torch.arange(12.0).double()[:, None]
    assert optimal_plan(discrete(places, places), p, q).cost == pytest.approx(TOTAL_VARIATION(p, q).item(), abs=1e-9)


@pytest.mark.parametrize("epsilon", [0.5, 0.05, 0.005])
def test_sinkhorn_holds_the_optimum_between_cost_and_dual(epsilon):
    cost, p = euclidean(X, Y) ** 2, stack(3, 20)
    exact, smooth = optimal_plan(cost, p).cost, sinkhorn_plan(cost, p, epsilon=epsilon)
    assert smooth.dual <= exact + 1e-9
    assert exact <= smooth.cost + 1e-9
    assert smooth.gap < 2 * epsilon * cost.mean().item() * math.log(20)
    torch.testing.assert_close(smooth.coupling.sum(1), p, rtol=0, atol=1e-12)
    torch.testing.assert_close(
        smooth.coupling.sum(0), torch.full((14,), 1 / 14, dtype=torch.float64), rtol=0, atol=1e-12
    )
    assert (smooth.coupling >= 0).all()


def test_the_sinkhorn_divergence_is_debiased_and_its_gradient_moves_rows_home():
    assert sinkhorn_divergence(X, X).item() == pytest.approx(0, abs=1e-9)
    assert sinkhorn_divergence(X, X + 2, epsilon=0.5).item() == pytest.approx(8, rel=1e-3)
    moved = (X + 2).requires_grad_()
    (slope,) = torch.autograd.grad(sinkhorn_divergence(moved, X, epsilon=0.5, steps=2000), moved)
    torch.testing.assert_close(slope, torch.full_like(slope, 2 * 2 / len(X)), rtol=1e-2, atol=1e-3)


def test_what_cannot_be_planned_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="Costs must be finite numbers"):
        optimal_plan(torch.tensor([[torch.inf]]))
    with pytest.raises(ValueError, match="must be ≥ 0 and sum to 1"):
        optimal_plan(torch.zeros(2, 2), torch.ones(2))
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(ImportError, match=r"more than 90,000 entries needs POT, got 301 × 300 without it"):
        optimal_plan(torch.zeros(301, 300))
