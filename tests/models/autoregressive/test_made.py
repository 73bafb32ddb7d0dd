"""The masked autoencoder: what it may not see, and that drawing and scoring agree."""

import math

import pytest
import torch

from genzoo.core import Batch, Noise, Space
from genzoo.distributions.levels import flattened
from genzoo.models.autoregressive import MADE
from genzoo.models.autoregressive.heads import LogisticsHead
from genzoo.testing import conditions, rows
from tests.zoo.autoregressive import made
from tests.zoo.entry import BITS, BYTES, LABEL

SPACES = pytest.mark.parametrize("space", [BITS, BYTES, Space((2, 2, 2), levels=5)], ids=str)


@SPACES
def test_nothing_later_is_seen(space: Space) -> None:
    model = made(space).double()
    x = flattened(rows(space, 3), space)
    with torch.no_grad():
        said = model.net(model.features_of(x))
        for d in range(space.dims):
            changed = x.clone()
            changed[:, d:] = (changed[:, d:] + 1) % space.levels
            others = model.net(model.features_of(changed))
            assert torch.equal(others[:, : d + 1], said[:, : d + 1])
            assert d + 1 == space.dims or not torch.equal(others[:, d + 1], said[:, d + 1])


@SPACES
def test_drawing_entry_by_entry_is_drawing_from_whole_passes(space: Space) -> None:
    model = made(space, LABEL).double()
    given = conditions(LABEL, 4)
    x, noise = flattened(model.sample(4, given, seed=3), space), Noise(3, "sample")
    with torch.no_grad():
        said = model.net(model.features_of(x), model.embedding(given))
    again = [noise.tick(d).categorical(model.head.logits(said[:, d])) for d in range(space.dims)]
    assert torch.equal(torch.stack(again, 1), x)


def test_it_starts_from_a_broad_distribution() -> None:
    bits = MADE(BITS).log_prob(rows(BITS, 5))
    assert torch.allclose(bits, torch.full((5,), -BITS.dims * math.log(2)))
    assert BYTES.bits_per_dim(MADE(BYTES).log_prob(rows(BYTES, 5)).mean().item()) < 9.5


def test_it_learns_that_entries_repeat() -> None:
    space = Space((6,), levels=3)
    model = MADE(space, width=32).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    x = torch.arange(3, dtype=torch.uint8)[:, None].expand(3, 6)
    for step in range(150):
        optimizer.zero_grad()
        model.loss(Batch(x, noise=Noise(0).tick(step))).backward()
        optimizer.step()
    assert model.log_prob(x).mean().item() == pytest.approx(-math.log(3), abs=0.05)
    assert (model.sample(30, seed=0).long().diff(dim=1) == 0).all()


def test_conditions_reach_the_first_entry() -> None:
    model = made(BITS, LABEL)
    x = torch.zeros(2, *BITS.shape, dtype=torch.uint8)
    with torch.no_grad():
        said = [
            model.net(model.features_of(flattened(x, BITS)), model.embedding(torch.tensor([c, c]))) for c in (0, 1)
        ]
    assert not torch.allclose(said[0][:, 0], said[1][:, 0])


@pytest.mark.parametrize("size", [1.0, 30.0, 1000.0])
def test_wild_outputs_keep_a_mass_and_a_gradient(size: float) -> None:
    head = LogisticsHead(256, 3)
    c = (size * torch.randn(50, 9)).requires_grad_()
    nats = head(c).log_prob(torch.arange(256.0)[:, None].expand(256, 50))
    assert torch.allclose(nats.exp().sum(0), torch.ones(50), atol=1e-4)
    (gradient,) = torch.autograd.grad(nats.clamp_min(-1e6).sum(), c)
    assert gradient.isfinite().all()


def test_impossible_spaces_are_refused() -> None:
    with pytest.raises(ValueError, match="levels"):
        MADE(Space((3,)))
    with pytest.raises(ValueError, match="one length"):
        MADE(Space((3,), levels=2, ragged=True))
