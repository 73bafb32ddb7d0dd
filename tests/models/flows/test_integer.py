"""Integer discrete flows: masses that add up, maps of whole numbers onto themselves, straight-through gradients."""

import itertools
import math

import pytest
import torch
from torch import nn

from genzoo.core import Batch, Noise, Space
from genzoo.models.flows import GridLogistics, IntegerFlow, Nets, Rounded

LEVELS = 5


def moved(model: IntegerFlow, std: float = 0.3) -> IntegerFlow:
    """A flow away from its start."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(std * torch.randn_like(parameter))
    return model.double().eval()


def test_masses_of_all_levels_add_up_to_what_is_not_laid_outside() -> None:
    model = moved(IntegerFlow(Space((2,), levels=LEVELS), nets=Nets(width=8, layers=1), depth=3))
    x = torch.tensor(list(itertools.product(range(LEVELS), repeat=2)))
    inside = model.log_prob(x).exp().sum().item()
    wide = torch.tensor(list(itertools.product(range(-150, 150), repeat=2)))
    with torch.no_grad():
        every = model.log_density(wide, {}, Noise(0)).exp().sum().item()
    assert 0.01 < inside < 0.999
    assert every == pytest.approx(1, abs=1e-6)
    samples = model.sample(4000, seed=0)
    shares = torch.stack([(samples == row).all(1).double().mean() for row in x])
    masses = model.log_prob(x).exp()
    assert (shares > masses - 4 * (masses / 4000).sqrt() - 1e-3).all()  # what lies outside adds to levels at the ends


def test_masses_of_images_add_up() -> None:
    model = moved(IntegerFlow(Space((1, 2, 2), levels=2), nets=Nets("conv", 4, 1), depth=2))
    x = torch.tensor(list(itertools.product(range(2), repeat=4))).reshape(-1, 1, 2, 2)
    wide = torch.tensor(list(itertools.product(range(-6, 7), repeat=4))).reshape(-1, 1, 2, 2)
    with torch.no_grad():
        assert model.log_prob(x).exp().sum() < 1
        assert model.log_density(wide, {}, Noise(0)).exp().sum().item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("space", [Space((7,), levels=256), Space((3, 8, 4), levels=256), Space((1, 3, 5), levels=7)])
def test_levels_come_back_exactly(space: Space) -> None:
    conv = Nets("conv", 8, 1) if space.shape[-1] == 4 else Nets(width=8, layers=1)
    model = moved(IntegerFlow(space, Space((), levels=3), conv, depth=3), 0.1).float()
    x, given = torch.randint(space.levels, (20, *space.shape), dtype=torch.uint8), torch.randint(3, (20,))
    z = model.encode(x, given)
    assert z.shape == (20, space.dims)
    assert torch.equal(model.decode(z, given), x)
    assert torch.equal((z / model.step).round() * model.step, z)
    assert not torch.equal(z.sort(1).values, model._on_grid(x).flatten(1).sort(1).values)


def test_gradients_pass_the_rounding() -> None:
    x, t = torch.zeros(1, 3), torch.tensor([[[0.3, 0.9, -0.7]]], requires_grad=True)
    z, ladj = Rounded(0.5).forward(x, t)
    assert z.tolist() == [[0.5, 1.0, -0.5]]
    assert ladj.tolist() == [[0.0, 0.0, 0.0]]
    z.sum().backward()
    assert torch.equal(t.grad, torch.ones_like(t))
    assert torch.equal(Rounded(0.5).inverse(z.detach(), t.detach()), x)


def test_masses_of_a_grid_are_those_of_the_density() -> None:
    law, raw = GridLogistics(0.5, 3), torch.randn(1, 9, 1, dtype=torch.float64)
    weights, places, scales = law._mixture(raw)
    z = 0.5 * torch.arange(-6, 7, dtype=torch.float64)[:, None]
    over, under = (((z + by - places[0].T) / scales[0].T.exp()).sigmoid() @ weights[0].exp() for by in (0.25, -0.25))
    assert torch.allclose(law.log_prob(z, raw.expand(13, -1, -1)).exp(), over - under, atol=1e-12)


def test_it_learns_that_one_entry_tells_the_other() -> None:
    torch.manual_seed(0)
    x = torch.stack([torch.arange(32), 31 - torch.arange(32)], dim=1)
    model = IntegerFlow(Space((2,), levels=32), nets=Nets(width=32, layers=1), depth=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(120):
        optimizer.zero_grad()
        model.loss(Batch(x, None, Noise(0).tick(step))).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
    loss = -model.eval().log_prob(x).mean().item()
    assert math.log(32) <= loss < 4.8  # independent entries cost 2 log 32 = 6.9


def test_what_is_no_levels_of_a_fixed_shape_is_refused() -> None:
    for space in (Space((3,)), Space((4,), levels=3, ragged=True), Space((1,), levels=4)):
        with pytest.raises(ValueError, match="two or more levels"):
            IntegerFlow(space)
    with pytest.raises(ValueError, match="temperature"):
        IntegerFlow(Space((2,), levels=4)).sample(1, temperature=-1.0)
