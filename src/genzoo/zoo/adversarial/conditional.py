"""The recipe for a condition: how the critic is told it."""

from typing import Any, Literal

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.adversarial.nets import (
    GAMES,
    Depth,
    GanSize,
    Latent,
    Networks,
    Shape,
    Width,
    half,
    networks,
    shape_of,
    trunk,
)
from genzoo.zoo.recipe import Amount, Count, DropGiven, GivenSpaceLike, Positive, Recipe, recipe
from genzoo.zoo.units import in_units

__all__ = ["conditional_gan"]

By = Literal["concatenation", "projection", "classifier"]


@recipe(
    family="adversarial",
    likelihood="none",
    can=("sample", "decode", "latent", "condition"),
    paper="Mirza & Osindero, 2014, Conditional generative adversarial nets, arXiv:1411.1784",
    sampling=("truncation",),
    loss=GAMES["nonsaturating"],
    wants=("condition",),
)
def conditional_gan(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: GanSize = "small",
    by: By = "projection",
    net: Networks = "auto",
    latent: Latent = None,
    hidden: Count = 256,
    depth: Depth = None,
    width: Width = None,
    gamma: Amount = 0.1,
    lr: Positive = 2e-4,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A GAN of x and a condition, which the critic sees among its features, projects on, or tells.

    Args:
        by: Concatenation: the condition shifts every layer. Projection: it weighs the features. Classifier: the critic
            does not see it, and tells the class.
        hidden: The width of the perceptrons' hidden layers, and of the features.
        gamma: γ, the weight of the penalty on the critic's slope at the data.
        lr: Adam's rate for both players, with β₁ = 0.5.
    """
    from genzoo.models.adversarial import GAN, R1, AuxiliaryGAN, NonSaturating, Rules

    shape = shape_of(space, given_space, size, net=net, latent=latent, hidden=hidden, depth=depth, width=width)
    rules = Rules(NonSaturating(), [R1(gamma)], lr=lr, betas=(0.5, 0.999))
    generator, critic = networks(space, given_space, shape)[0], _critic(space, given_space, shape, by)
    kind = AuxiliaryGAN if by == "classifier" else GAN
    model = kind(space, given_space, generator, critic, rules, latent=shape.latent, drop_given=drop_given)
    return Recipe(in_units(model), TrainConfig(steps=5000, batch_size=64, ema=0.05, precision=half(shape)))


def _critic(space: Space, given_space: GivenSpaceLike, shape: Shape, by: By) -> Any:
    """A critic that sees the condition, that projects on it, or that tells it."""
    from torch import nn

    from genzoo.core.given import as_given_space
    from genzoo.nn import Classifying, Conditioned, Projected

    if by == "concatenation":
        return Conditioned(trunk(space, shape, 1), given_space, shape.across)

    width = shape.hidden[-1]
    features = nn.Sequential(trunk(space, shape._replace(across=0), width), nn.SiLU())
    if by == "projection":
        return Projected(features, width, given_space)
    levels = [each.levels or 1 for each in as_given_space(given_space).values()]
    return Classifying(features, width, levels[0])
