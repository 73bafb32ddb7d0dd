"""What recipes of flows share: their words, their networks, how they are trained, and what they see."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.recipe import Count, Size
from genzoo.zoo.units import in_units

if TYPE_CHECKING:
    from genzoo.core.model import GenerativeModel
    from genzoo.models.flows import Elementwise, Flow, Nets

__all__ = [
    "ABLE",
    "Depth",
    "Filling",
    "Layers",
    "Maps",
    "Net",
    "Transform",
    "Width",
    "nets_of",
    "over_units",
    "trained",
    "transform_of",
]

Net = Annotated[
    Literal["auto", "mlp", "conv"],
    Field(description="Convolutions or perceptrons; auto: convolutions over images of even sides."),
]
Depth = Annotated[Count | None, Field(description="Couplings, at each scale; by default as size says.")]
Maps = Annotated[Count | None, Field(description="Maps, by turns from the first entry and from the last.")]
Width = Annotated[
    Count | None,
    Field(description="Hidden entries of the perceptrons, or channels of the convolutions; by default as size says."),
]
Layers = Annotated[
    Count | None,
    Field(description="Hidden layers of the perceptrons, or residual blocks; by default 2 (1 in small images)."),
]

Filling = Annotated[
    Literal["uniform", "variational"],
    Field(description="How levels become reals: uniform in their cells, or by a law that is trained too."),
]

Floor = Annotated[
    float,
    Field(
        ge=0,
        description="The variance of noise that reals have in training, as a share of the data's: a width "
        "where columns determine each other.",
    ),
]
Transform = Annotated[
    Literal["affine", "logistics"], Field(description="What is done to an entry: logistics fit gaps and modes.")
]

ABLE = ("sample", "log_prob", "encode", "decode", "latent", "score", "loss", "condition")


def nets_of(space: Space, size: Size, net: Net, width: int | None, layers: int | None) -> "Nets":
    """Convolutions over images of even sides, else perceptrons."""
    from genzoo.models.flows import Nets

    even = len(space.shape) == 3 and space.shape[1] % 2 == 0 and space.shape[2] % 2 == 0
    if net == "conv" or (net == "auto" and even):
        return Nets("conv", width or (32 if size == "small" else 128), layers or (1 if size == "small" else 2))
    return Nets("mlp", width or (128 if size == "small" else 256), layers or 2)


def transform_of(name: Transform) -> "Elementwise":
    """What is done to an entry."""
    from genzoo.models.flows import Affine, Logistics

    return Affine() if name == "affine" else Logistics()


def trained(**settings: Any) -> TrainConfig:
    """How flows of vectors are trained."""
    usual = {"steps": 4000, "batch_size": 256, "lr": 1e-3, "warmup": 100, "clip_norm": 10.0, "ema": 0.05}
    return TrainConfig(**(usual | settings), keep="best")


def over_units(
    space: Space, flow: "Flow", dequantization: Filling = "uniform", floor: float = 0.0
) -> "GenerativeModel":
    """A flow in standard units, or over levels."""
    from genzoo.models.dequantized import Dequantized
    from genzoo.models.flows import CellFlow

    if space.levels is None:
        flow.floor = floor
        return in_units(flow)
    return in_units(Dequantized(flow, space.levels, fill=CellFlow(space) if dequantization == "variational" else None))
