"""Recipes that encode: their critic judges pairs of x and its latent."""

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
    encoder,
    networks,
    pair_critic,
    shape_of,
)
from genzoo.zoo.recipe import DropGiven, GivenSpaceLike, Positive, Recipe, recipe
from genzoo.zoo.units import in_units

__all__ = ["ali", "veegan"]

ABLE = ("sample", "encode", "decode", "latent", "condition")


@recipe(
    family="adversarial",
    likelihood="none",
    can=ABLE,
    paper="Dumoulin et al., 2017, Adversarially learned inference, arXiv:1606.00704",
    sampling=("truncation",),
    loss=GAMES["nonsaturating"],
)
def ali(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: GanSize = "small",
    net: Networks = "auto",
    latent: Latent = None,
    hidden: Hidden = 256,
    depth: Depth = None,
    width: Width = None,
    lr: Positive = 1e-4,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A GAN of pairs of x and latent: it encodes, too, by a posterior that it was never told.

    Args:
        lr: Adam's rate for both players, with β₁ = 0.5.
    """
    from genzoo.models.adversarial import ALI, Rules

    shape = shape_of(space, given_space, size, net=net, latent=latent, hidden=hidden, depth=depth, width=width)
    generator, _ = networks(space, given_space, shape)
    nets = generator, encoder(space, given_space, shape, 2 * shape.latent), pair_critic(space, given_space, shape)
    rules = Rules(lr=lr, betas=(0.5, 0.999))
    model = ALI(space, given_space, *nets, rules, latent=shape.latent, drop_given=drop_given)
    return Recipe(in_units(model), TrainConfig(steps=5000, batch_size=64, ema=0.05))


@recipe(
    family="adversarial",
    likelihood="none",
    can=ABLE,
    paper="Srivastava, Valkov, Russell, Gutmann & Sutton, 2017, VEEGAN, arXiv:1705.07761",
    sampling=("truncation",),
    loss=GAMES["nonsaturating"],
)
def veegan(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: GanSize = "small",
    net: Networks = "auto",
    latent: Latent = None,
    hidden: Hidden = 256,
    depth: Depth = None,
    width: Width = None,
    lr: Positive = 2e-4,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A GAN with a reconstructor of latents, which a generator that repeats itself cannot please.

    Args:
        lr: Adam's rate for both players, with β₁ = 0.5.
    """
    from genzoo.models.adversarial import VEEGAN, Rules

    shape = shape_of(space, given_space, size, net=net, latent=latent, hidden=hidden, depth=depth, width=width)
    generator, _ = networks(space, given_space, shape)
    nets = generator, encoder(space, given_space, shape, shape.latent), pair_critic(space, given_space, shape)
    rules = Rules(lr=lr, betas=(0.5, 0.999))
    model = VEEGAN(space, given_space, *nets, rules, latent=shape.latent, drop_given=drop_given)
    return Recipe(in_units(model), TrainConfig(steps=5000, batch_size=64, ema=0.05))
