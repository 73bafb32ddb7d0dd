"""Molecules as SMILES, cut into characters, atoms or SELFIES.

References:
    Weininger, 1988, "SMILES, a chemical language and information system", J. Chem. Inf. Comput. Sci. 28
    Krenn et al., 2020, "Self-referencing embedded strings (SELFIES)", arXiv:1905.13741
"""

import dataclasses
import functools
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from genzoo.core.errors import DataError
from genzoo.data.codecs.text import SpellingCodec

__all__ = ["MOLECULES", "MoleculeCodec", "is_smiles"]

MOLECULES = ("smiles", "smi", "canonical_smiles")  # what columns of them are called

ATOM = re.compile(r"\[[^\[\]\s]+\]|Br|Cl|%\d\d|[BCNOPSFIbcnops*]|\d|[-=#$:/\\.()~]")
SMILES = re.compile(f"(?:{ATOM.pattern})++")
REMEMBERED = 1 << 19  # molecules as SELFIES
BRACKETED = re.compile(r"\[[^\[\]]*\]|\.")


def is_smiles(text: str) -> bool:
    """Whether a text is written with the symbols of SMILES; not whether there is such a molecule.

    Example:
        >>> is_smiles("C[C@@H](Cl)Br"), is_smiles("hello"), is_smiles("")
        (True, False, False)
    """
    return SMILES.fullmatch(text) is not None


@dataclasses.dataclass(frozen=True)
class MoleculeCodec(SpellingCodec):
    """Ids as SMILES, one molecule a line.

    Args:
        tokens: The symbols in the order of their ids.
        unit: "atoms": Cl, Br and what stands in brackets are one symbol; "selfies": a language in which every row of
            symbols is a molecule, written back as the SMILES that the library chooses; "chars".
        lines: Whether a row is a line of a file, as it is.

    Example:
        >>> codec = MoleculeCodec(("(", ")", "C", "Cl", "[nH]"))
        >>> codec.rows(["C(Cl)C", "[nH]"]).tolist()
        [[2, 0, 3, 1, 2], [4, 5, 5, 5, 5]]
    """

    kind: ClassVar[str] = "molecules"
    suffix: ClassVar[str] = ".smi"
    tokens: tuple[str, ...]
    unit: str = "atoms"
    lines: bool = dataclasses.field(default=True, kw_only=True)

    @property
    def levels(self) -> int:
        return len(self.tokens)

    @classmethod
    def learned(cls, texts: Iterable[str], unit: str) -> "MoleculeCodec":
        """The codec with every symbol of some molecules."""
        cut = _cutter(unit)
        return cls(tuple(sorted({token for text in texts for token in cut(text)})), unit)

    def spelled(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        cut, place = _cutter(self.unit), {token: i for i, token in enumerate(self.tokens)}
        rows = [cut(text) for text in texts]
        _as_selfies.cache_clear()  # which the alphabet was learned from, mostly
        try:
            ids = np.array([place[token] for row in rows for token in row], dtype=np.int32)
        except KeyError as problem:
            raise DataError(
                f"A molecule must be of the {len(place)} symbols that are known, got {problem}. Leave it out."
            ) from None
        return ids, np.array([len(row) for row in rows], dtype=int)

    def text(self, ids: Sequence[int]) -> str:
        spelled = "".join(self.tokens[i] for i in ids)
        return str(_selfies().decoder(spelled)) if self.unit == "selfies" else spelled


def _cutter(unit: str) -> Callable[[str], Sequence[str]]:
    if unit == "selfies":
        return _as_selfies
    return list if unit == "chars" else _atoms


def _atoms(text: str) -> list[str]:
    atoms: list[str] = ATOM.findall(text)
    if "".join(atoms) != text:  # something between them is no symbol
        raise DataError(f"A molecule must be written in SMILES, got {text[:80]!r}. Leave it out.")
    return atoms


@functools.lru_cache(maxsize=REMEMBERED)
def _as_selfies(text: str) -> tuple[str, ...]:
    """The symbols of a molecule; kept until texts are spelled, as the alphabet is learned from the same ones."""
    library = _selfies()
    try:
        return tuple(map(sys.intern, BRACKETED.findall(library.encoder(text))))
    except library.EncoderError as problem:
        why = str(problem).split("\n")[0]  # below it stands the molecule again
        raise DataError(
            f"A molecule must be one that SELFIES can write, got {text[:80]!r} ({why}). Leave it out."
        ) from None


def _selfies() -> Any:
    try:
        import selfies
    except ImportError:
        raise DataError("unit='selfies' must have selfies, got none. Run: pip install 'genzoo[chem]'") from None
    return selfies
