"""Variational dequantization: bounds on masses that are known exactly, and recipes that take it by a setting."""

import itertools
import math

import pytest
import torch

from genzoo.core import Batch, Column, Noise, Space
from genzoo.models import Dequantized
from genzoo.models.flows import CellFlow, Flow, Nets, coupling_flow
from genzoo.zoo import recipe_named

LEVELS = 3
COLUMNS = [Column("categorical", 4)] * 2
CELLS = torch.tensor(list(itertools.product(range(LEVELS), repeat=2)), dtype=torch.uint8)


def masses(flow: Flow, points: int = 200) -> torch.Tensor:
    """log P of every cell, by the midpoints of a grid."""
    axis = (torch.arange(points) + 0.5) / points
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        return torch.stack([flow.log_prob(cell + grid).logsumexp(0) - 2 * math.log(points) for cell in CELLS])


def fitted(fill: CellFlow | None) -> Dequantized:
    """A flow of levels of which some are common and some rare."""
    flow = coupling_flow(Space((2,)), nets=Nets(width=16), depth=2, high=LEVELS)
    model = Dequantized(flow, LEVELS, fill=fill)
    x = CELLS.repeat_interleave(torch.tensor([40, 1, 1, 1, 10, 1, 1, 1, 20]), dim=0)
    model.prepare([Batch(x, None, Noise(0))])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(150):
        optimizer.zero_grad()
        model.loss(Batch(x.repeat(3, 1), None, Noise(1).tick(step))).backward()
        optimizer.step()
    return model.eval()


def test_bounds_lie_below_the_mass_and_above_those_of_uniform_places() -> None:
    torch.manual_seed(0)
    model = fitted(CellFlow(Space((2,), levels=LEVELS), Nets(width=32, layers=1)))
    exact = masses(model.model)
    assert exact.exp().sum() <= 1 + 1e-3
    plain = Dequantized(model.model, LEVELS).eval()
    with torch.no_grad():
        many, uniform = (m.log_prob(CELLS.repeat(200, 1), seed=0).reshape(200, -1) for m in (model, plain))
    common = exact > math.log(0.05)
    assert (many.mean(0) <= exact + 3 * many.std(0) / 200**0.5).all()
    assert (many.mean(0) > uniform.mean(0))[common].all()
    assert (exact - many.mean(0))[common].max() < 0.1  # nats that the bound leaves
    weighed = model.log_prob(CELLS, seed=0, draws=200)
    assert (weighed - exact)[common].abs().max() < 0.05


def test_places_have_the_density_that_they_say() -> None:
    fill = CellFlow(Space((3,), levels=4), Nets(width=8, layers=1), depth=3).double()
    for parameter in fill.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    x = torch.tensor([[0, 2, 3]])
    r = torch.rand(1, 3, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda r: fill(r, x)[0][0], r).squeeze(1)
    u, log_q = fill(r, x)
    assert ((u >= 0) & (u < 1)).all()
    assert log_q.item() == pytest.approx(-torch.linalg.slogdet(jacobian).logabsdet.item(), abs=1e-8)


def test_an_untrained_law_of_places_is_uniform() -> None:
    x = torch.randint(256, (4, 1, 4, 6), dtype=torch.uint8)
    r = torch.rand(4, 1, 4, 6)
    u, log_q = CellFlow(Space((1, 4, 6), levels=256))(r, x)
    assert torch.allclose(u, r, atol=1e-5)
    assert log_q.abs().max() < 1e-3


@pytest.mark.parametrize(
    ("name", "more"), [("realnvp", {}), ("glow", {"transform": "logistics"}), ("tarflow", {"transform": "logistics"})]
)
def test_recipes_take_it_by_a_setting(name: str, more: dict[str, str]) -> None:
    space = Space((1, 4, 4), levels=256)
    model = recipe_named(name)(space, None, dequantization="variational", depth=1, **more).model
    assert isinstance(model, Dequantized)
    assert isinstance(model.fill, CellFlow)
    assert model.parameter_count == sum(p.numel() for p in model.parameters())
    loss = model.loss(Batch(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), None, Noise(0)))
    loss.backward()
    assert all(p.grad is not None for p in model.fill.parameters())


def test_what_it_cannot_fill_is_refused() -> None:
    with pytest.raises(ValueError, match="two or more levels"):
        CellFlow(Space((3,)))
    fill = CellFlow(Space((2,), levels=4))
    with pytest.raises(ValueError, match="`fill` is for levels"):
        Dequantized(coupling_flow(Space((2,)), nets=Nets(width=4), depth=1), COLUMNS, fill=fill)
