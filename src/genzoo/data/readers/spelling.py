"""Texts as rows of ids: the codec that suits what was asked, cutting, padding."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from genzoo.core import Space
from genzoo.core.errors import DataError, nearest
from genzoo.data.codecs.molecules import MoleculeCodec
from genzoo.data.codecs.text import SpellingCodec, TextCodec, padded
from genzoo.data.codecs.tokens import TokenCodec
from genzoo.data.source import Asked

__all__ = ["SPELLING", "codec_of_texts", "cut", "text_rows"]

SPELLING = ("unit", "vocabulary", "length")  # the options of every reader that spells

UNITS = ("chars", "bytes", "bpe", "atoms", "selfies")
MOST_CELLS = 1 << 33  # ids of a padded table


def text_rows(
    texts: Sequence[str], asked: Asked, train: Sequence[int]
) -> tuple[Tensor, Space, SpellingCodec, tuple[str, ...]]:
    """Texts as rows with their space and codec, and what was done to them.

    Args:
        texts: One per row.
        asked: What the user said.
        train: The rows from which tokens are learned.

    Raises:
        DataError: If there is nothing in them, or one is so long that padding the others to it is out of the question.
    """
    codec = codec_of_texts(texts, [texts[i] for i in train], asked)
    ids, lengths = codec.spelled(texts)
    notes: tuple[str, ...] = ()
    if asked.length is not None and (long := int((lengths > asked.length).sum())):
        ids, lengths = cut(ids, lengths, asked.length)
        notes = (f"cut {long:,} of {len(texts):,} texts to {asked.length} units",)
    longest = int(lengths.max(initial=0))
    if not longest:
        raise DataError(f"Texts must hold something, got {len(texts)} empty ones. Check the source.")
    if longest * len(texts) > MOST_CELLS:
        raise DataError(
            f"{len(texts):,} texts must be short enough to be padded, got one of {longest:,} units. Pass `length`."
        )
    space = Space((longest,), levels=codec.levels, ragged=bool((lengths < longest).any()))
    return padded(ids, lengths, codec.levels), space, codec, notes


def codec_of_texts(texts: Sequence[str], train: Sequence[str], asked: Asked, *, lines: bool = True) -> SpellingCodec:
    """The codec for the unit that was asked for, characters by default.

    Args:
        texts: All the texts, whose characters or symbols make the alphabet.
        train: Those of training, from which tokens are learned.
        asked: What the user said.
        lines: Whether a row is a line of a file; not if a text has several.

    Raises:
        DataError: If there is no such unit, or a library for it is missing.
    """
    lines = lines and not any("\n" in text for text in texts)
    match asked.unit:
        case None | "chars":
            return TextCodec(TextCodec.alphabet_of(texts), lines=lines)
        case "bytes":
            return TextCodec(None, lines=lines)
        case "bpe":
            return TokenCodec.learned(train, asked.vocabulary, lines=lines)
        case "atoms" | "selfies":
            return MoleculeCodec.learned(texts, asked.unit)
    raise DataError(f"`unit` must be one of {', '.join(UNITS)}, got {asked.unit!r}. {nearest(str(asked.unit), UNITS)}")


def cut(ids: np.ndarray, lengths: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows given end to end, each cut to a length.

    Args:
        ids: The rows.
        lengths: How long each is.
        length: How long one may be.

    Raises:
        DataError: If none may have any.
    """
    if length < 1:
        raise DataError(f"`length` must be at least 1, got {length}. Pass a larger one.")
    place = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return ids[place < length], np.minimum(lengths, length)
