"""W_k by quantiles against formulas, an independent integral and SciPy's, to ten digits; what has none is refused."""

import itertools
import math

import pytest
import torch
from scipy import integrate, special, stats
from torch import distributions as td

from genzoo.distributions import NoClosedForm, Unknowable, Wasserstein, closed_form, integrated_wasserstein
from genzoo.distributions.quantiles import quantiles

POWERS = pytest.mark.parametrize("k", [1, 1.5, 2, 3, 4])


def t(*numbers: float) -> torch.Tensor:
    tensor = torch.tensor(numbers, dtype=torch.float64)
    return tensor if len(numbers) > 1 else tensor[0]


FAMILIES = {
    "normal": (td.Normal(t(0.0), t(1.0)), td.Normal(t(0.4), t(2.0))),
    "normal, far": (td.Normal(t(0.0), t(1.0)), td.Normal(t(30.0), t(1.001))),
    "normal, shifted": (td.Normal(t(0.0), t(1.0)), td.Normal(t(-0.7), t(1.0))),
    "normal, spread": (td.Normal(t(0.0), t(1.0)), td.Normal(t(0.0), t(3.0))),
    "Laplace": (td.Laplace(t(0.0), t(1.0)), td.Laplace(t(1.0), t(3.0))),
    "Laplace, shifted": (td.Laplace(t(0.0), t(1.0)), td.Laplace(t(1.0), t(1.0))),
    "uniform": (td.Uniform(t(0.0), t(1.0)), td.Uniform(t(0.2), t(0.6))),
    "uniform, apart": (td.Uniform(t(0.0), t(1.0)), td.Uniform(t(5.0), t(6.00001))),
    "uniform, shifted": (td.Uniform(t(0.0), t(1.0)), td.Uniform(t(5.0), t(6.0))),
    "exponential": (td.Exponential(t(1.0)), td.Exponential(t(3.0))),
    "half normal": (td.HalfNormal(t(1.0)), td.HalfNormal(t(3.0))),
    "gamma": (td.Gamma(t(2.0), t(1.0)), td.Gamma(t(2.0), t(3.0))),
    "Weibull": (td.Weibull(t(1.0), t(1.5)), td.Weibull(t(3.0), t(1.5))),
    "Pareto": (td.Pareto(t(1.0), t(12.0)), td.Pareto(t(2.0), t(12.0))),
    "Cauchy, shifted": (td.Cauchy(t(0.0), t(1.0)), td.Cauchy(t(2.0), t(1.0))),
}


@POWERS
@pytest.mark.parametrize("name", FAMILIES)
def test_formulas_are_the_integrals_over_quantiles(name, k):
    p, q = FAMILIES[name]
    found = integrated_wasserstein(p, q, k).item()
    try:
        assert closed_form(Wasserstein(k), p, q).item() == pytest.approx(found, rel=1e-10)
    except NoClosedForm:
        assert k == 1.5
        assert name.split(",")[0] in ("normal", "Laplace")


@POWERS
def test_of_normals_is_kummers_function(k):
    """E|δ + sZ|^k = (s √2)^k Γ((k + 1)/2) / √π · ₁F₁(−k/2; 1/2; −δ²/2s²)."""
    delta, s = 0.4, 1.0
    moment = (s * math.sqrt(2)) ** k * math.gamma((k + 1) / 2) / math.sqrt(math.pi)
    moment *= special.hyp1f1(-k / 2, 0.5, -(delta**2) / (2 * s**2))
    found = integrated_wasserstein(*FAMILIES["normal"], k)
    assert found.item() == pytest.approx(moment ** (1 / k), rel=1e-10)


@pytest.mark.parametrize("k", [1, 1.5, 2, 3])
def test_between_families(k):
    """A log-normal and a normal distribution, whose quantiles cross twice, against SciPy's adaptive rule."""
    p, q = td.LogNormal(t(0.0), t(0.5)), td.Normal(t(1.0), t(0.8))
    crossings = [0.0, 1.7528097941177823]
    ends = [-12.0, *crossings, 12.0]
    total = sum(
        integrate.quad(
            lambda z: abs(math.exp(z / 2) - 1 - 0.8 * z) ** k * stats.norm.pdf(z), *part, epsabs=0, epsrel=1e-12
        )[0]
        for part in itertools.pairwise(ends)
    )
    assert integrated_wasserstein(p, q, k).item() == pytest.approx(total ** (1 / k), rel=1e-8)


