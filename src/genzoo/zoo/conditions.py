"""Conditions from words and files: `label=3`, `text="a red circle"`, `image=photo.png` as rows for a model."""

import csv
import io
import math
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Integer
from torch import Tensor
from torch.nn.functional import interpolate, pad

from genzoo.core.errors import DataError
from genzoo.core.given import SINGLE, GivenAsked, GivenLike, GivenSpace, as_given, is_null
from genzoo.core.model import GenerativeModel
from genzoo.core.space import Space
from genzoo.data import Codec, Data
from genzoo.data.codecs.image import ImageCodec, open_image
from genzoo.data.codecs.table import TableCodec
from genzoo.data.codecs.text import CharacterCodec, SpellingCodec
from genzoo.data.columns import cells_of, is_number
from genzoo.data.dates import DateForm
from genzoo.zoo.mistakes import Mistake, nearest, unknown
from genzoo.zoo.store import DataRecord

__all__ = [
    "cells",
    "conditions",
    "fitted",
    "grid_conditions",
    "several",
    "spelled",
    "together",
    "told_of_numbers",
    "told_of_texts",
    "turns",
]

LISTED = 20  # classes that an error lists


def conditions(
    model: GenerativeModel,
    data: DataRecord,
    words: Mapping[str, Any],
    n: int,
    codecs: Mapping[str, Codec] | None = None,
    part: range | None = None,
) -> GivenLike:
    """n rows of the condition that words ask for.

    A value is a class name, a number, or several of them with commas (`several`), which share the rows; for texts
    it is the text, for pictures or sounds a file, or several with commas. What no word mentions is
    null; if the model takes no null condition, labels stand for their classes in order.

    Args:
        model: The model.
        data: What its run knows of the data: the names of conditions and classes.
        words: Values by the name of the condition.
        n: The number of rows.
        codecs: Of the conditions that are more than numbers, as a run keeps them.
        part: Which of the n rows are wanted; by default all.

    Raises:
        Mistake: If the model takes no such condition, or the value is none of its own.
    """
    if not model.given_space:
        if words:
            cause = f"This run is unconditional, got a condition {next(iter(words))!r}."
            raise Mistake(cause, f"Train with --given {next(iter(words))}, or leave --given out.")
        return None
    spaces, classes = _called(model.given_space, data)
    for name in words:
        if name not in spaces:
            raise unknown("condition of this run", name, spaces)
    known = _by_name(codecs, spaces)
    part = range(n) if part is None else part
    values = {
        name: _values(name, str(words[name]), space, classes.get(name, []), known.get(name))
        for name, space in spaces.items()
        if name in words
    }
    rows = {name: each[_in_turn(len(each), n, part)].to(model.device) for name, each in values.items()}
    if not model.takes_null():
        free = {name: in_order(space, n, part) for name, space in spaces.items() if name not in rows}
        rows |= {name: part.to(model.device) for name, part in free.items() if part is not None}
    return {own: rows[name] for own, name in zip(model.given_space, spaces, strict=True) if name in rows}


def cells(
    model: GenerativeModel, data: DataRecord, given: GivenLike, n: int, codecs: Mapping[str, Codec] | None = None
) -> dict[str, list[str]]:
    """The rows of a condition as words, by the names that the data have for them: classes, numbers and texts.

    Conditions that no word can say, such as pictures, are left out; what is null or was not said is an empty word.

    Args:
        model: The model.
        data: What its run knows of the data.
        given: The condition as `conditions` makes it.
        n: The number of rows.
        codecs: Of the conditions that are more than numbers.
    """
    if not model.given_space:
        return {}
    spaces, classes = _called(model.given_space, data)
    rows = dict(zip(spaces, [as_given(given).get(name) for name in model.given_space], strict=True))
    known = _by_name(codecs, spaces)
    found = {
        name: _told(rows[name], n, space, classes.get(name, []), known.get(name)) for name, space in spaces.items()
    }
    return {name: words for name, words in found.items() if words is not None}


