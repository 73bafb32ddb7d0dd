"""Recipes of graphical models."""

from typing import TYPE_CHECKING, Literal

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import PSEUDO, Count, GivenSpaceLike, Positive, Recipe, Size, recipe

if TYPE_CHECKING:
    from genzoo.models.graphical import Graph

__all__ = ["bayes_net", "ising", "potts"]

Edges = Literal["auto", "grid", "complete"]
FEW = 256  # entries up to which all pairs are coupled


@recipe(
    family="graphical",
    likelihood="estimate",
    can=("sample", "log_prob", "loss"),
    paper="Ackley, Hinton & Sejnowski, 1985, A learning algorithm for Boltzmann machines",
    loss=PSEUDO,
    columns="levels",
    sampling=("method", "sweeps"),
)
def ising(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    edges: Edges = "auto",
    radius: Positive | None = None,
    sweeps: Count = 200,
) -> Recipe:
    """An Ising model of rows of two levels, its couplings and fields learned from data.

    Up to 20 entries by the likelihood itself, beyond by the pseudo-likelihood.

    Args:
        size: Small: entries of a picture are coupled within 3 of each other. Paper: within 5.
        edges: Pairs that are coupled: near ones on the grid, all, or auto: all up to 256 entries.
        radius: How near, in entries; by default as size says.
        sweeps: How long a chain runs for a sample, beyond 20 entries.

    Raises:
        Mistake: If rows have other than two levels.
    """
    from genzoo.models.graphical import Ising

    _refuse(space, given_space, "ising")
    if space.levels != 2:
        raise Mistake(f"ising wants rows of two levels, got {space}.", "Take --binarize threshold, or potts.")
    graph = _graph(space, edges, radius or {"small": 3.0, "paper": 5.0}[size])
    return Recipe(Ising(space, graph, sweeps=sweeps), _config(space))


@recipe(
    family="graphical",
    likelihood="estimate",
    can=("sample", "log_prob", "loss"),
    paper="Potts, 1952, Some generalized order-disorder transformations",
    loss=PSEUDO,
    columns="levels",
    sampling=("method", "sweeps"),
)
def potts(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    edges: Edges = "auto",
    radius: Positive | None = None,
    sweeps: Count = 200,
) -> Recipe:
    """A Potts model of rows of a few levels that gain by agreeing, couplings and fields learned.

    Args:
        size: Small: entries of a picture are coupled within 2 of each other. Paper: within 4.
        edges: Pairs that are coupled: near ones on the grid, all, or auto: all up to 256 entries.
        radius: How near, in entries; by default as size says.
        sweeps: How long a chain runs for a sample, beyond 2²⁰ states.

    Raises:
        Mistake: If rows have other than 2 to 64 levels.
    """
    from genzoo.models.graphical import Potts

    _refuse(space, given_space, "potts")
    if not 2 <= (space.levels or 0) <= 64:
        raise Mistake(f"potts wants rows of 2 to 64 levels, got {space}.", "Take gpt or made for more levels.")
    graph = _graph(space, edges, radius or {"small": 2.0, "paper": 4.0}[size])
    return Recipe(Potts(space, graph, sweeps=sweeps), _config(space))


@recipe(
    family="graphical",
    likelihood="exact",
    can=("sample", "log_prob", "score", "loss", "direct_fit"),
    paper="Pearl, 1988, Probabilistic reasoning in intelligent systems",
    columns="both",
)
def bayes_net(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    arrows: str = "auto",
    smoothing: Positive = 1.0,
    floor: Positive = 1e-6,
) -> Recipe:
    """A Bayes net fitted by counting (levels) or by regressions (reals), in one pass.

    Args:
        size: Both are the same.
        arrows: From parents to children, as 0>1,0>2,1>3; or tree, the best tree (levels only); or chain, each entry
            after the one before; or none; or auto: tree on levels, chain on reals.
        smoothing: What is added to every count, on levels.
        floor: What is added to every variance, as a share of the largest, on reals.

    Raises:
        Mistake: If the tree is to be found and rows are none of levels.
    """
    from genzoo.models.graphical import BayesNet, ChowLiu, LinearGaussianNet

    _refuse(space, given_space, "bayes_net")
    arrows = {"auto": "tree" if space.is_discrete else "chain"}.get(arrows, arrows)
    config = TrainConfig(batch_size=1000)
    if arrows == "tree":
        if not space.is_discrete:
            raise Mistake(f"The best tree is found on levels, got {space}.", "Take arrows=chain, or name the arrows.")
        return Recipe(ChowLiu(space, smoothing=smoothing), config)
    parents = _parents(arrows, space.dims)
    if space.is_discrete:
        return Recipe(BayesNet(space, parents, smoothing=smoothing), config)
    return Recipe(LinearGaussianNet(space, parents, floor=floor), config)


def _parents(arrows: str, n: int) -> dict[int, list[int]]:
    """Parents by child."""
    if arrows in ("chain", "none"):
        return {i: [i - 1] for i in range(1, n)} if arrows == "chain" else {}
    parents: dict[int, list[int]] = {}
    for arrow in arrows.split(","):
        parent, _, child = arrow.partition(">")
        if not (parent.strip().isdigit() and child.strip().isdigit()):
            raise Mistake(f"Arrows must read as 0>1,0>2, got {arrow!r}.", "Or take tree, chain or none.")
        parents.setdefault(int(child), []).append(int(parent))
    return parents


def _config(space: Space) -> TrainConfig:
    return TrainConfig(steps=2000, batch_size=256, lr=0.01)


def _refuse(space: Space, given_space: GivenSpaceLike, name: str) -> None:
    if given_space is not None:
        raise Mistake(f"{name} takes no condition, got one.", "Leave --given out, or take made.")


def _graph(space: Space, edges: Edges, radius: float) -> "Graph":
    from genzoo.models.graphical import Graph

    everyone = edges == "complete" or (edges == "auto" and space.dims <= FEW)
    return Graph.complete(space.dims) if everyone else Graph.grid(space.shape, radius)
