"""The recipe without an adversary."""

from typing import Literal

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.adversarial.nets import GanSize, Latent, LatentOctaves, Networks, Width, networks, shape_of, waves
from genzoo.zoo.recipe import Count, DropGiven, GivenSpaceLike, Positive, Recipe, recipe
from genzoo.zoo.units import in_units

__all__ = ["drifting"]


@recipe(
    family="adversarial",
    likelihood="none",
    can=("sample", "decode", "latent", "loss", "condition"),
    paper="Deng, Li, Li, Du & He, 2026, Generative modeling via drifting, arXiv:2602.04770",
    loss="what is left of the drift, squared",
    sampling=("truncation",),
)
def drifting(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: GanSize = "small",
    net: Networks = "auto",
    latent: Latent = None,
    hidden: Count = 200,
    depth: Count | None = None,
    width: Width = None,
    reach: Positive = 0.02,
    wider: Positive = 50.0,
    kernel: Literal["laplace", "gauss", "sinkhorn"] = "laplace",
    latent_octaves: LatentOctaves = 0,
    lr: Positive = 2e-3,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A generator of one step without a critic: samples are drawn by data and pushed by each other.

    Args:
        hidden: The width of the perceptrons' hidden layers.
        depth: Their number; by default 4.
        reach: How far a sample sees at the end, in standard units of an entry; times √D for D entries.
        wider: How many times as far it sees at the beginning.
        kernel: How what it sees falls off: exponentially, or as a Gaussian. Sinkhorn: samples are drawn by transport,
            which sees that a mode is too heavy however far the others are; dear, and without a condition.
        lr: Adam's peak rate.
    """
    from genzoo.models.adversarial import Drifting
    from genzoo.nn import Steps

    shape = shape_of(space, given_space, size, net=net, latent=latent, hidden=hidden, depth=depth or 4, width=width)
    if latent_octaves:
        generator = waves(Steps, shape.latent, given_space, shape, space.dims, latent_octaves)
    else:
        generator, _ = networks(space, given_space, shape)
    widths = [reach * space.dims**0.5]
    options = {"widths": widths, "wider": wider, "kernel": kernel}
    model = Drifting(space, given_space, generator, latent=shape.latent, drop_given=drop_given, **options)
    return Recipe(in_units(model), TrainConfig(steps=5000, batch_size=512))
