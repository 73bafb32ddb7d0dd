"""From image to image: losses by hand, the pool, and a training that is stopped with images in it."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from genzoo.core import Batch, Noise, Space
from genzoo.models.adversarial import Cycle, CycleGAN, ImagePool, LeastSquares, Pix2Pix, Rules
from genzoo.testing.promise import Subject
from genzoo.testing.training import Game
from tests.zoo.adversarial import cyclegan
from tests.zoo.entry import LABEL

SPACE = Space((1, 4, 4))


class Times(nn.Module):
    """x ↦ w x, whatever stands beside x."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, x: torch.Tensor, *beside: torch.Tensor) -> torch.Tensor:
        return self.weight * x


class Patches(nn.Module):
    """The mean of each half of an image."""

    def forward(self, x: torch.Tensor, *beside: torch.Tensor) -> torch.Tensor:
        return x.flatten(1).unflatten(1, (2, -1)).mean(2)


def test_an_image_is_always_needed() -> None:
    model = cyclegan()
    with pytest.raises(ValueError, match=r"CycleGAN needs \['given'\], so .* Pass `given`\.$"):
        model.sample(2, seed=0)


def pair(n: int = 6) -> Batch:
    return Batch(torch.randn(n, *SPACE.shape), torch.randn(n, *SPACE.shape), Noise(0))


def test_pix2pix_lowers_its_loss_before_patches_and_the_distance_from_the_truth() -> None:
    model, data = Pix2Pix(SPACE, SPACE, Times(2.0), Patches(), Rules(), scale=7.0), pair()
    y = data.given["given"]
    fooled, distance = softplus(-Patches()(2 * y)).mean(), (2 * y - data.x).abs().mean()
    losses = model.generator_loss(data)
    assert losses["loss"].item() == pytest.approx((fooled + 7 * distance).item(), abs=1e-5)
    expected = softplus(-Patches()(data.x)).mean() + softplus(Patches()(2 * y)).mean()
    assert model.critic_loss(data)["loss"].item() == pytest.approx(expected.item(), abs=1e-5)


def test_cyclegan_lowers_what_is_left_after_there_and_back() -> None:
    nets = Times(2.0), Patches(), (Times(3.0), Patches())
    model, data = CycleGAN(SPACE, SPACE, *nets, Rules(LeastSquares()), cycle=Cycle(5.0, 0.5, 0)), pair()
    x, y = data.x, data.given["given"]
    fooled = sum((Patches()(made) - 1).square().mean() / 2 for made in (2 * y, 3 * x))
    around, kept = 5 * y.abs().mean() + 5 * x.abs().mean(), x.abs().mean() + 2 * y.abs().mean()
    assert model.generator_loss(data)["loss"].item() == pytest.approx(
        (fooled + 5 * around + 2.5 * kept).item(), rel=1e-5
    )
    assert torch.allclose(model.undone(x), 3 * x)
    half = [
        (Patches()(real) - 1).square().mean() / 2 + Patches()(made).square().mean() / 2
        for real, made in ((x, 2 * y), (y, 3 * x))
    ]
    assert model.critic_loss(data)["loss"].item() == pytest.approx(sum(half).item(), rel=1e-5)


def test_a_condition_that_is_no_image_of_the_size_is_refused() -> None:
    for wrong in (None, LABEL, Space((1, 8, 4)), {"a": SPACE, "b": LABEL}):
        with pytest.raises(ValueError, match="an image of an image of its size"):
            Pix2Pix(SPACE, wrong, Times(1.0), Patches(), Rules())
    nets = Times(2.0), Patches(), (Times(3.0), Patches())
    with pytest.raises(ValueError, match="Set identity=0"):
        CycleGAN(SPACE, Space((3, 4, 4)), *nets, Rules())


def test_the_pool_fills_and_then_changes_by_halves() -> None:
    pool, noise = ImagePool(8, (1,)), Noise(0)
    assert torch.equal(pool.mixed(torch.ones(3, 1), noise), torch.ones(3, 1)), "nothing was made before"
    pool.put(torch.arange(5.0)[:, None], noise.at(0))
    assert pool.count == 5
    pool.put(torch.arange(5.0, 11)[:, None], noise.at(1))
    assert pool.count == 8
    assert set(range(11)) >= set(pool.images.flatten().tolist()) >= set(range(5)) - {8, 9, 10} - set(range(5))
    old = (pool.mixed(torch.full((2000, 1), -1.0), noise) >= 0).float().mean().item()
    assert old == pytest.approx(0.5, abs=0.04)
    before = pool.images.clone()
    pool.put(torch.full((1, 1), 50.0).expand(8, 1), noise.at(2))
    assert 0 < (pool.images != before).sum() < 8
    none = ImagePool(0, (1,))
    none.put(torch.ones(3, 1), noise)
    assert torch.equal(none.mixed(torch.ones(2, 1), noise), torch.ones(2, 1))


def test_a_training_that_is_stopped_with_images_in_the_pool_goes_on_exactly() -> None:
    whole = Game.of(cyclegan(pool=5))
    subject = Subject.of(whole.model)
    whole.play(subject, range(3), 6)
    other = Game.of(cyclegan(pool=5))
    other.load(copy.deepcopy(whole.state()))
    assert whole.model.pool.count == other.model.back_pool.count == 5
    for game in (whole, other):
        game.play(subject, range(3, 6), 6)
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, other.model.state_dict()[name]), name
