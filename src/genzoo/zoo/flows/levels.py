"""Recipes of flows for images above all: transformers over patches, and maps of whole numbers."""

from typing import Annotated, Any

from pydantic import Field

from genzoo.core.space import Space
from genzoo.zoo.flows.nets import (
    ABLE,
    Depth,
    Filling,
    Layers,
    Net,
    Transform,
    Width,
    nets_of,
    over_units,
    trained,
    transform_of,
)
from genzoo.zoo.recipe import Count, DropGiven, GivenSpaceLike, Recipe, Size, recipe
from genzoo.zoo.units import in_units

__all__ = ["idf", "tarflow"]


@recipe(
    family="flows",
    likelihood="exact",
    on_levels="bound",
    can=ABLE,
    paper="Zhai et al., 2024, Normalizing flows are capable generative models, arXiv:2412.06329",
    sampling=("temperature",),
)
def tarflow(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    transform: Transform = "affine",
    patch: Annotated[
        Count | None, Field(description="Side of a square of pixels, or length of a stretch; by default as size says.")
    ] = None,
    depth: Annotated[
        Count | None,
        Field(description="Maps, by turns from the first patch and the last; by default as size says."),
    ] = None,
    width: Annotated[Count | None, Field(description="Width of the transformers; by default as size says.")] = None,
    layers: Annotated[Count | None, Field(description="Blocks of each transformer; by default as size says.")] = None,
    dequantization: Filling = "uniform",
    sigma: Annotated[
        float, Field(ge=0, description="σ of noise added to levels in [−1, 1], or to reals; samples are denoised.")
    ] = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Transformers over patches: each is transformed as those before it say, by turns from the first and the last.

    Real numbers are seen in standard units; levels through uniform dequantization and a logit. With `sigma`, the
    density is that of noisy rows, and samples, denoised by its score, have none.

    Args:
        size: Small: 4 maps of 3 blocks of width 128, patches of 4 × 4. Paper: 8 of 8 of 768, patches of 2 × 2. Rows
            that are no images have patches of one entry.
    """
    from genzoo.models.denoised import Denoised
    from genzoo.models.flows import Transformers, causal_flow

    small, width = size == "small", width or (128 if size == "small" else 768)
    side = patch or _side(space, 4 if small else 2)
    nets = Transformers(width, layers or (3 if small else 8), max(1, width // (32 if small else 64)))
    flow = causal_flow(
        Space(space.shape),
        given_space,
        transform_of(transform),
        nets,
        depth=depth or (4 if small else 8),
        patch=side,
        high=None if sigma else space.levels,
        drop_given=drop_given,
    )
    places = max(1, space.dims // side ** min(2, len(space.shape)))
    over = {"optimizer": "muon", "lr": 3e-3, "betas": (0.9, 0.98), "warmup": 50, "ema": None}
    config = trained(batch_size=max(8, min(256, (1 << 11) // places)), **over)
    if not sigma:
        return Recipe(over_units(space, flow, dequantization), config)
    return Recipe(in_units(Denoised(flow, space, sigma=sigma * (space.levels or 2) / 2)), config)


@recipe(
    family="flows",
    likelihood="bound",
    can=("sample", "log_prob", "encode", "decode", "loss", "condition"),
    columns="levels",
    paper="Hoogeboom et al., 2019, Integer discrete flows and lossless compression, arXiv:1905.07376",
    sampling=("temperature",),
)
def idf(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    net: Net = "auto",
    depth: Depth = None,
    width: Width = None,
    layers: Layers = None,
    components: Annotated[Count, Field(description="Logistics of a mixture.")] = 5,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Couplings that add rounded numbers: a mass of whole numbers, without dequantization.

    It is exact as a mass of all whole numbers. What it lays outside the levels is drawn as the nearest level, so on
    levels it is a bound from below on the mass of samples.

    Args:
        size: Small: 6 couplings of width 128; images 4 of 32 a scale. Paper: 12 of 256; images 8 of 512.
    """
    from genzoo.models.flows import IntegerFlow

    small, nets = size == "small", nets_of(space, size, net, width or (None if size == "small" else 512), layers)
    depth = depth or ((4 if nets.kind == "conv" else 6) * (1 if small else 2))
    over: dict[str, Any] = {"depth": depth, "components": components, "drop_given": drop_given}
    model = IntegerFlow(space, given_space, nets, **over)
    return Recipe(in_units(model), trained(lr=2e-3, batch_size=64 if nets.kind == "conv" else 256))


def _side(space: Space, most: int) -> int:
    """The side of patches that fill an image; 1 for what is none."""
    if len(space.shape) != 3:
        return 1
    return next(side for side in range(most, 0, -1) if not space.shape[1] % side and not space.shape[2] % side)
