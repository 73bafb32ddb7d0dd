"""Recipes of couplings and of maps entry by entry, and of flows along velocities and through residual blocks."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from genzoo.core.space import Space
from genzoo.zoo.flows.nets import (
    ABLE,
    Depth,
    Filling,
    Floor,
    Layers,
    Maps,
    Net,
    Transform,
    Width,
    nets_of,
    over_units,
    trained,
    transform_of,
)
from genzoo.zoo.recipe import Amount, Count, DropGiven, GivenSpaceLike, Positive, Recipe, Size, recipe

if TYPE_CHECKING:
    from genzoo.models.flows import Elementwise, Flow, MaskedNets, Nets

__all__ = [
    "ffjord",
    "glow",
    "iaf",
    "maf",
    "nice",
    "nsf",
    "nsf_autoregressive",
    "realnvp",
    "residual_flow",
]


@recipe(
    family="flows",
    likelihood="exact",
    on_levels="bound",
    can=ABLE,
    paper="Dinh, Sohl-Dickstein & Bengio, 2017, Density estimation using Real NVP, arXiv:1605.08803",
    sampling=("temperature",),
)
def realnvp(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    net: Net = "auto",
    depth: Depth = None,
    width: Width = None,
    layers: Layers = None,
    dequantization: Filling = "uniform",
    floor: Floor = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Affine couplings with activation normalization, over images at several scales.

    Real numbers are seen in standard units; levels through uniform dequantization and a logit.

    Args:
        size: Small: 12 couplings of width 128; images 8 of 32 a scale. Paper: 24 of 256; images 16 of 128.
    """
    from genzoo.models.flows import Affine

    small, nets = size == "small", nets_of(space, size, net, width, layers)
    depth = depth or ((8 if nets.kind == "conv" else 12) * (1 if small else 2))
    over: dict[str, Any] = {"drop_given": drop_given, "dequantization": dequantization, "floor": floor}
    return _couplings(space, given_space, Affine(), (depth, nets), lr=2e-3 if small else 1e-3, **over)


