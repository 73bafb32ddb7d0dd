"""Recipes of diffusions of tables: numbers by their rank, words as they are, one network for both."""

from typing import TYPE_CHECKING

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.recipe import Count, DropGiven, GivenSpaceLike, Recipe, Size, recipe

if TYPE_CHECKING:
    from genzoo.core.model import GenerativeModel

__all__ = ["tab_ddpm", "tab_diff"]

CONFIG = TrainConfig(steps=5000, batch_size=1024, lr=2e-3, warmup=100, clip_norm=10.0, ema=0.1)


@recipe(
    family="diffusion",
    likelihood="bound",
    can=("sample", "log_prob", "loss", "condition"),
    paper="Kotelnikov et al., 2023, TabDDPM, arXiv:2209.15421",
    columns="own",
    sampling=("steps",),
    loss="squared error of the noise + KL of the chain of levels, means over columns",
)
def tab_ddpm(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    width: Count | None = None,
    depth: Count = 3,
    chain: Count = 200,
    bins: Count = 200,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A table whose numbers drown in noise while its words are drawn anew, and a perceptron that takes both back.

    Args:
        size: Small: 384 units in a layer. Paper: 1,024.
        width: Units of a hidden layer; by default as size says.
        depth: Hidden layers.
        chain: The steps of the chain.
        bins: By how many pieces the ranks of a column of numbers are told.
    """
    from genzoo.models.diffusion import TabDDPM
    from genzoo.models.ranked import ranked_space

    width = width or (384 if size == "small" else 1024)
    model = TabDDPM(ranked_space(space), given_space, steps=chain, width=width, depth=depth, drop_given=drop_given)
    return Recipe(_ranked(model, space, bins), CONFIG)


@recipe(
    family="diffusion",
    likelihood="bound",
    can=("sample", "log_prob", "loss", "condition"),
    paper="Shi et al., 2025, TabDiff, arXiv:2410.20626",
    columns="own",
    sampling=("steps", "fresh"),
    loss="weighted squared error of the numbers + weighted cross entropy of masked levels, means over columns",
)
def tab_diff(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    width: Count | None = None,
    depth: Count = 3,
    bins: Count = 200,
    sampling_steps: Count = 50,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A table whose numbers are lost in noise and its words behind masks, in continuous time, and one perceptron.

    Args:
        size: Small: 384 units in a layer. Paper: 1,024.
        width: Units of a hidden layer; by default as size says.
        depth: Hidden layers.
        bins: By how many pieces the ranks of a column of numbers are told.
        sampling_steps: In how many steps rows are drawn, each of two calls of the network.
    """
    from genzoo.models.diffusion import TabDiff
    from genzoo.models.ranked import ranked_space

    width = width or (384 if size == "small" else 1024)
    model = TabDiff(
        ranked_space(space), given_space, width=width, depth=depth, drop_given=drop_given,
        sampling_steps=sampling_steps,
    )  # fmt: skip
    return Recipe(_ranked(model, space, bins), CONFIG)


def _ranked(model: "GenerativeModel", space: Space, bins: int) -> "GenerativeModel":
    """The model behind the ranks of numbers, if there are any."""
    from genzoo.models.ranked import Ranked

    return model if space.is_discrete else Ranked(model, space, bins=bins)
