"""Recipes of diffusions of symbols: letters, codes, ids, pixels of few levels."""

from typing import Annotated, Any, Literal

from pydantic import Field

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.recipe import Count, DropGiven, GivenSpaceLike, Recipe, Size, recipe
from genzoo.zoo.units import in_units

__all__ = ["block_diffusion", "d3pm", "discrete_flow", "masked_diffusion"]

ABLE = ("sample", "log_prob", "loss", "condition")
TOLD = ("steps", "sampler", "bound", "fresh", "guidance", "temperature", "prefix")  # how samples may be asked for
CHANNELS, NUMBERS = 24, 256  # of an image as unit vectors, up to which a U-Net reads it; of a row, a perceptron
InfillingNet = Annotated[
    Literal["auto", "transformer", "unet", "mlp"],
    Field(
        description="A transformer in which all look at all, a U-Net of images of few levels, or a perceptron; auto: "
        "a U-Net for images from 8×8 on with up to 7 levels, a perceptron for a few entries, else a transformer."
    ),
]
InfillingWidth = Annotated[
    Count | None, Field(description="The length of vectors, channels of the U-Net, or units; by default as size says.")
]
InfillingDepth = Annotated[
    Count | None, Field(description="Blocks, blocks at each level, or hidden layers; by default as size says.")
]
InfillingSize = Annotated[
    Size,
    Field(
        description="Small: a transformer of 4 × 128, a U-Net of 32 and 64 channels, a perceptron of 3 × 256. "
        "Paper: 12 × 768; 128, 256, 256; 6 × 512."
    ),
]


