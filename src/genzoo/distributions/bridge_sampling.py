"""The ratio of two normalizers from samples of both: what unnormalized densities leave open.

With p = p̃ / Z_p, q = q̃ / Z_q and rows of both, Bennett's equation says what c = log Z_p − log Z_q must be: pooled, n
rows of p and m of q are to be told apart, and the rows of p that q claims weigh as much as those of q that p claims,

$$ \\sum_{x \\sim p} \\frac{m\\,q(x)}{n\\,p(x) + m\\,q(x)} = \\sum_{x \\sim q} \\frac{n\\,p(x)}{n\\,p(x) + m\\,q(x)},
   \\qquad \\log \\frac{p}{q} = \\log \\frac{\\tilde p}{\\tilde q} - c. $$

No other equation of the kind has a smaller error. What it weighs is the mass that p and q share, and where the rows
show none nobody can know c.

References:
    Bennett, 1976, "Efficient estimation of free energy differences from Monte Carlo data"
    Meng & Wong, 1996, "Simulating ratios of normalizing constants via a simple identity"
"""

import math

import torch

from genzoo.distributions.estimate import Unknowable
from genzoo.distributions.f_divergence import checked_ratios
from genzoo.distributions.resampling import require_rows
from genzoo.distributions.samples import Samples

__all__ = ["log_normalizer_ratio"]

LEAST, SHARED = 25, 5.0  # rows of both, and how many of them both must claim
HALVINGS = 60


def log_normalizer_ratio(on_p: Samples, on_q: Samples) -> float:
    """log Z_p − log Z_q from log p̃ − log q̃ on rows drawn from p and on rows drawn from q.

    Args:
        on_p: The log-ratio on rows of p.
        on_q: The log-ratio on rows of q.

    Raises:
        ValueError: If one is NaN.
        TooFew: If there are fewer than 25 rows of either.
        Unknowable: If fewer than five rows, by weight, lie where both have mass.

    Example:
        >>> from genzoo.core.noise import Noise
        >>> x, y = Noise(0).normal(4000), Noise(1).normal(4000) + 1
        >>> round(log_normalizer_ratio(0.5 - x + 3, 0.5 - y + 3), 1)
        3.0
    """
    require_rows(min(len(on_p), len(on_q)), LEAST, "A ratio of normalizers")
    shift = math.log(len(on_p) / len(on_q))
    r_p, r_q = (checked_ratios(rows).detach().double() + shift for rows in (on_p, on_q))
    finite = torch.cat([r_p, r_q])
    finite = finite[finite.isfinite()]
    low, high = (finite.min().item() - 1, finite.max().item() + 1) if len(finite) else (0.0, 0.0)
    for _ in range(HALVINGS):
        c = (low + high) / 2
        more = (c - r_p).sigmoid().sum() > (r_q - c).sigmoid().sum()
        low, high = (low, c) if more else (c, high)
    claimed = (high - r_p).sigmoid().sum().item()
    if claimed < SHARED:
        raise Unknowable(
            f"Normalizers are compared where both densities have mass, but of {len(on_p):,} rows of p and "
            f"{len(on_q):,} of q only {claimed:.2g} lie there. Normalize the densities, or bridge them by others in "
            "between."
        )
    return high