def spelled(
    given_space: GivenSpace, data: DataRecord, codecs: Mapping[str, Codec] | None, given: Any, n: int
) -> GivenAsked:
    """A condition with rows in the place of its words: one word, or as many as there are rows, by name if there are
    several conditions. What is no word stays as it is.

    Args:
        given_space: What the model is conditioned on.
        data: What its run knows of the data.
        codecs: Of the conditions that are more than numbers.
        given: What a caller wrote.
        n: The number of rows.

    Raises:
        Mistake: If a name or a word is unknown; what there is is listed.
    """
    spaces, classes = _called(given_space, data)
    known, owns = _by_name(codecs, spaces), dict(zip(spaces, given_space, strict=True))
    if not isinstance(given, Mapping):
        if not _has_words(given):
            return cast("GivenAsked", given)
        if len(spaces) > 1:
            cause = f"This run has the conditions {', '.join(spaces)}, got {given!r} for one of them."
            raise Mistake(cause, f"Name it, as {{{next(iter(spaces))!r}: …}}.")
        given = {next(iter(spaces)): given}
    rows = {}
    for name, said in given.items():
        named = next((called for called, own in owns.items() if name in (called, own)), None)
        if named is None:
            raise unknown("condition of this run", str(name), spaces)
        rows[owns[named]] = said
        if _has_words(said):
            words = [said] if isinstance(said, str) else list(said)
            values = [_values(named, str(w), spaces[named], classes.get(named, []), known.get(named)) for w in words]
            found = torch.cat(values)
            rows[owns[named]] = found[_in_turn(len(found), n, range(n))] if isinstance(said, str) else found
    return rows


def told_of_texts(words: Mapping[str, Any], codecs: Mapping[str, Codec] | None) -> list[str]:
    """What is to be said of texts that a run is asked for: that one is empty, and what none had in training.

    Args:
        words: Values by the name of the condition.
        codecs: Of the conditions that are more than numbers.

    Example:
        >>> told_of_texts({"text": "red звезда"}, {"text": CharacterCodec("der ")})
        ["text: 40% of the characters of 'red звезда' were in training; of others ('зведа') nothing was learned"]
    """
    found = []
    for name, codec in (codecs or {}).items():
        text = str(words.get(name, ""))
        if not isinstance(codec, CharacterCodec) or name not in words:
            continue
        if not text.strip():
            found.append(f"{name}: an empty text is none, so pictures of anything are drawn")
        elif unseen := codec.unseen(text):
            share = sum(char not in unseen for char in text) / len(text)
            found.append(
                f"{name}: {share:.0%} of the characters of {text!r} were in training; of others ({unseen!r}) "
                "nothing was learned"
            )
    return found


def told_of_numbers(words: Mapping[str, Any], data: DataRecord) -> list[str]:
    """What is to be said of numbers that a run is asked for: which lie where hardly a row trained, and the nearest
    that does not.

    Args:
        words: Values by the name of the condition.
        data: What its run knows of the data.

    Example:
        >>> told_of_numbers({"logP": "2,8"}, DataRecord(name="m", fingerprint="", ranges={"logP": (-1.5, 5.25)}))
        ['logP: 8 lies outside -1.5 … 5.25, where training rows are; the nearest is 5.25']
    """
    single = (data.given or [SINGLE])[0]
    found = []
    for name, (low, high) in data.ranges.items():
        called = name or single
        for word in several(str(words.get(called, ""))):
            if is_number(word) and not low <= float(word) <= high:
                near = f"{min(max(float(word), low), high):.4g}"
                where = f"{low:.4g} … {high:.4g}"
                found.append(f"{called}: {word} lies outside {where}, where training rows are; the nearest is {near}")
    return found


def _has_words(said: Any) -> bool:
    """Whether a value is a word or a list of words."""
    several = isinstance(said, list | tuple | np.ndarray) and len(said) > 0
    return isinstance(said, str) or (several and all(isinstance(each, str) for each in said))


def turns(model: GenerativeModel, data: DataRecord, words: Mapping[str, Any]) -> int:
    """The least number of rows of a condition that holds each value that words name equally often.

    Args:
        model: The model.
        data: What its run knows of the data.
        words: Values by the name of the condition.
    """
    if not model.given_space:
        return 1
    spaces, classes = _called(model.given_space, data)
    plain = [name for name, space in spaces.items() if name in words and not space.shape]
    counts = [len(several(str(words[name]), classes.get(name, []))) for name in plain]
    if not model.takes_null():
        counts += [space.levels or 1 for name, space in spaces.items() if name not in words and not space.shape]
    return math.lcm(*counts)


def _called(given_space: GivenSpace, data: DataRecord) -> tuple[dict[str, Space], Mapping[str, list[str]]]:
    """The spaces of a condition and their classes by the names that the data have for them: a single one has been
    given none in training."""
    spaces = dict(given_space)
    if set(spaces) != {SINGLE}:
        return spaces, data.classes
    label = (data.given or [SINGLE])[0]
    return {label: spaces[SINGLE]}, {label: data.classes.get("", [])}


def _by_name(codecs: Mapping[str, Codec] | None, spaces: Mapping[str, Space]) -> dict[str, Codec]:
    """Codecs by the names that the data have for conditions; that of a single one is kept under none."""
    known = dict(codecs or {})
    return known | ({next(iter(spaces)): known[""]} if "" in known else {})


