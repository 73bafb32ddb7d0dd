"""Recipes from rows of one kind to rows of another."""

from typing import Annotated, Literal

from pydantic import Field

from genzoo.core.space import Space
from genzoo.zoo.diffusion.nets import COMPARED, DenoiserSize, Depth, Net, Network, Width, denoiser, settings
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import Amount, Count, GivenSpaceLike, Positive, Recipe, recipe

__all__ = ["bridge", "schrodinger_bridge"]

ABLE = ("sample", "loss", "condition")
SAMPLED = ("steps", "fresh")
Pairs = Annotated[
    Literal["nearest", "likeliest", "given"],
    Field(
        description="Which rows go together in training: in each batch the nearest, draws from the plan of the "
        "Schrödinger bridge, which needs a spread, or those that the data have."
    ),
]


@recipe(
    family="diffusion",
    likelihood="none",
    can=ABLE,
    compared=COMPARED,
    paper="Tong et al., 2024, Improving and generalizing flow-based generative models with minibatch optimal "
    "transport, arXiv:2302.00482",
    sampling=SAMPLED,
    loss="squared error of the speed, and of the noise on the way, the mean over entries",
    wants=("condition",),
)
def bridge(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: DenoiserSize = "small",
    net: Net = "auto",
    width: Width = None,
    depth: Depth = None,
    pairs: Pairs = "nearest",
    path: Literal["line", "arc"] = "line",
    spread: Amount = 0.0,
    sampling_steps: Count = 20,
) -> Recipe:
    """Rows of one kind become rows of another: the condition is a row of the shape of x, from which the way begins.

    Args:
        path: The way between two rows: straight, or a quarter circle.
        spread: The size of the noise on the way, in units of the data's deviation; 0 for none.
        sampling_steps: In how many steps a row is carried over.

    Raises:
        Mistake: If the pairs are to be the likeliest, and the way has no noise.
    """
    from genzoo.models.diffusion import Arc, Bridge, Entropic, Independent, Line, MinibatchOT

    if pairs == "likeliest" and not spread:
        raise Mistake("The likeliest pairs are those of ways with noise, got spread=0.", "Set spread=0.5, or so.")
    network = Network(net, width, depth, size)
    model = Bridge(
        Space(space.shape, space.levels),
        given_space,
        denoiser(space, None, network),
        denoiser(space, None, network) if spread else None,
        path=(Line if path == "line" else Arc)(spread),
        coupling={"nearest": MinibatchOT(), "given": Independent()}.get(pairs) or Entropic(2 * spread**2),
        steps=sampling_steps,
    )
    return Recipe(model, settings(space, network))


@recipe(
    family="diffusion",
    likelihood="none",
    can=ABLE,
    compared=COMPARED,
    paper="Tong et al., 2024, Simulation-free Schrödinger bridges via score and flow matching, arXiv:2307.03672",
    sampling=SAMPLED,
    loss="squared error of the speed and of the noise on the way, the mean over entries",
    wants=("condition",),
)
def schrodinger_bridge(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: DenoiserSize = "small",
    net: Net = "auto",
    width: Width = None,
    depth: Depth = None,
    spread: Positive = 0.5,
    sampling_steps: Count = 20,
) -> Recipe:
    """The diffusion from rows of the condition to rows of x that is likest to Brownian motion.

    Args:
        spread: The size of the motion in unit time, in units of the data's deviation.
        sampling_steps: In how many steps a row is carried over.
    """
    return bridge.function(
        space,
        given_space,
        size=size,
        net=net,
        width=width,
        depth=depth,
        pairs="likeliest",
        spread=spread,
        sampling_steps=sampling_steps,
    )
