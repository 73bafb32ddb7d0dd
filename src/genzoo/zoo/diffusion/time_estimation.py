"""The recipe of diffusion time estimation: a network that tells how much noise is in a row."""

from typing import Annotated, Literal

from pydantic import Field

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.diffusion.energy_matching import potential
from genzoo.zoo.diffusion.nets import SAMPLED
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import Amount, Count, GivenSpaceLike, Recipe, Size, recipe
from genzoo.zoo.units import over_reals

__all__ = ["dte"]


@recipe(
    family="diffusion",
    likelihood="estimate",
    can=("sample", "log_prob", "encode", "decode", "score", "latent", "denoise", "loss"),
    paper="Livernoche, Jain, Hezaveh & Ravanbakhsh, 2024, On diffusion modeling for anomaly detection, "
    "arXiv:2305.18593",
    loss="cross-entropy of the time, and squared error of the noise",
    sampling=SAMPLED,
)
def dte(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    net: Literal["auto", "mlp", "conv"] = "auto",
    width: Count | None = None,
    depth: Count = 3,
    times: Annotated[int, Field(ge=2, description="How many times are told apart.")] = 24,
    denoising: Amount = 1.0,
    reach: Annotated[float, Field(ge=1, description="How many times wider than the data the noise grows.")] = 10.0,
) -> Recipe:
    """A network that tells how much noise is in a row: a score of outliers, a density, and by its slope a diffusion.

    Args:
        size: Small: a perceptron of width 256, 16 channels. Paper: 512, 64.
        net: Convolutions or a perceptron; auto: convolutions for images from 16×16 pixels on.
        width: Of the perceptron's layers, or the channels at full size; by default as size says.
        depth: The perceptron's layers.
        denoising: How much the squared error of the noise counts beside the cross-entropy; 0 for the paper's loss.
        reach: With 1, as in the paper, what lies farther out than the data does not look like more noise.

    Raises:
        Mistake: If there is a condition.
    """
    from genzoo.models.diffusion import TimeEstimation
    from genzoo.models.standardized import Standardized, Units

    if given_space is not None:
        raise Mistake("dte takes no condition, got one.", "Leave --given out, or take ddpm or edm.")
    images = len(space.shape) == 3 and min(space.shape[1:]) >= 16
    convolves = net == "conv" or (net == "auto" and images)
    wide = width or {"small": 16 if convolves else 256, "paper": 64 if convolves else 512}[size]
    told = potential(space, wide, depth, convolves=convolves, outputs=times)
    units = Units(space.shape)
    units.scale.fill_(reach)
    told_of = TimeEstimation(Space(space.shape), told, times=times, denoising=denoising, spread=1 / reach)
    model = Standardized(told_of, units=units)
    config = TrainConfig(steps=5000, batch_size=64 if images else 256, lr=2e-3, clip_norm=1.0, ema=0.05, warmup=50)
    return Recipe(over_reals(model, space), config)
