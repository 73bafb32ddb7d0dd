"""Closed forms against integrals, sums and transport; what has none is refused."""

import math

import pytest
import torch
from scipy import integrate, stats
from torch import distributions as td

from genzoo.core.noise import Noise
from genzoo.distributions import (
    CHI2,
    F_DIVERGENCES,
    JENSEN_SHANNON,
    KL,
    NEYMAN_CHI2,
    REVERSE_KL,
    SQUARED_HELLINGER,
    TOTAL_VARIATION,
    NoClosedForm,
    Segment,
    Unknowable,
    Wasserstein,
    closed_form,
    estimated,
    euclidean,
    integrated,
    optimal_plan,
    summed,
)
from genzoo.distributions.draws import draw
from genzoo.distributions.quadrature import line_nodes


def t(*values: float) -> torch.Tensor:
    return torch.tensor(values if len(values) > 1 else values[0], dtype=torch.float64)


NORMALS = [(0.0, 1.0, 0.7, 1.3), (0.0, 1.0, 2.0, 1.0), (1.0, 0.5, 1.0, 0.6), (-1.0, 1.1, 1.0, 1.0)]
SMOOTH = [
    (td.Gamma(t(2.0), t(1.0)), td.Gamma(t(3.0), t(0.8)), (0.0, 120.0)),
    (td.Beta(t(3.0), t(4.0)), td.Beta(t(4.0), t(3.0)), (0.0, 1.0)),
    (td.Exponential(t(2.0)), td.Exponential(t(1.5)), (0.0, 60.0)),
]


@pytest.mark.parametrize(
    "divergence", [KL, REVERSE_KL, SQUARED_HELLINGER, CHI2, NEYMAN_CHI2, TOTAL_VARIATION], ids=str
)
@pytest.mark.parametrize("numbers", NORMALS, ids=str)
def test_of_normals_are_their_integrals(divergence, numbers):
    p, q = td.Normal(*map(t, numbers[:2])), td.Normal(*map(t, numbers[2:]))
    assert closed_form(divergence, p, q).item() == pytest.approx(integrated(divergence, p, q).item(), rel=1e-9)


@pytest.mark.parametrize("divergence", [KL, SQUARED_HELLINGER, CHI2, NEYMAN_CHI2], ids=lambda d: d.name)
@pytest.mark.parametrize(("p", "q", "window"), SMOOTH, ids=lambda part: type(part).__name__)
def test_of_exponential_families_are_their_integrals(divergence, p, q, window, monkeypatch):
    for each in (p, q):
        monkeypatch.setattr(each, "_validate_args", False)
    found = integrated(divergence, p, q, window)
    assert closed_form(divergence, p, q).item() == pytest.approx(found.item(), rel=1e-5)


def test_of_vectors_are_sums_over_independent_entries():
    scales, loc = t(1.0, 2.0), t(0.5, -1.0)
    one = td.Independent(td.Normal(torch.zeros(2).double(), torch.ones(2).double()), 1)
    other = td.Independent(td.Normal(loc, scales), 1)
    full = [td.MultivariateNormal(d.base_dist.loc, d.base_dist.scale.square().diag()) for d in (one, other)]
    for divergence in (KL, REVERSE_KL, SQUARED_HELLINGER, CHI2, NEYMAN_CHI2, Wasserstein(2)):
        torch.testing.assert_close(closed_form(divergence, one, other), closed_form(divergence, *full))
    turned = torch.linalg.qr(Noise(0).normal(2, 2, dtype=torch.float64)).Q
    rotated = [td.MultivariateNormal(turned @ d.loc, turned @ d.covariance_matrix @ turned.T) for d in full]
    for divergence in (KL, SQUARED_HELLINGER, CHI2, NEYMAN_CHI2, Wasserstein(2)):
        torch.testing.assert_close(closed_form(divergence, *rotated), closed_form(divergence, *full))


