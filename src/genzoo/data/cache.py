"""The cache: what is dear to decode is decoded once, into a file that is mapped into memory.

An entry is an array `<name>-<key>.npy` and beside it `<name>-<key>.json`, which is written last and holds a checksum:
an entry counts only when both are whole and agree; otherwise it is made again. The key is a hash of what the content
depends on. A mapped array costs address space, not memory: the system keeps in memory what is used, and lets go of it.
"""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from genzoo.core.errors import DataError

__all__ = ["SMALL", "cache_folder", "cache_size", "find", "key_of", "make"]

FORMAT = 1  # of an entry; another one is another key
SMALL = 8 << 20  # bytes; what is smaller is not worth a file
BLOCK, BLOCKS = 1 << 16, 64
log = logging.getLogger("genzoo.data")


def cache_folder() -> Path:
    """Where entries lie: the folder that `GENZOO_CACHE` names, or else the user's own folder for caches."""
    if own := os.environ.get("GENZOO_CACHE"):
        return Path(own).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "genzoo" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "genzoo"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "genzoo"


def cache_size() -> int:
    """The bytes that all entries take."""
    folder = cache_folder()
    return sum(path.stat().st_size for path in folder.glob("*.npy")) if folder.is_dir() else 0


def key_of(parts: Iterable[object]) -> str:
    """A key that is the same when every part is.

    Example:
        >>> key_of(["a.png", 3]) == key_of(["a.png", 3]), key_of(["a", "b"]) == key_of(["ab"])
        (True, False)
    """
    digest = hashlib.blake2b(digest_size=10)
    for part in (FORMAT, *parts):
        digest.update(f"{part}\0".encode(errors="surrogatepass"))
    return digest.hexdigest()


def find(name: str, key: str) -> tuple[Shaped[np.ndarray, "n *shape"], dict[str, Any]] | None:
    """The array of an entry, mapped, and what was noted beside it; None where there is none, or it is damaged.

    Raises:
        ValueError: If an entry is not what was written.
    """
    path = _path(name, key)
    try:
        record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        rows = np.load(path, mmap_mode="c", allow_pickle=False)
        if record["shape"] != list(rows.shape) or record["checksum"] != _checksum(rows):
            raise ValueError("its checksum differs")
        return rows[: record["rows"]], record["notes"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, EOFError) as problem:
        log.info("the cache's %s is damaged (%s) and is made again", path.name, problem)
        return None


def make(
    name: str,
    key: str,
    shape: tuple[int, ...],
    dtype: type[np.generic],
    fill: Callable[[Shaped[np.ndarray, "n *shape"]], tuple[int, dict[str, Any]]],
) -> tuple[Shaped[np.ndarray, "n *shape"], dict[str, Any]]:
    """A new entry, mapped, and what was noted beside it.

    Args:
        name: What it is called, in the file's name.
        key: Its key.
        shape: The shape of the array.
        dtype: Its type.
        fill: Fills the array, and returns how many of its rows count and notes, plain JSON, to keep.

    Raises:
        DataError: If there is no room for it.
    """
    path = _path(name, key)
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    path.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(path.parent).free
    if size > 0.95 * free:
        raise DataError(
            f"{path.parent} must have room for {size / 1e9:.2f} GB of decoded rows, got {free / 1e9:.2f} GB free. "
            "Make room, set GENZOO_CACHE to a folder on another disk, or ask for a smaller `size`."
        )
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".npy")
    os.close(handle)
    try:
        array = np.lib.format.open_memmap(draft, mode="w+", dtype=dtype, shape=shape)
        rows, notes = fill(array)
        record = {"shape": list(shape), "rows": rows, "checksum": _checksum(array), "notes": notes}
        array.flush()
        del array
        os.replace(draft, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
    _write(path.with_suffix(".json"), json.dumps(record))
    return np.load(path, mmap_mode="c", allow_pickle=False)[:rows], notes


def _path(name: str, key: str) -> Path:
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)[:40]
    return cache_folder() / f"{plain}-{key}.npy"


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)


def _checksum(rows: Shaped[np.ndarray, "n *shape"]) -> int:
    """A checksum of 64 blocks of 64 kB spread over the array: it costs the same for any size."""
    flat = rows.reshape(-1).view(np.uint8)
    starts = {max(0, len(flat) - BLOCK) * i // (BLOCKS - 1) for i in range(BLOCKS)}
    checksum = len(flat)
    for start in sorted(starts):
        checksum = zlib.crc32(flat[start : start + BLOCK].data, checksum & 0xFFFFFFFF)
    return checksum