def grid_conditions(data: Data, n: int) -> GivenLike:
    """Conditions for a picture of n samples: classes in order, or those of held-out rows.

    Args:
        data: The data.
        n: The number of rows.
    """
    space = data.given_space
    if space is None:
        return None
    if isinstance(space, Space) and (ordered := in_order(space, n)) is not None:
        return ordered
    rows = data.valid if len(data.valid) else data.train
    return rows.gather(torch.arange(n) % len(rows))[1]


def in_order(space: Space, n: int, part: range | None = None) -> Tensor | None:
    """n labels, equally many of each class, in order; None if the space is not that of a label.

    Args:
        space: The condition's space.
        n: The number of rows.
        part: Which of them are wanted; by default all.

    Example:
        >>> in_order(Space((), levels=3), 6)
        tensor([0, 0, 1, 1, 2, 2])
    """
    if space.shape or space.levels is None:
        return None
    return _in_turn(space.levels, n, range(n) if part is None else part)


def fitted(picture: Integer[Tensor, "C H W"], shape: tuple[int, ...]) -> Integer[Tensor, "D h w"]:
    """A picture of the channels and size of others: its middle, scaled; gray, color and alpha as they want them.

    Args:
        picture: Pixels.
        shape: (C, H, W) of the others.

    Example:
        >>> fitted(torch.full((4, 20, 30), 7, dtype=torch.uint8), (1, 8, 8)).shape
        torch.Size([1, 8, 8])
    """
    channels, height, width = shape
    color = picture[:3] if len(picture) > 2 else picture[:1]
    if channels < 3:
        color = color.double().mean(0, keepdim=True).round().to(picture.dtype)
    elif len(color) == 1:
        color = color.expand(3, -1, -1)
    if channels == 4:
        opaque = torch.full_like(
            color[:1], int(torch.iinfo(picture.dtype).max if picture.dtype == torch.uint8 else 65535)
        )
        color = torch.cat([color, picture[3:4] if len(picture) == 4 else opaque])
    if tuple(color.shape[1:]) == (height, width):
        return color
    scale = max(height / color.shape[1], width / color.shape[2])
    size = max(height, round(color.shape[1] * scale)), max(width, round(color.shape[2] * scale))
    large = interpolate(color[None].double(), size=size, mode="bilinear", antialias=True)[0]
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return large[:, top : top + height, left : left + width].round().to(picture.dtype)


def _told(rows: Tensor | None, n: int, space: Space, classes: list[str], codec: Codec | None) -> list[str] | None:
    """Rows of one condition as words; None where no word can say them."""
    is_text = isinstance(codec, SpellingCodec)
    if isinstance(codec, TableCodec) and rows is not None:
        return codec.cells(rows.cpu()[:, None])[codec.columns[0]]
    if not is_text and (space.shape or codec is not None):
        return None
    if rows is None:
        return [""] * n
    if isinstance(codec, SpellingCodec):
        lacking = is_null(rows).tolist()
        return ["" if gone else codec.texts(row[None])[0] for row, gone in zip(rows.cpu(), lacking, strict=True)]
    if space.levels is None:
        return cells_of(rows.cpu().numpy())
    names = classes or [str(k) for k in range(space.levels)]
    return ["" if k < 0 else names[k] for k in rows.tolist()]


def _in_turn(values: int, n: int, part: range) -> Tensor:
    """Which of some values each row takes: n rows, a stretch of them for each value."""
    return torch.arange(part.start, part.stop) * values // max(1, n)


def _values(name: str, text: str, space: Space, classes: list[str], codec: Codec | None) -> Tensor:
    """The rows that a word stands for, one for each value in it."""
    if isinstance(codec, SpellingCodec):
        return _spelled(name, text, space, codec)
    words = several(text, classes, codec)
    if isinstance(codec, TableCodec):
        return torch.cat([_number(name, word, codec) for word in words])
    if codec is not None:
        return torch.cat([_read(name, word, space, codec) for word in words])
    if space.shape:
        return _vector(name, words, space)[None]
    values = torch.tensor([_value(name, word, space, classes) for word in words], dtype=_dtype_of(space))
    return values.float() if values.is_floating_point() and bool((values.abs() < 1 << 24).all()) else values


def several(text: str, classes: Collection[str] = (), codec: Codec | None = None) -> list[str]:
    """The values that a word names: one, or several with commas between. One that has a comma itself stands in quotes,
    as in CSV, unless it is all there is and a class, a date or a number with such a decimal sign.

    Args:
        text: The word.
        classes: The names of classes.
        codec: Of a condition that is a number or a date.

    Example:
        >>> several("S,M"), several("S,M", ["S", "M", "S,M"]), several('S,"S,M"')
        (['S', 'M'], ['S,M'], ['S', 'S,M'])
    """
    form = codec.forms.get(codec.columns[0]) if isinstance(codec, TableCodec) else None
    has_commas = isinstance(form, DateForm) or (form is not None and form.decimal == ",")
    if text.strip() in classes or (form is not None and has_commas and is_number(form.plain(text.strip()))):
        return [text.strip()]
    try:
        found = next(csv.reader([text.strip("[]")], skipinitialspace=True), [])
    except csv.Error:  # of lines
        found = text.split(",")
    return [word.strip() for word in found] or [""]


