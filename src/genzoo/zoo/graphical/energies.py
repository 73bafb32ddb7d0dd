"""Recipes of energy models: Boltzmann machines, restricted and general, and deep energies."""

from typing import Annotated, Any, Literal

from pydantic import Field

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import NATS, PSEUDO, Count, DropGiven, GivenSpaceLike, Positive, Recipe, Size, recipe
from genzoo.zoo.units import in_units

__all__ = ["boltzmann", "energy", "rbm"]

Number = Annotated[int, Field(ge=0)]


@recipe(
    family="graphical",
    likelihood="estimate",
    can=("sample", "log_prob", "encode", "decode", "loss", "condition"),
    paper="Tieleman, 2008, Training restricted Boltzmann machines using approximations to the likelihood gradient",
    loss=f"−log pseudo-likelihood, {NATS}",
    columns="levels",
    sampling=("sweeps",),
)
def rbm(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    hidden: Count | None = None,
    cd_steps: Count = 1,
    chains: Number = 100,
    sweeps: Number = 500,
    temperatures: Count = 1000,
) -> Recipe:
    """A restricted Boltzmann machine on binary data, by persistent contrastive divergence; label units, given a label.

    Args:
        size: Small: 200 hidden units. Paper: 500.
        hidden: The number of hidden units; by default as size says. Up to 20 the likelihood is exact.
        cd_steps: Sweeps of a negative phase.
        chains: The number of persistent chains; 0: plain contrastive divergence, from the data.
        sweeps: Gibbs sweeps that make a sample.
        temperatures: Steps of annealing for log Z, where it is estimated; large machines want more.
    """
    from genzoo.models.graphical import RBM

    _want_binary("rbm", space)
    count = hidden or {"small": 200, "paper": 500}[size]
    model = RBM(
        space, given_space, hidden=count, steps=cd_steps, chains=chains, sweeps=sweeps, temperatures=temperatures
    )
    return Recipe(model, TrainConfig(steps=10_000, batch_size=100, lr=1e-3))


@recipe(
    family="graphical",
    likelihood="exact",
    can=("sample", "log_prob", "loss"),
    paper="Ackley, Hinton & Sejnowski, 1985, A learning algorithm for Boltzmann machines",
    loss=PSEUDO,
    columns="levels",
    sampling=("sweeps",),
)
def boltzmann(
    space: Space, given_space: GivenSpaceLike = None, *, size: Size = "small", hidden: Number | None = None
) -> Recipe:
    """A general Boltzmann machine of up to 20 binary units, exact by enumeration.

    Args:
        size: Small: up to 4 hidden units. Paper: up to 8.
        hidden: The number of hidden units; by default as size says, as far as 16 units together allow.

    Raises:
        Mistake: If there is a condition.
    """
    from genzoo.models.graphical import BoltzmannMachine

    _want_binary("boltzmann", space)
    if given_space is not None:
        raise Mistake("boltzmann takes no condition, got one.", "Leave --given out, or take rbm.")
    count = min({"small": 4, "paper": 8}[size], max(0, 16 - space.dims)) if hidden is None else hidden
    return Recipe(BoltzmannMachine(space, hidden=count), TrainConfig(steps=2000, batch_size=256, lr=1e-2))


@recipe(
    family="graphical",
    likelihood="unnormalized",
    can=("sample", "log_prob", "score", "loss", "condition"),
    paper="Du & Mordatch, 2019, Implicit generation and modeling with energy-based models, arXiv:1903.08689",
    loss="gap of energies and its pull (or squared error of the score)",
    sampling=("steps", "anneal"),
)
def energy(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    learns: Literal["auto", "contrast", "score"] = "auto",
    net: Literal["auto", "mlp", "conv"] = "auto",
    hidden: Count = 128,
    width: Count | None = None,
    sigma: Positive | None = None,
    step_size: Positive = 0.01,
    temperature: Positive | None = None,
    walk: Count | None = None,
    sampling_steps: Count | None = None,
    buffer: Count = 1024,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A deep energy model, by contrastive divergence with a replay buffer or by denoising score matching.

    Args:
        size: Small: 16 channels. Paper: 64.
        learns: Contrastive divergence or score matching; auto: the first, but the second with a condition.
        net: Convolutions or a multilayer perceptron; auto: convolutions from 16×16 pixels on.
        hidden: The width of the perceptron's two hidden layers.
        width: Channels of the convolutions at full size; by default as size says.
        sigma: The noise on data; by default 0.05 on levels, 0.1 standard deviations on reals, 0.3 for scores of
            levels.
        step_size: The length of a Langevin step.
        temperature: What the energy is divided by in Langevin steps; by default 1 on reals, 0.001 on levels learned
            by contrast.
        walk: Langevin steps of a negative phase; by default 20 for small, 60 for paper.
        sampling_steps: Langevin steps of a sample; by default 300.
        buffer: Chains in the replay buffer.

    Raises:
        Mistake: If there is a condition, and contrast is learned by.
    """
    from genzoo.models.graphical import DeepEnergy, Replay, Walk

    by_contrast = learns == "contrast" or (learns == "auto" and given_space is None)
    if by_contrast and given_space is not None:
        raise Mistake("energy learns by contrast without a condition, got one.", "Set learns=score.")
    levels = space.levels is not None
    model = DeepEnergy(
        space,
        given_space,
        _potential(space, given_space, net, hidden, width or {"small": 16, "paper": 64}[size]),
        replay=Replay(buffer, min(128, buffer), walk or {"small": 20, "paper": 60}[size]) if by_contrast else None,
        walk=Walk(step_size, temperature or (1e-3 if levels and by_contrast else 1.0), sampling_steps or 300),
        reach=1.0 if levels else 3.0,
        sigma=sigma or (0.1 if not levels else 0.05 if by_contrast else 0.3),
        drop_given=drop_given,
    )
    return Recipe(in_units(model), TrainConfig(steps=5000, batch_size=128, lr=1e-3, clip_norm=1.0))


def _potential(space: Space, given_space: GivenSpaceLike, net: str, hidden: int, width: int) -> Any:
    """A network that gives one number a row."""
    from genzoo.nn import MLP, Conditioned, ConvEncoder

    across = 0 if given_space is None else 32
    images = len(space.shape) == 3 and min(space.shape[1:]) >= 16
    if net == "conv" or (net == "auto" and images):
        return Conditioned(ConvEncoder(space.shape, 1, width=width, given=across), given_space, across)
    return Conditioned(MLP(space.dims, [hidden, hidden], 1, given=across), given_space, across)


def _want_binary(name: str, space: Space) -> None:
    if space.levels != 2:
        raise Mistake(f"{name} is a model of binary data, got {space}.", "Binarize pixels: --binarize dynamic.")
