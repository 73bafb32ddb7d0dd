"""Recipes from image to image, in pairs and without."""

from typing import Annotated

from pydantic import Field

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.adversarial.nets import GAMES
from genzoo.zoo.recipe import Amount, Count, GivenSpaceLike, Positive, Recipe, Size, recipe
from genzoo.zoo.units import in_units

__all__ = ["cyclegan", "pix2pix"]

ABLE = ("sample", "decode", "latent", "condition")
Channels = Annotated[
    Count | None,
    Field(description="Channels at full size, doubled at each halving; by default as size says."),
]
Most = Annotated[Count | None, Field(description="The largest number of channels; by default as size says.")]
Latent = Annotated[Count, Field(description="The length of z, for what the other image does not say.")]


@recipe(
    family="adversarial",
    likelihood="none",
    can=ABLE,
    paper="Isola, Zhu, Zhou & Efros, 2017, Image-to-image translation with conditional GANs, arXiv:1611.07004",
    sampling=("truncation",),
    loss=GAMES["nonsaturating"],
    wants=("image", "image condition", "pairs"),
)
def pix2pix(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    latent: Latent = 8,
    width: Channels = None,
    most: Most = None,
    scale: Amount = 100.0,
    lr: Positive = 5e-4,
) -> Recipe:
    """An image of another one, learned from pairs: a U-Net before a critic of patches, near to the truth in L1.

    Args:
        size: Small: 24 to 128 channels. Paper: 64 to 512.
        scale: λ, what the distance from the truth counts.
        lr: Adam's rate for both players, with β₁ = 0.5.
    """
    from genzoo.models.adversarial import NonSaturating, Pix2Pix, Rules
    from genzoo.nn import PatchCritic, Translator

    width, most, other = (
        width or (24 if size == "small" else 64),
        most or (128 if size == "small" else 512),
        _one(given_space),
    )
    generator = Translator(other.shape, space.shape[0], width=width, most=most, latent=latent)
    critic = PatchCritic(other.shape[0] + space.shape[0], _sides(space), width=width, most=most)
    rules = Rules(NonSaturating(), lr=lr, betas=(0.5, 0.999))
    model = Pix2Pix(space, given_space, generator, critic, rules, latent=latent, scale=scale)
    return Recipe(in_units(model), TrainConfig(steps=4000, batch_size=16, ema=0.02, precision="auto"))


@recipe(
    family="adversarial",
    likelihood="none",
    can=ABLE,
    paper="Zhu, Park, Isola & Efros, 2017, Unpaired image-to-image translation (CycleGAN), arXiv:1703.10593",
    sampling=("truncation",),
    loss=GAMES["least_squares"],
    wants=("image", "image condition"),
)
def cyclegan(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    latent: Latent = 8,
    width: Channels = None,
    most: Most = None,
    scale: Amount = 10.0,
    identity: Amount = 0.5,
    pool: Annotated[int, Field(ge=0)] = 50,
    lr: Positive = 5e-4,
) -> Recipe:
    """An image of another one without pairs: two translators that undo each other. Read the data with paired=false.

    Args:
        size: Small: 24 to 128 channels. Paper: 64 to 512.
        scale: λ, what the distance after there and back counts.
        identity: How much an image that is in the other domain already is to stay as it is, as a share of λ; it needs
            images of like channels.
        pool: Images of earlier rounds that the critics are shown.
        lr: Adam's rate for both players, with β₁ = 0.5.
    """
    from genzoo.models.adversarial import Cycle, CycleGAN, LeastSquares, Rules
    from genzoo.nn import PatchCritic, Translator

    width, most, other = (
        width or (24 if size == "small" else 64),
        most or (128 if size == "small" else 512),
        _one(given_space),
    )
    sizes = {"width": width, "most": most}
    generator = Translator(other.shape, space.shape[0], latent=latent, **sizes)
    back = Translator(space.shape, other.shape[0], **sizes), PatchCritic(other.shape[0], _sides(space), **sizes)
    critic, rules = (
        PatchCritic(space.shape[0], _sides(space), **sizes),
        Rules(LeastSquares(), lr=lr, betas=(0.5, 0.999)),
    )
    cycle = Cycle(scale, identity, pool)
    model = CycleGAN(space, given_space, generator, critic, back, rules, latent=latent, cycle=cycle)
    return Recipe(in_units(model), TrainConfig(steps=4000, batch_size=8, ema=0.02, precision="auto"))


def _one(given_space: GivenSpaceLike) -> Space:
    from genzoo.core.given import as_given_space

    return next(iter(as_given_space(given_space).values()))


def _sides(space: Space) -> tuple[int, int]:
    return space.shape[1], space.shape[2]
