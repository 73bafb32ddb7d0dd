"""Whether each factor of data is told by one entry of a code alone."""

import numpy as np
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from genzoo.distributions.resampling import require_rows
from genzoo.evaluation.information import entropy_of
from genzoo.evaluation.measurement import Estimate
from genzoo.evaluation.weighted import estimate, resampled

__all__ = ["information_gap"]

LEAST = 20


def information_gap(
    z: Float[Tensor, "n d"], factors: Shaped[Tensor, "n k"], *, bins: int = 20, draws: int = 20, seed: int = 0
) -> Estimate:
    """By how much the entry that tells most of a factor tells more of it than the next one, the mean over factors,

    $$ \\mathrm{MIG} = \\frac1K \\sum_k \\frac{I(z_{j(k)}; v_k) - \\max_{j \\ne j(k)} I(z_j; v_k)}{H(v_k)}, \\qquad
       j(k) = \\arg\\max_j I(z_j; v_k). $$

    1 if each factor is told by one entry, 0 if two tell as much. Entries are cut at quantiles. Of a rotated code it is
    low however much all entries together tell; it does not ask that an entry tells one factor only. Codes of one model
    under two seeds may differ in it more than two models do, so compare means over seeds.

    Args:
        z: Codes, such as means of q(z | x).
        factors: What the rows were made of, whole numbers.
        bins: Into how many each entry is cut.
        draws: How often rows are drawn again for the error.
        seed: Names the draws.

    Raises:
        ValueError: If there are fewer than two entries, or a factor never varies.
        TooFew: If there are fewer than twenty rows.

    Example:
        >>> import torch
        >>> factors = torch.cartesian_prod(torch.arange(8), torch.arange(8))
        >>> turned = factors.float() @ torch.tensor([[0.8, -0.6], [0.6, 0.8]])
        >>> round(information_gap(factors.float(), factors).value, 3), information_gap(turned, factors).value < 0.5
        (1.0, True)

    References:
        Chen, Li, Grosse & Duvenaud, 2018, "Isolating sources of disentanglement in VAEs", arXiv:1802.04942 (section 4)
        Locatello et al., 2019, "Challenging common assumptions in the unsupervised learning of disentangled
        representations", arXiv:1811.12359 (on seeds)
    """
    require_rows(len(z), LEAST, "The gap of mutual information")
    if z.shape[1] < 2:
        raise ValueError(f"A gap is between two entries of a code, got {z.shape[1]}. Give codes of more.")
    entries = [_cut(column, bins) for column in z.detach().cpu().double().numpy().T]
    told = [np.unique(column, return_inverse=True)[1] for column in factors.cpu().numpy().T]
    if constant := [k for k, v in enumerate(told) if v.max() == 0]:
        raise ValueError(f"A factor must vary, got one value in all rows of column {constant[0]}. Leave it out.")
    found = []
    for weights in resampled(len(z), draws, seed, 0):
        gaps = []
        for v in told:
            of_v = entropy_of(np.bincount(v, weights))
            shared = sorted((_shared(u, v, weights) for u in entries), reverse=True)
            gaps.append((shared[0] - shared[1]) / max(of_v, 1e-12))
        found.append(np.mean(gaps))
    return estimate(np.array(found))


def _cut(values: Float[np.ndarray, " n"], bins: int) -> Int[np.ndarray, " n"]:
    """The bin of each number, between quantiles."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right")


def _shared(u: Int[np.ndarray, " n"], v: Int[np.ndarray, " n"], weights: Float[np.ndarray, " n"]) -> float:
    """I(u; v) = H(u) + H(v) − H(u, v) of weighted rows."""
    width = int(v.max()) + 1
    joint = np.bincount(u * width + v, weights, (int(u.max()) + 1) * width).reshape(-1, width)
    return entropy_of(joint.sum(1)) + entropy_of(joint.sum(0)) - entropy_of(joint.ravel())
