"""Backbones of proteins: are they bonded, do they clash, are their torsions those of proteins, is each one new?

What is told here is geometry. Whether a sequence folds into a backbone, its designability, none of this sees.

References:
    Ramachandran, Ramakrishnan & Sasisekharan, 1963, "Stereochemistry of polypeptide chain configurations"
    Engh & Huber, 1991, "Accurate bond and angle parameters for X-ray protein structure refinement"
    Kabsch, 1976, "A solution for the best rotation to relate two sets of vectors", Acta Crystallographica A32
    Yim et al., 2023, "SE(3) diffusion model with application to protein backbone generation", arXiv:2302.02277
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from genzoo.data.proteins.chain import torsions
from genzoo.distributions.estimate import Estimate
from genzoo.distributions.resampling import require_rows, share_of
from genzoo.distributions.samples import Samples, checked_rows

__all__ = [
    "Geometry", "backbone_geometry", "clusters_of", "nearest_backbones", "ramachandran", "ramachandran_distance",
    "superposed",
]  # fmt: skip

PEPTIDE, OFF = 1.329, 0.05  # Å from C to the next N, and how far off it may be
STEP = (3.7, 3.9)  # Å from a CA to the next
TOUCH, APART = 3.4, 3  # Å between CA that far along the chain, below which they clash
BINS = 36
PIECE = 1 << 20  # pairs of backbones at a time


class Geometry(NamedTuple):
    """What is measured of each backbone, or each bond, without others beside.

    Attributes:
        step: The share of neighboring CA that are 3.7 to 3.9 Å apart.
        bond: The share of bonds C – N within 0.05 Å of their length.
        clash_free: The share of backbones in which no CA are closer than 3.4 Å, three or more along the chain.
        helix: The share of residues whose torsions are those of an α-helix.
        strand: The share whose torsions are those of a strand.
    """

    step: Estimate
    bond: Estimate
    clash_free: Estimate
    helix: Estimate
    strand: Estimate


def backbone_geometry(x: Samples) -> Geometry:
    """Bonds, clashes and torsions of backbones; errors are over backbones.

    Args:
        x: Rows (T, 3, 3), N, CA and C of each residue in Å.

    Raises:
        TooFew: If there are fewer than two.
        NotFinite: If an atom is nowhere.

    Example:
        >>> from genzoo.core import Noise
        >>> backbone_geometry(9 * Noise(0).normal(20, 8, 3, 3)).bond.value < 0.1
        True
    """
    y = _placed(x, "A measure of backbones")
    require_rows(len(y), 2, "A measure of backbones")
    step = (y[:, 1:, 1] - y[:, :-1, 1]).norm(dim=-1)
    bond = (y[:, 1:, 0] - y[:, :-1, 2]).norm(dim=-1)
    apart = torch.cdist(y[:, :, 1], y[:, :, 1])
    index = torch.arange(y.shape[1], device=y.device)
    near = (apart < TOUCH) & ((index[:, None] - index).abs() >= APART)
    phi, psi = ramachandran(y).unbind(-1)
    helix = (phi > -100) & (phi < -30) & (psi > -80) & (psi < -5)
    strand = (phi > -180) & (phi < -45) & ((psi > 90) | (psi < -150))
    return Geometry(
        _share((step >= STEP[0]) & (step <= STEP[1])),
        _share((bond - PEPTIDE).abs() <= OFF),
        share_of(~near.any(2).any(1)),
        _share(helix),
        _share(strand),
    )


def ramachandran(x: Samples) -> Float[Tensor, "n inner 2"]:
    """φ and ψ in degrees of all residues but the first and the last.

    Args:
        x: Backbones of three residues or more.
    """
    return torch.from_numpy(torsions(_placed(x, "A pair of torsions").cpu().numpy())[:, 1:-1]).rad2deg()


def ramachandran_distance(x: Samples, y: Samples) -> float:
    """How unlike the laws of torsions of backbones are: the Jensen–Shannon divergence in nats of histograms of
    36 × 36 bins, from 0 to log 2. It is above 0 for finite rows: set it beside that of real against real.

    Args:
        x: Some backbones.
        y: Others, whose length may be another.

    Raises:
        TooFew: If there are none.
        NotFinite: If an atom is nowhere.

    Example:
        >>> from genzoo.core import Noise
        >>> x = Noise(0).normal(50, 8, 3, 3)
        >>> ramachandran_distance(x, x)
        0.0
    """
    p, q = (_histogram(ramachandran(each)) for each in (x, y))
    middle = (p + q) / 2
    return float(sum(torch.special.xlogy(each, each / middle.clamp_min(1e-300)).sum() for each in (p, q)) / 2)


def superposed(x: Float[Tensor, "n T 3"], y: Float[Tensor, "m T 3"]) -> Float[Tensor, "n m"]:
    """How far apart are points of each of x and of each of y, on average and in Å, turned onto each other as well as
    can be: with singular values s₁ ≥ s₂ ≥ s₃ of the covariance C of both,

    $$ T\\, \\mathrm{rmsd}^2 = \\|x\\|^2 + \\|y\\|^2 - 2 (s_1 + s_2 + s_3 \\operatorname{sign} \\det C). $$

    Args:
        x: Points, such as CA of backbones.
        y: Others, as many of each.

    Example:
        >>> from genzoo.core import Noise
        >>> from genzoo.nn.rigid import uniform
        >>> x = Noise(0).normal(3, 20, 3)
        >>> superposed(x, x @ uniform(Noise(1), 3).mT + 5.0).diagonal().abs().max().item() < 1e-3
        True
    """
    a, b = (each.double() - each.double().mean(1, keepdim=True) for each in (x, y))
    own = a.square().sum((1, 2))[:, None] + b.square().sum((1, 2))
    c = (
        (a.mT.flatten(0, 1) @ b.permute(1, 0, 2).flatten(1))
        .unflatten(0, (-1, 3))
        .unflatten(2, (-1, 3))
        .transpose(1, 2)
    )
    along = _singular_sum(c)
    return ((own - 2 * along).clamp_min(0) / x.shape[1]).sqrt()


def nearest_backbones(x: Samples, known: Samples) -> tuple[Float[Tensor, " n"], Int[Tensor, " n"]]:
    """How far each backbone is from the nearest of others, in Å over CA when superposed, and which that is.

    Args:
        x: Backbones.
        known: Others, of as many residues, such as those that trained.

    Raises:
        TooFew: If there are none.
        NotFinite: If an atom is nowhere.
    """
    own, places = (_placed(each, "A nearest backbone")[:, :, 1] for each in (x, known))
    best, which = torch.full((len(own),), torch.inf, dtype=torch.float64), torch.zeros(len(own), dtype=torch.long)
    rows = max(1, PIECE // len(own))
    for first in range(0, len(places), rows):
        far, at = superposed(own, places[first : first + rows]).min(1)
        which = torch.where(far < best, at + first, which)
        best = torch.minimum(best, far)
    return best, which


def clusters_of(x: Samples, radius: float = 2.0) -> int:
    """How many backbones are left, taken in order, when each that is within a radius of one taken before goes.

    Args:
        x: Backbones.
        radius: In Å over CA, superposed.

    Raises:
        TooFew: If there are none.
        NotFinite: If an atom is nowhere.

    Example:
        >>> from genzoo.core import Noise
        >>> x = 5 * Noise(0).normal(4, 9, 3, 3)
        >>> clusters_of(torch.cat([x, x]))
        4
    """
    places = _placed(x, "A number of clusters")[:, :, 1]
    near = superposed(places, places) <= radius
    left, taken = torch.ones(len(places), dtype=torch.bool), 0
    for k in range(len(places)):
        if left[k]:
            taken += 1
            left &= ~near[k]
    return taken


def _singular_sum(c: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch"]:
    """s₁ + s₂ + s₃ sign det, from the eigenvalues of CᵀC in closed form; s₃ = |det| / s₁ s₂ keeps its digits."""
    square = c.mT @ c
    middle = square.diagonal(dim1=-2, dim2=-1).mean(-1)
    off = square - middle[..., None, None] * torch.eye(3, dtype=c.dtype, device=c.device)
    size = (off.square().sum((-2, -1)) / 6).sqrt().clamp_min(1e-300)
    turn = (_det(off) / (2 * size**3)).clamp(-1, 1).acos() / 3
    first = (middle + 2 * size * turn.cos()).clamp_min(0)
    last = middle + 2 * size * (turn + 2 * math.pi / 3).cos()
    second = (3 * middle - first - last).clamp_min(0)
    one, two = first.sqrt(), second.sqrt()
    return one + two + _det(c) / (one * two).clamp_min(1e-300)


def _det(a: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch"]:
    x, y, z = a.unbind(-2)
    return (x * torch.linalg.cross(y, z)).sum(-1)


def _placed(x: Samples, what: str) -> Float[Tensor, "n T 3 3"]:
    """Backbones of any container in double precision, if every atom is somewhere."""
    found = torch.as_tensor(x) if not isinstance(x, Tensor) else x.detach()
    if found.ndim != 4 or found.shape[2:] != (3, 3):
        raise ValueError(f"{what} takes backbones (n, T, 3, 3), N, CA and C of T residues, got {tuple(found.shape)}.")
    (rows,) = checked_rows(found.flatten(1), what=what)
    return rows.double().reshape(found.shape)


def _histogram(angles: Float[Tensor, "n inner 2"]) -> Float[Tensor, " bins"]:
    place = ((angles + 180) / 360 * BINS).long().clamp(0, BINS - 1).flatten(0, 1)
    counts = (place[:, 0] * BINS + place[:, 1]).bincount(minlength=BINS * BINS).double()
    return counts / counts.sum()


def _share(hits: Bool[Tensor, "n T"]) -> Estimate:
    """The share of hits; what stands in one backbone belongs together, so the error is that of its mean."""
    each = hits.double().mean(1)
    return Estimate(each.mean().item(), (each.var() / len(each)).sqrt().item())
