"""What codes are worth: how well a linear map of them names classes, fitted by ridge regression,

$$ W = \\arg\\min_W \\|Z W - Y\\|^2 + \\lambda \\|W\\|^2, $$

with codes Z in standard units and Y one column of ±1 for each class; a row is of the class whose column is largest. λ
is the one, of powers of ten, that names most of every fifth row when the others are fitted.

References:
    Alain & Bengio, 2017, "Understanding intermediate layers using linear classifier probes", arXiv:1610.01644
    Coates, Ng & Lee, 2011, "An analysis of single-layer networks in unsupervised feature learning"
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from genzoo.distributions.estimate import Estimate, TooFew, mean_of

__all__ = ["linear_probe"]

STRENGTHS, FOLDS = tuple(10.0**k for k in range(-4, 4)), 5


def linear_probe(
    codes: Float[Tensor, "n K"], label: Int[Tensor, " n"], held: Float[Tensor, "m K"], held_label: Int[Tensor, " m"]
) -> Estimate:
    """The share of held-out rows that a linear map of codes names rightly.

    Args:
        codes: Codes that the map is fitted to.
        label: Their classes.
        held: Codes of other rows.
        held_label: Their classes.

    Raises:
        TooFew: If there are fewer than ten rows to fit, or two to measure on.

    Example:
        >>> z, label = torch.randn(200, 3), torch.arange(200) % 2
        >>> z[:, 0] += 9 * label
        >>> linear_probe(z[:100], label[:100], z[100:], label[100:]).value
        1.0
    """
    if len(codes) < 10 or len(held) < 2:
        raise TooFew(
            f"A probe is fitted to ten rows and measured on two, got {len(codes)} and {len(held)}. Bring more."
        )
    mean, spread = codes.double().mean(0), codes.double().std(0).clamp_min(1e-9)
    z, other = ((part.double() - mean) / spread for part in (codes, held))
    y = 2.0 * one_hot(label, int(max(label.max(), held_label.max())) + 1).double() - 1
    fifth = torch.arange(len(z)) % FOLDS == 0
    tried = _solved(z[~fifth], y[~fifth])
    right = [(_named(z[fifth], map_) == label[fifth]).double().mean().item() for map_ in tried]
    best = right.index(max(right))
    return mean_of((_named(other, _solved(z, y)[best]) == held_label).double())


def _solved(z: Float[Tensor, "n K"], y: Float[Tensor, "n C"]) -> list[tuple[Tensor, Tensor]]:
    """The map and the offset for every strength."""
    offset, middle = y.mean(0), z.mean(0)
    values, basis = torch.linalg.eigh((z - middle).mT @ (z - middle))
    toward = basis.mT @ ((z - middle).mT @ (y - offset))
    maps = [basis @ (toward / (values.clamp_min(0) + strength * len(z))[:, None]) for strength in STRENGTHS]
    return [(map_, offset - middle @ map_) for map_ in maps]


def _named(z: Float[Tensor, "n K"], fitted: tuple[Tensor, Tensor]) -> Int[Tensor, " n"]:
    map_, offset = fitted
    return (z @ map_ + offset).argmax(1)
