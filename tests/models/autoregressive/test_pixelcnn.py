"""PixelCNN: what it may not see, its colors, and that reading on is a whole pass."""

import itertools

import pytest
import torch

from genzoo.core import Batch, Noise, Sequential, Space
from genzoo.distributions.levels import flattened
from genzoo.models.autoregressive import PixelCNN
from genzoo.models.autoregressive.pixel_head import ColorHead
from genzoo.models.stepping import entry_log_probs
from genzoo.nn.gated import GatedPixels
from genzoo.testing import conditions, rows
from tests.zoo.autoregressive import pixelcnn
from tests.zoo.entry import BYTES, LABEL

COLORS = Space((3, 2, 3), levels=5)


def test_every_pixel_before_is_seen_and_none_after() -> None:
    net = GatedPixels(1, 1, width=6, depth=3, kernel=3).double()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    x = torch.zeros(1, 1, 4, 4, dtype=torch.double)
    seen = torch.autograd.functional.jacobian(lambda x: net(x).flatten(), x).reshape(16, 16) != 0
    assert torch.equal(seen, torch.ones(16, 16, dtype=torch.bool).tril(-1))


@pytest.mark.parametrize("space", [BYTES, COLORS, Space((1, 3, 3), levels=2)], ids=str)
def test_reading_on_is_a_whole_pass(space: Space) -> None:
    model = pixelcnn(space, LABEL).double()
    x, given = rows(space, 3), model.checked_given(conditions(LABEL, 3), 3)
    with torch.no_grad():
        steps = entry_log_probs(model.able(Sequential), x, given)
        assert torch.allclose(steps.sum(1), model.log_prob(x, given), atol=1e-9)
        drawn = model.sample(3, given, seed=1)
        again = model.sample(3, given, seed=1, prefix=flattened(drawn, space)[:, :4])
    assert torch.equal(drawn, again)


def test_masses_of_all_images_sum_to_one() -> None:
    model = pixelcnn(Space((2, 2, 1), levels=3)).double()
    every = torch.tensor(list(itertools.product(range(3), repeat=4))).reshape(-1, 2, 2, 1)
    assert model.log_prob(every).exp().sum().item() == pytest.approx(1, abs=1e-9)


def test_channels_depend_on_those_before_them() -> None:
    head = ColorHead(8, 2, components=1).double()
    numbers = head.broad().double()[None].expand(2, -1).clone()
    numbers[:, -1] = 5.0  # the second channel's mean moves with the first
    said = head.take(head.begin(numbers), torch.tensor([0, 7]))
    likeliest = head.logits(said).argmax(1)
    assert likeliest[0] < 3 < 4 < likeliest[1]


def test_it_learns_that_colors_agree() -> None:
    model = PixelCNN(Space((3, 2, 2), levels=16), width=8, depth=1, kernel=3, components=2).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    x = Noise(0).integers(16, 256, 1, 2, 2).expand(-1, 3, -1, -1).to(torch.uint8)
    losses = []
    for step in range(60):
        optimizer.zero_grad()
        loss = model.loss(Batch(x, noise=Noise(0).tick(step)))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 4
    drawn = model.eval().sample(50, seed=0).float()
    assert (drawn[:, 1] - drawn[:, 0]).abs().mean() < 3


def test_impossible_spaces_are_refused() -> None:
    with pytest.raises(ValueError, match="makes images"):
        PixelCNN(Space((4,), levels=2))
    with pytest.raises(ValueError, match="mass on levels"):
        PixelCNN(Space((1, 4, 4)))
    with pytest.raises(ValueError, match="must be odd"):
        PixelCNN(BYTES, kernel=4)