@recipe(
    family="diffusion",
    likelihood="bound",
    can=ABLE,
    paper="Sahoo et al., 2024, Simple and effective masked diffusion language models, arXiv:2406.07524",
    columns="levels",
    ragged=True,
    sampling=TOLD,
    knows=("impute",),
)
def masked_diffusion(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: InfillingSize = "small",
    net: InfillingNet = "auto",
    width: InfillingWidth = None,
    depth: InfillingDepth = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Symbols are hidden one by one, and a network says them: letters, codes, bits; fills in whatever is missing."""
    from genzoo.models.diffusion import MaskedDiffusion

    kind = kind_of(space, net)
    model = MaskedDiffusion(
        space, given_space, infilling(space, given_space, (kind, width, depth, size)), drop_given=drop_given
    )
    return Recipe(in_units(model), settings(kind, size))


@recipe(
    family="diffusion",
    likelihood="bound",
    can=ABLE,
    paper="Arriola et al., 2025, Block diffusion, arXiv:2503.09573",
    columns="levels",
    ragged=True,
    sampling=TOLD,
)
def block_diffusion(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: InfillingSize = "small",
    length: Count = 8,
    width: InfillingWidth = None,
    depth: InfillingDepth = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Blocks of symbols one after another, hidden and told within a block: between a gpt and masked_diffusion.

    Args:
        length: The symbols of a block: 1 is an autoregressive model, all of them masked diffusion.
    """
    from genzoo.models.diffusion import BlockDiffusion

    network = infilling(space, given_space, ("transformer", width, depth, size))
    model = BlockDiffusion(space, given_space, network, length=length, drop_given=drop_given)
    return Recipe(in_units(model), settings("transformer", size))


@recipe(
    family="diffusion",
    likelihood="bound",
    can=ABLE,
    paper="Austin et al., 2021, Structured denoising diffusion models in discrete state-spaces, arXiv:2107.03006",
    columns="levels",
    ragged=True,
    sampling=("steps", "guidance"),
)
def d3pm(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: InfillingSize = "small",
    net: InfillingNet = "auto",
    width: InfillingWidth = None,
    depth: InfillingDepth = None,
    noise: Literal["uniform", "absorbing"] = "uniform",
    chain: Count = 100,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Symbols are drawn anew or hidden in a chain of steps, and a network leads them back, step by step.

    Args:
        noise: Whether what is lost is drawn anew, all symbols alike, or hidden.
        chain: The steps of the chain.
    """
    from genzoo.models.diffusion import D3PM

    kind = kind_of(space, net)
    network = infilling(space, given_space, (kind, width, depth, size), timed=True)
    model = D3PM(space, given_space, network, kind=noise, steps=chain, drop_given=drop_given)
    return Recipe(in_units(model), settings(kind, size))


@recipe(
    family="diffusion",
    likelihood="bound",
    can=ABLE,
    paper="Gat et al., 2024, Discrete flow matching, arXiv:2407.15595",
    columns="levels",
    ragged=True,
    sampling=("steps", "guidance"),
    loss="cross-entropy of the data given what is left of them, nats/row",
)
def discrete_flow(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: InfillingSize = "small",
    net: InfillingNet = "auto",
    width: InfillingWidth = None,
    depth: InfillingDepth = None,
    noise: Literal["uniform", "absorbing"] = "absorbing",
    sampling_steps: Count = 100,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Symbols jump one by one from noise to what a network says of the data: flow matching for letters and bits.

    Args:
        noise: What it begins with: all symbols alike, or all hidden.
        sampling_steps: In how many steps rows are drawn, and of how many the bound is.
    """
    from genzoo.models.diffusion import DiscreteFlow

    kind = kind_of(space, net)
    network = infilling(space, given_space, (kind, width, depth, size), timed=True)
    model = DiscreteFlow(space, given_space, network, kind=noise, steps=sampling_steps, drop_given=drop_given)
    return Recipe(in_units(model), settings(kind, size))


def kind_of(space: Space, net: InfillingNet) -> str:
    """The network that is made.

    Args:
        space: What it reads.
        net: Which was asked for.
    """
    read = (space.levels or 0) + 1
    if net != "auto":
        return net
    if len(space.shape) == 3 and min(space.shape[1:]) >= 8 and space.shape[0] * read <= CHANNELS:
        return "unet"
    return "mlp" if not space.ragged and space.dims * read <= NUMBERS else "transformer"


def infilling(
    space: Space,
    given_space: GivenSpaceLike,
    asked: tuple[str, int | None, int | None, Size],
    timed: bool = False,
) -> Any:
    """A network that says what stands at every place.

    Args:
        space: What it reads.
        given_space: The condition.
        asked: Its kind, width, depth and size.
        timed: Whether a transformer is told the time.
    """
    from genzoo.models.sequences import refuse_unlike, symbols
    from genzoo.nn import MLP, Hot, Infilling, Timed, UNet

    refuse_unlike(space, "A diffusion of symbols")
    kind, width, depth, size = asked
    small, said = size == "small", symbols(space)
    read = said + 1
    if kind == "transformer":
        width = width or (128 if small else 768)
        parts = {
            "width": width,
            "depth": depth or (4 if small else 12),
            "heads": max(1, width // (32 if small else 64)),
        }
        return Infilling(said, space.dims, given_space, timed=timed, dropout=0.0 if small else 0.1, **parts)
    if kind == "mlp":
        hidden = [width or (256 if small else 512)] * (depth or (3 if small else 6))
        return Hot(
            Timed(MLP(space.dims * read, hidden, space.dims * read, given=128), 128, given_space),
            (space.dims,), symbols=said,
        )  # fmt: skip
    base = width or (32 if small else 128)
    widths, patch = (base, 2 * base) if small else (base, 2 * base, 2 * base), 2 if small else 1
    shape = (space.shape[0] * read, *space.shape[1:])
    layers = UNet(shape, given=2 * base, widths=widths, blocks=depth or 2, patch=patch if min(shape[1:]) >= 16 else 1)
    return Hot(Timed(layers, 2 * base, given_space), space.shape, symbols=said)


def settings(kind: str, size: Size) -> TrainConfig:
    """How such a network is trained well.

    Args:
        kind: Its kind.
        size: Its size.
    """
    if kind == "transformer":
        return TrainConfig(
            steps=2500, batch_size=32, optimizer="muon", lr=3e-3, betas=(0.9, 0.98), weight_decay=0.1, warmup=50,
            precision="auto", keep="best",
        )  # fmt: skip
    if kind == "mlp":
        return TrainConfig(steps=5000, batch_size=256, lr=2e-3, warmup=100, ema=0.05)
    lr = 1.5e-3 if size == "small" else 2e-4
    return TrainConfig(steps=10_000, batch_size=32, lr=lr, warmup=100, clip_norm=1.0, precision="auto", ema=0.05)
