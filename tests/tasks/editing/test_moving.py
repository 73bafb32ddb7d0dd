"""Ways between groups of rows: in closed form where the latent is linear, and refused where they mean nothing."""

import pytest
import torch

from genzoo.core import Noise, Space, Unsupported
from genzoo.models.autoregressive import MADE
from genzoo.tasks.editing import moved, shift
from tests.tasks.inverse.oracle import Pushed, gaussian_rows
from tests.zoo.flows import spline_flow


def test_in_a_flow_there_and_back_is_where_one_was() -> None:
    flow = spline_flow(Space((3,)))
    a, b = (flow.sample(40, seed=seed) for seed in (0, 1))
    way = shift(flow, a, b)
    assert torch.allclose(way.way, flow.encode(b).mean(0) - flow.encode(a).mean(0))
    x = flow.sample(5, seed=2)
    assert torch.allclose(moved(flow, x, way, 0.0), x, atol=1e-4)
    there = moved(flow, x, way, 0.7)
    assert not torch.allclose(there, x, atol=1e-2)
    assert torch.allclose(moved(flow, there, way, -0.7), x, atol=1e-3)


def test_in_a_linear_latent_rows_are_moved_by_the_difference_of_means() -> None:
    """One that must be searched, as a GAN's: x = μ + L z."""
    model, x = gaussian_rows(Pushed(Space((4,))).double())
    a, b = x[:60], x[60:120] + torch.tensor([1.0, 0.0, -1.0, 0.5], dtype=torch.float64)
    way = shift(model, a, b)
    made = moved(model, x[200:205], way)
    assert (made - x[200:205] - (b.mean(0) - a.mean(0))).abs().max() < 0.35


def test_how_far_groups_are_apart_is_told_in_their_deviations() -> None:
    flow = spline_flow(Space((3,)))
    z = Noise(0).normal(400, 3)
    near, far = (shift(flow, flow.decode(z[:200]), flow.decode(z[200:] + step)) for step in (1.0, 4.0))
    assert near.spread == pytest.approx(3**0.5, rel=0.2)
    assert far.spread == pytest.approx(4 * 3**0.5, rel=0.2)


def test_ways_that_mean_nothing_are_refused() -> None:
    flow = spline_flow(Space((3,)))
    x = flow.sample(6, seed=0)
    way = shift(flow, x[:3], x[3:])
    with torch.no_grad():
        next(flow.parameters()).add_(0.5)
    with pytest.raises(ValueError, match="got one of another"):
        moved(flow, x, way)
    with pytest.raises(ValueError, match="finite"):
        moved(flow, x, shift(flow, x[:3], x[3:]), float("nan"))
    with pytest.raises(ValueError, match="two rows or more"):
        shift(flow, x[:1], x)
    with pytest.raises(ValueError, match="must differ"):
        shift(flow, x, x)
    with pytest.raises(ValueError, match="shape"):
        shift(flow, x, torch.zeros(3, 2))
    with pytest.raises(Unsupported, match="latent of reals"):
        shift(MADE(Space((4,), levels=2)), torch.zeros(2, 4, dtype=torch.long), torch.ones(2, 4, dtype=torch.long))