def test_total_variation_of_equal_covariances_is_that_along_the_means():
    covariance = t(2.0, 0.3, 0.3, 1.0).reshape(2, 2)
    p, q = (td.MultivariateNormal(loc, covariance) for loc in (t(0.0, 0.0), t(1.0, -0.5)))
    gap = math.sqrt((q.loc @ torch.linalg.solve(covariance, q.loc)).item())
    assert closed_form(TOTAL_VARIATION, p, q).item() == pytest.approx(2 * stats.norm.cdf(gap / 2) - 1, rel=1e-12)
    x = p.loc + Noise(0).normal(20_000, 2, dtype=torch.float64) @ p.scale_tril.T
    y = q.loc + Noise(1).normal(20_000, 2, dtype=torch.float64) @ q.scale_tril.T
    found = estimated(TOTAL_VARIATION, p.log_prob(x) - q.log_prob(x), p.log_prob(y) - q.log_prob(y))
    assert abs(found.value - closed_form(TOTAL_VARIATION, p, q).item()) < 4 * found.error
    with pytest.raises(NoClosedForm, match="Estimate it from samples"):
        closed_form(TOTAL_VARIATION, p, td.MultivariateNormal(q.loc, 2 * covariance))


def test_total_variation_on_a_line():
    exponential = closed_form(TOTAL_VARIATION, td.Exponential(t(2.0)), td.Exponential(t(0.5)))
    assert exponential.item() == pytest.approx(4 ** (-1 / 3) - 4 ** (-4 / 3), rel=1e-12)
    p, q = td.Laplace(t(0.0), t(1.5)), td.Laplace(t(2.0), t(1.5))
    assert closed_form(TOTAL_VARIATION, p, q).item() == pytest.approx(
        integrated(TOTAL_VARIATION, p, q, (-40.0, 40.0)).item(), rel=1e-4
    )
    near = [
        closed_form(TOTAL_VARIATION, td.Normal(t(0.0), t(1.0)), td.Normal(t(0.7), t(1 + e))) for e in (0, 1e-5, 1e-3)
    ]
    assert near[0].item() == pytest.approx(near[1].item(), abs=1e-4)
    assert near[1].item() == pytest.approx(near[2].item(), abs=1e-3)


@pytest.mark.parametrize("divergence", F_DIVERGENCES, ids=lambda divergence: divergence.name)
def test_of_finite_and_uniform_distributions(divergence):
    p, q = t(0.2, 0.8), t(0.7, 0.3)
    torch.testing.assert_close(closed_form(divergence, td.Categorical(p), td.Categorical(q)), divergence(p, q))
    torch.testing.assert_close(closed_form(divergence, td.Bernoulli(p[1]), td.Bernoulli(q[1])), divergence(p, q))
    wide, narrow, away = td.Uniform(t(0.0), t(4.0)), td.Uniform(t(0.0), t(1.0)), td.Uniform(t(5.0), t(6.0))
    quarter = divergence(t(0.25, 0.75), t(1.0, 0.0))
    torch.testing.assert_close(closed_form(divergence, wide, narrow), quarter)
    assert closed_form(divergence, wide, away).item() == divergence.at_zero + divergence.at_infinity


def test_chi2_that_does_not_exist_is_infinite():
    assert closed_form(CHI2, td.Normal(t(0.0), t(1.5)), td.Normal(t(0.0), t(1.0))) == math.inf
    assert closed_form(CHI2, td.Exponential(t(1.0)), td.Exponential(t(2.5))) == math.inf
    wide = td.MultivariateNormal(torch.zeros(2).double(), 2.5 * torch.eye(2).double())
    assert closed_form(CHI2, wide, td.MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double())) == math.inf


