"""Theorems about expectations as properties: change of variables, LOTUS, Jensen, Dirac's delta, naive sampling."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import distributions as td

from experiments import expectations as experiment
from genzoo.core import Noise, Space
from genzoo.distributions import PointMass
from genzoo.distributions.draws import draw
from genzoo.models.classical import Gaussian
from genzoo.tasks import expectation
from genzoo.tasks.intervals import of_mean

NORMAL = Gaussian(Space((1,)))
X = Noise(0).normal(100_000, dtype=torch.float64)

# f, its inverse and the logarithm of |d f⁻¹/dy|: increasing, decreasing, and onto an interval while decreasing.
MAPS = {
    "exp": (torch.exp, torch.log, lambda y: -y.log()),
    "decreasing": (lambda x: 3 - 2 * x**3, lambda y: ((3 - y) / 2).sign() * ((3 - y) / 2).abs() ** (1 / 3),
                   lambda y: -math.log(6) - 2 / 3 * ((3 - y) / 2).abs().log()),
    "logistic of −x": (lambda x: (-x).sigmoid(), lambda y: -y.logit(), lambda y: -(y * (1 - y)).log()),
}  # fmt: skip


@pytest.mark.parametrize("name", MAPS)
def test_change_of_variables(name: str) -> None:
    """p(y) = p(f⁻¹(y)) |d f⁻¹/dy| gives the probability of every interval, and F_Y = F_X ∘ f⁻¹ or 1 − that."""
    f, inverse, ladj = MAPS[name]
    y = f(X)
    decreasing = bool(f(torch.tensor(1.0)) < f(torch.tensor(0.0)))
    edges = y.quantile(torch.tensor([0.1, 0.3, 0.55, 0.7, 0.95], dtype=torch.float64))
    below = td.Normal(0.0, 1.0).cdf(inverse(edges))
    below = 1 - below if decreasing else below
    counted = (y[:, None] <= edges).double().mean(0)
    assert torch.allclose(counted, below, atol=0.006)
    for low, high in itertools.pairwise(edges):
        grid = torch.linspace(float(low), float(high), 20_001, dtype=torch.float64)
        density = (td.Normal(0.0, 1.0).log_prob(inverse(grid)) + ladj(grid)).exp()
        share = torch.trapezoid(density.nan_to_num(posinf=0.0), grid)
        assert float(share) == pytest.approx(float(((y > low) & (y <= high)).double().mean()), abs=0.01)


def test_torchs_transforms_agree_with_the_formula() -> None:
    y = torch.tensor([0.1, 0.5, 0.8], dtype=torch.float64)
    transform = [td.AffineTransform(0.0, -1.0), td.SigmoidTransform()]
    theirs = td.TransformedDistribution(td.Normal(X.new_zeros(()), 1.0), transform).log_prob(y)
    _, inverse, ladj = MAPS["logistic of −x"]
    assert torch.allclose(theirs, td.Normal(0.0, 1.0).log_prob(inverse(y)) + ladj(y))


def test_lotus_on_the_log_normal() -> None:
    """E e^x over x, and E y over the density of y, are both e^{1/2} = 1.6487."""
    by_x = expectation(NORMAL, lambda x: x[:, 0].double().exp(), 50_000).mean()
    y = torch.linspace(1e-6, 200, 2_000_001, dtype=torch.float64)
    by_y = torch.trapezoid(y * torch.from_numpy(stats.lognorm.pdf(y.numpy(), 1)), y)
    assert float(by_y) == pytest.approx(1.6487, abs=1e-4)
    assert 1.6487 in by_x


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("g", [torch.tanh, torch.cos, lambda y: (y > 1).double()])
def test_lotus_both_ways(name: str, g) -> None:
    """E g(f(x)) by samples of x, and by the density of y = f(x)."""
    f, inverse, ladj = MAPS[name]
    by_x = of_mean(g(f(X)), level=0.9999)
    edges = f(torch.linspace(-8, 8, 400_001, dtype=torch.float64))
    y = edges.sort().values.unique()
    middle, width = (y[1:] + y[:-1]) / 2, y.diff()
    density = (td.Normal(0.0, 1.0).log_prob(inverse(middle)) + ladj(middle)).exp().nan_to_num(posinf=0.0)
    assert by_x.low - 1e-3 <= float((g(middle) * density * width).sum()) <= by_x.high + 1e-3


@settings(max_examples=100, deadline=None)
@given(
    slopes=st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=6),
    curve=st.floats(0, 3),
    shift=st.floats(-3, 3),
    scale=st.floats(0, 3),
)
def test_jensen(slopes: list, curve: float, shift: float, scale: float) -> None:
    """E f(x) ≥ f(E x) for the convex f(x) = max_k (a_k x + b_k) + c x², over any sample, the mean being its own."""
    a, b = torch.tensor(slopes, dtype=torch.float64).T

    def f(x: torch.Tensor) -> torch.Tensor:
        return (x[:, None] * a + b).amax(1) + curve * x**2

    x = shift + scale * X[:500]
    gap = f(x).mean() - f(x.mean()[None])[0]
    assert gap >= -1e-9
    if curve > 0.1 and scale > 0.1:
        assert gap > 0


def test_jensens_gap_of_the_exponential() -> None:
    assert 1.6487 in of_mean(X.exp())
    assert of_mean(X.exp()).low > 1.0  # e^{E x}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=5))
def test_a_point_mass_is_a_distribution(point: list[float]) -> None:
    """Draws are the point, E f = f(x₀), log p is +∞ there and −∞ elsewhere."""
    x0 = torch.tensor(point, dtype=torch.float64)
    delta = PointMass(x0, 1)
    x = draw(delta, Noise(1), rows=7)
    assert torch.equal(x, x0.expand(7, -1))
    assert torch.allclose(x.square().sum(1).mean(), x0.square().sum())
    assert delta.log_prob(x0).item() == math.inf
    assert delta.log_prob(x0 + 1e-3).item() == -math.inf
    assert torch.equal(delta.mean, x0)
    assert not delta.variance.any()


def test_gaussians_tend_to_the_point_mass() -> None:
    """As σ → 0: draws, E f and the log-density."""
    x0 = torch.tensor(2.0, dtype=torch.float64)
    delta, at, off = PointMass(x0), [], []
    for sigma in (1e-1, 1e-3, 1e-6):
        near = td.Normal(x0, sigma)
        x = draw(near, Noise(0), rows=2000)
        assert float((x - x0).abs().max()) < 5 * sigma
        assert float(x.cos().mean()) == pytest.approx(math.cos(2.0), abs=sigma)
        at.append(float(near.log_prob(x0)))
        off.append(float(near.log_prob(x0 + 0.5)))
    assert at[0] < at[1] < at[2] < float(delta.log_prob(x0))
    assert off[0] > off[1] > off[2] > float(delta.log_prob(x0 + 0.5))


def test_a_point_mass_over_levels_is_a_mass_and_moves_with_its_point() -> None:
    faces = torch.arange(6)
    assert PointMass(torch.tensor(3)).log_prob(faces).exp().tolist() == [0, 0, 0, 1, 0, 0]
    point = torch.tensor([1.0], requires_grad=True)
    draw(PointMass(point), Noise(0)).square().sum().backward()
    assert point.grad.tolist() == [2.0]


def test_one_draw_of_the_prior_is_worth_what_the_formula_says() -> None:
    """The variance of p(x | z) relative to p(x)², at x_i² = 1.01: 10.7, 136, 2.2·10⁵, 4.9·10¹⁰, 2.4·10²¹."""
    figures = {each["d"]: each for each in experiment.naive(repeats=20, counts=(100, 1000))}
    said = [figures[d]["variance of one draw"] for d in (1, 2, 5, 10, 20)]
    assert said == pytest.approx([10.717, 136.3, 2.209e5, 4.88e10, 2.38e21], rel=2e-3)
    assert figures[1]["prior error"] == pytest.approx(math.sqrt(10.7 / 1000), rel=0.5)
    assert figures[20]["prior error"] == pytest.approx(1, abs=0.01)  # it sees nothing at all
    assert figures[20]["posterior error"] < 0.1
    assert figures[20]["prior worth"] < 0.01 < 0.5 < figures[20]["posterior worth"]
