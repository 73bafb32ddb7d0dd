"""Flow maps whose networks know: of Gaussian data the whole map is in closed form."""

import math

import pytest
import torch
from torch import Tensor, nn

from genzoo.core import Batch, Noise, Space
from genzoo.core.abilities import Denoiser
from genzoo.models.diffusion import (
    EDM,
    Cosine,
    Diffusion,
    Distillation,
    Eulerian,
    FlowMap,
    Lagrangian,
    Linear,
    Predicts,
    Progressive,
    Schedule,
    Straight,
)
from genzoo.nn import MLP, Timed
from genzoo.zoo import recipe_named
from genzoo.zoo.mistakes import Mistake

MEAN, STD, DIMS = 0.7, 0.3, 3
LOSSES = [Lagrangian(), Eulerian(), Progressive(), Progressive(halves=False)]
SCHEDULES = [Straight(), Cosine()]


class Knows(nn.Module):
    """The average velocity of the map of N(MEAN, STD²), or its average divergence, each times 1 + its parameter."""

    def __init__(self, schedule: Schedule, *, divergence: bool = False) -> None:
        super().__init__()
        self.schedule, self.divergence = schedule, divergence
        self.off = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x: Tensor, s: Tensor, given: object = None, until: Tensor | None = None) -> Tensor:
        t = s if until is None else until
        here, there = (self.schedule.at(each[:, None]) for each in (s, t))
        x, span = x * here.scale, t[:, None] - s[:, None]
        variance, end = ((at.alpha * STD) ** 2 + at.sigma**2 for at in (here, there))
        rate = (here.alpha * here.d_alpha * STD**2 + here.sigma * here.d_sigma) / variance
        same, apart = span == 0, torch.where(span == 0, 1.0, span)
        if self.divergence:
            said = DIMS * torch.where(same, rate, (end / variance).log() / 2 / apart)
        else:
            off = x - here.alpha * MEAN
            moved = there.alpha * MEAN + (end / variance).sqrt() * off
            said = torch.where(same, here.d_alpha * MEAN + rate * off, (moved - x) / apart)
        return said * (1 + self.off)


def knowing(schedule: Schedule, distillation: Distillation | None = None, *, divergence: bool = False) -> FlowMap:
    flow = Diffusion(Space((DIMS,)), None, Knows(schedule), schedule=schedule, predicts=Predicts.VELOCITY)
    head = Knows(schedule, divergence=True) if divergence else None
    return FlowMap(flow, distillation, divergence=head).double()


