"""Recipes of generators of images: by style, by growth, by residual blocks that see a class at every layer."""

from typing import Annotated, Any, Literal

from pydantic import Field

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.adversarial.nets import ACROSS, Latent
from genzoo.zoo.recipe import Amount, Count, DropGiven, GivenSpaceLike, Positive, Recipe, Size, recipe
from genzoo.zoo.units import in_units

__all__ = ["stylegan"]

ABLE = ("sample", "decode", "latent", "condition")
Channels = Annotated[
    Count | None, Field(description="Channels at full size, doubled at each halving; by default as size says.")
]
Most = Annotated[Count | None, Field(description="The largest number of channels; by default as size says.")]


@recipe(
    family="adversarial",
    likelihood="none",
    can=ABLE,
    paper="Karras et al., 2020, Analyzing and improving the image quality of StyleGAN, arXiv:1912.04958",
    sampling=("truncation", "psi"),
    wants=("image",),
)
def stylegan(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    kind: Literal["modulated", "adaptive"] = "modulated",
    latent: Latent = None,
    style: Count | None = None,
    depth: Count | None = None,
    width: Channels = None,
    most: Most = None,
    mixing: Annotated[float, Field(ge=0, le=1)] = 0.9,
    gamma: Amount | None = None,
    every: Count = 16,
    path_length: Amount = 2.0,
    path_every: Count = 8,
    lr: Positive = 2e-3,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A generator of images that is told its style at every layer; styles are mixed, and brought near their mean.

    Args:
        size: Small: 64 latents, 2 layers to a style of 64, 16 to 64 channels. Paper: 512, 8, 512, 32 to 512.
        kind: Modulated: styles scale weights, as in StyleGAN2. Adaptive: they scale normalized features, as in 2018.
        style: The length of a style; by default as size says.
        depth: Layers from z to the style; by default as size says.
        mixing: The share of samples in training whose layers have two styles.
        gamma: γ, the weight of the penalty on the critic's slope at the data; by default 0.0002 H W / 16.
        every: It comes every so many rounds, and counts as many times more.
        path_length: How much steps of one length in w are held to steps of one length in x.
        path_every: It comes every so many rounds.
        lr: Adam's rate for both players, without momentum.
    """
    from genzoo.models.adversarial import R1, NonSaturating, PathLength, Rules, StyleGAN, StyleGenerator
    from genzoo.nn import Conditioned, Mapping, Synthesis

    small, across = size == "small", ACROSS if given_space else 0
    latent, style, depth = (
        latent or (64 if small else 512),
        style or (64 if small else 512),
        depth or (2 if small else 8),
    )
    width, most = width or (16 if small else 32), most or (64 if small else 512)
    gamma = 0.0002 * space.shape[1] * space.shape[2] / 16 if gamma is None else gamma
    shaping = [PathLength(path_length, every=path_every)] if path_length else []
    rules = Rules(NonSaturating(), [R1(gamma, every=every)] if gamma else [], shaping, lr=lr, betas=(0.0, 0.99))
    mapping = Conditioned(Mapping(latent, style, depth, given=across), given_space, across)
    generator = StyleGenerator(mapping, Synthesis(style, space.shape, width=width, most=most, kind=kind))
    critic = _critic(space, given_space, width, most)
    options: dict[str, Any] = {"latent": latent, "mixing": mixing, "drop_given": drop_given}
    model = StyleGAN(space, given_space, generator, critic, rules, **options)
    return Recipe(in_units(model), TrainConfig(steps=5000, batch_size=32, ema=0.05, schedule="constant"))


def _critic(space: Space, given_space: GivenSpaceLike, width: int, most: int) -> Any:
    """A critic of equalized convolutions that sees how far a batch spreads; it projects on a condition."""
    from genzoo.nn import Conditioned, ProgressiveEncoder, Projected

    features = ProgressiveEncoder(space.shape, most if given_space else 1, width=width, most=most, grows=False)
    return Projected(features, most, given_space) if given_space else Conditioned(features)
