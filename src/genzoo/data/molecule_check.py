"""What RDKit makes of the molecules of a file: none, charged, of several parts, twice under two spellings."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from genzoo.data.chemistry import each, fault, rdkit, read_molecule

__all__ = ["LOOKED", "facts_of_molecules"]

KINDS = (
    "twice under two spellings", "of several parts (salts)", "with charged atoms", "with isotopes",
    "with stereochemistry",
)  # fmt: skip
LOOKED, SHOWN = 20_000, 3  # molecules that are looked at, and of those that are none, told


def facts_of_molecules(smiles: Sequence[str], rows: Sequence[int] | None = None) -> dict[str, str]:
    """What to know of molecules before they are learned, in words; of many the first are looked at.

    Args:
        smiles: The molecules as they are written.
        rows: The number of each in its file, from 0 on.

    Raises:
        ImportError: If RDKit is not installed.

    Example:
        >>> facts_of_molecules(["CCO", "OCC", "[Na+].[Cl-]", "C(("])["molecules"]  # doctest: +SKIP
        '1 none, 1 twice under two spellings, 1 of several parts (salts), 1 with charged atoms'
    """
    smiles = smiles[:LOOKED]
    seen, counts, none = dict[str, int](), Counter[str](), list[str]()
    for i, text in enumerate(each(smiles, "looking at them")):
        molecule = read_molecule(text)
        if molecule is None:
            none.append(f"row {(i if rows is None else rows[i]) + 1}, {text[:80]!r}: {fault(text)}")
            continue
        counts.update(_kinds(molecule, text))
        written = rdkit().MolToSmiles(molecule)
        counts["twice under two spellings"] += written in seen
        seen[written] = i
    found = {"none": len(none), **{kind: counts[kind] for kind in KINDS}}
    told = ", ".join(f"{count:,} {kind}" for kind, count in found.items() if count or kind == "none")
    looked = f"of the first {len(smiles):,}: " if len(smiles) == LOOKED else ""
    return {"molecules": looked + told} | {f"no molecule {i}": why for i, why in enumerate(none[:SHOWN], start=1)}


def _kinds(molecule: Any, text: str) -> list[str]:
    atoms = list(molecule.GetAtoms())
    true = (
        "." in text,
        any(atom.GetFormalCharge() for atom in atoms),
        any(atom.GetIsotope() for atom in atoms),
        any(sign in text for sign in "@/\\"),
    )
    return [kind for kind, holds in zip(KINDS[1:], true, strict=True) if holds]
