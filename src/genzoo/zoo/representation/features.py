"""Recipes of features: codes of x that are learned beside a condition, or of x alone, and no way back."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import Count, GivenSpaceLike, Recipe, Share, Size, recipe
from genzoo.zoo.units import in_units

if TYPE_CHECKING:
    from torch import nn

__all__ = ["clip", "cpc", "mae", "simclr", "vicreg"]

FEATURES = ("encode", "loss")
VIEWS = TrainConfig(steps=3000, batch_size=256, lr=2e-3, warmup=100, weight_decay=1e-4)
Temperature = Annotated[float, Field(ge=0.01, le=1, description="By what likenesses are divided, at the beginning.")]


@recipe(
    family="representation",
    likelihood="none",
    can=("encode", "loss", "condition"),
    wants=("condition",),
    paper="Radford et al., 2021, Learning transferable visual models from natural language supervision, "
    "arXiv:2103.00020",
    loss="contrast of rows and conditions, nats, the mean of both ways",
)
def clip(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    code: Count | None = None,
    width: Count | None = None,
    depth: Count | None = None,
    temperature: Temperature = 0.07,
) -> Recipe:
    """Rows and conditions as unit vectors, above all pictures and captions: those that belong together lie close.

    Args:
        size: Small: 128 entries of code, a residual network from 32 channels to 256, a transformer of 2 × 128. Paper:
            512, 64 to 512, 6 × 384.
        code: The length of the vectors; by default as size says.
        width: Of the transformer that reads the condition; by default as size says.
        depth: Its blocks; by default as size says.
    """
    from genzoo.models.representation import CLIP
    from genzoo.nn import Reading

    small = size == "small"
    code, width, depth = (
        code or (128 if small else 512),
        width or (128 if small else 384),
        depth or (2 if small else 6),
    )
    text = Reading(given_space, code, width=width, depth=depth, heads=max(1, width // 32))
    model = CLIP(space, given_space, _seeing(space, code, size), text, code=code, temperature=temperature)
    return Recipe(in_units(model), TrainConfig(steps=3000, batch_size=128, lr=1e-3, warmup=100, weight_decay=0.1))


@recipe(
    family="representation",
    likelihood="none",
    can=FEATURES,
    wants=("image",),
    paper="Chen et al., 2020, A simple framework for contrastive learning of visual representations, arXiv:2002.05709",
    loss="contrast of views, nats",
)
def simclr(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    code: Count | None = None,
    temperature: Temperature = 0.2,
) -> Recipe:
    """Features of images of which two crops, flipped and recolored, are told from those of all other images.

    Args:
        size: Small: a residual network from 32 channels to 256. Paper: from 64 to 512.
        code: The length of the features; by default the last of these.
    """
    from genzoo.models.representation import SimCLR

    _alone(given_space, "simclr")
    net, head, length = _viewing(space, code, size)
    return Recipe(SimCLR(space, net, head, code=length, temperature=temperature), VIEWS)


@recipe(
    family="representation",
    likelihood="none",
    can=FEATURES,
    wants=("image",),
    paper="Bardes, Ponce & LeCun, 2022, VICReg: variance-invariance-covariance regularization for self-supervised "
    "learning, arXiv:2105.04906",
    loss="difference of views, lack of variance, and covariance, weighted",
)
def vicreg(
    space: Space, given_space: GivenSpaceLike = None, *, size: Size = "small", code: Count | None = None
) -> Recipe:
    """Features of images that two views share, whose entries vary and do not go together; nothing stands against them.

    Args:
        size: Small: a residual network from 32 channels to 256. Paper: from 64 to 512.
        code: The length of the features; by default the last of these.
    """
    from genzoo.models.representation import VICReg

    _alone(given_space, "vicreg")
    net, head, length = _viewing(space, code, size)
    return Recipe(VICReg(space, net, head, code=length), VIEWS)


@recipe(
    family="representation",
    likelihood="none",
    can=FEATURES,
    paper="He et al., 2022, Masked autoencoders are scalable vision learners, arXiv:2111.06377",
    loss="squared error of hidden patches, each normed, the mean over entries",
)
def mae(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    code: Count | None = None,
    depth: Count | None = None,
    patch: Count | None = None,
    hidden: Share = 0.75,
) -> Recipe:
    """Features of a few patches from which a transformer tells the others: images, or lines cut into stretches.

    Args:
        size: Small: 4 blocks of 128. Paper: 12 of 384.
        code: The length of the features; by default as size says.
        depth: Blocks; by default as size says.
        patch: The side of a patch, or the length of a stretch; by default 4, less where rows are short.
        hidden: The share of patches that is hidden in training.
    """
    from genzoo.models.representation import MAE

    _alone(given_space, "mae")
    small = size == "small"
    code, depth = code or (128 if small else 384), depth or (4 if small else 12)
    heads = max(count for count in range(1, code // 32 + 2) if code % count == 0)
    patch = patch or _part_of(space)
    model = MAE(space, code=code, depth=depth, heads=heads, patch=patch, hidden=hidden)
    return Recipe(in_units(model), TrainConfig(steps=3000, batch_size=128, lr=1e-3, warmup=100, weight_decay=0.05))


@recipe(
    family="representation",
    likelihood="none",
    can=FEATURES,
    paper="van den Oord, Li & Vinyals, 2018, Representation learning with contrastive predictive coding, "
    "arXiv:1807.03748",
    loss="contrast of what comes later, nats",
)
def cpc(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    code: Count | None = None,
    patch: Count | None = None,
    horizon: Count | None = None,
) -> Recipe:
    """Features of what came before, from which what comes next is picked out: lines in stretches, images in patches.

    Args:
        size: Small: 128 entries. Paper: 256.
        code: The length of the features; by default as size says.
        patch: The length of a stretch, or the side of a patch; by default 4, less where rows are short.
        horizon: How many parts ahead is told; by default 2, or 1 where there are two.
    """
    from genzoo.models.representation import CPC
    from genzoo.nn import Patches

    _alone(given_space, "cpc")
    code, patch = code or (128 if size == "small" else 256), patch or _part_of(space)
    model = CPC(space, code=code, patch=patch, horizon=horizon or min(2, Patches(space.shape, patch).grid[0] - 1))
    return Recipe(in_units(model), TrainConfig(steps=3000, batch_size=64, lr=1e-3, warmup=100))


def _viewing(space: Space, code: int | None, size: Size) -> tuple["nn.Module", "nn.Module", int]:
    """A residual network, the perceptron that its features are seen through in training, and their length."""
    from torch import nn

    from genzoo.nn import Pyramid

    widths = (32, 64, 128, 256) if size == "small" else (64, 128, 256, 512)
    widths = (*widths[:-1], code or widths[-1])
    head = nn.Sequential(nn.Linear(widths[-1], 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Linear(256, 128))
    return Pyramid(space.shape[0], widths, stride=1), head, widths[-1]


def _part_of(space: Space) -> int:
    """A length of parts of which at least four lie side by side, or that of single entries."""
    sides = space.shape[1:] if len(space.shape) == 3 else space.shape[:1]
    return max(1, min(4, min(sides) // 4))


def _alone(given_space: GivenSpaceLike, name: str) -> None:
    if given_space is not None:
        raise Mistake(f"{name} takes no condition, got one.", "Leave --given out, or take clip.")


def _seeing(space: Space, code: int, size: Size) -> "nn.Module":
    """From numbers of x to its code: a residual network of images, a perceptron of all else."""
    from torch import nn

    from genzoo.nn import MLP, Pyramid

    if len(space.shape) == 3 and min(space.shape[1:]) >= 8:
        widths = (32, 64, 128, 256) if size == "small" else (64, 128, 256, 512)
        stride = 2 if min(space.shape[1:]) >= 28 else 1
        return nn.Sequential(Pyramid(space.shape[0], widths, stride=stride), nn.Linear(widths[-1], code))
    return nn.Sequential(nn.Flatten(), MLP(space.dims, [256 if size == "small" else 512] * 2, code))