def test_of_a_mixture_whose_quantiles_are_found_by_halving():
    """By ∫ |F − G|."""
    means = t(-3.0, 3.0)
    mixture = td.MixtureSameFamily(td.Categorical(t(0.5, 0.5)), td.Normal(means, torch.ones_like(means)))
    wide = td.Normal(t(0.0), t(math.sqrt(10)))

    def gap(x: float) -> float:
        return abs((stats.norm.cdf(x + 3) + stats.norm.cdf(x - 3)) / 2 - stats.norm.cdf(x / math.sqrt(10)))

    area = 2 * integrate.quad(gap, 0, 40, points=[2.0, 3.0, 4.0, 6.0], limit=500, epsabs=1e-12)[0]
    assert integrated_wasserstein(mixture, wide).item() == pytest.approx(area, rel=1e-8)


def test_quantiles_without_their_own_function():
    u = t(1e-6, 0.1, 0.5, 0.999)
    torch.testing.assert_close(
        quantiles(td.Gamma(t(2.0), t(3.0)), u), torch.from_numpy(stats.gamma(2, scale=1 / 3).ppf(u.numpy()))
    )
    with pytest.raises(NotImplementedError, match="and StudentT has neither"):
        quantiles(td.StudentT(t(3.0)), u)


def test_slopes_go_through():
    shift = t(0.4).requires_grad_()
    for way in (integrated_wasserstein, lambda p, q, k: closed_form(Wasserstein(k), p, q)):
        value = way(td.Normal(t(0.0), t(1.0)), td.Normal(shift, t(2.0)), 3)
        (slope,) = torch.autograd.grad(value, shift)
        step = [
            closed_form(Wasserstein(3), td.Normal(t(0.0), t(1.0)), td.Normal(t(0.4 + e), t(2.0)))
            for e in (-1e-5, 1e-5)
        ]
        assert slope.item() == pytest.approx(((step[1] - step[0]) / 2e-5).item(), rel=1e-6)


def test_what_has_no_number_gets_none():
    cauchy = td.Cauchy(t(0.0), t(1.0)), td.Cauchy(t(0.0), t(2.0))
    assert closed_form(Wasserstein(1), *cauchy) == math.inf
    assert closed_form(Wasserstein(1), td.HalfCauchy(t(1.0)), td.HalfCauchy(t(2.0))) == math.inf
    heavy = td.Pareto(t(1.0), t(2.5)), td.Pareto(t(2.0), t(2.5))
    assert closed_form(Wasserstein(3), *heavy) == math.inf
    assert closed_form(Wasserstein(2), *heavy).item() == pytest.approx(math.sqrt(5))
    for pair, k in ((cauchy, 1), (heavy, 3)):
        with pytest.raises(Unknowable, match="must settle"):
            integrated_wasserstein(*pair, k)
    with pytest.raises(ValueError, match="at least 1, got k = 0.5"):
        Wasserstein(0.5)
    with pytest.raises(ValueError, match="one distribution of real numbers at a time"):
        integrated_wasserstein(td.Poisson(t(1.0)), td.Poisson(t(2.0)))


def test_a_shape_that_differs_has_no_formula_but_an_integral():
    p, q = td.Gamma(t(2.0), t(1.0)), td.Gamma(t(3.0), t(1.0))
    with pytest.raises(NoClosedForm):
        closed_form(Wasserstein(2), p, q)
    assert integrated_wasserstein(p, q, 1).item() == pytest.approx(1.0, rel=1e-9)  # one is the larger everywhere
    x, y = (stats.gamma(a).ppf((torch.arange(200_000).numpy() + 0.5) / 200_000) for a in (2, 3))
    assert integrated_wasserstein(p, q, 2).item() == pytest.approx(((x - y) ** 2).mean() ** 0.5, rel=1e-4)
