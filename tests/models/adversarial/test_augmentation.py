"""Adaptive augmentation: what it does to images, how it adapts, and that its state goes on."""

import copy

import pytest
import torch

from genzoo.core import Batch, Instant, Noise, Space
from genzoo.models.adversarial import Augment, Augmentation, Relativistic, Rules
from genzoo.testing.promise import Subject
from genzoo.testing.training import Game
from tests.zoo.adversarial import augmented, gan
from tests.zoo.entry import BYTES, REALS


def picture(n: int) -> torch.Tensor:
    return torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8).expand(n, -1, -1, -1)


def test_a_share_of_images_is_changed_and_a_row_by_its_own_noise() -> None:
    x = picture(400)
    assert torch.equal(Augmentation(Augment())(x, Noise(0)), x), "nothing at the beginning"
    for p in (0.05, 0.5):
        seen = Augmentation(Augment(fixed=p))(x, Noise(0))
        changed = ((seen - x).abs().flatten(1).amax(1) > 1e-3).float().mean().item()
        assert changed == pytest.approx(1 - (1 - p) ** 6 * (1 - p / 2), abs=0.06), p
    part = Augmentation(Augment(fixed=0.5))(x[:5], Noise(0, start=3))
    assert torch.allclose(part, seen[3:8], atol=1e-6)
    with pytest.raises(ValueError, match="Images are augmented"):
        gan(REALS, Rules(augment=Augment(fixed=0.1))).critic_loss(Batch(torch.zeros(4, 3)))
    for wrong in ({"target": 1.0}, {"reach": 0}, {"fixed": 1.0}):
        with pytest.raises(ValueError, match="target must lie"):
            Augment(**wrong)


def test_the_generator_learns_through_what_is_changed() -> None:
    x = picture(6).clone().requires_grad_()
    Augmentation(Augment(fixed=0.9))(x, Noise(1)).sum().backward()
    assert x.grad.flatten(1).abs().amax(1).min() > 0


def test_it_grows_where_data_are_known_and_shrinks_where_they_are_not() -> None:
    part = Augmentation(Augment(target=0.5, reach=100))
    for said, expected in ((3.0, 0.1), (3.0, 0.2), (-1.0, 0.1), (0.0, 0.0), (-2.0, 0.0)):
        part.tell(torch.full((10, 2), said))
        part.adapt(Instant(0))
        assert part.p.item() == pytest.approx(expected), said
    part.adapt(Instant(0))
    assert part.p == 0, "nothing was said since"
    for _ in range(50):
        part.tell(torch.ones(10, 1))
        part.adapt(Instant(0))
    assert part.p.item() == pytest.approx(0.9)


def test_critics_of_differences_are_asked_for_differences() -> None:
    model = augmented(Rules(Relativistic(), augment=Augment()))
    torch.nn.init.constant_(model.critic.net.last.bias, 50.0)
    model.critic_loss(Batch(torch.zeros(8, *BYTES.shape, dtype=torch.uint8), noise=Noise(0)))
    assert model.augmentation.seen[0].abs() <= 8
    assert model.augmentation.seen[0] < 8, "though all that is said is positive"


def test_a_training_that_is_stopped_goes_on_with_its_augmentation() -> None:
    make = lambda: augmented(Rules(augment=Augment(target=-0.9, reach=400)))  # noqa: E731
    whole, other = Game.of(make()), Game.of(make())
    subject = Subject.of(whole.model)
    whole.play(subject, range(3), 6)
    other.load(copy.deepcopy(whole.state()))
    assert other.model.augmentation.p == whole.model.augmentation.p > 0
    for game in (whole, other):
        game.play(subject, range(3, 6), 6)
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, other.model.state_dict()[name]), name


def test_a_space_of_one_channel_is_kept() -> None:
    model = augmented(Rules(augment=Augment(fixed=0.5)), Space((3, 8, 8)))
    assert model.shown(torch.zeros(5, 3, 8, 8), Batch(torch.zeros(5), noise=Noise(0))).shape == (5, 3, 8, 8)
