"""One call: every way is taken when it is the surest, and says what the direct call says; no way, no number."""

import functools
import math

import pytest
import torch
from torch import distributions as td

from genzoo.core import GenerativeModel, Likelihood, Noise, Space
from genzoo.distributions import (
    DISTANCES,
    JENSEN_SHANNON,
    KL,
    REVERSE_KL,
    TOTAL_VARIATION,
    Density,
    GaussianKernel,
    TooFew,
    Unknowable,
    Wasserstein,
    adversarial_bound,
    cityblock,
    closed_form,
    discrete,
    distance,
    dual,
    energy_distance,
    estimated,
    exact_wasserstein,
    integrated,
    integrated_wasserstein,
    measure,
    mmd2,
    neighbor_kl,
    summed,
    wasserstein_1d,
)
from genzoo.distributions.draws import draw

CLIMB, ERROR, HALVED = dual._climb, measure.bootstrap_error, measure.subsample_error


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which way is taken, and what it says of itself, does not ask for trained critics and errors of many draws."""
    monkeypatch.setattr(dual, "_climb", lambda critic, value, steps, lr: CLIMB(critic, value, min(steps, 20), lr))
    monkeypatch.setattr(measure, "bootstrap_error", lambda *args, rounds, **kwargs: ERROR(*args, rounds=30, **kwargs))
    monkeypatch.setattr(measure, "subsample_error", lambda *args, **kwargs: HALVED(*args, rounds=5, **kwargs))


def t(*numbers: float) -> torch.Tensor:
    tensor = torch.tensor(numbers, dtype=torch.float64)
    return tensor if len(numbers) > 1 else tensor[0]


def normal(loc: float = 0.0, scale: float = 1.0) -> td.Normal:
    return td.Normal(t(loc), t(scale))


def pair() -> tuple[td.Distribution, td.Distribution]:
    """Two normal distributions of the plane."""
    loc = t(0.0, 0.0)
    return tuple(td.Independent(td.Normal(loc + shift, torch.ones_like(loc)), 1) for shift in (0.0, 0.5))


def rows(p: td.Distribution, seed: int, n: int = 400) -> torch.Tensor:
    return draw(p, Noise(seed, "rows"), rows=n)


def test_a_formula_first():
    p, q = normal(), normal(1.0)
    for what in (KL, Wasserstein(2), TOTAL_VARIATION):
        assert distance(what, p, q) == (closed_form(what, p, q).item(), 0.0, "closed form", "")
    assert distance("Hellinger", p, q).value == pytest.approx(math.sqrt(1 - math.exp(-1 / 8)))
    assert distance("Wasserstein-1, discrete metric", p, q) == distance("total variation", p, q)
    assert distance(Wasserstein(2, discrete), p, q).value == distance("total variation", p, q).value ** 0.5


def test_else_an_integral_or_a_sum():
    p, q = normal(), normal(1.0)
    found = distance("√Jensen–Shannon", p, q)
    assert (found.how, found.value) == ("integral", math.sqrt(integrated(JENSEN_SHANNON, p, q).item()))
    assert found.error < 1e-12
    found = distance(Wasserstein(1.5), p, normal(1.0, 2.0))
    assert (found.how, found.value) == ("integral", integrated_wasserstein(p, normal(1.0, 2.0), 1.5).item())
    assert found.is_exact
    poisson, geometric = td.Poisson(t(2.0)), td.Geometric(t(0.3))
    found = distance("KL", poisson, geometric)
    assert (found.how, found.value) == ("sum", summed(KL, poisson, geometric).item())
    k = torch.arange(60.0).double()
    by_hand = (poisson.log_prob(k).exp() * (poisson.log_prob(k) - geometric.log_prob(k))).sum()
    assert found.value == pytest.approx(by_hand.item(), rel=1e-12)


def test_else_a_mean_of_what_the_densities_say():
    p, q = pair()
    found = distance(JENSEN_SHANNON, p, q, n=500, seed=3)
    x, y = (draw(d, Noise(3, "distance", side), rows=500) for side, d in (("p", p), ("q", q)))
    on_x, on_y = (p.log_prob(part) - q.log_prob(part) for part in (x, y))
    assert found == (*estimated(JENSEN_SHANNON, on_x, on_y), "log-densities", "")
    assert found == distance(JENSEN_SHANNON, Density(p.log_prob, x), Density(q.log_prob, y))
    assert distance(KL, Density(p.log_prob, x), Density(q.log_prob))[:2] == estimated(KL, on_x)
    assert distance(REVERSE_KL, Density(p.log_prob), Density(q.log_prob, y))[:2] == estimated(REVERSE_KL, None, on_y)
    assert distance("Jensen-Shannon", p, q, n=500) != distance("Jensen-Shannon", p, q, n=500, seed=1)


@pytest.mark.parametrize("what", ["KL", "Jensen-Shannon", "total variation"])
def test_densities_need_no_normalizer(what):
    """Whatever the constants are, and the error counts that they had to be found."""
    truth = distance(what, normal(), normal(1.0, 1.5)).value
    found = []
    for seed in range(5):
        p = Density(lambda x: 30 - x.square() / 2, Noise(seed, "x").normal(300).double(), normalized=False)
        y = 1 + 1.5 * Noise(seed, "y").normal(300).double()
        found.append(distance(what, p, Density(lambda x: -(x - 1).square() / 4.5, y, normalized=False)))
    values = torch.tensor([each.value for each in found])
    assert abs(values.mean().item() - truth) < 4 * values.std().item() / math.sqrt(5)
    assert 0.4 < torch.tensor([each.error for each in found]).mean() / values.std() < 2.5


def test_else_rows_alone():
    p, q = pair()
    x, y = rows(p, 0), rows(q, 1)
    assert distance(KL, x, y) == (*neighbor_kl(x, y, start="normal"), "nearest neighbors", "")
    assert distance(REVERSE_KL, x, y).value == neighbor_kl(y, x, start="normal").value
    found = distance("total variation", x, y)
    assert found[:2] == pytest.approx(adversarial_bound(TOTAL_VARIATION, x, y).bound, rel=1e-3)
    assert (found.how, found.caveat[:13]) == ("critic", "a lower bound")
    for metric in ({}, {"metric": cityblock}):
        found = distance(Wasserstein(3, **metric), x, y)
        assert found.how == "samples"
        assert 0 < found.error < 0.2
    assert distance("Wasserstein-2", x, y).value == pytest.approx(exact_wasserstein(x, y, 2.0), rel=1e-9)
    assert "not zero" in distance("Wasserstein-2", x, y).caveat
    line = distance(Wasserstein(3), x[:, 0], y[:, 0])
    assert line.value == wasserstein_1d(x[:, 0], y[:, 0], 3.0)
    assert distance("energy distance", x, y).value == energy_distance(x, y)
    assert distance("energy distance", x, y).caveat == ""
    kernel = functools.partial(mmd2, kernel=GaussianKernel(2.0))
    assert distance(kernel, x, y).value == kernel(x, y)


def test_every_name_of_the_table_can_be_asked_for():
    x, y = rows(pair()[0], 0, 150), rows(pair()[1], 1, 150)
    for number, each in enumerate(DISTANCES):
        try:
            found = distance(each.name if number % 2 else each, x, y)
        except Unknowable as refusal:
            assert each.name in ("χ²", "Neyman χ²"), refusal  # noqa: PT017
        else:
            assert found.value >= 0
    assert distance(DISTANCES[0].name, x, y) == distance(DISTANCES[0], x, y)
    with pytest.raises(ValueError, match="must have a name in the table, got 'JSD'. Choose one of: total variation"):
        distance("JSD", x, y)


def test_an_error_goes_with_its_power():
    x, y = pair()
    whole, root = distance("squared Hellinger", x, y), distance("Hellinger", x, y)
    assert root.value == pytest.approx(whole.value**0.5)
    one, other = Density(x.log_prob, rows(x, 0)), Density(y.log_prob, rows(y, 1))
    whole, root = distance("Jensen-Shannon", one, other), distance("root Jensen-Shannon", one, other)
    assert root.error == pytest.approx(whole.error / (2 * root.value))


def test_strangers_are_infinitely_far_or_refused():
    apart = td.Uniform(t(0.0), t(1.0)), td.Uniform(t(2.0), t(3.0))
    assert distance("KL", *apart).value == math.inf
    assert distance("KL", td.Exponential(t(1.0)), apart[0]).value == math.inf
    assert distance("Jensen-Shannon", *apart).value == pytest.approx(math.log(2))
    x, y = (rows(each, seed, 2000) for seed, each in enumerate(apart))
    assert distance("KL", x, apart[1])[:3] == (math.inf, None, "nearest neighbors")  # a density is known, and zero
    assert distance("reverse KL", apart[0], y)[:2] == (math.inf, None)
    for what in ("KL", "reverse KL"):
        with pytest.raises(Unknowable, match="the true value may be ∞"):
            distance(what, x, y)
    boxes = [
        Density(lambda z, d=d: d.log_prob(z.clamp(*d_ends(d))) + within(z, d), z)
        for d, z in zip(apart, (x, y), strict=True)
    ]
    assert distance("KL", *boxes)[:2] == (math.inf, None)
    unnormalized = [each._replace(normalized=False) for each in boxes]
    assert distance("KL", *unnormalized)[:2] == (math.inf, None)
    with pytest.raises(Unknowable, match="where both densities have mass"):
        distance("total variation", *unnormalized)


def d_ends(d: td.Uniform) -> tuple[float, float]:
    return d.low.item() + 1e-9, d.high.item() - 1e-9


def within(z: torch.Tensor, d: td.Uniform) -> torch.Tensor:
    return torch.where((z >= d.low) & (z <= d.high), 0.0, -torch.inf)


def test_tails_that_no_mean_survives_are_refused():
    with pytest.raises(Unknowable, match="must have terms of finite variance"):
        distance("KL", td.Cauchy(t(0.0), t(1.0)), normal())
    with pytest.raises(
        Unknowable, match="no way leads there.*By closed form: .* By log-densities: .* Give rows of both"
    ):
        distance("KL", td.StudentT(t(2.0)), normal())
    with pytest.raises(Unknowable, match="they have atoms"):
        distance("KL", rows(pair()[0], 0).round(), rows(pair()[1], 1).round())


def test_rows_that_resolve_little_say_so():
    """In two dimensions 400 rows are enough, in ten they are not; two ways of reading them disagree, and count."""
    x, y = Noise(0).normal(1000, 10).double(), Noise(1).normal(1000, 10).double() * 1.2
    found = distance("KL", x, y)
    assert "1,000 rows resolve little in 10 dimensions" in found.caveat
    constant, guided = neighbor_kl(x, y), neighbor_kl(x, y, start="normal")
    assert found.value == guided.value
    assert found.error >= abs(guided.value - constant.value)
    truth = 10 * (math.log(1.2) - (1 - 1.2**-2) / 2)
    assert abs(found.value - truth) < 0.3 * abs(constant.value - truth)
    assert distance("KL", x[:, :2], y[:, :2]).caveat == ""


class Bell(GenerativeModel):
    """N(shift, 1) in one dimension."""

    def __init__(self, shift: float, likelihood: Likelihood = Likelihood.EXACT, given: Space | None = None) -> None:
        super().__init__(Space((1,)), given)
        self.shift, self.likelihood = shift, likelihood

    def draw(self, n, given, noise):
        return noise.normal(n, 1) + self.shift

    def log_density(self, x, given, noise):
        return normal(self.shift).log_prob(x[:, 0]) + (5 if self.likelihood is Likelihood.UNNORMALIZED else 0)


def test_models_by_their_densities_or_samples():
    away = td.Independent(td.Normal(t(1.0).reshape(1), t(1.0).reshape(1)), 1)
    for other in (Bell(1.0), away, Bell(1.0, Likelihood.UNNORMALIZED)):
        found = distance("KL", Bell(0.0), other)
        assert found.how == "log-densities"
        assert abs(found.value - 0.5) < 4 * found.error
    for blind in (Bell(1.0, Likelihood.BOUND), Bell(1.0, Likelihood.NONE)):
        found = distance("KL", Bell(0.0), blind)
        assert found.how == "nearest neighbors"
        assert abs(found.value - 0.5) < 4 * found.error
    assert distance("Wasserstein-1", Bell(0.0), Bell(1.0)).value == pytest.approx(1, abs=0.1)
    with pytest.raises(ValueError, match="Bell is one for each condition. Fix it"):
        distance("KL", Bell(0.0, given=Space((), levels=3)), Bell(1.0))


def test_what_is_no_pair_of_distributions_is_refused():
    with pytest.raises(ValueError, match=r"got a batch \(2,\) of Normal.*Independent\(p, 1\)"):
        distance("KL", td.Normal(torch.zeros(2), 1.0), normal())
    with pytest.raises(TypeError, match="rows or Densities, got float"):
        distance("KL", 1.0, normal())
    with pytest.raises(ValueError, match="Rows of p and of q must have one shape"):
        distance("Wasserstein-1", torch.zeros(9, 2), torch.zeros(9, 3))
    with pytest.raises(ValueError, match="must be one number for each of 2,000 rows"):
        distance("Jensen-Shannon", *(Density(d.base_dist.log_prob, rows(d, 0, 2000)) for d in pair()))
    with pytest.raises(Unknowable, match="a Density without rows cannot be drawn from"):
        distance("Jensen-Shannon", *(Density(d.log_prob) for d in pair()))
    with pytest.raises(TooFew):
        distance("KL", torch.zeros(9, 2), torch.zeros(9, 2))


def test_it_prints_what_it_is():
    assert str(distance("KL", normal(), normal(1.0))) == "0.5000 (closed form)"
    assert str(distance("Jensen-Shannon", *pair(), n=500)).count("±") == 1
