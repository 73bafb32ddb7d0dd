"""ProGAN: the level along a training, what both sides see of it, and that a training can be stopped while it grows."""

import copy

import pytest
import torch

from genzoo.core import Batch, Noise, Space
from genzoo.models.adversarial import Anchor, Encounter, ProGAN, Rules
from genzoo.nn import ProgressiveDecoder, ProgressiveEncoder, doubled, halved
from genzoo.testing.promise import Subject
from genzoo.testing.training import Game
from tests.zoo.adversarial import perceptrons, progan
from tests.zoo.entry import REALS

SPACE = Space((1, 16, 12))


def test_the_level_rises_and_fades() -> None:
    model = progan(SPACE, until=0.8)
    found = [model.level(p) for p in (0.0, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 1.0)]
    assert found == pytest.approx([0, 0, 0.5, 1, 1, 1.5, 2, 2])
    model.at(0.7)
    assert [net.stage for net in model.growing] == [(2, pytest.approx(0.5))] * 2
    assert progan(SPACE, until=0.0).growing[1].level == 2
    with pytest.raises(ValueError, match="within the training"):
        progan(SPACE, until=1.5)
    with pytest.raises(ValueError, match="must grow, got 0"):
        ProGAN(REALS, None, *perceptrons(REALS), Rules(), latent=4)


def test_data_are_seen_as_samples_are() -> None:
    model, x = progan(SPACE, until=0.8).train(), torch.randn(4, *SPACE.shape)
    data, small = Batch(x, noise=Noise(0)), halved(x)
    for progress, expected in (
        (0.0, halved(small)),
        (0.4, small),
        (0.8, x),
        (0.7, (x + doubled(small, (16, 12))) / 2),
    ):
        model.at(progress)
        assert torch.allclose(model.real(data, {}), expected, atol=1e-6), progress
        assert model.fake(data, {}).shape == expected.shape
        assert model.generate(model.latent_of(data)).shape == x.shape
    model.at(0.4)
    assert torch.equal(halved(model.generate(model.latent_of(data))), model.fake(data, {}))


def test_a_training_that_is_stopped_while_it_grows_goes_on_exactly() -> None:
    torch.manual_seed(0)
    whole = Game.of(progan(SPACE, until=0.9))
    subject, levels = Subject.of(whole.model), []
    for page in range(4):
        whole.play(subject, range(page, page + 1), 8)
        levels.append(whole.model.growing[0].level.item())
    assert levels == sorted(set(levels))
    other = Game.of(progan(SPACE, until=0.9))
    other.load(copy.deepcopy(whole.state()))
    assert other.model.growing[1].level == levels[-1]
    for game in (whole, other):
        game.play(subject, range(4, 8), 8)
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, other.model.state_dict()[name]), name
    assert whole.model.growing[0].level == 2


def test_published_networks_for_1024_pixels_have_the_published_size() -> None:
    with torch.device("meta"):
        shape = (3, 1024, 1024)
        nets = [ProgressiveDecoder(512, shape), ProgressiveEncoder(shape, 1)]
    for net in nets:
        assert net.widths == [512, 512, 512, 512, 256, 128, 64, 32, 16]
        assert sum(p.numel() for p in net.parameters()) == pytest.approx(23.1e6, rel=0.005)


def test_an_anchor_holds_what_is_said_of_data() -> None:
    said = torch.tensor([[2.0], [-4.0]])
    met = Encounter(torch.nn.Identity(), said, said, said, 5 * said, Noise(0))
    added, logged = Anchor(0.5)(met)
    assert (added.item(), logged.item()) == (5.0, 10.0)