def times(n: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    u = Noise(seed).uniform(n, 3, dtype=torch.float64)
    return tuple(0.05 + 0.9 * u[:, k : k + 1] for k in range(3))


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize("distillation", LOSSES, ids=str)
def test_the_true_map_has_no_loss_and_no_gradient(distillation: Distillation, schedule: Schedule) -> None:
    model = knowing(schedule, distillation, divergence=True)
    x = Noise(1).normal(50, DIMS, dtype=torch.float64)
    s, t, share = times(50)
    errors = distillation.errors(model._said_of({}), x, s, t, share)
    assert len(errors) == 2
    assert all(error.abs().max() < 1e-8 for error in errors)
    sum(error.square().mean() for error in errors).backward()
    assert model.flow.net.off.grad.abs() < 1e-8
    assert model.divergence.off.grad.abs() < 1e-8


@pytest.mark.parametrize("distillation", LOSSES, ids=str)
def test_another_map_with_the_true_diagonal_has_a_loss(distillation: Distillation) -> None:
    class Off(Knows):
        def forward(self, x: Tensor, s: Tensor, given: object = None, until: Tensor | None = None) -> Tensor:
            true = super().forward(x, s, given, until)
            return true if until is None else true + (until - s)[:, None].square()

    flow = Diffusion(Space((DIMS,)), None, Off(Straight()), schedule=Straight(), predicts=Predicts.VELOCITY)
    model = FlowMap(flow, distillation).double()
    x = Noise(1).normal(50, DIMS, dtype=torch.float64)
    s, t, share = times(50)
    (error,) = distillation.errors(model._said_of({}), x, s, t, share)
    assert error.square().mean() > 1e-3


def test_jumps_compose_and_the_diagonal_is_the_velocity() -> None:
    for schedule in SCHEDULES:
        model, x = knowing(schedule), Noise(2).normal(40, DIMS, dtype=torch.float64)
        s, u, t = times(40, seed=1)
        assert torch.allclose(model.jump(model.jump(x, s, u), u, t), model.jump(x, s, t), atol=1e-10)
        at = schedule.at(s)
        mean = model.flow.mean(x, s.flatten())
        velocity = at.d_alpha * mean + at.d_sigma * at.noise_in(x, mean)
        assert torch.allclose(model.average(x, s, s), velocity, atol=1e-10)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_few_jumps_draw_the_law_and_know_its_density(schedule: Schedule) -> None:
    model = knowing(schedule, divergence=True)
    one, four = (model.sample(4000, seed=0, steps=steps) for steps in (1, 4))
    assert torch.allclose(one, four, atol=1e-9)
    assert (one.mean(0) - MEAN).abs().max() < 4 * STD / math.sqrt(4000)
    assert (one.std(0) / STD - 1).abs().max() < 0.05
    far = 0.002 / STD  # densities are of data with the least noise of training
    law = torch.distributions.Normal(MEAN, STD * math.sqrt(1 + far**2))
    for steps in (1, 8):
        missed = model.log_prob(one, steps=steps) - law.log_prob(one).sum(1)
        assert missed.mean().abs() < 0.01  # a little of the mean is left where ways begin


def plain(**options: object) -> FlowMap:
    net = Timed(MLP(2, [16, 16], 2, given=16), 16, spans=True)
    flow = Diffusion(Space((2,)), None, net, schedule=Straight(), predicts=Predicts.VELOCITY)
    return FlowMap(flow, **options)


def trained(model: FlowMap, rows: Tensor, steps: int, given: Tensor | None = None) -> FlowMap:
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for step in range(steps):
        optimizer.zero_grad()
        model.train().loss(Batch(rows, given, Noise(3).tick(step))).backward()
        optimizer.step()
    return model.eval()


def test_a_trained_map_draws_in_one_jump() -> None:
    torch.manual_seed(0)
    rows = Noise(0).normal(128, 2) * torch.tensor([0.4, 1.0]) + torch.tensor([1.0, 0.0])
    model = trained(plain(), rows, 120)
    for x in (model.sample(2000, seed=1, steps=1), model.sample(2000, seed=1, sampler="heun", steps=10)):
        assert (x.mean(0) - rows.mean(0)).abs().max() < 0.2
        assert (x.std(0) / rows.std(0) - 1).abs().max() < 0.35


def test_the_flow_that_is_guided_in_training_is_that_of_guidance() -> None:
    class Knows2(nn.Module):  # of two points, −1 and 1, their velocities and that of both
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones((), dtype=torch.float64))

        def forward(self, x: Tensor, t: Tensor, given: object = None, until: Tensor | None = None) -> Tensor:
            label, at = given["given"], Straight().at(t).over(x)
            x_t = x * at.scale
            mean = torch.where(label < 0, torch.tanh(at.alpha * x_t / at.sigma**2)[:, 0], 2.0 * label - 1)[:, None]
            strong = torch.where(label < 0, 1.0, self.weight)[:, None]
            free = torch.tanh(at.alpha * x_t / at.sigma**2)
            return (x_t - (strong * mean + (1 - strong) * free)) / at.sigma

    parts = {"schedule": Straight(), "predicts": Predicts.VELOCITY, "drop_given": 0.2}
    model = FlowMap(Diffusion(Space((1,)), Space((), levels=2), Knows2(), **parts), guidance=0.7).double()
    label = torch.arange(4000) % 2
    batch = Batch((2.0 * label[:, None] - 1).double(), label, Noise(3))
    slopes = []
    for weight in (1.7, 1.0):
        model.flow.net.weight.data.fill_(weight)
        (slope,) = torch.autograd.grad(model._guided_loss(batch), model.flow.net.weight)
        slopes.append(slope.abs().item())
    assert slopes[0] < 0.1 * slopes[1]
    assert model.ability(Denoiser) is None


def test_what_is_no_flow_map_is_refused() -> None:
    net = Timed(MLP(2, [8], 2, given=4), 4, spans=True)
    for schedule, predicts in ((Cosine(), Predicts.NOISE), (Linear(), Predicts.VELOCITY)):
        with pytest.raises(ValueError, match="velocity that is finite at all times"):
            FlowMap(Diffusion(Space((2,)), None, net, schedule=schedule, predicts=predicts))
    assert EDM().is_smooth
    with pytest.raises(ValueError, match="follow no guidance"):
        plain().sample(2, seed=0, guidance=2.0)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        plain().sample(2, seed=0, steps=0)
    with pytest.raises(ValueError, match="`share` must be"):
        plain(share=0.0)
    assert not plain().can("log_prob")
    with pytest.raises(Mistake, match="Guidance needs a condition"):
        recipe_named("flow_map")(Space((2,)), None, trained_guidance=1.0)
