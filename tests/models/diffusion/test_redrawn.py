"""Noise on symbols against products of matrices, chains against sums over paths, and both against a known law."""

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genzoo.core import Given, Noise, Space
from genzoo.models.diffusion import D3PM, DiscreteFlow, MaskedDiffusion, Redrawn, bracket
from genzoo.models.diffusion.discrete_model import DiscreteModel
from genzoo.nn import MLP, Hot, Timed
from genzoo.testing.density import every
from tests.models.diffusion.discrete_oracle import THREE, Knowing, a_law, share_of, variation

PAIR = Space((2,), levels=3)
KINDS = pytest.mark.parametrize("kind", ["absorbing", "uniform"])


@pytest.fixture(autouse=True)
def _still() -> None:
    torch.manual_seed(0)


class Timeless(nn.Module):
    """A network that is not told the time."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, tokens: Tensor, t: Tensor, given: Given | None) -> Tensor:
        said: Tensor = self.net(tokens, torch.zeros_like(t), given)
        return said


def net_of(space: Space, by: float = 0.5) -> nn.Module:
    size, levels = space.dims * (1 + (space.levels or 0)), space.levels or 0
    net = Hot(Timed(MLP(size, [8], size, given=4), 4), space.shape, symbols=levels)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(by * torch.randn_like(parameter))
    return Timeless(net).double().eval()


@KINDS
def test_the_posterior_is_bayes_rule(kind: str) -> None:
    redrawn = Redrawn(3, kind)  # type: ignore[arg-type]
    for kept, before in itertools.product([0.3, 0.9], [0.2, 1.0]):
        clean, step = redrawn.matrix(before), redrawn.matrix(kept)
        assert torch.allclose(clean @ step, redrawn.matrix(kept * before), atol=1e-12)
        for now, was in itertools.product(range(redrawn.states), range(3)):
            joint = clean[was] * step[:, now]
            if joint.sum() == 0:
                continue
            p = redrawn.told(torch.tensor([[now]]), torch.eye(3).double()[was].log()[None, None])
            told = (torch.tensor([each]).double() for each in (kept, before))
            found = redrawn.posterior(torch.tensor([[now]]), p, *told)
            assert torch.allclose(found[0, 0], joint / joint.sum(), atol=1e-10)


@KINDS
def test_the_mean_of_posteriors_is_a_law(kind: str) -> None:
    redrawn, p = Redrawn(3, kind), torch.tensor([0.2, 0.5, 0.3]).double()  # type: ignore[arg-type]
    now = torch.arange(redrawn.states)[None]
    p = redrawn.told(now, p.log().expand(1, redrawn.states, 3))
    found = redrawn.posterior(now, p, torch.tensor([0.7]).double(), torch.tensor([0.6]).double())
    assert torch.allclose(found.sum(2), torch.ones(1, redrawn.states).double(), atol=1e-12)


def moves(model: D3PM | DiscreteFlow, states: Tensor, step: int) -> Tensor:
    """What a step makes of each entry of all states."""
    if isinstance(model, D3PM):
        return model.back(states, step, step - 1, {})
    p = model.said(states, step / model.steps, {}).double()
    p = torch.nn.functional.pad(p, (0, model.redrawn.states - p.shape[2]))
    return torch.nn.functional.one_hot(states, model.redrawn.states) * (1 - 1 / step) + p / step


def by_paths(model: D3PM | DiscreteFlow) -> Tensor:
    """The law of samples: π, moved step by step among all states."""
    states = torch.cartesian_prod(*[torch.arange(model.redrawn.states)] * 2)
    law = model.redrawn.law(torch.zeros((), dtype=torch.float64))
    law = (law[:, None] * law).flatten()
    for step in range(model.steps, 0, -1):
        with torch.no_grad():
            moved = moves(model, states, step)
        law = torch.einsum("x,xa,xb->ab", law, moved[:, 0], moved[:, 1]).flatten()
    kept = (states < model.levels).all(1)
    assert law[~kept].sum().item() == pytest.approx(0, abs=1e-12)
    return law[kept]


def small(is_flow: bool, kind: Any) -> D3PM | DiscreteFlow:
    return (DiscreteFlow if is_flow else D3PM)(PAIR, None, net_of(PAIR, by=0.3), steps=4, kind=kind).double()


@KINDS
@pytest.mark.parametrize("is_flow", [False, True])
def test_samples_follow_the_law_of_all_paths_and_the_bound_lies_below(is_flow: bool, kind: str) -> None:
    model = small(is_flow, kind)
    x, exact = every(PAIR), by_paths(model).log()
    assert exact.exp().sum().item() == pytest.approx(1)
    with torch.no_grad():
        draws = model.log_prob(x.repeat(300, 1), samples=4).reshape(300, len(x))
    assert (draws.mean(0) <= exact + 5 * draws.std(0) / math.sqrt(300)).all()
    drawn = share_of(x, model.sample(4000, seed=0))
    assert ((drawn - exact.exp()).abs() < 5 * (exact.exp() / 4000).sqrt() + 1e-3).all()


@pytest.mark.parametrize(("is_flow", "kind"), [(False, "absorbing"), (False, "uniform"), (True, "absorbing")])
def test_log_p_lies_between_its_bounds(is_flow: bool, kind: str) -> None:
    model = small(is_flow, kind)
    x, exact = every(PAIR), by_paths(model).log()
    found = bracket(model, x, paths=100)
    assert (found.lower - 4 * found.error <= exact).all()
    assert (exact <= found.upper + 4 * found.error).all()
    assert (found.error < 0.6).all()
    with torch.no_grad():
        draws = model.log_prob(x.repeat(300, 1), samples=4).reshape(300, len(x))
        least = [model.path_log_weight(x.repeat(300, 1).long(), {}, Noise(k), None).reshape(300, 9) for k in (0, 1)]
    error, spread = (each.std(0) / math.sqrt(len(each)) for each in (draws, torch.cat(least)))
    assert ((draws.mean(0) - torch.cat(least).mean(0)).abs() < 5 * (error + spread)).all()


def test_a_flow_from_hidden_symbols_is_the_absorbing_chain() -> None:
    net = net_of(PAIR)
    chain, flow = D3PM(PAIR, None, net, kind="absorbing", steps=6), DiscreteFlow(PAIR, None, net, kind="absorbing")
    x = every(PAIR)
    with torch.no_grad():
        assert torch.allclose(chain.double().log_prob(x), flow.double().log_prob(x, steps=6), atol=1e-10)


def absorbing_bound(model: MaskedDiffusion, steps: int) -> Tensor:
    """The bound of a chain of T steps, summed over all sets of hidden entries."""
    x = every(model.space).long()
    total, times = torch.zeros(len(x), dtype=torch.float64), torch.arange(1, steps + 1).double()
    for hidden in itertools.product([False, True], repeat=model.space.dims):
        lacking, count = torch.tensor(hidden), sum(hidden)
        with torch.no_grad():
            said = model.log_p(x.masked_fill(lacking, model.hidden), torch.zeros(len(x)), {})
        cross = -(said.gather(2, x[..., None])[..., 0] * lacking).sum(1)
        t = times / steps
        total += cross * (t**count * (1 - t) ** (model.space.dims - count) / times).sum()
    return -total


def test_the_continuous_bound_is_the_limit_of_the_discrete_one() -> None:
    net = net_of(THREE)
    model = MaskedDiffusion(THREE, None, net).double()
    x, orders = every(THREE), list(itertools.permutations(range(3)))
    with torch.no_grad():
        along = [model.along(x.long(), torch.tensor(order).expand(8, -1), {}) for order in orders]
    limit = torch.stack(along).mean(0)
    gaps = [(absorbing_bound(model, steps) - limit).abs().max().item() for steps in (10, 100, 1000, 10_000)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 1e-3
    chain = D3PM(THREE, None, net, kind="absorbing", steps=4).double()
    with torch.no_grad():
        draws = chain.log_prob(x.repeat(500, 1), samples=4).reshape(500, 8)
    assert ((draws.mean(0) - absorbing_bound(model, 4)).abs() < 5 * draws.std(0) / math.sqrt(500) + 1e-9).all()


class Turning(Knowing):
    """The same for a chain whose signal is a quarter circle's."""

    def kept(self, t: Tensor) -> Tensor:
        model = D3PM(THREE, None, nn.Identity(), steps=40)
        return model.alphas[(t * 40).round().long()]


