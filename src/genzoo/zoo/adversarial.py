"""Recipes of adversarial models."""

from typing import Any, Literal

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.recipe import Amount, Count, DropGiven, GivenSpaceLike, Positive, Recipe, Size, recipe
from genzoo.zoo.units import in_units

__all__ = ["dcgan", "wgan_gp"]


@recipe(
    family="adversarial",
    likelihood="none",
    can=("sample", "decode", "latent", "condition"),
    paper="Gulrajani et al., 2017, Improved training of Wasserstein GANs, arXiv:1704.00028",
)
def wgan_gp(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    net: Literal["auto", "mlp", "conv"] = "auto",
    latent: Count | None = None,
    hidden: Count = 256,
    depth: Count | None = None,
    width: Count | None = None,
    penalty: Amount = 10.0,
    critic_steps: Count = 5,
    lr: Positive = 1e-4,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A Wasserstein GAN with gradient penalty: Algorithm 1 with its λ = 10, five critic steps, Adam 1e-4 (0, 0.9).

    Args:
        size: Small: 32 latents (8 for tables), 32 channels. Paper: 128 latents, 64 channels.
        net: Convolutions or multilayer perceptrons; auto: convolutions from 16×16 pixels on.
        latent: The length of z; by default as size says.
        hidden: The width of the perceptrons' hidden layers.
        depth: Their number; by default 2 for small, 3 for paper.
        width: Channels of the convolutions at full size; by default as size says.
        penalty: λ, the weight of the gradient penalty.
        critic_steps: The critic's steps per turn.
        lr: Adam's peak rate for both players: the published 1e-4; short runs of small networks want 1e-3.
    """
    from genzoo.models.adversarial import WassersteinGAN

    small = size == "small"
    latent = latent or (128 if not small else 32 if space.dims > 16 else 8)
    images = len(space.shape) == 3 and min(space.shape[1:]) >= 16
    convolutions = (width or (32 if small else 64)) if net == "conv" or (net == "auto" and images) else 0
    widths = [hidden] * (depth or (2 if small else 3))
    generator, critic = _networks(space, given_space, latent, widths, convolutions)
    model = WassersteinGAN(
        space,
        given_space,
        generator,
        critic,
        latent=latent,
        penalty=penalty,
        critic_steps=critic_steps,
        drop_given=drop_given,
    )
    model.lr = lr
    config = TrainConfig(steps=5000, batch_size=64, ema=0.05)
    return Recipe(in_units(model), config)


def _networks(
    space: Space, given_space: GivenSpaceLike, latent: int, hidden: list[int], width: int
) -> tuple[Any, Any]:
    """A generator and a critic; convolutional if they have channels."""
    from genzoo.nn import MLP, Conditioned, ConvDecoder, ConvEncoder

    across = 0 if given_space is None else 32
    if width:
        made: tuple[Any, Any] = (
            ConvDecoder(latent, space.shape, width=width, given=across),
            ConvEncoder(space.shape, 1, width=width, given=across),
        )
    else:
        made = MLP(latent, hidden, space.dims, given=across), MLP(space.dims, hidden, 1, given=across)
    return Conditioned(made[0], given_space, across), Conditioned(made[1], given_space, across)


@recipe(
    family="adversarial",
    likelihood="none",
    can=("sample", "decode", "latent", "condition"),
    paper="Radford, Metz & Chintala, 2016, Unsupervised representation learning with DCGANs, arXiv:1511.06434",
)
def dcgan(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    latent: Count | None = None,
    hidden: Count = 256,
    width: Count | None = None,
    lr: Positive = 2e-4,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A GAN of convolutions with batch normalization, for images; perceptrons for anything smaller than 8×8.

    Args:
        size: Small: 32 latents (8 for tables), 16 channels. Paper: 100 latents, 128 channels.
        latent: The length of z; by default as size says.
        hidden: The width of the two hidden layers of perceptrons.
        width: Channels of the convolutions at full size; by default as size says.
        lr: Adam's rate for both players, with β₁ = 0.5.
    """
    from genzoo.models.adversarial import GAN

    small = size == "small"
    latent = latent or (100 if not small else 32 if space.dims > 16 else 8)
    images = len(space.shape) == 3 and min(space.shape[1:]) >= 8
    channels = (width or (16 if small else 128)) if images else 0
    make = _normed if images else _networks
    networks = make(space, given_space, latent, [hidden, hidden], channels)
    model = GAN(space, given_space, *networks, latent=latent, drop_given=drop_given)
    model.lr = lr
    return Recipe(in_units(model), TrainConfig(steps=5000, batch_size=64, ema=0.05))


def _normed(space: Space, given_space: GivenSpaceLike, latent: int, hidden: list[int], width: int) -> tuple[Any, Any]:
    """DCGAN's networks: batch normalization in both, ReLU in the generator, leaky ReLU in the critic."""
    from torch import nn

    from genzoo.nn import Conditioned, ConvDecoder, ConvEncoder

    across = 0 if given_space is None else 32
    generator = ConvDecoder(latent, space.shape, width=width, given=across, norm=nn.BatchNorm2d, activation=nn.ReLU())
    critic = ConvEncoder(space.shape, 1, width=width, given=across, norm=nn.BatchNorm2d, activation=nn.LeakyReLU(0.2))
    for layer in [*generator.modules(), *critic.modules()]:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, std=0.02)
    return Conditioned(generator, given_space, across), Conditioned(critic, given_space, across)
