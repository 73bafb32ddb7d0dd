"""The recipe of what tells made pictures from real ones."""

from typing import Annotated

from pydantic import Field

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import NATS, Count, GivenSpaceLike, Recipe, Size, recipe
from genzoo.zoo.units import in_units

__all__ = ["detector"]


@recipe(
    family="classical",
    likelihood="exact",
    can=("sample", "log_prob", "loss", "condition"),
    paper="Wang et al., 2020, CNN-generated images are surprisingly easy to spot for now, arXiv:1912.11035",
    columns="levels",
    loss=f"−log p(class | picture), {NATS}",
)
def detector(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    width: Annotated[Count | None, Field(description="Channels of the first convolutions.")] = None,
    spoil: Annotated[
        float, Field(ge=0, le=1, description="The share of pictures that training blurs, and that it squeezes.")
    ] = 0.5,
) -> Recipe:
    """Which pictures are made: convolutions of the picture and of its finest waves, some blurred or squeezed before.

    Args:
        size: Small: networks of 16, 32, 64 channels. Paper: 64, 128, 256.
        width: Channels of the first convolutions; by default as size says.
        spoil: The share of pictures that training blurs, and the share that it squeezes as JPEG does.

    Raises:
        Mistake: If x is no label, or its condition no picture.
    """
    from genzoo.core.given import as_given_space
    from genzoo.models.classical import Detector

    pictures = list(as_given_space(given_space).values())
    if not space.levels or space.dims != 1 or len(pictures) != 1 or len(pictures[0].shape) != 3:
        told = " and ".join(map(str, pictures)) or "none"
        raise Mistake(
            f"detector models a label given its picture, got x of {space} and conditions {told}.",
            "Name the label as x: --x made --given image.",
        )
    model = Detector(space, given_space, width=width or (16 if size == "small" else 64), spoil=spoil)
    config = TrainConfig(steps=2000, batch_size=64, lr=2e-3, warmup=50, weight_decay=0.01, keep="best")
    return Recipe(in_units(model), config)
