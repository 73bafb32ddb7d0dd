"""A chain of a protein: the letters of its residues, and where N, CA and C of each are, in ångström.

The backbone repeats N – CA – C. Each peptide bond C – N is 1.33 Å long, and CA lies 3.8 Å from the next CA; where that
is not so a part of the chain was not seen, or the file counts in another unit. The torsions about N – CA and CA – C,

$$ \\varphi_i = \\angle(C_{i-1}, N_i, CA_i, C_i), \\qquad \\psi_i = \\angle(N_i, CA_i, C_i, N_{i+1}), $$

say how it folds. Amino acids of life are left-handed, so that φ is negative nearly everywhere: a chain whose φ are
positive for the most part is a mirror image.

References:
    Ramachandran, Ramakrishnan & Sasisekharan, 1963, "Stereochemistry of polypeptide chain configurations"
    Engh & Huber, 1991, "Accurate bond and angle parameters for X-ray protein structure refinement"
"""

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from genzoo.core.errors import DataError

__all__ = ["ATOMS", "Chain", "dihedral", "torsions", "usable"]

ATOMS = ("N", "CA", "C")
LEAST = 4  # residues of a chain that has a shape
BONDED = (1.0, 1.7)  # Å from C to the next N, within which they are bonded
STEP = (3.4, 4.2)  # Å from a CA to the next, half of them at least


@dataclasses.dataclass(frozen=True)
class Chain:
    """A chain of residues.

    Attributes:
        name: What it is called, for errors.
        letters: One a residue; X for a residue that is none of the twenty.
        atoms: N, CA and C of each residue in Å, NaN where one was not seen; None for a sequence alone.

    Example:
        >>> chain = Chain("1abc", "MKV", np.zeros((3, 3, 3), np.float32))
        >>> len(chain), list(chain.stretches())  # all atoms in one place are not bonded
        (3, [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None)])
    """

    name: str
    letters: str
    atoms: Float[np.ndarray, "n 3 3"] | None = None

    def __len__(self) -> int:
        return len(self.letters)

    def stretches(self) -> Iterator[slice]:
        """The places of residues in a row that are bonded to each other, and of which every atom was seen."""
        atoms = self.placed()
        seen = np.isfinite(atoms).all((1, 2))
        with np.errstate(invalid="ignore"):
            length = np.linalg.norm(atoms[1:, 0] - atoms[:-1, 2], axis=1)
            bonded = (length >= BONDED[0]) & (length <= BONDED[1]) & seen[1:] & seen[:-1]
        ends = [0, *((~bonded).nonzero()[0] + 1).tolist(), len(self)]
        yield from (slice(first, last) for first, last in itertools.pairwise(ends) if seen[first:last].any())

    def placed(self) -> Float[np.ndarray, "n 3 3"]:
        """Where its atoms are.

        Raises:
            DataError: If nobody has seen them.
        """
        if self.atoms is None:
            raise DataError(f"{self.name} must say where its atoms are, got letters alone. Read x='seq'.")
        return self.atoms


def usable(chain: Chain) -> list[slice]:
    """The stretches of a chain that have a shape, of four residues and more.

    Args:
        chain: The chain.

    Raises:
        DataError: If there is none, the unit is no ångström, or the chain is a mirror image.
    """
    atoms = chain.placed()
    steps = np.linalg.norm(np.diff(atoms[:, 1], axis=0), axis=1)
    steps = steps[np.isfinite(steps)]
    if len(steps) and not STEP[0] <= (middle := float(np.median(steps))) <= STEP[1]:
        raise DataError(
            f"{chain.name} must be in ångström, where CA lies 3.8 from the next CA, got a median of {middle:.3g}. "
            "Change the unit (whole numbers are taken for hundredths), or leave it out."
        )
    parts = [part for part in chain.stretches() if part.stop - part.start >= LEAST]
    if not parts:
        raise DataError(
            f"{chain.name} must have {LEAST} bonded residues with N, CA and C, got {len(chain)} residues without "
            "such a stretch. Leave it out."
        )
    phi = np.concatenate([torsions(atoms[part])[1:, 0] for part in parts])
    if float(np.median(phi)) > 0:
        raise DataError(
            f"{chain.name} must be of left-handed amino acids, whose φ is negative, got φ > 0 for "
            f"{float((phi > 0).mean()):.0%} of its residues: a mirror image. Change the sign of one axis, or leave it "
            "out."
        )
    return parts


def torsions(atoms: Float[np.ndarray, "*batch n 3 3"]) -> Float[np.ndarray, "*batch n 2"]:
    """φ and ψ of each residue in radians, NaN where the chain begins or ends.

    Args:
        atoms: N, CA and C of bonded residues.

    Example:
        >>> flat = np.array([[[0, 0, 0], [1, 1, 0], [2, 0, 0]], [[3, 1, 0], [4, 0, 0], [5, 1, 0]]], float)
        >>> torsions(flat).round(3).tolist()  # all in one plane, a zigzag
        [[nan, 3.142], [3.142, nan]]
    """
    n, ca, c = np.moveaxis(atoms, -2, 0)
    ends = np.full((*n.shape[:-2], 1), np.nan)
    phi = np.concatenate([ends, dihedral(c[..., :-1, :], n[..., 1:, :], ca[..., 1:, :], c[..., 1:, :])], axis=-1)
    psi = np.concatenate([dihedral(n[..., :-1, :], ca[..., :-1, :], c[..., :-1, :], n[..., 1:, :]), ends], axis=-1)
    return np.stack([phi, psi], axis=-1)


def dihedral(
    a: Float[np.ndarray, "*batch 3"],
    b: Float[np.ndarray, "*batch 3"],
    c: Float[np.ndarray, "*batch 3"],
    d: Float[np.ndarray, "*batch 3"],
) -> Float[np.ndarray, "*batch"]:
    """The angle between the planes a b c and b c d, seen along b – c, by the rule of IUPAC: 0 is cis, π trans.

    Args:
        a: The first points.
        b: The second.
        c: The third.
        d: The fourth.
    """
    first, axis, last = b - a, c - b, d - c
    left, right = np.cross(first, axis), np.cross(axis, last)
    along = np.linalg.norm(axis, axis=-1) * (first * right).sum(-1)
    return np.arctan2(along, (left * right).sum(-1))
