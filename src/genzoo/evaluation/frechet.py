"""The Fréchet distance between samples and data, on raw values.

Between the normal distributions with two sets' means and covariances (the squared 2-Wasserstein distance),

$$ d^2 = \\|\\mu_a - \\mu_b\\|^2 + \\mathrm{tr}\\bigl(\\Sigma_a + \\Sigma_b
   - 2(\\Sigma_a^{1/2} \\Sigma_b \\Sigma_a^{1/2})^{1/2}\\bigr). $$

On raw pixels, scaled to [0, 1], it sees means and covariances and nothing finer; it is no Inception distance and is
never called one. Finite samples bias it upwards, so it stands beside its floor: real data against real data.

References:
    Dowson & Landau, 1982, "The Fréchet distance between multivariate normal distributions"
    Heusel et al., 2017, "GANs trained by a two time-scale update rule …", arXiv:1706.08500
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core.given import map_given
from genzoo.core.model import GenerativeModel
from genzoo.core.space import Space
from genzoo.evaluation.likelihood import RowsLike
from genzoo.evaluation.measurement import Kind, Measurement

__all__ = ["Moments", "flat_values", "frechet_distance", "frechet_error", "frechet_of_samples", "samples_like"]


class Moments(NamedTuple):
    """The mean and covariance of rows, in float64.

    Example:
        >>> Moments.of(torch.tensor([[0.0], [2.0]]))
        Moments(mean=tensor([1.], dtype=torch.float64), covariance=tensor([[2.]], dtype=torch.float64))
    """

    mean: Float[Tensor, " D"]
    covariance: Float[Tensor, "D D"]

    @classmethod
    def of(cls, values: Float[Tensor, "n D"]) -> "Moments":
        """The moments of some rows."""
        values = values.double()
        mean = values.mean(0)
        return cls(mean, (values - mean).T @ (values - mean) / max(1, len(values) - 1))


def frechet_distance(a: Moments, b: Moments) -> float:
    """The Fréchet distance d² between two normal distributions.

    Args:
        a: One's mean and covariance.
        b: The other's.

    Example:
        >>> one = Moments(torch.zeros(2), torch.eye(2))
        >>> frechet_distance(one, Moments(torch.ones(2), 4 * torch.eye(2)))
        4.0
    """
    root = _root(a.covariance)
    overlap = torch.linalg.eigvalsh(root @ b.covariance @ root).clamp_min(0).sqrt().sum()
    spread = a.covariance.trace() + b.covariance.trace() - 2 * overlap
    return ((a.mean - b.mean).square().sum() + spread).clamp_min(0).item()


def frechet_error(values: Float[Tensor, "n D"], reference: Moments) -> float:
    """The standard error of d² over the draw of the values, from each row's first-order influence on it,

    $$ \\phi(y) = 2(\\mu - \\mu_r)^\\top (y-\\mu) + (y-\\mu)^\\top (I - T)(y-\\mu), $$

    where T is the linear map that transports the values' normal onto the reference's.
    """
    mine, values = Moments.of(values), values.double()
    root = _root(reference.covariance)
    between = root @ mine.covariance @ root
    transport = root @ torch.linalg.pinv(_root(between), hermitian=True, rtol=1e-6) @ root
    off = values - mine.mean
    influence = 2 * off @ (mine.mean - reference.mean) + (off * (off - off @ transport)).sum(1)
    return (influence.std() / math.sqrt(len(values))).item()


def frechet_of_samples(
    model: GenerativeModel, rows: RowsLike, *, n: int | None = None, seed: int = 0, real: RowsLike | None = None
) -> Measurement:
    """The Fréchet distance on raw values between a model's samples and rows of data.

    Args:
        model: Any model; a conditional one is given the rows' own conditions in turn.
        rows: The data to compare with.
        n: The number of samples; by default 2000, or twice the dimensions if that is more.
        seed: Names the samples.
        real: Other rows of the same data, whose distance is the floor.
    """
    count = n or max(2000, 2 * model.space.dims)
    reference = Moments.of(flat_values(_all(rows, count), model.space))
    values = flat_values(samples_like(model, rows, count, seed=seed), model.space)
    floor = None
    if real is not None and len(real) > 1:
        floor = frechet_distance(Moments.of(flat_values(_all(real, count), model.space)), reference)
    name = f"Fréchet ({'raw pixels' if len(model.space.shape) == 3 else 'raw values'})"
    protocol = {"seed": seed, "samples": count}
    value, error = frechet_distance(Moments.of(values), reference), frechet_error(values, reference)
    return Measurement(name, value, error, Kind.STATISTIC, "d²", count, rows.fingerprint, protocol, floor)


def samples_like(
    model: GenerativeModel, rows: RowsLike, n: int, *, seed: int = 0, chunk: int = 500
) -> Shaped[Tensor, "n *shape"]:
    """n samples, a chunk at a time, given the rows' own conditions in turn if the model is conditional."""
    parts = []
    for start in range(0, n, chunk):
        index = torch.arange(start, min(start + chunk, n))
        given = None
        if model.given is not None:
            given = map_given(lambda part: part.to(model.device), rows.gather(index % len(rows))[1])
        parts.append(model.sample(len(index), given, seed=seed, start=start).cpu())
    return torch.cat(parts)


def flat_values(x: Shaped[Tensor, "n *shape"], space: Space) -> Float[Tensor, "n D"]:
    """Rows as vectors: levels scaled to [0, 1], real numbers as they are."""
    values = x.flatten(1).double()
    return values / max(1, space.levels - 1) if space.levels is not None else values


def _all(rows: RowsLike, most: int) -> Tensor:
    """The rows, or as many as `most`, evenly spread."""
    step = max(1, len(rows) / most)
    index = (torch.arange(min(most, len(rows))) * step).long()
    return torch.cat([rows.gather(part)[0].cpu() for part in index.split(500)])


def _root(matrix: Float[Tensor, "D D"]) -> Float[Tensor, "D D"]:
    """The positive square root of a covariance."""
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T