@recipe(
    family="flows",
    likelihood="exact",
    on_levels="bound",
    can=ABLE,
    paper="Durkan, Bekasov, Murray & Papamakarios, 2019, Neural spline flows, arXiv:1906.04032",
    sampling=("temperature",),
)
def nsf(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    net: Net = "auto",
    depth: Depth = None,
    width: Width = None,
    layers: Layers = None,
    bins: Count = 8,
    floor: Floor = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Couplings by rational quadratic splines: fewer of them follow sharper shapes than affine ones do.

    Real numbers are seen in standard units, far ones by their logarithm; levels through uniform dequantization and
    a logit.

    Args:
        size: Small: 6 couplings of width 128; images 4 of 32 a scale. Paper: 20 of 256; images 12 of 128.
        bins: Pieces of a spline.
    """
    from genzoo.models.flows import Spline

    small, nets = size == "small", nets_of(space, size, net, width, layers)
    depth = depth or ((4 if small else 12) if nets.kind == "conv" else (6 if small else 20))
    over: dict[str, Any] = {"drop_given": drop_given, "floor": floor}
    return _couplings(space, given_space, Spline(bins), (depth, nets), lr=1e-3 if small else 5e-4, **over)


@recipe(
    family="flows",
    likelihood="exact",
    on_levels="bound",
    can=ABLE,
    paper="Dinh, Krueger & Bengio, 2015, NICE: non-linear independent components estimation, arXiv:1410.8516",
    sampling=("temperature",),
)
def nice(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    net: Net = "auto",
    depth: Depth = None,
    width: Width = None,
    layers: Layers = None,
    floor: Floor = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Additive couplings, which change no volume, between scales of each entry.

    Real numbers are seen in standard units; levels through uniform dequantization and a logit.

    Args:
        size: Small: 8 couplings of width 128; images 8 of 32 a scale. Paper: 16 of 1000; images 16 of 128.
    """
    from genzoo.models.flows import Additive

    small, nets = size == "small", nets_of(space, size, net, width or (None if size == "small" else 1000), layers)
    depth = depth or (8 if small else 16)
    return _couplings(space, given_space, Additive(), (depth, nets), lr=1e-3, drop_given=drop_given, floor=floor)


@recipe(
    family="flows",
    likelihood="exact",
    on_levels="bound",
    can=ABLE,
    paper="Kingma & Dhariwal, 2018, Glow: generative flow with invertible 1×1 convolutions, arXiv:1807.03039",
    sampling=("temperature",),
)
def glow(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    net: Net = "auto",
    depth: Depth = None,
    width: Width = None,
    layers: Layers = None,
    mixing: Annotated[Literal["lu", "plain"], Field(description="The matrix by its factors, or as it is.")] = "lu",
    dequantization: Filling = "uniform",
    transform: Transform = "affine",
    floor: Floor = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Couplings, each after a learned mixing of the channels, over images at several scales.

    Real numbers are seen in standard units; levels through uniform dequantization and a logit.

    Args:
        size: Small: 8 couplings of width 128; images 8 of 32 a scale. Paper: 32 of 512.
    """
    small, nets = size == "small", nets_of(space, size, net, width or (None if size == "small" else 512), layers)
    depth = depth or (8 if small else 32)
    over: dict[str, Any] = {"mixing": mixing, "drop_given": drop_given}
    over |= {"dequantization": dequantization, "floor": floor}
    return _couplings(space, given_space, transform_of(transform), (depth, nets), lr=1e-3, **over)


@recipe(
    family="flows",
    likelihood="exact",
    on_levels="bound",
    can=ABLE,
    paper="Papamakarios, Pavlakou & Murray, 2017, Masked autoregressive flow, arXiv:1705.07057",
    sampling=("temperature",),
)
def maf(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    depth: Maps = None,
    width: Width = None,
    layers: Layers = None,
    floor: Floor = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Affine maps of each entry given those before it: scores in one pass, draws entry by entry.

    Real numbers are seen in standard units; levels through uniform dequantization and a logit.

    Args:
        size: Small: 5 maps of width 128. Paper: 10 of 512.
    """
    from genzoo.models.flows import Affine

    return _maps(space, given_space, Affine(), _masked(size, depth, width, layers), drop_given, floor)


@recipe(
    family="flows",
    likelihood="exact",
    on_levels="bound",
    can=ABLE,
    paper="Kingma et al., 2016, Improved variational inference with inverse autoregressive flow, arXiv:1606.04934",
    sampling=("temperature",),
)
def iaf(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    depth: Maps = None,
    width: Width = None,
    layers: Layers = None,
    floor: Floor = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """The other way round than `maf`: draws in one pass, scores entry by entry, and trains a pass an entry.

    Real numbers are seen in standard units; levels through uniform dequantization and a logit.

    Args:
        size: Small: 5 maps of width 128. Paper: 10 of 512.
    """
    from genzoo.models.flows import Affine

    return _maps(space, given_space, Affine(), _masked(size, depth, width, layers), drop_given, floor, inverse=True)


@recipe(
    family="flows",
    likelihood="exact",
    on_levels="bound",
    can=ABLE,
    paper="Durkan, Bekasov, Murray & Papamakarios, 2019, Neural spline flows, arXiv:1906.04032",
    sampling=("temperature",),
)
def nsf_autoregressive(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    depth: Maps = None,
    width: Width = None,
    layers: Layers = None,
    bins: Count = 8,
    floor: Floor = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Rational quadratic splines of each entry given those before it.

    Real numbers are seen in standard units, far ones by their logarithm; levels through uniform dequantization and
    a logit.

    Args:
        size: Small: 5 maps of width 128. Paper: 10 of 512.
        bins: Pieces of a spline.
    """
    from genzoo.models.flows import Spline

    return _maps(space, given_space, Spline(bins), _masked(size, depth, width, layers), drop_given, floor)


@recipe(
    family="flows",
    likelihood="exact",
    on_levels="bound",
    can=ABLE,
    paper="Grathwohl et al., 2019, FFJORD: free-form continuous dynamics, arXiv:1810.01367",
    sampling=("temperature",),
)
def ffjord(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    depth: Annotated[Count, Field(description="Velocities one after another, each for a time of its own.")] = 1,
    width: Width = None,
    layers: Layers = None,
    tolerance: Annotated[Positive, Field(description="The error of a step along a velocity.")] = 1e-6,
    kinetic: Annotated[Amount, Field(description="Nats by which training punishes a squared velocity.")] = 0.01,
    floor: Floor = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A continuous flow along a learned velocity, whose divergence is exact with two hidden layers.

    Real numbers are seen in standard units; levels through uniform dequantization and a logit.

    Args:
        size: Small: width 64. Paper: 256.
    """
    from genzoo.models.flows import Nets, continuous_flow

    nets = Nets("mlp", width or (64 if size == "small" else 256), layers or 2)
    over = {"high": space.levels, "depth": depth, "tolerance": tolerance, "kinetic": kinetic, "drop_given": drop_given}
    flow = continuous_flow(Space(space.shape), given_space, nets, **over)
    return Recipe(over_units(space, flow, floor=floor), trained(lr=3e-3))


@recipe(
    family="flows",
    likelihood="exact",
    on_levels="bound",
    can=ABLE,
    paper="Chen, Behrmann, Duvenaud & Jacobsen, 2019, Residual flows, arXiv:1906.02735",
    sampling=("temperature",),
)
def residual_flow(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    depth: Annotated[Count | None, Field(description="Residual blocks; by default as size says.")] = None,
    width: Width = None,
    bound: Annotated[float, Field(gt=0, lt=1, description="What a block may stretch distances by, at most.")] = 0.9,
    floor: Floor = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Residual blocks that stretch distances by less than 1, hence invertible, without any mask or split.

    Real numbers are seen in standard units; levels through uniform dequantization and a logit.

    Args:
        size: Small: 16 blocks of width 64. Paper: 100 of 128.
    """
    from genzoo.models.flows import residual_flow as built

    small, over = size == "small", {"bound": bound, "high": space.levels, "drop_given": drop_given}
    width, depth = width or (64 if small else 128), depth or (16 if small else 100)
    flow = built(Space(space.shape), given_space, width=width, depth=depth, **over)
    return Recipe(over_units(space, flow, floor=floor), trained(lr=5e-3))


def _couplings(
    space: Space,
    given_space: GivenSpaceLike,
    transform: "Elementwise",
    sizes: tuple[int, "Nets"],
    *,
    lr: float,
    dequantization: Filling = "uniform",
    floor: float = 0.0,
    **over: Any,
) -> Recipe:
    """A flow of couplings over a space, in its units; what else it is built with, in `over`."""
    from genzoo.models.flows import coupling_flow

    depth, nets = sizes
    flow = coupling_flow(Space(space.shape), given_space, transform, nets, depth=depth, high=space.levels, **over)
    flow = _drawn_in(space, flow, transform)
    config = trained(lr=lr, batch_size=64 if nets.kind == "conv" else 256)
    return Recipe(over_units(space, flow, dequantization, floor), config)


def _maps(
    space: Space,
    given_space: GivenSpaceLike,
    transform: "Elementwise",
    sizes: tuple[int, "MaskedNets"],
    drop_given: float,
    floor: float,
    *,
    inverse: bool = False,
) -> Recipe:
    """A flow of autoregressive maps over a space, in its units."""
    from genzoo.models.flows import autoregressive_flow

    (depth, nets), over = sizes, {"high": space.levels, "inverse": inverse, "drop_given": drop_given}
    flow = autoregressive_flow(Space(space.shape), given_space, transform, nets, depth=depth, **over)
    return Recipe(over_units(space, _drawn_in(space, flow, transform), floor=floor), trained())


def _drawn_in(space: Space, flow: "Flow", transform: "Elementwise") -> "Flow":
    """A flow of splines over reals that sees far rows in the splines' box."""
    from genzoo.models.flows import Chain, LogTails, Spline

    if space.levels is None and isinstance(transform, Spline):
        flow.bijection = Chain(LogTails(space.shape), flow.bijection)
    return flow


def _masked(size: Size, depth: int | None, width: int | None, layers: int | None) -> "tuple[int, MaskedNets]":
    """How many maps, and their networks."""
    from genzoo.models.flows import MaskedNets

    small = size == "small"
    return depth or (5 if small else 10), MaskedNets(width or (128 if small else 512), layers or 2)
