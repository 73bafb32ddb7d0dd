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
from jaxtyping import Float
from torch import Tensor

from genzoo.distributions.frechet import Moments, factor, frechet_distance
from genzoo.distributions.resampling import require_rows
from genzoo.distributions.samples import Samples, checked_rows
from genzoo.evaluation.measurement import Estimate

__all__ = ["frechet_error", "frechet_of_features"]


def frechet_of_features(values: Samples, reference: Samples) -> Estimate:
    """The Fréchet distance d² between the normal fits of two samples, with its error over the draw of the values.

    Finite samples bias it upwards: between two draws of n rows of one white normal distribution it is about
    (2D + D(D + 1)/2)/n and not zero. So compare equal n, and set the floor (real rows against real rows) beside it.

    Args:
        values: The rows judged.
        reference: The rows that they should look like.

    Raises:
        TooFew: If a set has no more rows than dimensions: its covariance would be singular.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> frechet_of_features(x, x + 1).value
        2.0
    """
    x, y = checked_rows(values, reference, what="A Fréchet distance")
    for rows in (x, y):
        require_rows(len(rows), x.shape[1] + 1, f"A Fréchet distance in {x.shape[1]} dimensions")
    moments = Moments.of(y)
    return Estimate(frechet_distance(Moments.of(x), moments), frechet_error(x, moments))


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
