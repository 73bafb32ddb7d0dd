"""Which options say something to which reader: one that would be ignored is refused."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from genzoo.core.errors import DataError
from genzoo.data.readers import audio, by_ending, images
from genzoo.data.readers.embedded import read_embedded
from genzoo.data.readers.hub import read_hub, read_hub_object
from genzoo.data.readers.mappings import read_mapping, read_pair, read_tensor
from genzoo.data.readers.sequences import read_sequences
from genzoo.data.readers.table import read_tables
from genzoo.data.readers.text import read_jsonl, read_molecules, read_texts, read_two_texts
from genzoo.data.readers.torch_dataset import read_items
from genzoo.data.source import Reader

__all__ = ["check_options"]

FOR = {
    "size": "folders and archives of images",
    "fit": "folders and archives of images",
    "color": "folders and archives of images",
    "rate": "folders and archives of sounds",
    "encoding": "folders and archives of sounds",
    "length": "texts and sounds",
    "header": "tables",
    "missing": "tables",
    "unit": "texts",
    "vocabulary": "texts",
    "window": "text files",
    "lines": "text files",
    "horizon": "trajectories",
    "history": "trajectories",
    "stride": "archives of sequences",
    "roll": "archives of sequences",
}
SPELLING = ("unit", "vocabulary", "length")
TRAJECTORIES = ("horizon", "history")
TAKES: dict[Any, tuple[str, ...]] = {
    audio.read_sounds: ("rate", "encoding", "length"),
    images.read_images: ("size", "fit", "color"),
    by_ending.read_arrays: TRAJECTORIES,
    read_embedded: ("window", "unit", "vocabulary"),
    read_hub: (*SPELLING, "missing"),
    read_hub_object: (*SPELLING, "missing"),
    read_items: TRAJECTORIES,
    read_jsonl: (*SPELLING, "missing"),
    read_mapping: TRAJECTORIES,
    read_molecules: SPELLING,
    read_pair: TRAJECTORIES,
    read_sequences: ("stride", "roll"),
    read_tables: (*SPELLING, "header", "missing"),
    read_tensor: (),
    read_texts: (*SPELLING, "window", "lines"),
    read_two_texts: SPELLING,
}


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
        >>> check_options("digits", read_embedded, "digits", ["window"])
    """
    taken = set(TAKES.get(reader, ()))
    if reader in (by_ending.read_file, by_ending.read_together):
        taken = {option for inner in by_ending.readers_of(Path(subject)) for option in TAKES.get(inner, ())}
    for option in options:
        if option in FOR and option not in taken:
            raise DataError(f"`{option}` is for {FOR[option]}, got {str(source)[:80]!r}. Leave it out.")
