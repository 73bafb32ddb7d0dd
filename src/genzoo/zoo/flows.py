"""Recipes of flows."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.recipe import Count, DropGiven, GivenSpaceLike, Recipe, Size, recipe
from genzoo.zoo.units import in_units

if TYPE_CHECKING:
    from genzoo.models.flows import Elementwise, Nets

__all__ = ["nsf", "realnvp"]

Net = Annotated[
    Literal["auto", "mlp", "conv"],
    Field(description="Convolutions or perceptrons; auto: convolutions over images of even sides."),
]
Depth = Annotated[Count | None, Field(description="Couplings, at each scale; by default as size says.")]
Width = Annotated[
    Count | None,
    Field(description="Hidden entries of the perceptrons, or channels of the convolutions; by default as size says."),
]
Layers = Annotated[
    Count | None,
    Field(description="Hidden layers of the perceptrons, or residual blocks; by default 2 (1 in small images)."),
]


@recipe(
    family="flows",
    likelihood="exact",
    on_levels="bound",
    can=("sample", "log_prob", "encode", "decode", "latent", "score", "loss", "condition"),
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
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Affine couplings with activation normalization, over images at several scales.

    Real numbers are seen in standard units; levels through uniform dequantization and a logit.

    Args:
        size: Small: 12 couplings of width 128; images 8 of 32 a scale. Paper: 24 of 256; images 16 of 128.
    """
    from genzoo.models.flows import Affine

    small, nets = size == "small", _nets(space, size, net, width, layers)
    depth = depth or ((8 if nets.kind == "conv" else 12) * (1 if small else 2))
    return _couplings(space, given_space, Affine(), nets, depth, drop_given, lr=2e-3 if small else 1e-3)


@recipe(
    family="flows",
    likelihood="exact",
    on_levels="bound",
    can=("sample", "log_prob", "encode", "decode", "latent", "score", "loss", "condition"),
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
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Couplings by rational quadratic splines: fewer of them follow sharper shapes than affine ones do.

    Real numbers are seen in standard units; levels through uniform dequantization and a logit.

    Args:
        size: Small: 6 couplings of width 128; images 4 of 32 a scale. Paper: 20 of 256; images 12 of 128.
        bins: Pieces of a spline.
    """
    from genzoo.models.flows import Spline

    small, nets = size == "small", _nets(space, size, net, width, layers)
    depth = depth or ((4 if small else 12) if nets.kind == "conv" else (6 if small else 20))
    return _couplings(space, given_space, Spline(bins), nets, depth, drop_given, lr=1e-3 if small else 5e-4)


def _nets(space: Space, size: Size, net: Net, width: int | None, layers: int | None) -> "Nets":
    from genzoo.models.flows import Nets

    even = len(space.shape) == 3 and space.shape[1] % 2 == 0 and space.shape[2] % 2 == 0
    if net == "conv" or (net == "auto" and even):
        return Nets("conv", width or (32 if size == "small" else 128), layers or (1 if size == "small" else 2))
    return Nets("mlp", width or (128 if size == "small" else 256), layers or 2)


def _couplings(
    space: Space,
    given_space: GivenSpaceLike,
    transform: "Elementwise",
    nets: "Nets",
    depth: int,
    drop_given: float,
    *,
    lr: float,
) -> Recipe:
    """A flow of couplings over a space, in its units."""
    from genzoo.models.dequantized import Dequantized
    from genzoo.models.flows import coupling_flow

    flow = coupling_flow(
        Space(space.shape), given_space, transform, nets, depth=depth, high=space.levels, drop_given=drop_given
    )
    config = TrainConfig(
        steps=4000,
        batch_size=64 if nets.kind == "conv" else 256,
        lr=lr,
        warmup=100,
        clip_norm=10.0,
        ema=0.05,
        keep="best",
    )
    return Recipe(in_units(flow if space.levels is None else Dequantized(flow, space.levels)), config)
