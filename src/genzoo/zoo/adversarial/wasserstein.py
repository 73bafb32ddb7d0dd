"""Recipes whose critic tells a distance."""

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.adversarial.nets import (
    GAMES,
    Depth,
    GanSize,
    Hidden,
    Latent,
    Networks,
    Width,
    half,
    networks,
    shape_of,
)
from genzoo.zoo.recipe import Amount, Count, DropGiven, GivenSpaceLike, Positive, Recipe, recipe
from genzoo.zoo.units import in_units

__all__ = ["wgan", "wgan_gp"]


@recipe(
    family="adversarial",
    likelihood="none",
    can=("sample", "decode", "latent", "condition"),
    paper="Gulrajani et al., 2017, Improved training of Wasserstein GANs, arXiv:1704.00028",
    sampling=("truncation",),
    loss=GAMES["wasserstein"],
)
def wgan_gp(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: GanSize = "small",
    net: Networks = "auto",
    latent: Latent = None,
    hidden: Hidden = 256,
    depth: Depth = None,
    width: Width = None,
    penalty: Amount = 10.0,
    critic_steps: Count = 5,
    lr: Positive | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A Wasserstein GAN with gradient penalty: Algorithm 1 with its λ = 10, five critic steps, Adam's (0, 0.9).

    Args:
        penalty: λ, the weight of the gradient penalty.
        critic_steps: The critic's steps per turn.
        lr: Adam's peak rate for both players: by default 5e-4 for small, the published 1e-4 for paper.
    """
    from genzoo.models.adversarial import GAN, GradientPenalty, Rules, Wasserstein

    shape = shape_of(space, given_space, size, net=net, latent=latent, hidden=hidden, depth=depth, width=width)
    lr = lr or (5e-4 if size == "small" else 1e-4)
    rules = Rules(Wasserstein(), [GradientPenalty(penalty)], critic_steps=critic_steps, lr=lr)
    nets = networks(space, given_space, shape)
    model = GAN(space, given_space, *nets, rules, latent=shape.latent, drop_given=drop_given)
    return Recipe(in_units(model), TrainConfig(steps=5000, batch_size=64, ema=0.05, precision=half(shape)))


@recipe(
    family="adversarial",
    likelihood="none",
    can=("sample", "decode", "latent", "condition"),
    paper="Arjovsky, Chintala & Bottou, 2017, Wasserstein GAN, arXiv:1701.07875",
    sampling=("truncation",),
    loss=GAMES["wasserstein"],
)
def wgan(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: GanSize = "small",
    net: Networks = "auto",
    latent: Latent = None,
    hidden: Hidden = 256,
    depth: Depth = None,
    width: Width = None,
    clip: Positive = 0.01,
    critic_steps: Count = 5,
    lr: Positive = 5e-5,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A Wasserstein GAN whose critic's weights are cut to a size: the first one, of which `wgan_gp` is the better.

    Args:
        clip: c, the largest size of a weight of the critic: small ones make its slopes vanish, large ones it slow.
        critic_steps: The critic's steps per turn.
        lr: Adam's peak rate for both players, without momentum as published for RMSprop.
    """
    from genzoo.models.adversarial import GAN, Rules, Wasserstein

    shape = shape_of(space, given_space, size, net=net, latent=latent, hidden=hidden, depth=depth, width=width)
    rules = Rules(Wasserstein(), clip=clip, critic_steps=critic_steps, lr=lr, betas=(0.0, 0.99))
    nets = networks(space, given_space, shape)
    model = GAN(space, given_space, *nets, rules, latent=shape.latent, drop_given=drop_given)
    return Recipe(in_units(model), TrainConfig(steps=5000, batch_size=64, ema=0.05, precision=half(shape)))
