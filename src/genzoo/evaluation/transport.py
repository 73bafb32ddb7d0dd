"""Wasserstein distances of samples, with errors by subsampling.

Neither is zero between two samples of one distribution: that floor falls only slowly with n (see
`genzoo.distributions.wasserstein`), so compare equal n and set real rows against real rows beside the value.
"""

from jaxtyping import Float
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.distributions.resampling import require_rows, subsample_error
from genzoo.distributions.wasserstein import directions, exact_wasserstein, sliced_wasserstein
from genzoo.evaluation.measurement import Estimate

__all__ = ["exact_transport", "sliced_transport"]

LEAST = 20  # so that half of the rows still is a sample


def sliced_transport(
    samples: Float[Tensor, "n D"],
    reference: Float[Tensor, "m D"],
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

    Example:
        >>> x = Noise(0).normal(30, 2)
        >>> sliced_transport(x, x).value
        0.0
    """
    require_rows(min(len(samples), len(reference)), LEAST, "A transport distance with its error")
    along = directions(lines, samples.shape[1], Noise(seed, "lines")).to(samples)

    def of(i: Tensor, j: Tensor) -> float:
        return sliced_wasserstein(samples[i.to(samples.device)], reference[j.to(samples.device)], along, p)

    error = subsample_error(of, len(samples), len(reference), noise=Noise(seed, "sliced"), rounds=rounds)
    return Estimate(sliced_wasserstein(samples, reference, along, p), error.item())


def exact_transport(
    samples: Float[Tensor, "n D"], reference: Float[Tensor, "m D"], *, p: float = 2.0, rounds: int = 10, seed: int = 0
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
        ImportError: If the sizes differ and POT is not installed.

    Example:
        >>> x = Noise(0).normal(30, 2)
        >>> round(exact_transport(x, x + 1).value, 4)
        1.4142
    """
    require_rows(min(len(samples), len(reference)), LEAST, "A transport distance with its error")

    def of(i: Tensor, j: Tensor) -> float:
        return exact_wasserstein(samples[i.to(samples.device)], reference[j.to(reference.device)], p)

    error = subsample_error(of, len(samples), len(reference), noise=Noise(seed, "exact"), rounds=rounds)
    return Estimate(exact_wasserstein(samples, reference, p), error.item())
