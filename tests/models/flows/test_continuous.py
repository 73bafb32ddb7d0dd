"""Continuous flows against closed forms: a linear velocity moves a Gaussian to a Gaussian."""

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from genzoo.core import Batch, Noise, Space
from genzoo.models.flows import Continuous, Flow, Nets, continuous_flow
from genzoo.nn import Field, MLPField, TracedMLP, traces
from genzoo.nn.ode import solved

TURN = torch.tensor([[0.3, -1.2], [0.9, -0.4]], dtype=torch.float64)


class Linear(Field):
    """f = 2 t A x, whose flow is x e^{A}."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.matrix = torch.nn.Parameter(matrix)

    def forward(self, x: Tensor, t: Tensor, given: Tensor | None = None) -> Tensor:
        return 2 * t[:, None] * (x @ self.matrix.T)


def bent(field: Field) -> Field:
    for parameter in field.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return field.double()


def test_the_flow_of_a_linear_velocity_is_the_gaussian_in_closed_form() -> None:
    model = Flow(Space((2,)), None, Continuous(Linear(TURN), tolerance=1e-7)).double().eval()
    back = torch.linalg.matrix_exp(-TURN)
    truth = MultivariateNormal(torch.zeros(2, dtype=torch.float64), back @ back.T)
    x = 2 * truth.sample((200,))
    assert (model.log_prob(x) - truth.log_prob(x)).abs().max() < 1e-5
    assert (model.encode(x) - x @ torch.linalg.matrix_exp(TURN).T).abs().max() < 1e-5
    assert (model.bijection(x)[1] - TURN.trace()).abs().max() < 1e-5
    drawn = model.sample(20_000, seed=0)
    assert torch.allclose(drawn.T.cov(), truth.covariance_matrix, atol=0.1)


def test_what_training_sees_is_the_same_within_its_tolerance() -> None:
    model = Flow(Space((2,)), None, Continuous(Linear(TURN), coarse=1e-5)).double()
    x = torch.randn(50, 2, dtype=torch.float64)
    loss = model.train().loss(Batch(x, noise=Noise(0)))
    assert loss.item() == pytest.approx(-model.eval().log_prob(x).mean().item(), abs=1e-3)
    loss.backward()
    slope = model.bijection.field.matrix.grad.clone()  # type: ignore[union-attr,operator]
    (at,) = torch.autograd.grad(-model.eval().log_prob(x).mean(), list(model.parameters()))
    assert torch.allclose(slope, at, atol=1e-3)


def test_the_divergence_of_two_layers_is_that_of_autograd() -> None:
    field, x, given = bent(TracedMLP(3, 8, 4)), torch.randn(6, 3).double(), torch.randn(6, 4).double()
    for t in (torch.tensor([0.3]).double(), torch.rand(6).double()):
        f, trace = field.traced(x, t, given)
        expected, each = traces(lambda x, t=t: field(x, t, given), x)
        assert torch.allclose(f, expected)
        assert torch.allclose(trace, each.squeeze(1))


def test_estimates_of_the_divergence_have_the_exact_mean() -> None:
    """Over all rows of signs, not over some draws of them."""
    field, x, t = bent(MLPField(3, [8, 8, 8])), torch.randn(4, 3).double(), torch.tensor([0.7]).double()
    signs = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=3))).double().expand(4, 8, 3)
    estimates = traces(lambda x: field(x, t), x, signs)[1]
    exact = field.traced(x, t)[1]
    assert torch.allclose(estimates.mean(1), exact)
    assert torch.allclose(field.traced(x, t, None, signs)[1], exact)
    assert estimates.std(1).min() > 0.01


def test_the_flow_of_estimates_has_the_exact_mean() -> None:
    flow = Continuous(bent(MLPField(12, [8])), probed=True)
    x = torch.randn(2, 12).double()
    drawn = flow.estimated(x.repeat(400, 1), None, Noise(0))[1].detach().reshape(400, 2)
    error = drawn.std(0) / math.sqrt(400)
    assert ((drawn.mean(0) - flow(x)[1]).abs() < 4 * error + 1e-3).all()
    assert (error > 0).all()
    with torch.no_grad():  # a validation in the middle of a training
        assert torch.allclose(flow.estimated(x, None, Noise(0))[1], drawn[0])


def test_many_layers_over_many_entries_are_probed_in_training_alone() -> None:
    model = continuous_flow(Space((12,)), nets=Nets(width=8, layers=3), depth=2)
    assert [part.probed for part in model.bijection.parts if isinstance(part, Continuous)] == [True, True]  # type: ignore[union-attr]
    assert "probed=False" in repr(continuous_flow(Space((12,)), nets=Nets(width=8)).bijection)
    with pytest.raises(ValueError, match=r"must have perceptrons, got 'conv'\. Take"):
        continuous_flow(Space((1, 4, 4)), nets=Nets("conv"))
    with pytest.raises(ValueError, match="Tolerances must be positive, got 1e-06 and 0"):
        Continuous(TracedMLP(2, 4), coarse=0)


@pytest.mark.parametrize(("tolerance", "error"), [(1e-4, 1e-3), (1e-8, 1e-7), (1e-11, 1e-10)])
def test_solutions_are_as_near_as_asked(tolerance: float, error: float) -> None:
    y = torch.tensor([[1.0, -2.0], [0.1, 30.0]], dtype=torch.float64)
    ends = [
        solved(lambda y, t: y.sin() * (1 + t[:, None]), y, span, tolerance=tolerance) for span in ((0, 1.0), (0, 2.0))
    ]
    assert (ends[0] - 2 * torch.atan((y / 2).tan() * math.exp(1.5))).sin().abs().max() < error
    back = solved(lambda y, t: y.sin() * (1 + t[:, None]), ends[1], (2.0, 0), tolerance=tolerance)
    assert ((back - y).abs().max() < 50 * error).all()


def test_rows_have_clocks_of_their_own() -> None:
    y, speed = torch.ones(4, 1, dtype=torch.float64), torch.tensor([1.0, 10.0, 3.0, 0.0]).double()[:, None]
    whole = solved(lambda y, t: -speed * y, y)
    assert torch.allclose(whole[:2], solved(lambda y, t: -speed[:2] * y, y[:2]), rtol=0, atol=1e-14)
    assert torch.allclose(whole, (-speed).exp(), atol=1e-4)


def test_a_field_too_steep_says_so() -> None:
    with pytest.raises(ArithmeticError, match=r"rows 1 got to t = .* of 1\. The field is too steep"):
        solved(lambda y, t: torch.tensor([[1.0], [1e7]]) * y, torch.ones(2, 1), most=50)


def test_a_row_that_is_lost_stays_lost_and_the_others_arrive() -> None:
    y = solved(lambda y, t: y, torch.tensor([[1.0], [math.nan], [math.inf]]))
    assert y[0].item() == pytest.approx(math.e, abs=1e-3)
    assert not y[1:].isfinite().any()


def test_a_penalty_on_speed_is_what_training_pays() -> None:
    x = torch.randn(20, 2).double()
    plain, slow = (Continuous(Linear(TURN), coarse=1e-6, kinetic=by) for by in (0.0, 0.1))
    paid = plain.estimated(x, None, Noise(0))[1] - slow.estimated(x, None, Noise(0))[1]
    times = torch.linspace(0, 1, 2001).double()
    ways = [x @ torch.linalg.matrix_exp(t**2 * TURN).T for t in times]
    speed = torch.stack([(2 * t * way @ TURN.T).square().sum(1) for t, way in zip(times, ways, strict=True)])
    assert torch.allclose(paid, 0.1 * torch.trapezoid(speed, times, dim=0), rtol=1e-3, atol=1e-5)
    assert torch.equal(plain(x)[1], slow(x)[1])
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        Continuous(Linear(TURN), kinetic=-1)
