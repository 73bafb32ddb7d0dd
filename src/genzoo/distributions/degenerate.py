"""Columns that leave no density: such as never vary, or as others determine."""

import torch
from jaxtyping import Float
from scipy.linalg import qr
from torch import Tensor

from genzoo.core.errors import ColumnError

__all__ = ["FLAT", "WIDEN", "dependent", "refuse_dependent", "refuse_still"]

FLAT = 1e-10  # the least eigenvalue of correlations that is no rounding error of float32 rows
WIDEN = "set floor=1e-6 to give it a width"


def refuse_still(
    mean: Float[Tensor, " D"], spread: Float[Tensor, " D"], fix: str = WIDEN, *, every: bool = False
) -> None:
    """Raises if a column never varies.

    Args:
        mean: Of each column.
        spread: The standard deviation of each column.
        fix: What else than to drop it can be done.
        every: Whether it is enough that any column varies.

    Raises:
        ColumnError: Naming the columns.

    Example:
        >>> refuse_still(torch.ones(2), torch.tensor([0.5, 0.0]), every=True)
    """
    still = spread <= 1e-7 * mean.abs()
    if still.all() or (still.any() and not every):
        numbers = still.nonzero().flatten().tolist()
        raise ColumnError(numbers, "must vary, got one value in all rows.", f"Drop what is constant, or {fix}.")


def refuse_dependent(covariance: Float[Tensor, "D D"], fix: str = WIDEN, *, most: int | None = None) -> None:
    """Raises if some columns determine each other.

    Args:
        covariance: Of columns that vary.
        fix: What else than to drop one of them can be done.
        most: The most columns that matter together; any number by default.

    Raises:
        ColumnError: Naming the columns of the smallest such set.

    Example:
        >>> refuse_dependent(torch.eye(2))
    """
    sets = sorted(dependent(covariance), key=len)
    if sets and (most is None or len(sets[0]) <= most):
        raise ColumnError(
            sets[0],
            "must not determine each other, got columns that are sums of multiples of the others.",
            f"Drop one of them, or {fix}.",
        )


def dependent(covariance: Float[Tensor, "D D"]) -> list[list[int]]:
    """Sets of columns each of which determine each other, as many as there are directions without variance.

    A direction of no variance is a combination of columns that never varies. They are told in echelon form: where one
    leads the others are zero, so that each names few columns.

    Args:
        covariance: Of columns that vary.

    Example:
        >>> a, b, c = torch.eye(3)
        >>> x = torch.stack([a, a + b, 2 * a, c, -c])
        >>> dependent(x @ x.T)
        [[0, 2], [3, 4]]
    """
    spread = covariance.diagonal().sqrt()
    values, vectors = torch.linalg.eigh(covariance / spread / spread[:, None])
    null = vectors[:, values < FLAT].T
    if not len(null):
        return []
    leading = qr(null.cpu().numpy(), mode="r", pivoting=True)[1][: len(null)]
    sparse = torch.linalg.solve(null[:, torch.from_numpy(leading).long().to(null.device)], null)
    return sorted((row.abs() > 1e-3 * row.abs().max()).nonzero().flatten().tolist() for row in sparse)