@pytest.mark.parametrize("name", ["d3pm", "d3pm, absorbing", "flow", "flow, absorbing"])
def test_samples_follow_the_law_that_is_known(name: str) -> None:
    law, x = a_law(THREE, sharp=1.0), every(THREE)
    models: dict[str, DiscreteModel] = {
        "d3pm": D3PM(THREE, None, Turning(THREE, law, uniform=True), steps=40),
        "d3pm, absorbing": D3PM(THREE, None, Knowing(THREE, law), kind="absorbing", steps=40),
        "flow": DiscreteFlow(THREE, None, Knowing(THREE, law, uniform=True), steps=60),
        "flow, absorbing": DiscreteFlow(THREE, None, Knowing(THREE, law), kind="absorbing", steps=60),
    }
    assert variation(share_of(x, models[name].sample(20_000, seed=1)), law) <= 0.02


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="absorbing or uniform"):
        Redrawn(3, "gone")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 2 steps"):
        D3PM(PAIR, None, net_of(PAIR), steps=1)
    with pytest.raises(ValueError, match="absorbing, got uniform"):
        bracket(DiscreteFlow(PAIR, None, net_of(PAIR)).double(), every(PAIR))
    with pytest.raises(ValueError, match="at least 1"):
        DiscreteFlow(PAIR, None, net_of(PAIR)).double().sample(1, steps=0)
