"""First and second moments of rows, streamed.

What a Gaussian of any structure needs of its data is their number, sum and products,

$$ n, \\qquad s = \\sum_i (x_i - c), \\qquad P = \\sum_i (x_i - c)(x_i - c)^\\top, $$

about a center c near the mean, so that columns far from zero lose nothing to cancellation: with $e = s / n$ the mean
is $c + e$ and the covariance $P / n - e e^\\top$.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.errors import DataError, refuse_infinite
from genzoo.core.game import Batch
from genzoo.core.noise import Noise

__all__ = ["RunningMoments", "spectrum"]


class RunningMoments(nn.Module):
    """The moments of rows seen so far, in float64.

    Args:
        dims: D, the entries of a row.

    Example:
        >>> moments = RunningMoments(2)
        >>> moments.add(torch.tensor([[0.0, 1.0], [2.0, 1.0], [1.0, 4.0]]))
        >>> moments.mean.tolist()
        [1.0, 2.0]

    References:
        Chan, Golub & LeVeque, 1983, "Algorithms for computing the sample variance" (why the center)
    """

    center: Tensor
    sums: Tensor

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.dims = dims
        self.register_buffer("center", torch.zeros(dims, dtype=torch.float64))
        self.register_buffer("sums", torch.zeros(dims + 1, dims + 1, dtype=torch.float64))

    def start(self, batches: Iterable[Batch]) -> None:
        """Centers on the mean of the first rows."""
        for batch in batches:
            if len(batch):
                mean = batch.x.flatten(1).double().mean(0)
                self.center.copy_(torch.where(mean.isfinite(), mean, 0))
                return

    def clear(self) -> None:
        """Forgets all rows."""
        self.sums.zero_()

    def add(self, x: Float[Tensor, "B D"]) -> None:
        """Counts some rows.

        Raises:
            ColumnError: If an entry is infinite or missing.
        """
        refuse_infinite(x)
        rows = torch.nn.functional.pad(x.double() - self.center, (0, 1), value=1.0)
        self.sums += rows.T @ rows

    @property
    def count(self) -> float:
        """n, the rows counted."""
        return float(self.sums[-1, -1])

    @property
    def mean(self) -> Float[Tensor, " D"]:
        """The mean row."""
        return self.center + self.sums[-1, :-1] / self.sums[-1, -1]

    @property
    def covariance(self) -> Float[Tensor, "D D"]:
        """The covariance that makes the likelihood highest, with 1 / n."""
        shift = self.sums[-1, :-1] / self.sums[-1, -1]
        return self.sums[:-1, :-1] / self.sums[-1, -1] - shift[:, None] * shift

    def check(self, rank: int) -> None:
        """Raises if the rows counted cannot carry a covariance of a rank, and noise beside it.

        Raises:
            DataError: If there were not at least two rows more than `rank`.
        """
        if self.count < rank + 2:
            raise DataError(
                f"`rank` must be two below the number of rows, or less, got rank={rank} and {self.count:.0f} rows. "
                f"Lower rank to {max(1, int(self.count) - 2)}, or bring more rows."
            )


def spectrum(covariance: Float[Tensor, "D D"], rows: float) -> tuple[Float[Tensor, " r"], Float[Tensor, "D r"]]:
    """Eigenvalues in falling order and their vectors, all that are not zero.

    Few rows span few directions. Where they are less than half of D, a basis of those is found from as many random
    combinations of columns, and the rest is done within it: D² n steps in place of D³.

    Args:
        covariance: That of some rows.
        rows: Their number n, which bounds its rank.

    Example:
        >>> x = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]], dtype=torch.float64)
        >>> values, vectors = spectrum(x.T @ x, rows=1.0)
        >>> round(values[0].item(), 6), vectors.shape
        (55.0, torch.Size([5, 1]))

    References:
        Halko, Martinsson & Tropp, 2011, "Finding structure with randomness", arXiv:0909.4061
    """
    dims = len(covariance)
    if rows > dims / 2:
        values, vectors = torch.linalg.eigh(covariance)
        return values.flip(0), vectors.flip(1)
    probe = Noise(0, "spectrum", device=covariance.device).normal(dims, int(rows), dtype=covariance.dtype)
    basis = torch.linalg.qr(covariance @ torch.linalg.qr(covariance @ probe)[0])[0]
    values, inner = torch.linalg.eigh(basis.T @ covariance @ basis)
    return values.flip(0), basis @ inner.flip(1)
