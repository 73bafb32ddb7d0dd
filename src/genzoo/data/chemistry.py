"""Molecules as RDKit sees them: which text is one, and why another is not; their properties, computed once.

References:
    Wildman & Crippen, 1999, "Prediction of physicochemical parameters by atomic contributions"
    Bickerton et al., 2012, "Quantifying the chemical beauty of drugs", Nature Chemistry 4
    Ertl, Rohde & Selzer, 2000, "Fast calculation of molecular polar surface area …", J. Med. Chem. 43
"""

import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from genzoo.data import cache

__all__ = ["PROPERTIES", "each", "fault", "measures", "properties_of", "rdkit", "read_molecule", "silence"]

PROPERTIES = ("logP", "QED", "weight", "TPSA", "rings", "heavy_atoms")
CHUNK = 1000  # molecules after which it is told how many are done
MANY = 5000  # molecules whose properties are worth a file
DIGITS = 4  # behind the point: what is left says nothing of a molecule
MARKS = re.compile(r"\[[^\]]*\]|%\d\d|\d|[()]")  # digits in brackets number no rings
T = TypeVar("T")
log, progress = logging.getLogger("genzoo.data"), logging.getLogger("genzoo.progress")


def rdkit() -> Any:
    """RDKit's chemistry.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        from rdkit import Chem
    except ImportError:
        raise ImportError(
            "Properties of molecules must have RDKit, got none. Run: pip install 'genzoo[chem]'"
        ) from None
    return Chem


@contextmanager
def silence() -> Iterator[None]:
    """Lets RDKit say nothing about what is no molecule."""
    from rdkit import rdBase

    blocked = rdBase.BlockLogs()
    try:
        yield
    finally:
        del blocked


def read_molecule(text: str) -> Any:
    """The molecule that a text is, or None. A text is one SMILES and nothing else: what follows a blank, RDKit would
    take for a name.

    Args:
        text: A text.

    Example:
        >>> [read_molecule(text) is not None for text in ("CCO", "CCO and so on", "C((")]  # doctest: +SKIP
        [True, False, False]
    """
    if len(text.split()) != 1:
        return None
    with silence():
        return rdkit().MolFromSmiles(text)


def fault(text: str) -> str:
    """Why a text is no molecule; nothing if it is one.

    Args:
        text: A text.

    Example:
        >>> fault("C(C)(C)(C)(C)C"), fault("CCO")  # doctest: +SKIP
        ('Explicit valence for atom # 0 C, 5, is greater than permitted', '')
    """
    if read_molecule(text) is not None:
        return ""
    if len(text.split()) != 1:
        return "not one word" if text.strip() else "empty"
    chemistry = rdkit()
    with silence():
        drawn = chemistry.MolFromSmiles(text, sanitize=False)
        problems = [] if drawn is None else chemistry.DetectChemistryProblems(drawn)
    return problems[0].Message() if problems else _left_open(text) or "not written as SMILES are"


def _left_open(text: str) -> str:
    """Which branch or ring of a SMILES is not closed, if one is not."""
    depth, rings = 0, set[str]()
    for sign in MARKS.findall(text):
        if sign in "()":
            depth += 1 if sign == "(" else -1
            if depth < 0:
                return "a branch is closed that was not opened"
        elif not sign.startswith("["):
            rings ^= {sign.lstrip("%")}
    if rings:
        return f"ring {', '.join(sorted(rings))} is not closed"
    return "a branch is not closed" if depth else ""


def measures() -> dict[str, Callable[[Any], float]]:
    """How RDKit tells each property of a molecule: logP (Crippen), QED, the molecular weight, TPSA in Å², the number
    of rings, and of atoms that are no hydrogen."""
    rdkit()
    from rdkit.Chem import QED, Crippen, Descriptors, rdMolDescriptors

    lipophilicity: Any = Crippen  # whose functions are made as it is imported
    weights: Any = Descriptors
    found = (
        lipophilicity.MolLogP,
        QED.qed,
        weights.MolWt,
        rdMolDescriptors.CalcTPSA,
        rdMolDescriptors.CalcNumRings,
        rdMolDescriptors.CalcNumHeavyAtoms,
    )
    return dict(zip(PROPERTIES, found, strict=True))


def properties_of(smiles: Sequence[str], names: Sequence[str]) -> dict[str, Float[np.ndarray, " n"]]:
    """Properties of molecules, NaN where a text is none; of many they are kept in the cache.

    Args:
        smiles: Texts that may or may not be molecules.
        names: Which properties, among `PROPERTIES`.

    Raises:
        ImportError: If RDKit is not installed.

    Example:
        >>> properties_of(["c1ccccc1", "C(("], ["logP", "rings"])  # doctest: +SKIP
        {'logP': array([1.6866,    nan]), 'rings': array([ 1., nan])}
    """
    if len(smiles) < MANY:
        return _computed(smiles, names)
    version = rdkit().rdBase.rdkitVersion
    content = hashlib.blake2b("\n".join(smiles).encode(), digest_size=16).hexdigest()
    keys = {name: cache.key_of(["molecules", name, version, content]) for name in names}
    kept = {name: cache.find(name, key) for name, key in keys.items()}
    if lacking := [name for name in names if kept[name] is None]:
        log.info("%s of %s molecules are computed, once", ", ".join(lacking), f"{len(smiles):,}")
        for name, values in _computed(smiles, lacking).items():
            kept[name] = cache.make(name, keys[name], values.shape, np.float64, _filling(values))
    return {name: entry[0] for name, entry in kept.items() if entry is not None}


def _computed(smiles: Sequence[str], names: Sequence[str]) -> dict[str, Float[np.ndarray, " n"]]:
    known = measures()
    rows = np.full((len(smiles), len(names)), np.nan)
    for row, text in zip(rows, each(smiles, ", ".join(names)), strict=True):
        if (molecule := read_molecule(text)) is not None:
            row[:] = [round(float(known[name](molecule)), DIGITS) for name in names]
    return dict(zip(names, rows.T.copy(), strict=True))


def _filling(values: Float[np.ndarray, " n"]) -> Callable[[Any], tuple[int, dict[str, Any]]]:
    def fill(array: Any) -> tuple[int, dict[str, Any]]:
        array[:] = values
        return len(values), {}

    return fill


def each(items: Sequence[T], what: str) -> Iterator[T]:
    """The items one by one; how many are done is told to whoever listens.

    Args:
        items: The items.
        what: What is done with them.
    """
    for number, item in enumerate(items):
        if number % CHUNK == 0:
            progress.debug("molecules, %s: %s of %s are done", what, f"{number:,}", f"{len(items):,}")
        yield item
