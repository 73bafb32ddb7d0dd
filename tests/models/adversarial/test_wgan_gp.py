"""The Wasserstein GAN: Algorithm 1 and its penalty."""

import pytest
import torch
from torch import nn

from genzoo.core import Batch, Noise, Space, Unsupported
from genzoo.models.adversarial import WassersteinGAN
from genzoo.testing import rows
from tests.zoo.adversarial import wgan
from tests.zoo.entry import BYTES


def linear_game(slope: float) -> WassersteinGAN:
    """A critic whose gradient has norm `slope` everywhere."""
    critic = nn.Linear(2, 1)
    critic.weight.data = torch.tensor([[slope, 0.0]])
    model = WassersteinGAN(Space((2,)), None, nn.Linear(3, 2), critic, latent=3)
    model.generator.forward = lambda z, given=None: nn.functional.linear(z, torch.zeros(2, 3))
    model.critic.forward = lambda x, given=None: nn.functional.linear(x, critic.weight)
    return model


@pytest.mark.parametrize("slope", [0.0, 1.0, 3.0])
def test_the_loss_is_that_of_the_paper(slope: float) -> None:
    model, x = linear_game(slope), torch.randn(64, 2) + 5
    losses = model.critic_loss(Batch(x))
    assert losses["penalty"].item() == pytest.approx((slope - 1) ** 2, abs=1e-5)
    assert losses["distance"].item() == pytest.approx(slope * x[:, 0].mean().item(), abs=1e-4)
    assert losses["loss"].item() == pytest.approx(10 * (slope - 1) ** 2 - losses["distance"].item(), abs=1e-4)
    assert model.generator_loss(Batch(x)).item() == pytest.approx(0, abs=1e-6)


def test_players_are_those_of_algorithm_1() -> None:
    critic, generator = wgan(BYTES).players()
    assert (critic.name, critic.steps, generator.name, generator.steps) == ("critic", 5, "generator", 1)
    assert dict(critic.optimizer) == dict(generator.optimizer) == {"lr": 1e-4, "betas": (0.0, 0.9)}


def test_places_between_are_drawn_for_each_row() -> None:
    model, seen = wgan(Space((2,))), []
    inner = model.critic.forward
    model.critic.forward = lambda x, given=None: seen.append(x) or inner(x, given)
    model.gradient_penalty(torch.zeros(50, 2), torch.ones(50, 2), {}, Noise(0))
    (between,) = seen
    assert torch.equal(between[:, 0], between[:, 1])
    assert len(between[:, 0].unique()) == 50
    assert 0 <= between.min() < between.max() <= 1


def test_it_has_no_single_loss() -> None:
    model = wgan(BYTES)
    assert not model.can("loss")
    with pytest.raises(Unsupported, match="players"):
        model.loss(Batch(rows(BYTES, 2)))


def test_generated_levels_span_the_space() -> None:
    model = wgan(BYTES)
    model.generator.net.last.bias.data = torch.linspace(-20, 20, BYTES.dims)
    x = model.sample(3, seed=0)
    assert (x.min().item(), x.max().item()) == (0, 255)
