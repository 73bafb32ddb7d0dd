"""The Fréchet distance between samples and data, on features or on raw values.

It is that between the normal distributions with the two sets' means and covariances
(`genzoo.distributions.frechet`).

On raw pixels, scaled to [0, 1], it sees means and covariances and nothing finer; it is no Inception distance and is
never called one. Finite samples bias it upwards, so it stands beside its floor: real data against real data.

References:
    Heusel et al., 2017, "GANs trained by a two time-scale update rule …", arXiv:1706.08500
"""

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core.given import map_given
from genzoo.core.model import GenerativeModel
from genzoo.core.space import Space
from genzoo.distributions.frechet import Moments, factor, frechet_distance
from genzoo.evaluation.likelihood import RowsLike
from genzoo.evaluation.measurement import Estimate, Kind, Measurement
from genzoo.evaluation.resampling import require_rows

__all__ = ["flat_values", "frechet_error", "frechet_of_features", "frechet_of_samples", "samples_like"]


def frechet_of_features(values: Float[Tensor, "n D"], reference: Float[Tensor, "m D"]) -> Estimate:
    """The Fréchet distance d² between the normal fits of two samples, with its error over the draw of the values.

    Finite samples bias it upwards: between two draws of n rows of one white normal distribution it is about
    (2D + D(D + 1)/2)/n and not zero. So compare equal n, and set the floor (real rows against real rows) beside it.

    Args:
        values: The rows judged.
        reference: The rows that they should look like.

    Raises:
        TooFew: If a set has no more rows than dimensions: its covariance would be singular.

    Example:
        >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> frechet_of_features(x, x + 1).value
        2.0
    """
    for rows in (values, reference):
        require_rows(len(rows), values.shape[1] + 1, f"A Fréchet distance in {values.shape[1]} dimensions")
    moments = Moments.of(reference)
    return Estimate(frechet_distance(Moments.of(values), moments), frechet_error(values, moments))


def frechet_error(values: Float[Tensor, "n D"], reference: Moments) -> float:
    """The standard error of d² over the draw of the values, from each row's first-order influence on it,

    $$ \\phi(y) = 2(\\mu - \\mu_r)^\\top (y-\\mu) + (y-\\mu)^\\top (I - T)(y-\\mu), $$

    where T is the linear map that transports the values' normal onto the reference's.
    """
    mine, values = Moments.of(values), values.double()
    root = factor(reference.covariance)
    scales, vectors = torch.linalg.eigh(root.T @ mine.covariance @ root)
    inverse = torch.where(scales > 1e-12 * scales.max(), scales.clamp_min(1e-300).rsqrt(), 0)  # pseudo, of its root
    turned = root @ vectors
    transport = turned * inverse @ turned.T
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