@pytest.mark.parametrize("k", [1, 2])
def test_wasserstein_on_a_line_moves_quantile_to_quantile(k):
    """∫ |F⁻¹(u) − G⁻¹(u)|^k du, the tails of u left out."""
    u = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    cases = [
        (td.Normal(t(0.0), t(1.0)), td.Normal(t(0.4), t(2.0))),
        (td.Normal(t(0.0), t(1.0)), td.Normal(t(0.4), t(1.0))),
        (td.Exponential(t(1.0)), td.Exponential(t(0.4))),
    ]
    for p, q in cases:
        quantiles = (p.icdf(u) - q.icdf(u)).abs().pow(k).mean() ** (1 / k)
        assert closed_form(Wasserstein(k), p, q).item() == pytest.approx(quantiles.item(), rel=1e-3)
    assert closed_form(Wasserstein(k), td.Bernoulli(t(0.2)), td.Bernoulli(t(0.9))).item() == pytest.approx(
        0.7 ** (1 / k)
    )


def test_segments_are_strangers_at_any_distance_but_transport_knows_how_far():
    """Total variation 1, KL ∞, JS log 2, W₁ = |θ|; no slope but of the last, its sign."""
    known = {
        TOTAL_VARIATION: 1.0,
        KL: math.inf,
        JENSEN_SHANNON: math.log(2),
        Wasserstein(1): None,
        Wasserstein(2): None,
    }
    for theta in (-2.0, -0.5, 1e-6, 3.0):
        for divergence, value in known.items():
            moved = t(theta).requires_grad_()
            found = closed_form(divergence, Segment(t(0.0)), Segment(moved))
            assert found.item() == (abs(theta) if value is None else value)
            (slope,) = torch.autograd.grad(found, moved)
            assert slope == (math.copysign(1, theta) if value is None else 0)
    for divergence in known:
        assert closed_form(divergence, Segment(t(0.0)), Segment(t(0.0))) == 0


def test_segments_seen_through_samples():
    """The estimates say 1, ∞ and log 2; a plan's cost has the slope that its rows give it."""
    one = Segment(t(0.0))
    x = draw(one, Noise(0), rows=40)
    for theta in (-0.7, 0.4):
        moved = t(theta).requires_grad_()
        other = Segment(moved)
        y = draw(other, Noise(1), rows=40)
        on_x, on_y = (one.log_prob(rows) - other.log_prob(rows) for rows in (x, y.detach()))
        assert estimated(TOTAL_VARIATION, on_x, on_y) == (pytest.approx(1, abs=1e-12), 0)
        assert estimated(JENSEN_SHANNON, on_x, on_y).value == pytest.approx(math.log(2), rel=1e-12)
        assert estimated(KL, on_x).value == estimated(REVERSE_KL, None, on_y).value == math.inf
        same_heights = torch.stack([moved.expand(40), x[:, 1]], dim=1)
        cost = euclidean(x, same_heights)
        total = (optimal_plan(cost).coupling * cost).sum()
        assert total.item() == pytest.approx(abs(theta), abs=1e-9)
        assert torch.autograd.grad(total, moved)[0].item() == pytest.approx(math.copysign(1, theta), abs=1e-8)


def test_js_of_normals_has_no_formula_and_a_foreign_kind_neither():
    with pytest.raises(NoClosedForm, match="known for .*Jensen–Shannon.* between Normal and Normal, but none is"):
        closed_form(JENSEN_SHANNON, td.Normal(t(0.0), t(1.0)), td.Normal(t(0.0), t(1.0)))
    with pytest.raises(NoClosedForm):
        closed_form(SQUARED_HELLINGER, td.Gumbel(t(0.0), t(1.0)), td.Gumbel(t(0.0), t(1.0)))


