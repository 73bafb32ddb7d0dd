"""Recipes of models of rows of one length, entry after entry."""

import logging
from typing import Annotated, Literal

from pydantic import Field

from genzoo._files import memory
from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.autoregressive.symbols import ABLE, DRAWN
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import Count, DropGiven, GivenSpaceLike, Recipe, Size, recipe
from genzoo.zoo.units import in_units, over_reals

__all__ = ["made", "markov_density", "nade", "pixelcnn", "softmax_chain", "tab_ar"]

BYTES = 16  # of a parameter in training: itself, its gradient, and two moments
TOLD = 10_000_000  # parameters from which on they are told before a model is built


@recipe(
    family="autoregressive",
    likelihood="exact",
    can=ABLE,
    paper="Germain et al., 2015, MADE: Masked autoencoder for distribution estimation, arXiv:1502.03509",
    columns="levels",
    sampling=DRAWN,
)
def made(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    width: Count | None = None,
    depth: Count = 2,
    head: Literal["auto", "categorical", "logistics"] = "auto",
    components: Count = 5,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A masked autoencoder for levels of a fixed shape: an exact mass, entry after entry in raster order.

    Args:
        size: Small: 1,024 units in a layer. Paper: 8,000 for two levels, 2,048 for more.
        width: Units of a hidden layer; by default as size says.
        depth: Hidden layers.
        head: A logit for each level, a mixture of discretized logistics, or auto: logits up to 32 levels.
        components: The logistics of a mixture.
    """
    from genzoo.models.autoregressive import MADE

    width = width or (1024 if size == "small" else 8000 if space.levels == 2 else 2048)
    model = MADE(
        space,
        given_space,
        width=width,
        depth=depth,
        head=head,
        components=components,
        drop_given=drop_given,
    )
    config = TrainConfig(
        steps=3000, batch_size=256, lr=6e-3, warmup=100, precision="auto", clip_norm=100.0, ema=0.05, keep="best"
    )
    return Recipe(in_units(model), config)


@recipe(
    family="autoregressive",
    likelihood="exact",
    can=ABLE,
    paper="Uria et al., 2016, Neural autoregressive distribution estimation, arXiv:1605.02226",
    columns="levels",
    sampling=DRAWN,
)
def nade(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    width: Count | None = None,
    components: Count = 5,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A hidden layer that grows by a term from entry to entry, and says each next one; levels of a fixed shape.

    Args:
        size: Small: 300 hidden units. Paper: 500.
        width: The hidden units; by default as size says.
        components: The logistics of a mixture, for more than 32 levels.
    """
    from genzoo.models.autoregressive import NADE

    width = width or (300 if size == "small" else 500)
    model = NADE(space, given_space, width=width, components=components, drop_given=drop_given)
    return Recipe(
        in_units(model), TrainConfig(steps=3000, lr=3e-3, warmup=100, clip_norm=100.0, ema=0.05, keep="best")
    )


@recipe(
    family="autoregressive",
    likelihood="exact",
    can=ABLE,
    paper="van den Oord et al., 2016, Conditional image generation with PixelCNN decoders, arXiv:1606.05328",
    columns="levels",
    sampling=DRAWN,
    wants=("image",),
)
def pixelcnn(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    width: Count | None = None,
    depth: Count | None = None,
    kernel_size: Annotated[int, Field(ge=3)] = 5,
    components: Count = 5,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Gated convolutions that see the pixels above and to the left: an exact mass on images of any number of levels.

    Colors are logistics of which each moves with those before it, as in PixelCNN++.

    Args:
        size: Small: 8 layers of 48 channels. Paper: 15 of 128.
        width: Channels; by default as size says.
        depth: Gated layers; by default as size says.
        kernel_size: The side of what a layer sees, an odd number.
        components: The logistics of a mixture, for more than 32 levels or several channels.
    """
    from genzoo.models.autoregressive import PixelCNN

    small = size == "small"
    model = PixelCNN(
        space,
        given_space,
        width=width or (48 if small else 128),
        depth=depth or (8 if small else 15),
        kernel=kernel_size,
        components=components,
        drop_given=drop_given,
    )
    config = TrainConfig(
        steps=3000, batch_size=32, lr=2e-3, warmup=100, precision="auto", clip_norm=100.0, ema=0.05, keep="best"
    )
    return Recipe(in_units(model), config)


@recipe(
    family="autoregressive",
    likelihood="exact",
    can=ABLE,
    paper="Frey, Hinton & Dayan, 1996, Does the wake-sleep algorithm produce good density estimators?",
    columns="levels",
    sampling=DRAWN,
)
def softmax_chain(
    space: Space, given_space: GivenSpaceLike = None, *, size: Size = "small", drop_given: DropGiven = 0.1
) -> Recipe:
    """A softmax regression for each entry on all before it; on two levels the fully visible sigmoid belief network.

    The lecture's first model of images: D (D − 1)/2 · L weights for D entries on L levels, 78,776,320 numbers for
    MNIST's bytes.

    Args:
        size: The same for both.
    """
    from genzoo.models.autoregressive import SoftmaxChain

    _tell_size(space)
    model = SoftmaxChain(space, given_space, drop_given=drop_given)
    return Recipe(in_units(model), TrainConfig(steps=3000, lr=1e-3, warmup=50, ema=0.05, keep="best"))


@recipe(
    family="autoregressive",
    likelihood="exact",
    on_levels="bound",
    can=("sample", "log_prob", "score", "loss", "condition"),
    paper="Uria, Murray & Larochelle, 2013, RNADE, arXiv:1306.0186",
)
def markov_density(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    order: Count = 32,
    width: Count | None = None,
    depth: Count = 2,
    places: bool = True,
    components: Count = 8,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A chain on reals: a perceptron sees the last d entries, and a mixture of Gaussians is the next.

    Args:
        size: Small: 256 units in a layer. Paper: 512.
        order: d, how many entries are seen; from the row's length on, all that came before.
        width: Units of a hidden layer; by default as size says.
        depth: Hidden layers.
        places: Whether the place is told, too; columns of a table need it, long signals may not.
        components: The Gaussians of a mixture.
    """
    from genzoo.models.autoregressive import MarkovDensity

    model = MarkovDensity(
        Space(space.shape),
        given_space,
        order=min(order, max(1, space.dims - 1)),
        width=width or (256 if size == "small" else 512),
        depth=depth,
        places=places,
        components=components,
        drop_given=drop_given,
    )
    config = TrainConfig(steps=3000, lr=2e-3, warmup=100, clip_norm=100.0, ema=0.05, keep="best")
    return Recipe(over_reals(model, space), config)


@recipe(
    family="autoregressive",
    likelihood="exact",
    can=("sample", "log_prob", "loss", "condition", "missing"),
    paper="Hoogeboom et al., 2022, Autoregressive diffusion models, arXiv:2110.02037",
    columns="own",
    sampling=("orders",),
    knows=("impute", "where"),
)
def tab_ar(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    bins: Annotated[int, Field(ge=2)] = 100,
    width: Count | None = None,
    depth: Count = 2,
    features: Count = 16,
    any_order: Annotated[float, Field(ge=0, le=1)] = 0.5,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A table column by column in any order, each given any others: exact densities, draws of what is missing.

    Numbers are parted into bins, of which values that many rows share are some of their own.

    Args:
        size: Small: 128 units a layer for each column. Paper: 512.
        bins: Into how many pieces a column of numbers is parted.
        width: Units of a hidden layer of each column's network; by default as size says.
        depth: Hidden layers.
        features: The numbers by which a network sees another column.
        any_order: The share of rows that are learned in random order; 0 learns the order of the table alone.
    """
    from genzoo.models.autoregressive import TabularAR

    model = TabularAR(
        space,
        given_space,
        width=width or (128 if size == "small" else 512),
        depth=depth,
        features=features,
        bins=bins,
        any_order=any_order,
        drop_given=drop_given,
    )
    config = TrainConfig(steps=3000, batch_size=512, lr=3e-3, warmup=100, clip_norm=10.0, ema=0.05, keep="best")
    return Recipe(model, config)


def _tell_size(space: Space) -> None:
    """Says how large a chain of regressions will be.

    Raises:
        Mistake: If its training does not fit into the memory.
    """
    levels = space.levels or 0
    count = (space.dims * (space.dims - 1) // 2 + space.dims) * (1 if levels == 2 else levels)
    if BYTES * count > memory():
        raise Mistake(
            f"softmax_chain must fit into the {memory() / 1e9:.1f} GB of memory, got {BYTES * count / 1e9:.1f} GB in "
            f"training: {count:,} parameters for {space}.",
            "Take made or nade, smaller images or fewer levels.",
        )
    if count >= TOLD:
        told = "softmax_chain on %s: %s parameters, %.1f GB in training"
        logging.getLogger("genzoo").info(told, space, f"{count:,}", BYTES * count / 1e9)
