"""PDB, the format of columns: backbones in and out.

Of a file counts the first model; of an atom seen in several places the first of them; of two residues with one number
and different insertion codes each, in the order of the file. Selenomethionine is methionine; another residue that is
none of the twenty is X, if it has a backbone. What has no CA at all, water and ligands, is no residue.

References:
    wwPDB, 2012, "Protein Data Bank contents guide: atomic coordinate entry format description", version 3.30
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from genzoo._files import read_bytes, told
from genzoo.core.errors import DataError
from genzoo.data.proteins.chain import ATOMS, Chain

__all__ = ["LETTERS", "UNKNOWN", "lines_of", "parse_pdb", "read_models"]

LETTERS = {
    "ALA": "A", "ARG": "R", "ASN": "N", "ASP": "D", "CYS": "C", "GLN": "Q", "GLU": "E", "GLY": "G", "HIS": "H",
    "ILE": "I", "LEU": "L", "LYS": "K", "MET": "M", "PHE": "F", "PRO": "P", "SER": "S", "THR": "T", "TRP": "W",
    "TYR": "Y", "VAL": "V",
}  # fmt: skip
SAME = {"MSE": "M"}  # selenium in the place of sulfur, for crystallography
UNKNOWN = "X"
ELEMENTS = {"N": "N", "CA": "C", "C": "C"}
MOST = 9999  # residues that four columns can number


def parse_pdb(name: str, text: str) -> list[Chain]:
    """The chains of the first model of a file.

    Args:
        name: What the file is called.
        text: Its content.

    Raises:
        DataError: If a line of an atom cannot be read, or there is no residue.

    Example:
        >>> text = "\\n".join(lines_of([np.array([[[0, 0, 0], [1.5, 0, 0], [2, 1.5, 0]]])]))
        >>> (chain,) = parse_pdb("x.pdb", text)
        >>> chain.name, chain.letters, chain.atoms.tolist()
        ('x.pdb A', 'G', [[[0.0, 0.0, 0.0], [1.5, 0.0, 0.0], [2.0, 1.5, 0.0]]])
    """
    residues = dict[tuple[str, str], dict[str, tuple[float, ...]]]()
    words = dict[tuple[str, str], str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("ENDMDL"):
            break
        if line.startswith(("ATOM  ", "HETATM")) and (atom := line[12:16].strip()) in ATOMS:
            if line[76:78].strip() not in ("", ELEMENTS[atom]):  # CA is calcium, too
                continue
            key = (line[21:22].strip(), line[22:27])  # the chain; the number with its insertion code
            try:
                place = tuple(float(line[at : at + 8]) for at in (30, 38, 46))
            except ValueError:
                raise DataError(
                    f"{name} must have numbers in columns 31 to 54, got {line[30:54]!r} in line {number}. Correct it."
                ) from None
            residues.setdefault(key, {}).setdefault(atom, place)
            words.setdefault(key, line[17:20].strip())
    found = dict[str, list[tuple[str, str]]]()
    for key, atoms in residues.items():
        if "CA" in atoms:
            found.setdefault(key[0], []).append(key)
    if not found:
        raise DataError(f"{name} must hold residues with atoms CA, got none. Is it a protein?")
    return [_chain(f"{name} {letter}".strip(), keys, residues, words) for letter, keys in found.items()]


def read_models(path: Path) -> list[list[Chain]]:
    """The chains of every model of a file; one without models is one.

    Args:
        path: The file.

    Raises:
        DataError: If it is no file of PDB.
    """
    with told(path.name, "be a file of PDB"):
        parts = read_bytes(path).decode("ascii", "replace").split("ENDMDL")
    there = [part for part in parts if "\nATOM" in f"\n{part}"]
    return [parse_pdb(path.name, part) for part in there or parts[:1]]


def _chain(
    name: str,
    keys: list[tuple[str, str]],
    residues: dict[tuple[str, str], dict[str, tuple[float, ...]]],
    words: dict[tuple[str, str], str],
) -> Chain:
    lost = (np.nan,) * 3
    atoms = np.array([[residues[key].get(atom, lost) for atom in ATOMS] for key in keys], np.float32)
    return Chain(name, "".join((LETTERS | SAME).get(words[key], UNKNOWN) for key in keys), atoms)


def lines_of(backbones: Iterable[Float[np.ndarray, "n 3 3"]], word: str = "GLY") -> Iterator[str]:
    """The lines of a file with a model for each backbone; any viewer opens it.

    Args:
        backbones: N, CA and C of each residue in Å.
        word: What residues are called, of which no letter is known: glycine has the backbone alone.

    Raises:
        DataError: If one has more residues or lies further out than the columns can say.
    """
    for model, atoms in enumerate(backbones, start=1):
        if len(atoms) > MOST or not np.isfinite(atoms).all() or np.abs(atoms).max(initial=0) >= 1000:
            raise DataError(
                f"A backbone in PDB must have at most {MOST:,} residues within 1,000 Å, got {len(atoms):,} up to "
                f"{np.abs(atoms).max(initial=0):.4g}. Center it, or cut it."
            )
        yield f"MODEL     {model:4d}"
        for residue, places in enumerate(atoms, start=1):
            for k, (atom, (x, y, z)) in enumerate(zip(ATOMS, places, strict=True), start=3 * residue - 2):
                yield (
                    f"ATOM  {k:5d}  {atom:<3s} {word} A{residue:4d}    {x:8.3f}{y:8.3f}{z:8.3f}{1:6.2f}{0:6.2f}"
                    f"          {ELEMENTS[atom]:>2s}"
                )
        yield f"TER   {3 * len(atoms) + 1:5d}      {word} A{len(atoms):4d}"
        yield "ENDMDL"
    yield "END"
