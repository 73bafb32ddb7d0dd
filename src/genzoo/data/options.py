"""Options that say nothing to the reader of a source are refused, by what readers declare of themselves."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from genzoo.core.errors import DataError
from genzoo.data.readers import by_ending
from genzoo.data.source import READERS, Reader

__all__ = ["check_options"]


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
    together = reader in (by_ending.read_file, by_ending.read_together)
    inner = by_ending.readers_of(Path(subject)) if together else {reader}
    taken = {option for one in inner if one in READERS for option in READERS[one].options}
    for option in options:
        kinds = dict.fromkeys(takes.kind for takes in READERS.values() if option in takes.options)
        if kinds and option not in taken:
            raise DataError(f"`{option}` is for {', '.join(kinds)}, got {str(source)[:80]!r}. Leave it out.")