def test_integrals_end_and_bend_where_densities_do():
    """Supports that differ, and a total variation whose densities cross: nodes are cut there."""
    uniform, exponential = td.Uniform(t(0.0), t(1.0)), td.Exponential(t(1.0))
    assert integrated(KL, uniform, exponential).item() == pytest.approx(0.5, rel=1e-12)
    assert integrated(KL, exponential, uniform) == math.inf
    inside = integrate.quad(lambda x: JENSEN_SHANNON.at_ratio(t(x)).item() * (1 + math.exp(-x)), 0, 1)[0]
    js = inside + math.exp(-1) * math.log(2) / 2
    assert integrated(JENSEN_SHANNON, uniform, exponential).item() == pytest.approx(js, rel=1e-12)
    for p, q in (
        (td.Gumbel(t(0.0), t(1.0)), td.Gumbel(t(1.0), t(1.0))),
        (td.Normal(t(0.0), t(1.0)), td.Normal(t(0.3), t(2.0))),
    ):
        fine, coarse = (integrated(TOTAL_VARIATION, p, q, panels=panels).item() for panels in (256, 100))
        assert fine == pytest.approx(coarse, rel=1e-9)


def test_whole_numbers_are_summed():
    poisson, binomial = td.Poisson(t(2.0)), td.Binomial(5, t(0.3))
    assert summed(KL, poisson, td.Poisson(t(3.0))).item() == pytest.approx(2 * math.log(2 / 3) + 1, rel=1e-12)
    assert summed(KL, poisson, binomial) == math.inf
    assert summed(KL, binomial, poisson).item() == pytest.approx(
        sum(m * (math.log(m) - stats.poisson(2).logpmf(k)) for k, m in enumerate(stats.binom(5, 0.3).pmf(range(6)))),
        rel=1e-9,
    )
    assert summed(TOTAL_VARIATION, td.Bernoulli(t(0.2)), td.Categorical(t(0.5, 0.5))).item() == pytest.approx(0.3)
    with pytest.raises(ValueError, match="over whole numbers from a first one on, got Exponential"):
        summed(KL, td.Exponential(t(1.0)), poisson)


def test_a_window_that_misses_mass_is_refused():
    unit = td.Normal(t(0.0), t(1.0))
    with pytest.raises(ValueError, match="must hold all of both densities"):
        integrated(KL, unit, unit, (-1.0, 1.0))
    wide = td.Normal(t(0.0), t(1.4))  # χ² is finite up to √2, but lives far out
    assert integrated(CHI2, wide, unit).item() == pytest.approx(closed_form(CHI2, wide, unit).item(), rel=1e-9)
    for scale in (1.413, 1.5, 3.0):
        with pytest.raises(Unknowable, match="must die away within the window"):
            integrated(CHI2, td.Normal(t(0.0), t(scale)), unit)
    with pytest.raises(Unknowable, match="must die away"):  # KL is ∞ from a tail of |x|⁻³ on
        integrated(KL, td.StudentT(t(2.0)), unit, (-1500.0, 1500.0))


@pytest.mark.parametrize(("theta", "js"), [(1, 0.11142), (2, 0.33683), (4, 0.63272)])
def test_js_of_normals_three_ways(theta, js):
    """By its integral, by entropies, and by KL to the middle."""
    p, q = td.Normal(t(0.0), t(1.0)), td.Normal(t(float(theta)), t(1.0))
    middle = td.MixtureSameFamily(td.Categorical(t(0.5, 0.5)), td.Normal(t(0.0, float(theta)), t(1.0, 1.0)))
    x, weights = line_nodes(-12.0, 12.0 + theta)
    log_m = middle.log_prob(x)
    of_middle = -weights @ (log_m.exp() * log_m)
    by_kl = sum(weights @ (d.log_prob(x).exp() * (d.log_prob(x) - log_m)) for d in (p, q)) / 2
    found = integrated(JENSEN_SHANNON, p, q).item()
    assert found == pytest.approx(js, abs=5e-6)
    assert found == pytest.approx((of_middle - p.entropy() / 2 - q.entropy() / 2).item(), abs=1e-12)
    assert found == pytest.approx(by_kl.item(), abs=1e-12)
