"""Recipes of flows."""

from typing import Literal

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.recipe import Count, GivenSpace, Recipe, Share, Size, recipe
from genzoo.zoo.units import in_units

__all__ = ["realnvp"]


@recipe(
    family="flows",
    likelihood="exact",
    on_levels="bound",
    can=("sample", "log_prob", "encode", "decode", "score", "loss", "condition"),
    paper="Dinh, Sohl-Dickstein & Bengio, 2017, Density estimation using Real NVP, arXiv:1605.08803",
)
def realnvp(
    space: Space,
    given: GivenSpace = None,
    *,
    size: Size = "small",
    net: Literal["auto", "mlp", "conv"] = "auto",
    depth: Count | None = None,
    width: Count | None = None,
    layers: Count | None = None,
    drop_given: Share = 0.1,
) -> Recipe:
    """Affine couplings with activation normalization, over images at several scales.

    Real numbers are seen in standard units; levels through uniform dequantization and a logit.

    Args:
        size: Small: 12 couplings of width 128; images 8 of 32 a scale. Paper: 24 of 256; images 16 of 128.
        net: Convolutions or perceptrons; auto: convolutions over images of even sides.
        depth: Couplings, at each scale; by default as size says.
        width: Hidden entries of the perceptrons, or channels of the convolutions; by default as size says.
        layers: Hidden layers of the perceptrons, or residual blocks; by default 2 (1 in small images).
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.
    """
    from genzoo.models.dequantized import Dequantized
    from genzoo.models.flows import real_nvp

    small = size == "small"
    even = len(space.shape) == 3 and space.shape[1] % 2 == 0 and space.shape[2] % 2 == 0
    conv = net == "conv" or (net == "auto" and even)
    flow = real_nvp(
        Space(space.shape),
        given,
        net="conv" if conv else "mlp",
        depth=depth or ((8 if conv else 12) * (1 if small else 2)),
        width=width or ((32 if small else 128) if conv else (128 if small else 256)),
        layers=layers or (1 if conv and small else 2),
        high=space.levels,
        drop_given=drop_given if given is not None else 0.0,
    )
    config = TrainConfig(
        steps=4000,
        batch_size=64 if conv else 256,
        lr=2e-3 if small else 1e-3,
        warmup=100,
        clip_norm=10.0,
        ema=0.05,
        keep="best",
    )
    return Recipe(in_units(flow if space.levels is None else Dequantized(flow, space.levels)), config)
