"""Other texts in the symbols of first ones, so that a model of the first can be asked about them, however few."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch.nn.functional import pad

from genzoo.core import Space
from genzoo.core.errors import DataError
from genzoo.core.given import GivenSpaceLike, is_null
from genzoo.data.codec import Codec
from genzoo.data.codecs.text import SpellingCodec, padded
from genzoo.data.data import Data
from genzoo.data.readers.spelling import cut
from genzoo.data.reading import heeds
from genzoo.data.split import Splits, tail

__all__ = ["asked_of_texts", "by_rows", "respelled", "with_conditions_respelled"]

CUT = ("unit", "vocabulary", "length", "window", "lines")  # what a text is cut into, and by what


def asked_of_texts(source: str, asked: Mapping[str, Any], space: Space, codec: SpellingCodec) -> dict[str, Any]:
    """What `read` is asked for texts that are spelled anew: a text for each line where the first ones were lines, else
    a whole text by its characters; no look at the new texts decides it.

    Args:
        source: Where they are.
        asked: What was asked of the first ones.
        space: What a row of these is.
        codec: Their codec.

    Example:
        >>> from genzoo.data.codecs.text import TextCodec
        >>> asked_of_texts("verse", {"unit": "bytes", "given": []}, Space((64,), levels=256), TextCodec())
        {'given': [], 'unit': 'chars', 'window': 1}
    """
    kept = {name: value for name, value in asked.items() if name not in CUT}
    more: dict[str, Any] = {"unit": "chars", "lines": by_rows(space, codec)}
    more |= {} if by_rows(space, codec) else {"window": 1}
    return kept | {name: value for name, value in more.items() if heeds(source, name)}


def by_rows(space: Space, codec: SpellingCodec) -> bool:
    """Whether a text is a row, not a long one cut into many.

    Args:
        space: What a row is.
        codec: How it is spelled.
    """
    return codec.lines or space.ragged


def respelled(data: Data, space: Space, codec: SpellingCodec, length: int | None = None) -> Data:
    """Texts as rows of a space: each padded to its length, or stretches of one text, of which the rest is dropped.

    Args:
        data: The texts, as `asked_of_texts` has them read.
        space: What a row is to be.
        codec: In whose symbols.
        length: To how many of them a text is cut.

    Raises:
        DataError: If one has a symbol that the codec lacks, or there are too many or too few.
    """
    own = data.codec
    assert isinstance(own, SpellingCodec)
    (most,) = space.shape
    if data.space.shape == (1,) and not data.space.ragged and most > 1:
        x, splits = _stretches(data, own, codec, most)
        return dataclasses.replace(data, space=space, x=x, splits=splits, codec=codec, view=None, origin=None)
    x = _anew(own.texts(data.x), space, codec, "Texts", length)
    return dataclasses.replace(data, space=space, x=x, codec=codec, view=None, origin=None)


def with_conditions_respelled(data: Data, spaces: GivenSpaceLike, codecs: Mapping[str, Codec]) -> Data:
    """Data whose conditions that are texts are rows of other spaces, in other symbols.

    Args:
        data: The data.
        spaces: What the conditions are to be.
        codecs: In whose symbols, by condition.

    Raises:
        DataError: If one has a symbol that its codec lacks, or too many.
    """
    given, known, classes = data.given, data.given_space, dict(data.classes)
    for name, codec in codecs.items():
        space = spaces[name] if isinstance(spaces, Mapping) else spaces
        old = given.get(name) if isinstance(given, Mapping) else given
        if old is None or space is None or len(space.shape) != 1 or not isinstance(codec, SpellingCodec):
            continue
        there = ~is_null(old)
        texts = _texts(old[there], data.given_codecs.get(name), classes.get(name))
        if texts is None:
            continue
        new = torch.full((len(old), *space.shape), -1)
        if texts:
            new[there] = _anew(texts, space, codec, f"Texts of {name or 'the condition'}").long()
        given = {**given, name: new} if isinstance(given, Mapping) else new
        known = {**known, name: space} if isinstance(known, Mapping) else space
        classes.pop(name, None)
    own = {**data.given_codecs, **codecs}
    return dataclasses.replace(data, given=given, given_space=known, given_codecs=own, classes=classes)


def _texts(rows: Tensor, codec: Codec | None, classes: Sequence[str] | None) -> list[str] | None:
    """What a condition says; few texts are read as classes. None if it is neither."""
    if isinstance(codec, SpellingCodec):
        return codec.texts(rows)
    return None if codec is not None or classes is None or rows.ndim > 1 else [classes[k] for k in rows.tolist()]


def _anew(
    texts: Sequence[str], space: Space, codec: SpellingCodec, what: str, length: int | None = None
) -> Shaped[Tensor, "n T"]:
    """Texts as rows of a space, each padded to its length."""
    (most,) = space.shape
    ids, lengths = codec.spelled(texts)
    if length is not None:
        ids, lengths = cut(ids, lengths, length)
    bad = lengths > most if space.ragged else lengths != most
    if bad.any():
        must, row = "at most" if space.ragged else "exactly", int(bad.nonzero()[0][0])
        raise DataError(
            f"{what} must have {must} {most} symbols each, as those that were learned, got {int(lengths[row]):,} in "
            f"row {row}. Leave it out, or cut it."
        )
    x = padded(ids, lengths, codec.levels)
    return pad(x, (0, most - x.shape[1]), value=codec.levels)


def _stretches(
    data: Data, own: SpellingCodec, codec: SpellingCodec, window: int
) -> tuple[Shaped[Tensor, "n T"], Splits]:
    """The stretches of a text whose rows are its characters, or of one text for each split."""
    whole = tail(len(data))
    is_one = all(torch.equal(whole[name], data.splits.get(name, whole[name][:0])) for name in whole)
    parts = {"": torch.arange(len(data))} if is_one else dict(data.splits)
    ids = {name: codec.ids(own.text(data.x[index].flatten().tolist())) for name, index in parts.items()}
    counts = {name: len(part) // window for name, part in ids.items()}
    if not sum(counts.values()):
        raise DataError(
            f"A text must be at least one stretch of {window} symbols long, as those that were learned, got "
            f"{sum(map(len, ids.values()))}. Give a longer one."
        )
    x = torch.cat([ids[name][: count * window].reshape(-1, window) for name, count in counts.items()])
    splits = dict(zip(counts, torch.arange(len(x)).split(list(counts.values())), strict=True))
    return x, tail(len(x)) if is_one else splits
