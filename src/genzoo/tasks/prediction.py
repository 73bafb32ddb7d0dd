"""One entry of a row given the others, by any model that knows its law: a prediction that was not trained for.

$$ p(x_j = l \\mid x_{-j}) = \\frac{p(x_j = l, x_{-j})}{\\sum_k p(x_j = k, x_{-j})} $$

of levels; numbers are drawn. What else is missing of a row is marginalized, where the model can.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.given import GivenAsked
from genzoo.core.model import GenerativeModel
from genzoo.core.space import Space
from genzoo.tasks.imputation import impute

__all__ = ["entry_draws", "level_log_probs", "levels_of"]

DRAWS = 16  # of a bound that rises with them to the mass


def level_log_probs(
    model: GenerativeModel, x: Float[Tensor, "B D"], entry: int, given: GivenAsked = None, *, seed: int = 0
) -> Float[Tensor, "B levels"]:
    """log p of every level of an entry, given the others.

    Args:
        model: A model of rows with a density.
        x: Rows as numbers; what they hold at the entry is not looked at.
        entry: Its number.
        given: The model's condition.
        seed: Names the noise of a bound.

    Raises:
        ValueError: If the entry has no levels.

    Example:
        >>> from genzoo.models.dequantized import Dequantized
        >>> from genzoo.models.classical import Gaussian
        >>> model = Dequantized(Gaussian(Space((2,)), covariance="diag"), levels=3)
        >>> level_log_probs(model, torch.zeros(4, 2), 1).exp().sum(1)
        tensor([1., 1., 1., 1.])
    """
    count = levels_of(model.space, entry)
    if count is None:
        raise ValueError(f"The entry {entry} must have levels, got {model.space}. Draw numbers by `entry_draws`.")
    x, dtype, found = x.clone(), getattr(torch, model.space.dtype), []
    tighter = {"draws": DRAWS} if "draws" in model.options("log_density") else {}
    for level in range(count):
        x[:, entry] = level
        with torch.no_grad():
            found.append(model.log_prob(x.to(dtype), given, seed=seed, **tighter).double())
    return torch.stack(found, 1).log_softmax(1).to(torch.get_default_dtype())


def entry_draws(
    model: GenerativeModel,
    x: Float[Tensor, "B D"],
    entry: int,
    n: int = 100,
    given: GivenAsked = None,
    *,
    seed: int = 0,
) -> Float[Tensor, "n B"]:
    """Draws of an entry given the others.

    Args:
        model: A model that knows its conditionals.
        x: Rows as numbers; what they hold at the entry is not looked at.
        entry: Its number.
        n: How many draws.
        given: The model's condition.
        seed: Names them.

    Raises:
        Unsupported: If the model does not know them.
    """
    x = x.clone()
    x[:, entry] = torch.nan
    return impute(model, x, n, given, seed=seed).x[:, :, entry]


def levels_of(space: Space, entry: int) -> int | None:
    """How many levels an entry has; None of numbers.

    Args:
        space: What a row is.
        entry: The entry's number.
    """
    return space.levels if space.columns is None else space.columns[entry].levels
