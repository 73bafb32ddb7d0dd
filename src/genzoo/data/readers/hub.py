"""Data sets of the Hugging Face hub, read by the library `datasets`; no code that comes with them is run."""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genzoo._files import check_plain, told
from genzoo.core import Space
from genzoo.core.errors import DataError, nearest
from genzoo.data.readers.mappings import read_mapping
from genzoo.data.readers.spelling import SPELLING
from genzoo.data.readers.table import CELLS, Table, from_table
from genzoo.data.readers.torch_dataset import stacked_items
from genzoo.data.source import Asked, Condition, Source, reader
from genzoo.data.split import SPLIT_WORDS

__all__ = ["PREFIX", "is_hub", "is_pinned", "is_remote", "parts_of", "read_hub", "read_hub_object"]

PREFIX = "hub:"
COMMIT = re.compile(r"[0-9a-f]{40}")
USUAL = ("image", "img", "text", "sentence")


def is_hub(source: Any) -> bool:
    """Whether a source is a data set, or several as splits, that `datasets` has loaded."""
    return type(source).__module__.split(".")[0] == "datasets" and hasattr(source, "column_names")


def is_remote(source: object) -> bool:
    """Whether reading a source would reach out to the hub.

    Example:
        >>> is_remote("hub:mnist"), is_remote("digits")
        (True, False)
    """
    return isinstance(source, str) and source.startswith(PREFIX) and not Path(parts_of(source)[0]).is_dir()


def is_pinned(source: str) -> bool:
    """Whether a source of the hub names the commit that it is read at, so that nobody can put other data there.

    Example:
        >>> is_pinned("hub:mnist"), is_pinned("hub:mnist@main"), is_pinned("hub:mnist@" + "0f" * 20)
        (False, False, True)
    """
    return COMMIT.fullmatch(parts_of(source)[1] or "") is not None


def parts_of(source: str) -> tuple[str, str | None, str | None]:
    """The name, the revision and the configuration in `hub:NAME@REVISION:CONFIGURATION`.

    Example:
        >>> parts_of("hub:mnist@main")
        ('mnist', 'main', None)
    """
    whole, _, configuration = source.removeprefix(PREFIX).partition(":")
    name, _, revision = whole.partition("@")
    return name, revision or None, configuration or None


@reader("data sets of the hub", *SPELLING, *CELLS)
def read_hub(source: str, asked: Asked) -> Source:
    """`hub:NAME`, `hub:NAME@COMMIT:CONFIGURATION`, or `hub:FOLDER` where a data set was saved.

    Raises:
        DataError: If `datasets` is not installed, or the data set cannot be loaded.
    """
    name, revision, configuration = parts_of(source)
    try:
        import datasets
    except ImportError:
        raise DataError("hub: must have datasets, got none. Run: pip install 'genzoo[hub]'") from None
    with told(repr(source), "be a data set that loads", "Check the name."):
        if Path(name).is_dir():
            for path in (path for path in Path(name).rglob("*") if not path.is_dir()):
                check_plain(path)
            found = datasets.load_from_disk(name)
        else:
            found = datasets.load_dataset(name, configuration, revision=revision)
    return read_hub_object(found, asked, Path(name).name)


@reader("data sets of the hub", *SPELLING, *CELLS)
def read_hub_object(found: Any, asked: Asked, name: str = "hub") -> Source:
    """A loaded data set: images, texts, or numbers and words.

    Raises:
        DataError: If no split trains, or nothing in it can be x.
    """
    splits = found.items() if isinstance(found, dict) else [("", found)]
    parts = {SPLIT_WORDS.get(str(split), str(split)): part for split, part in splits}
    if "" not in parts and "train" not in parts:
        raise DataError(f"{name} must have a split 'train', got {sorted(parts)}. Pass one of them from Python.")
    parts = {split: part for split, part in parts.items() if split in ("", *SPLIT_WORDS.values())}
    features = next(iter(parts.values())).features
    for role in (*asked.x, *asked.given):
        if role not in features:
            raise DataError(f"`x` and `given` must name columns of {name}, got {role!r}. {nearest(role, features)}")
    x = asked.x or tuple(role for role in USUAL if role in features)[:1]
    if len(x) == 1 and _kind(features[x[0]]) in ("Image", "List", "Sequence", "Array2D", "Array3D"):
        return _arrays(name, parts, x[0], asked, features)
    return _table(name, parts, x, asked, features)


def _kind(feature: Any) -> str:
    return type(feature).__name__


def _arrays(name: str, parts: Mapping[str, Any], x: str, asked: Asked, features: Mapping[str, Any]) -> Source:
    columns = {
        f"{split}_{role}".removeprefix("_"): stacked_items(role, list(part[role]))
        for split, part in parts.items()
        for role in (x, *asked.given)
    }
    source = read_mapping(columns, dataclasses.replace(asked, x=(x,)), name)
    named = {
        role: Condition(condition.rows, Space((), levels=len(features[role].names)), list(features[role].names))
        for role, condition in source.conditions.items()
        if _kind(features[role]) == "ClassLabel"
    }
    return dataclasses.replace(source, conditions={**source.conditions, **named})


def _table(
    name: str, parts: Mapping[str, Any], x: tuple[str, ...], asked: Asked, features: Mapping[str, Any]
) -> Source:
    used = [role for role in features if role in (*x, *asked.given) or (not x and _kind(features[role]) != "Image")]
    tables = {
        split: Table(name, {role: _cells(part[role], features[role]) for role in used})
        for split, part in parts.items()
    }
    table = Table.stacked(name, tables)
    if len(x) == 1 and getattr(features[x[0]], "dtype", "") in ("string", "large_string"):
        table = dataclasses.replace(table, texts=frozenset(x))
    return from_table(table, dataclasses.replace(asked, x=x))


def _cells(column: Any, feature: Any) -> list[str]:
    if _kind(feature) == "ClassLabel":
        return ["" if value is None or value < 0 else feature.names[value] for value in column]
    return ["" if value is None else str(value) for value in column]