def together(words: Iterable[str]) -> str:
    """Values as one word, as `several` takes it apart.

    Args:
        words: The values.

    Example:
        >>> together(["S", "S,M"])
        'S,"S,M"'
    """
    kept = io.StringIO()
    csv.writer(kept, lineterminator="").writerow(words)
    return kept.getvalue()


def _spelled(name: str, text: str, space: Space, codec: SpellingCodec) -> Tensor:
    if isinstance(codec, CharacterCodec) and not text.strip():
        return torch.full((1, space.shape[0]), -1)  # no caption is empty: what was learned is that there may be none
    try:
        ids = codec.rows([text])
    except DataError as error:
        raise Mistake(
            f"The condition {name} cannot spell {text!r}: {error}", "Use what the run's texts use."
        ) from None
    longest = space.shape[0]
    if ids.shape[1] > longest:
        cause = f"The condition {name} takes up to {longest} symbols, got {ids.shape[1]}."
        raise Mistake(cause, f"Shorten the text by {ids.shape[1] - longest}.")
    return pad(ids.long(), (0, longest - ids.shape[1]), value=codec.levels)


def _number(name: str, word: str, codec: TableCodec) -> Tensor:
    """A number, or a date, in the form of the run's table."""
    form = codec.forms[codec.columns[0]]
    plain = form.plain(word)
    if not is_number(plain):
        cause = f"The condition {name} must be written as {form.spelled('0')!r} is, got {word!r}."
        raise Mistake(cause, f"Write --given {name}={form.spelled('0')}, with another value.")
    return torch.tensor([float(plain)], dtype=torch.float64)


def _read(name: str, path: str, space: Space, codec: Codec) -> Tensor:
    """A file as one row: a picture brought to the size and channels of the run's, anything else as it is."""
    if not Path(path).exists():
        raise Mistake(f"The condition {name} is read from a file, and {path!r} is none.", f"Write {name}=PATH.")
    try:
        if isinstance(codec, ImageCodec):
            return codec.values(fitted(open_image(Path(path), 65536 if codec.is_deep else 256), space.shape)[None])
        rows = codec.load(path)
    except DataError as error:
        raise Mistake(f"The condition {name} must be readable from {path!r}: {error}", "Give another file.") from None
    length, *rest = rows.shape[1:]
    if tuple(rest) != space.shape[1:] or not (length == space.shape[0] or (space.ragged and length < space.shape[0])):
        cause = f"The condition {name} must be {space}, got {tuple(rows.shape[1:])} from {path!r}."
        raise Mistake(cause, "Bring it to the run's form.")
    return rows


def _value(name: str, word: str, space: Space, classes: list[str]) -> float | int:
    if word in classes:
        return classes.index(word)
    try:
        value = float(word) if space.levels is None else int(word)
    except ValueError:
        raise (_no_class(name, word, classes) if classes else _not_of(name, word, space)) from None
    if space.levels is not None and not 0 <= value < space.levels:
        raise _not_of(name, word, space)
    return value


def _no_class(name: str, word: str, classes: list[str]) -> Mistake:
    more = f" and {len(classes) - LISTED} more" if len(classes) > LISTED else ""
    close = nearest(word, classes)
    fix = f"Did you mean {close!r}? " if close else ""
    cause = f"There is no class of {name} {word!r:.80}."
    return Mistake(cause, f"{fix}There are {', '.join(classes[:LISTED])}{more}.")


def _dtype_of(space: Space) -> torch.dtype:
    return torch.float64 if space.levels is None else torch.int64


def _vector(name: str, words: list[str], space: Space) -> Tensor:
    try:
        values = torch.tensor([float(word) for word in words])
    except ValueError:
        raise _not_of(name, ",".join(words), space) from None
    if values.numel() != space.dims:
        raise Mistake(f"The condition {name} must hold {space.dims} numbers, got {len(words)}.", "Give them all.")
    return (values if space.levels is None else values.long()).reshape(space.shape)


def _words(space: Space) -> str:
    return f"an integer in [0, {space.levels})" if space.levels and not space.shape else str(space)


def _not_of(name: str, word: str, space: Space) -> Mistake:
    fix = f"Write --given {name}=… with such a value."
    if "=" in word:
        fix = f"Write each condition by itself, as --given {name}=… --given {word}"
    return Mistake(f"The condition {name} must be {_words(space)}, got {word!r}.", fix)
