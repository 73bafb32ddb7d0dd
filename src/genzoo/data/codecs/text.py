"""Text: characters or bytes as ids."""

import abc
import dataclasses
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from genzoo._files import read_bytes, told
from genzoo.core import Space
from genzoo.core.errors import DataError
from genzoo.data.codec import Codec

__all__ = ["CODE_POINTS", "CharacterCodec", "SpellingCodec", "TextCodec", "padded"]

CODE_POINTS = sys.maxunicode + 1


@dataclasses.dataclass(frozen=True)
class SpellingCodec(Codec):
    """Rows of ids that spell texts; ids beyond `levels` are padding and stand for nothing.

    Args:
        lines: Whether a row is a line of a file, not a stretch of a long text.
    """

    suffix: ClassVar[str] = ".txt"
    RULE: ClassVar[str] = "\n" + "─" * 40 + "\n"  # between stretches, which may hold line ends
    lines: bool = dataclasses.field(default=False, kw_only=True)

    @property
    @abc.abstractmethod
    def levels(self) -> int:
        """The number of ids."""

    @abc.abstractmethod
    def spelled(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The ids of several texts end to end, and the length of each in ids.

        Raises:
            DataError: If there is no id for something in them.
        """

    @abc.abstractmethod
    def text(self, ids: Sequence[int]) -> str:
        """The text that ids spell."""

    def ids(self, text: str) -> Shaped[Tensor, " T"]:
        """The ids of a text."""
        return torch.from_numpy(self.spelled([text])[0].astype(np.int64)).to(_kept(self.levels))

    def rows(self, texts: Sequence[str]) -> Shaped[Tensor, "n T"]:
        """The ids of several texts, one row each, padded to the longest."""
        return padded(*self.spelled(texts), self.levels)

    def texts(self, x: Shaped[Tensor, "n T"]) -> list[str]:
        """Rows of ids as texts."""
        levels = self.levels
        return [self.text([i for i in row if i < levels]) for row in x.tolist()]

    def save_parts(self, parts: Iterable[Shaped[Tensor, "_ T"]], n: int, path: str | Path) -> Path:
        before, after = ("", "\n") if self.lines else (self.RULE, "")
        texts = (text for part in parts for text in self.texts(part))
        with open(path, "wb") as file:
            for number, text in enumerate(texts):
                file.write(f"{before if number else ''}{text}{after}".encode())
        return Path(path)

    def load(self, path: str | Path) -> Shaped[Tensor, "n T"]:
        with told(Path(path).name, "be text in UTF-8", "Save it again as UTF-8."):
            text = read_bytes(path).decode()
        return self.rows(text.removesuffix("\n").split("\n") if self.lines else text.split(self.RULE))


@dataclasses.dataclass(frozen=True)
class TextCodec(SpellingCodec):
    """Ids as text: places in an alphabet, or the bytes of UTF-8.

    Args:
        alphabet: The characters in the order of their ids; `None` for bytes.
        lines: Whether a row is a line of a file.

    Example:
        >>> codec = TextCodec("abc")
        >>> codec.texts(codec.ids("cab")[None])
        ['cab']
        >>> codec.rows(["a", "cab"]).tolist()
        [[0, 3, 3], [2, 0, 1]]
    """

    kind: ClassVar[str] = "text"
    alphabet: str | None = None

    @property
    def levels(self) -> int:
        return 256 if self.alphabet is None else len(self.alphabet)

    def spelled(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        if self.alphabet is None:
            parts = [text.encode() for text in texts]
            return np.frombuffer(b"".join(parts), dtype=np.uint8), np.array([len(part) for part in parts], dtype=int)
        known, codes = _code_points(self.alphabet), _code_points("".join(texts))
        beyond = int(known.max(initial=0)) + 1
        place = np.full(beyond + 1, -1, dtype=np.int32)
        place[known] = np.arange(len(known), dtype=np.int32)
        ids = place[np.minimum(codes, beyond)]
        if unknown := [chr(code) for code in np.unique(codes[ids < 0])]:
            raise DataError(f"Characters must be in the alphabet, got {unknown[:10]}. Leave them out, or use bytes.")
        return ids, np.array([len(text) for text in texts], dtype=int)

    def text(self, ids: Sequence[int]) -> str:
        if self.alphabet is None:
            return bytes(ids).decode(errors="replace")
        return "".join(self.alphabet[i] for i in ids)

    @staticmethod
    def alphabet_of(texts: Sequence[str]) -> str:
        """Every character that is in some of the texts, in the order of their numbers in Unicode."""
        seen = np.zeros(CODE_POINTS, dtype=bool)
        for text in texts:
            seen[_code_points(text)] = True
        return "".join(chr(code) for code in np.flatnonzero(seen))


@dataclasses.dataclass(frozen=True)
class CharacterCodec(SpellingCodec):
    """Ids as text: the numbers of characters in Unicode, composed (NFC), so that none is unknown.

    Args:
        seen: The characters of the texts that train, in the order of their numbers.

    Example:
        >>> codec = CharacterCodec.of(["a red star", "红星"])
        >>> codec.texts(codec.rows(["星", "stars"])), codec.unseen("blue 星")
        (['星', 'stars'], 'blu')
    """

    kind: ClassVar[str] = "characters"
    seen: str = ""
    lines: bool = dataclasses.field(default=True, kw_only=True)

    @classmethod
    def of(cls, texts: Sequence[str]) -> "CharacterCodec":
        """The codec of texts that train."""
        return cls(TextCodec.alphabet_of(["".join(unicodedata.normalize("NFC", text) for text in texts)]))

    @property
    def levels(self) -> int:
        return CODE_POINTS

    def space(self, longest: int) -> Space:
        """What texts of so many characters are."""
        return Space((longest,), levels=CODE_POINTS, ragged=True)

    def spelled(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        whole = [unicodedata.normalize("NFC", text) for text in texts]
        return _code_points("".join(whole)), np.array([len(text) for text in whole], dtype=int)

    def text(self, ids: Sequence[int]) -> str:
        return "".join(chr(i) for i in ids if not 0xD800 <= i < 0xE000)  # halves of pairs are no characters

    def unseen(self, text: str) -> str:
        """Those characters of a text, each once, that no text had in training."""
        known = set(self.seen)
        return "".join(dict.fromkeys(char for char in unicodedata.normalize("NFC", text) if char not in known))


def padded(ids: np.ndarray, lengths: np.ndarray, levels: int) -> Shaped[Tensor, "n T"]:
    """Rows of different lengths, given end to end, as a table padded by the value `levels`, in few bytes.

    Example:
        >>> padded(np.array([5, 6, 7]), np.array([1, 2]), levels=9)
        tensor([[5, 9],
                [6, 7]], dtype=torch.uint8)
    """
    dtype = np.uint8 if levels < 1 << 8 else np.int16 if levels < 1 << 15 else np.int32
    longest = int(lengths.max(initial=0))
    if (lengths == longest).all():  # nothing to pad
        return torch.from_numpy(ids.reshape(len(lengths), longest).astype(np.int64)).to(_kept(levels))
    table = np.full((len(lengths), longest), levels, dtype=dtype)
    table[np.arange(longest) < lengths[:, None]] = ids
    return torch.from_numpy(table)


def _kept(levels: int) -> torch.dtype:
    dtype: torch.dtype = getattr(torch, Space((1,), levels).dtype)
    return dtype


def _code_points(text: str) -> np.ndarray:
    try:
        return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    except UnicodeEncodeError as problem:
        raise DataError(f"A text must hold characters of Unicode, got half of one: {problem}. Repair it.") from problem
