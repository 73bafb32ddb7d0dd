"""Options that say nothing to the reader of a source are refused, by what readers declare of themselves."""

import numbers
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from genzoo.core.errors import DataError
from genzoo.data.readers import by_ending
from genzoo.data.source import READERS, Options, Reader

__all__ = ["check_kinds", "check_options", "heeded"]

KINDS = {name: kind for name, kind in get_type_hints(Options).items() if kind in (bool, int)}


def check_kinds(options: Mapping[str, Any]) -> None:
    """Refuses a value of an option that is of another kind than the option.

    Args:
        options: What was asked.

    Raises:
        DataError: If one is no number, or neither true nor false, where it must be.

    Example:
        >>> check_kinds({"window": 64, "header": None, "missing": "drop"})
    """
    for name, value in options.items():
        kind = KINDS.get(name)
        is_flag = isinstance(value, bool | np.bool_)
        if kind is bool and value is not None and not is_flag:
            raise DataError(f"`{name}` must be true or false, got {value!r}. Choose one.")
        if kind is int and value is not None and (is_flag or not isinstance(value, numbers.Integral)):
            raise DataError(f"`{name}` must be a whole number, got {value!r}. Correct it.")


def check_options(source: Any, reader: Reader, subject: Any, options: Iterable[str]) -> None:
    """Refuses an option that the reader of a source would ignore.

    Args:
        source: As the user gave it.
        reader: What reads it.
        subject: What the reader is given: the path, where it is a file or folder.
        options: The names of what was asked.

    Raises:
        DataError: If one of them is for another kind of source.

    Example:
        >>> from genzoo.data.readers.embedded import read_embedded
        >>> check_options("digits", read_embedded, "digits", ["window"])
    """
    taken = heeded(reader, subject)
    for option in options:
        kinds = dict.fromkeys(takes.kind for takes in READERS.values() if option in takes.options)
        if kinds and option not in taken:
            raise DataError(f"`{option}` is for {', '.join(kinds)}, got {str(source)[:80]!r}. Leave it out.")


def heeded(reader: Reader, subject: Any) -> set[str]:
    """The options that say something to a reader.

    Args:
        reader: What reads.
        subject: What it is given.
    """
    together = reader in (by_ending.read_file, by_ending.read_together)
    inner = by_ending.readers_of(Path(subject)) if together else {reader}
    return {option for one in inner if one in READERS for option in READERS[one].options}
