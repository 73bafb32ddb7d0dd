"""p-values by the ranks of calibration rows, and flags of which at most a share is false.

$$ p = \\frac{1 + \\#\\{i : c_i > s\\} + k}{n + 1}, \\qquad k \\sim U\\{0, \\dots, \\#\\{i : c_i = s\\}\\}, $$

is uniform for a row of the same law as the calibration rows c, whatever the score: neither model nor score need be
right. Flagged by Benjamini and Hochberg's rule at q, at most a share q of the flags is false on average; this holds
although all p-values share their calibration rows.

References:
    Vovk, Gammerman & Shafer, 2005, "Algorithmic learning in a random world" (conformal p-values)
    Benjamini & Hochberg, 1995, "Controlling the false discovery rate"
    Bates, Candès, Lei, Romano & Sesia, 2023, "Testing for outliers with conformal p-values", arXiv:2104.08279
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from genzoo.core.noise import Noise

__all__ = ["benjamini_hochberg", "conformal", "rows_needed"]


def conformal(
    score: Float[Tensor, " B"], calibration: Float[Tensor, " n"], noise: Noise | None = None
) -> Float[Tensor, " B"]:
    """The chance that a row like the calibration rows scores as high.

    Args:
        score: Of new rows, higher is stranger.
        calibration: Of calibration rows, on which nothing else was fitted.
        noise: Breaks ties evenly, which makes p uniform; without it ties count against strangeness, and p is at
            least as large.

    Raises:
        ValueError: If there are no calibration rows, or a score is NaN.

    Example:
        >>> conformal(torch.tensor([0.5, 9.0]), torch.arange(9.0)).tolist()
        [0.9, 0.1]
    """
    if not len(calibration) or bool(score.isnan().any()) or bool(calibration.isnan().any()):
        raise ValueError("p-values must stand on numbers of calibration rows, got none or NaN. Check the scores.")
    known = calibration.sort().values
    above = len(known) - torch.searchsorted(known, score, right=True)
    upto = len(known) - torch.searchsorted(known, score)
    ties = (upto - above).double()
    share = torch.ones_like(ties) if noise is None else noise.uniform(len(score), dtype=torch.float64)
    kept = ties if noise is None else ((ties + 1) * share).floor().clamp_max(ties)
    return (1 + above + kept) / (len(known) + 1)


def benjamini_hochberg(p: Float[Tensor, " B"], q: float) -> Bool[Tensor, " B"]:
    """Which rows are flagged so that at most a share q of the flags is false on average.

    Args:
        p: p-values.
        q: That share.

    Raises:
        ValueError: If q is not between 0 and 1.

    Example:
        >>> benjamini_hochberg(torch.tensor([0.01, 0.2, 0.03, 0.9]), 0.1).tolist()
        [True, False, True, False]
    """
    if not 0 < q < 1:
        raise ValueError(f"`fdr` must be between 0 and 1, got {q}. Take 0.1.")
    ordered = p.sort().values
    under = ordered <= q * torch.arange(1, len(p) + 1, dtype=ordered.dtype) / max(1, len(p))
    return p <= ordered[under][-1] if bool(under.any()) else torch.zeros_like(p, dtype=torch.bool)


def rows_needed(q: float, rows: int, flags: int = 1) -> int:
    """How many calibration rows there must be that a number of flags among rows is possible at all.

    p is at least 1/(n + 1), and the k smallest of m are flagged if the k-th is at most q k/m.

    Example:
        >>> rows_needed(0.1, 1000), rows_needed(0.1, 1000, flags=20)
        (9999, 499)
    """
    return math.ceil(round(rows / (q * flags), 9)) - 1
