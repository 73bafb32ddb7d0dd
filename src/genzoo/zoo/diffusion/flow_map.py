"""The recipe of flow maps: samples in one call of the network, or in a few."""

from typing import Annotated, Any, Literal

from pydantic import Field

from genzoo.core.space import Space
from genzoo.zoo.diffusion.nets import SAMPLED, DenoiserSize, Depth, Net, Network, Width, denoiser, kind_of, settings
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import Amount, Count, DropGiven, GivenSpaceLike, Recipe, recipe
from genzoo.zoo.units import in_units

__all__ = ["flow_map"]

Loss = Annotated[
    Literal["lagrangian", "eulerian", "progressive"],
    Field(
        description="The equation between the map and its flow: where a row has come to it moves by the velocity "
        "there (the stable one); where it comes to does not change as it moves (mean flows); two halves are the whole "
        "(shortcut models)."
    ),
]
Octaves = Annotated[
    int | None,
    Field(
        ge=0,
        le=12,
        description="Octaves of waves of each number that a perceptron sees, for edges and fine detail; by default 3 "
        "for up to 4 numbers, else none.",
    ),
]
FEW, HIDDEN = 4, 64  # numbers that are few; the width of a perceptron's embedding of times


@recipe(
    family="diffusion",
    likelihood="none",
    can=("sample", "decode", "latent", "denoise", "loss", "condition"),
    paper="Boffi, Albergo & Vanden-Eijnden, 2025, How to build a consistency model: learning flow maps via "
    "self-distillation, arXiv:2505.18825",
    sampling=SAMPLED,
    loss="squared error of the velocity, and of the map along it, the mean over entries",
)
def flow_map(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: DenoiserSize = "small",
    net: Net = "auto",
    width: Width = None,
    depth: Depth = None,
    octaves: Octaves = None,
    equation: Loss = "lagrangian",
    pairs: Literal["any", "nearest"] = "any",
    schedule: Literal["straight", "cosine"] = "straight",
    times: Literal["logit_normal", "uniform"] = "uniform",
    trained_guidance: Amount = 0.0,
    divergence: bool = False,
    sampling_steps: Count = 4,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A flow and the map along it, learned together without a teacher: samples in one call of the network, or a few.

    Args:
        pairs: Which noise goes with which row in training: any, or that of a batch which lies nearest.
        schedule: The way from data to noise: a straight line, or a quarter circle.
        times: At which times training looks: most in the middle, or at all alike.
        trained_guidance: How much more the condition counts in the flow that is learned; later it cannot be changed.
        divergence: Whether a second network tells how much room rows take on the way, so that log_prob is an estimate.
        sampling_steps: In how many calls a sample is drawn.

    Raises:
        Mistake: If guidance is wanted and the condition is never left out.
    """
    from genzoo.models.diffusion import Cosine, Diffusion, FlowMap, Heun, Predicts, Straight

    if trained_guidance and not (given_space and drop_given):
        raise Mistake(
            f"Guidance needs a condition, and its absence: got given={given_space} and drop_given={drop_given}.",
            "Name a condition with --given and leave drop_given=0.1, or set trained_guidance=0.",
        )
    network, seen = Network(net, width, depth, size), Space(space.shape, space.levels)
    octaves = octaves if octaves is not None else 3 if space.dims <= FEW else 0
    flow = Diffusion(
        seen,
        given_space,
        teller(space, given_space, network, octaves),
        schedule=Straight() if schedule == "straight" else Cosine(),
        predicts=Predicts.VELOCITY,
        emphasis=emphasis(times, pairs),
        sampler=Heun(25),
        drop_given=drop_given,
    )
    model = FlowMap(
        flow,
        named(equation),
        guidance=trained_guidance,
        divergence=teller(space, given_space, network, octaves, one=True) if divergence else None,
        steps=sampling_steps,
    )
    return Recipe(in_units(model), settings(space, network).model_copy(update={"clip_norm": 1.0}))


def named(equation: str) -> Any:
    """An equation by its name.

    Args:
        equation: The name.
    """
    from genzoo.models.diffusion import Eulerian, Lagrangian, Progressive

    return {"lagrangian": Lagrangian, "eulerian": Eulerian, "progressive": Progressive}[equation]()


def emphasis(times: str, pairs: str) -> Any:
    """At which times training looks, and at which pairs.

    Args:
        times: The distribution of times.
        pairs: Which noise goes with which row.
    """
    from genzoo.models.diffusion import Emphasis, Independent, LogitNormal, MinibatchOT, Uniform

    looks = LogitNormal() if times == "logit_normal" else Uniform()
    return Emphasis(looks, coupling=MinibatchOT() if pairs == "nearest" else Independent())


def teller(space: Space, given_space: GivenSpaceLike, network: Network, octaves: int, *, one: bool = False) -> Any:
    """A network that sees two times, and says as many numbers as a row has, or one.

    Args:
        space: What a row is.
        given_space: The condition.
        network: Which.
        octaves: Waves of each number that a perceptron sees beside it.
        one: Whether it says one number.
    """
    from genzoo.nn import MLP, Fourier, Noticing, Timed

    kind, small = kind_of(space, network.net), network.size == "small"
    if kind == "unet" and one:
        width = network.width or (32 if small else 128)
        layers = Noticing(space.shape, 1, given=2 * width, widths=(width, 2 * width))
        return Timed(layers, 2 * width, given_space, spans=True)
    if kind != "mlp" and not one:
        return denoiser(space, given_space, network, spans=True)
    hidden = [network.width or (256 if small else 512)] * (network.depth or (4 if small else 6))
    outputs = 1 if one else space.dims
    perceptron = MLP(Fourier.width(space.dims, octaves), hidden, outputs, given=HIDDEN)
    return Timed(Fourier(perceptron, octaves) if octaves else perceptron, HIDDEN, given_space, spans=True)
