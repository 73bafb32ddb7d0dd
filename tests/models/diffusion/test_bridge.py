"""Bridges whose networks know: between two Gaussians all is linear."""

import math

import pytest
import torch
from torch import Tensor, nn

from genzoo.core import Batch, Noise, Space
from genzoo.models.diffusion import Arc, Bridge, Entropic, Interpolant, Line, MinibatchOT
from genzoo.models.diffusion.coupling import entropic
from genzoo.nn import MLP, Timed
from genzoo.zoo import recipe_named
from genzoo.zoo.mistakes import Mistake

LINE, PLANE = Space((1,)), Space((2,))
X, Y = (0.7, 0.5), (-1.0, 1.2)  # mean and deviation of each end


class Knows(nn.Module):
    """E[a'x + b'y | x_t], or E[ε | x_t], for independent Gaussians."""

    def __init__(self, path: Interpolant, *, noise: bool) -> None:
        super().__init__()
        self.path, self.noise = path, noise

    def forward(self, x_t: Tensor, t: Tensor, given: object) -> Tensor:
        at = self.path.at(t[:, None])
        off = x_t - at.a * X[0] - at.b * Y[0]
        variance = (at.a * X[1]) ** 2 + (at.b * Y[1]) ** 2 + at.gamma**2
        if self.noise:
            return at.gamma / variance * off
        shared = at.a * at.d_a * X[1] ** 2 + at.b * at.d_b * Y[1] ** 2
        return at.d_a * X[0] + at.d_b * Y[0] + shared / variance * off


def knowing(path: Interpolant) -> Bridge:
    return Bridge(LINE, LINE, Knows(path, noise=False), Knows(path, noise=True) if path.spread else None, path=path)


@pytest.mark.parametrize("path", [Line(), Line(0.4), Arc(), Arc(0.4)], ids=str)
def test_rows_of_one_law_become_rows_of_the_other(path: Interpolant) -> None:
    y = Y[0] + Y[1] * Noise(0).normal(4000, 1)
    for fresh in (0.0, 0.5, 1.0) if path.spread else (0.0,):
        seen: list[Tensor] = []
        x = knowing(path).sample(4000, y, seed=1, steps=100, fresh=fresh, watch=lambda t, x, seen=seen: seen.append(x))
        assert len(seen) == 101
        assert torch.equal(seen[-1], x)
        assert torch.allclose(seen[0], y)
        for k in (50, 100):
            at = path.at(torch.tensor(1 - k / 100))
            mean, std = at.a * X[0] + at.b * Y[0], ((at.a * X[1]) ** 2 + (at.b * Y[1]) ** 2 + at.gamma**2).sqrt()
            assert abs(seen[k].mean() - mean) < 0.05, (k, fresh)
            assert abs(seen[k].std() / std - 1) < 0.04, (k, fresh)


def test_ends_are_told_from_a_place_its_speed_and_its_noise() -> None:
    x, y, noise = Noise(0).normal(3, 5, 2).double()
    for path in (Line(0.4), Arc(0.4)):
        at = path.at(torch.tensor(0.3).double())
        found = at.ends(at.mix(x, y, noise), at.speed(x, y), noise)
        assert torch.allclose(torch.stack(found), torch.stack([x, y]))


def test_smooth_plans_are_those_of_a_bridge_between_gaussians() -> None:
    """Where both laws are N(0, 1), pairs of the plan have the correlation r with r / (1 − r²) = 2 / ε."""
    rows = torch.special.ndtri((torch.arange(200).double() + 0.5) / 200)[:, None]
    for epsilon in (0.5, 2.0):
        plan, k = entropic(rows, rows, epsilon), 2 / epsilon
        assert torch.allclose(plan.sum(0), torch.full((200,), 1 / 200).double(), atol=1e-5)
        assert abs((plan * (rows @ rows.T)).sum() - (math.sqrt(1 + 4 * k**2) - 1) / (2 * k)) < 0.02


def test_pairs_are_drawn_from_the_plan() -> None:
    x, z = torch.tensor([[0.0], [1.0]]), torch.tensor([[0.5], [2.0]])
    plan, met = entropic(x, z, 2.0), torch.zeros(2)
    for i in range(400):
        met += (Entropic(2.0).pair(x, z, {}, Noise(i))[1] == z[0]).flatten()
    assert torch.allclose(met / 400, 2 * plan[:, 0].float(), atol=0.07)
    apart = Entropic(0.5).pair(x, z, {"label": torch.tensor([0, 1])}, Noise(0))[1]
    assert torch.equal(apart, z)
    with pytest.raises(ValueError, match="`epsilon` must be positive"):
        Entropic(0.0)


def test_one_measure_for_both_ends_keeps_near_what_is_near() -> None:
    x, y = 5 + 3 * Noise(0).normal(500, 2), Noise(1).normal(500, 2) * torch.tensor([1.0, 0.1]) - 8
    model = Bridge(PLANE, PLANE, Timed(MLP(2, [8], 2, given=4), 4), coupling=MinibatchOT())
    model.prepare([Batch(x[:200], y[:200]), Batch(x[200:], y[200:])])
    assert torch.allclose(model.center, x.mean(0), atol=1e-4)
    assert torch.allclose(model.other, y.mean(0), atol=1e-4)
    assert torch.isclose(model.scale**2, (x.var(0).mean() + y.var(0).mean()) / 2, rtol=0.01)


def test_what_is_no_bridge_is_refused() -> None:
    net = Timed(MLP(2, [8], 2, given=4), 4)
    for given in (None, LINE, Space((2,), levels=4), {"a": PLANE, "b": PLANE}):
        with pytest.raises(ValueError, match="rows of the same shape"):
            Bridge(PLANE, given, net)
    with pytest.raises(ValueError, match="Give both or neither"):
        Bridge(PLANE, PLANE, net, path=Line(0.5))
    with pytest.raises(ValueError, match="at least 0"):
        Line(-1.0)
    model = Bridge(PLANE, PLANE, net)
    for options in ({"steps": 0}, {"fresh": 0.5}):
        with pytest.raises(ValueError, match="There must be a step"):
            model.sample(1, torch.zeros(1, 2), seed=0, **options)
    with pytest.raises(Mistake, match="spread=0"):
        recipe_named("bridge")(PLANE, PLANE, pairs="likeliest")
