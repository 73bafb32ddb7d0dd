"""The recipe of energy matching: an energy without a time that noise flows down."""

from typing import Annotated, Any, Literal

from pydantic import Field

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import Count, GivenSpaceLike, Positive, Recipe, Share, Size, recipe
from genzoo.zoo.units import in_units

__all__ = ["energy_matching"]

FEW = 4  # numbers of a row that are few: a perceptron then sees three octaves of waves of each


@recipe(
    family="diffusion",
    likelihood="unnormalized",
    can=("sample", "log_prob", "score", "loss"),
    paper="Balcerak et al., 2025, Energy matching: unifying flow matching and energy-based models for generative "
    "modeling, arXiv:2504.10612",
    loss="squared error of the slope, and the gap of energies",
    sampling=("steps",),
)
def energy_matching(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    net: Literal["auto", "mlp", "conv"] = "auto",
    width: Count | None = None,
    depth: Count = 3,
    heat: Positive | None = None,
    until: Share = 0.6,
    warm: Share = 0.1,
    chains: Count = 1024,
    walk: Annotated[Count, Field(description="Langevin steps by which chains are moved in a round.")] = 2,
    step_size: Positive = 0.008,
    fresh: Share = 0.002,
    sampling_steps: Annotated[int, Field(ge=2, description="Steps of a sample, half of them of a chain.")] = 200,
) -> Recipe:
    """One energy without a time: noise flows down it to the data, and near them it is their density's.

    Args:
        size: Small: a perceptron of width 128, 16 channels. Paper: 256, 64.
        net: Convolutions or a perceptron; auto: convolutions for images from 16×16 pixels on.
        width: Of the perceptron's layers, or the channels at full size; by default as size says.
        depth: The perceptron's layers.
        heat: The temperature at which the data are the energy's law; by default 0.1, 0.01 for images.
        until: The time down to which the slope is taught to be the velocity of a flow.
        warm: The share of the training in which the flow alone is learned.
        chains: Langevin chains that are kept.
        step_size: The length of a Langevin step, in units of the energy over the heat.
        fresh: The share of chains that start anew in a round.

    Raises:
        Mistake: If there is a condition.
    """
    from genzoo.models.diffusion import Chains, EnergyMatching

    if given_space is not None:
        raise Mistake("energy_matching takes no condition, got one.", "Leave --given out, or take energy or flow_map.")
    images = len(space.shape) == 3 and min(space.shape[1:]) >= 16
    convolves = net == "conv" or (net == "auto" and images)
    wide = width or {"small": 16 if convolves else 128, "paper": 64 if convolves else 256}[size]
    model = EnergyMatching(
        Space(space.shape, space.levels),
        potential(space, wide, depth, convolves=convolves),
        heat=heat or (0.01 if images else 0.1),
        until=until,
        warm=warm,
        chains=Chains(chains, min(chains, 256 if not images else 64), walk, step_size, fresh, jumps=not images),
        steps=sampling_steps,
    )
    config = TrainConfig(steps=5000, batch_size=64 if images else 256, lr=2e-3, clip_norm=1.0, ema=0.05, warmup=50)
    return Recipe(in_units(model), config)


def potential(space: Space, width: int, depth: int, *, convolves: bool, outputs: int = 1) -> Any:
    """A network that gives one number a row, or a few.

    Args:
        space: What a row is.
        width: Its width.
        depth: A perceptron's layers.
        convolves: Whether it is of convolutions.
        outputs: How many numbers.
    """
    from genzoo.nn import MLP, Conditioned, ConvEncoder, Fourier

    if convolves:
        return Conditioned(ConvEncoder(space.shape, outputs, width=width))
    octaves = 3 if space.dims <= FEW else 0
    perceptron = MLP(Fourier.width(space.dims, octaves), [width] * depth, outputs)
    return Conditioned(Fourier(perceptron, octaves) if octaves else perceptron)
