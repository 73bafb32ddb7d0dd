"""Missing entries of rows, drawn given those that are there.

$$ x_m \\sim p(x_m \\mid x_k, given), $$

several times for each row: how much the draws differ says how little what is there tells of what is not. A single
guess, a mean say, would hide that, and whatever is computed from completed tables would be too sure of itself.

References:
    Rubin, 1987, "Multiple imputation for nonresponse in surveys"
"""

import functools
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from genzoo._like import first_like
from genzoo._memory import in_parts
from genzoo.core.given import GivenAsked, given_rows
from genzoo.core.model import GenerativeModel, Unsupported, evaluating
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.region import ImputationLike

__all__ = ["Imputed", "impute", "imputes"]

ENTRIES = 1 << 20  # of rows that are completed at a time


@dataclass(frozen=True)
class Imputed:
    """Completed rows.

    Attributes:
        x: n draws of each row.
        missing: Which entries were drawn.
        exact: Whether they are draws from the model's own conditional.
        consistent: Whether that is the conditional of the law of its samples, and not one learned by itself.
    """

    x: Shaped[Tensor, "n B *event"]
    missing: Bool[Tensor, "B *event"]
    exact: bool
    consistent: bool = True


def imputes(model: GenerativeModel) -> ImputationLike | None:
    """What draws missing entries of a model's rows, if it can.

    Args:
        model: The model.
    """
    return first_like(model.abilities(), ImputationLike)


def impute(
    model: GenerativeModel,
    x: Float[Tensor, "B *event"],
    n: int = 1,
    given: GivenAsked = None,
    *,
    seed: int = 0,
    start: int = 0,
) -> Imputed:
    """Draws the missing entries of rows n times.

    Args:
        model: A model that knows its conditionals.
        x: Rows, what is missing as NaN; levels are numbers as well.
        n: How many draws of each row.
        given: The model's condition, one for each row or one for all.
        seed: Names the draws: row i of draw k depends on the seed, k and `start` + i alone.
        start: The number of the first row.

    Raises:
        Unsupported: If the model does not know them.
        ValueError: If rows are not of the model's space.

    Example:
        >>> from genzoo.models.classical import GaussianMixture
        >>> model = GaussianMixture(Space((2,)), components=3)
        >>> found = impute(model, torch.tensor([[0.5, torch.nan], [1.0, 2.0]]), 5)
        >>> tuple(found.x.shape), found.x[:, 0, 0].unique().tolist(), found.exact
        ((5, 2, 2), [0.5], True)
    """
    if (imputation := imputes(model)) is None:
        raise Unsupported(
            f"{type(model).__name__} does not know its entries given others. A mixture does, such as gaussian_mixture."
        )
    x = _checked(x, model.space).to(model.device)
    rows, noise = model.checked_given(given, len(x)), Noise(seed, "impute", start=start, device=model.device)
    size = max(1, ENTRIES // model.space.dims)

    def drawn(source: Noise, part: slice) -> Tensor:
        return imputation.impute(x[part], given_rows(rows, part), source.rows(part))

    with torch.no_grad(), evaluating(model):
        draws = [in_parts(len(x), size, functools.partial(drawn, noise.at(k))) for k in range(n)]
    return Imputed(torch.stack(draws).to(x.dtype), x.isnan(), imputation.exact, imputation.consistent)


def _checked(x: Tensor, space: Space) -> Float[Tensor, "B *event"]:
    """Rows of numbers of which some may be missing.

    Raises:
        ValueError: If what is there is none of the space.
    """
    if tuple(x.shape[1:]) != space.shape or not x.is_floating_point():
        raise ValueError(
            f"Rows with missing entries must be of shape {space.shape} and hold numbers, NaN for what is missing, got "
            f"{tuple(x.shape[1:])} of {x.dtype}. Reshape or convert them."
        )
    there = x.nan_to_num(0.0, posinf=torch.inf, neginf=-torch.inf)
    if not bool(there.isfinite().all()):
        raise ValueError("Entries that are there must be finite numbers, got ∞. Write NaN for what is missing.")
    for entry, column in enumerate(space.columns or ()):
        off = there[:, entry] != there[:, entry].round() if column.is_discrete else x.new_zeros(len(x)).bool()
        off |= (there[:, entry] < 0) | (there[:, entry] >= (column.levels or 1)) if column.levels else off
        if bool(off.any()):
            row = int(off.nonzero()[0])
            got = f"{there[row, entry].item():g} in row {row}"
            raise ValueError(f"Entry {entry} of x must hold {column}, got {got}. Check the columns.")
    if space.levels is not None and not bool(((there >= 0) & (there < space.levels) & (there == there.round())).all()):
        raise ValueError(f"Entries that are there must be of {space}, got others. Check the range.")
    return x
