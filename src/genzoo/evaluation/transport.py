"""Wasserstein distances of samples, with errors by subsampling.

Neither is zero between two samples of one distribution: that floor falls only slowly with n (see
`genzoo.distributions.wasserstein`), so compare equal n and set real rows against real rows beside the value.
"""

from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.distributions.resampling import require_rows, subsample_error
from genzoo.distributions.samples import Samples, checked_rows
from genzoo.distributions.wasserstein import directions, exact_wasserstein, sliced_wasserstein
from genzoo.evaluation.measurement import Estimate

__all__ = ["exact_transport", "sliced_transport"]

LEAST = 20  # so that half of the rows still is a sample


def sliced_transport(
    samples: Samples,
    reference: Samples,
    *,
    p: float = 2.0,
    lines: int = 256,
    rounds: int = 20,
    seed: int = 0,
) -> Estimate:
    """The sliced p-Wasserstein distance with its standard error over the draw of both sets.

    The lines depend on the seed alone, so that all samples are seen along the same ones.

    Args:
        samples: The rows judged.
        reference: The rows that they should look like.
        p: The power, at least 1.
        lines: How many random lines.
        rounds: Halves drawn for the error.
        seed: Names the lines and the halves.

    Raises:
        TooFew: If a set has fewer than 20 rows.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> x = Noise(0).normal(30, 2)
        >>> sliced_transport(x, x).value
        0.0
    """
    x, y = _enough(samples, reference)
    along = directions(lines, x.shape[1], Noise(seed, "lines"))

    def of(i: Tensor, j: Tensor) -> float:
        return sliced_wasserstein(x[i.to(x.device)], y[j.to(y.device)], along, p)

    error = subsample_error(of, len(x), len(y), noise=Noise(seed, "sliced"), rounds=rounds)
    return Estimate(sliced_wasserstein(x, y, along, p), error.item())


def exact_transport(
    samples: Samples, reference: Samples, *, p: float = 2.0, rounds: int = 10, seed: int = 0
) -> Estimate:
    """The p-Wasserstein distance with its standard error over the draw of both sets; for a few thousand rows.

    Args:
        samples: The rows judged.
        reference: The rows that they should look like.
        p: The power, at least 1.
        rounds: Halves drawn for the error; each costs about an eighth of the value.
        seed: Names the halves.

    Raises:
        TooFew: If a set has fewer than 20 rows.
        NotFinite: If a number is NaN or infinite.
        ImportError: If the sizes differ and POT is not installed.

    Example:
        >>> x = Noise(0).normal(30, 2)
        >>> round(exact_transport(x, x + 1).value, 4)
        1.4142
    """
    x, y = _enough(samples, reference)

    def of(i: Tensor, j: Tensor) -> float:
        return exact_wasserstein(x[i.to(x.device)], y[j.to(y.device)], p)

    error = subsample_error(of, len(x), len(y), noise=Noise(seed, "exact"), rounds=rounds)
    return Estimate(exact_wasserstein(x, y, p), error.item())


def _enough(samples: Samples, reference: Samples) -> tuple[Tensor, Tensor]:
    x, y = checked_rows(samples, reference, what="A transport distance")
    require_rows(min(len(x), len(y)), LEAST, "A transport distance with its error")
    return x, y
