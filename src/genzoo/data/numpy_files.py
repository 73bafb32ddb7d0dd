"""NumPy's own files: headers are held against what is there before anything is allocated, nothing is unpickled."""

import contextlib
import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Shaped
from numpy.lib import format as npy

from genzoo._files import FileError, check_plain, memory, open_plain, told

__all__ = ["Arrays", "load_array", "opened_arrays"]

MUST, FIX = "hold plain NumPy arrays", "Save it without objects."
ENDING = ".npy"


class Arrays(Mapping[str, np.ndarray]):
    """The arrays of an `.npz` file by name, each read when it is asked for: what nobody asks for is never unpacked.

    Args:
        name: What the file is called.
        archive: The archive that it is.

    Raises:
        FileError: If two arrays have one name.
    """

    def __init__(self, name: str, archive: zipfile.ZipFile) -> None:
        self.name, self.archive = name, archive
        members = [m for m in archive.infolist() if m.filename.endswith(ENDING)]
        self.members = {m.filename.removesuffix(ENDING): m for m in members}
        if len(self.members) < len(members):
            raise FileError(f"Arrays of {name} must have a name each, got a name twice.", "Save it again.")

    def __getitem__(self, key: str) -> np.ndarray:
        member = self.members[key]
        with told(f"{self.name}, array {key!r}", MUST, FIX):
            if member.file_size > (most := memory() // 2):
                raise FileError(
                    f"Array {key!r} of {self.name} must have at most {most:,} bytes to fit into the memory, got "
                    f"{member.file_size:,}.",
                    "Save it as .npy, which is mapped.",
                )
            with self.archive.open(member) as content:
                _check_header(f"{self.name}, array {key!r},", content, member.file_size)
            with self.archive.open(member) as content:
                return np.asarray(npy.read_array(content, allow_pickle=False))

    def __iter__(self) -> Iterator[str]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)


@contextlib.contextmanager
def opened_arrays(path: Path) -> Iterator[Arrays]:
    """The arrays of an `.npz` file, as long as it is open.

    Args:
        path: The file.

    Raises:
        DataError: If it is no such file.
    """
    with contextlib.ExitStack() as stack:
        with told(path.name, MUST, FIX):
            arrays = Arrays(path.name, stack.enter_context(zipfile.ZipFile(stack.enter_context(open_plain(path)))))
        yield arrays


def load_array(path: str | Path, large: int | None = None) -> Shaped[np.ndarray, "..."]:
    """The array of an `.npy` file.

    Args:
        path: The file.
        large: The bytes from which it is mapped, and need not fit into memory; None: it never is.

    Raises:
        DataError: If it holds none, or less than its header claims.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/x.npy"
        >>> np.save(path, np.arange(3)); load_array(path)
        array([0, 1, 2])
    """
    name = Path(path).name
    with told(name, MUST, FIX):
        size = check_plain(path).st_size
        with open_plain(path) as file:
            _check_header(name, file, size)
            file.seek(0)
            if large is None or size <= large:
                return np.asarray(npy.read_array(file, allow_pickle=False))
        return np.load(path, mmap_mode="c", allow_pickle=False)


def _check_header(name: str, file: IO[bytes], size: int) -> None:
    """Refuses an array that claims more than its file holds."""
    version = npy.read_magic(file)
    shape, _, dtype = npy.read_array_header_1_0(file) if version == (1, 0) else npy.read_array_header_2_0(file)
    if dtype.hasobject or any(length < 0 for length in shape):
        raise FileError(f"{name} must hold plain NumPy arrays, got objects or lengths below zero.", FIX)
    claimed, there = math.prod(shape) * max(1, dtype.itemsize), size - file.tell()
    if claimed > there:
        raise FileError(
            f"{name} must hold {claimed:,} bytes of plain NumPy arrays as its header says, got {there:,}.",
            "Fetch it again.",
        )
