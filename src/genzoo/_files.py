"""Files of others: opened only if they are plain ones, read in bounds, and whatever goes wrong with them told alike.

Every reader, and all that opens a path which a user or a file names, comes through here. A pipe, a device or a socket,
or a link to one, is refused before it is opened: opening a pipe may wait for ever, and reading a device may never end.
"""

import collections
import contextlib
import gzip
import io
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

__all__ = [
    "FileError",
    "check_plain",
    "from_json",
    "memory",
    "open_plain",
    "opened",
    "read_bytes",
    "read_json",
    "told",
]

LARGEST_JSON = 1 << 24  # bytes of a record; a million classes take fifteen of these sixteen MB
LARGEST_READ = 1 << 28  # bytes of a file that is read whole
RATIO, SMALL, PIECE = 200, 1 << 24, 1 << 20  # what is packed may grow so many times, and to so many bytes in any case
KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}


class FileError(ValueError):
    """A file that is not what it must be; `told` makes it the error of whoever reads.

    Args:
        cause: One sentence: what must hold; what was got.
        fix: One sentence: what to do.
    """

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(f"{cause} {fix}")
        self.cause, self.fix = cause, fix


def check_plain(path: str | Path) -> os.stat_result:
    """Refuses what is no plain file, behind links too, without opening it; returns what the system says of it.

    Args:
        path: The file.

    Raises:
        FileError: If it is a pipe, a device, a socket or a folder.
        OSError: If it is not there, or not to be seen.

    Example:
        >>> check_plain(os.devnull)
        Traceback (most recent call last):
        ...
        genzoo._files.FileError: null must be a plain file, got a device. Copy what it holds into a file.
    """
    return _check_mode(path, os.stat(path))


def open_plain(path: str | Path) -> io.BufferedReader:
    """A plain file, opened for reading.

    Args:
        path: The file.

    Raises:
        FileError: If it is none.
    """
    check_plain(path)
    file = open(path, "rb", opener=_at_once)  # noqa: SIM115 (the caller closes it; a pipe by now does not make it wait)
    try:
        _check_mode(path, os.fstat(file.fileno()))
    except FileError:
        file.close()
        raise
    return file


@contextlib.contextmanager
def opened(path: str | Path, *, packed: bool | None = None) -> Iterator[IO[bytes]]:
    """A plain file for reading, unpacked where it is packed.

    Args:
        path: The file.
        packed: Whether it is packed by gzip; None: where its name says so.

    Raises:
        FileError: If it is no plain file, or unpacks to more than 200 times its size (and 16 MB).
    """
    is_packed = Path(path).suffix.lower() == ".gz" if packed is None else packed
    with open_plain(path) as file:
        if not is_packed:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as inner:
            _check_growth(Path(path).name, inner, os.fstat(file.fileno()).st_size)
            yield cast(IO[bytes], inner)


def _check_growth(name: str, inner: gzip.GzipFile, size: int) -> None:
    """Refuses what unpacks beyond all measure, before anybody reads it."""
    limit, found = max(SMALL, RATIO * size), 0
    while piece := inner.read(PIECE):
        found += len(piece)
        if found > limit:
            raise FileError(
                f"{name} must unpack to at most {limit:,} bytes, {RATIO} times its size, got more.",
                "Unpack it yourself if it is to be trusted.",
            )
    inner.seek(0)


def read_bytes(path: str | Path, at_most: int = LARGEST_READ) -> bytes:
    """The content of a plain file.

    Args:
        path: The file.
        at_most: The bytes that it may have.

    Raises:
        FileError: If it is none, or larger.
    """
    with open_plain(path) as file:
        content = file.read(at_most + 1)
    if len(content) > at_most:
        size = os.stat(path).st_size
        raise FileError(
            f"{Path(path).name} must have at most {at_most:,} bytes, got {size:,}.", "Is it the right file?"
        )
    return content


def read_json(path: str | Path) -> dict[str, Any]:
    """The object in a plain file of JSON.

    Args:
        path: The file.

    Raises:
        FileError: If it is no plain file, larger than 16 MB, or holds something else.
        ValueError: If it is no JSON in UTF-8.
    """
    found = json.loads(read_bytes(path, LARGEST_JSON), object_pairs_hook=_once)
    if not isinstance(found, dict):
        raise FileError(f"{Path(path).name} must hold a JSON object, got {type(found).__name__}.", "Restore the file.")
    return found


def from_json(text: str) -> Any:
    """What a text of JSON says, where no object has a name twice: which of the two counts is left open, and readers
    that take one or the other would not agree on what they read.

    Args:
        text: The text.

    Raises:
        ValueError: If it is no JSON, or an object has a name twice.

    Example:
        >>> from_json('{"lr": 1, "lr": 2}')
        Traceback (most recent call last):
        ...
        ValueError: an object says 'lr' twice
    """
    return _JSON.decode(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((name, _),) = collections.Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"an object says {name[:80]!r} twice")
    return found


_JSON = json.JSONDecoder(object_pairs_hook=_once)


class told:  # it reads as a function, and was one: a generator takes longer than opening a small picture
    """Whatever is raised within as one typed error that names the file: decoders of arbitrary bytes raise anything.

    What genzoo itself refuses goes through as it is, and so do interruptions.

    Args:
        name: What the file is called.
        must: What must hold, to go on from its name.
        fix: One sentence: what to do.
        error: The type of the error, made of a cause and a fix; by default a `DataError`.

    Example:
        >>> with told("x.json", "be JSON"):
        ...     json.loads("{")
        Traceback (most recent call last):
        ...
        genzoo.core.errors.DataError: x.json must be JSON, got: Expecting property name enclosed in double quotes: ...
    """

    __slots__ = ("error", "fix", "must", "name")

    def __init__(
        self,
        name: str,
        must: str = "be readable",
        fix: str = "Check the file, or fetch it again.",
        error: type[Exception] | None = None,
    ) -> None:
        self.name, self.must, self.fix, self.error = name, must, fix, error

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        error = self.error or _data_error
        if isinstance(problem, FileError):
            raise error(problem.cause, problem.fix) from None
        if isinstance(problem, MemoryError):
            cause = f"{self.name} must fit into the memory, got more than there is."
            raise error(cause, "Read a part of it.") from problem
        if isinstance(problem, Exception) and not self._is_ours(problem):
            fix = "Check the path." if isinstance(problem, FileNotFoundError) else self.fix
            raise error(f"{self.name} must {self.must}, got: {reason(problem)}.", fix) from problem

    def _is_ours(self, problem: Exception) -> bool:
        is_known = self.error is None or isinstance(problem, self.error)
        return type(problem).__module__.startswith("genzoo.") and is_known


def reason(problem: BaseException) -> str:
    """What an error says, in one short line without its last dot.

    Example:
        >>> reason(ValueError("wrong,\\n  very wrong.")), reason(KeyError("x")), reason(EOFError())
        ('wrong, very wrong', "KeyError 'x'", 'EOFError')
    """
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    if type(problem).__name__ == "ValidationError" and (found := getattr(problem, "errors", None)):
        first = found(include_url=False)[0]  # of pydantic, which lists all of them with the addresses of its manual
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    text = " ".join(str(problem).split())
    text = text if len(text) <= 300 else f"{text[:300]} …"
    if isinstance(problem, RecursionError):
        return "it is nested too deeply"
    if not text or isinstance(problem, LookupError | TypeError | AttributeError | AssertionError):
        return f"{type(problem).__name__} {text}".strip()
    return text.rstrip(".")


def memory() -> int:
    """The bytes of memory that this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _check_mode(path: str | Path, found: os.stat_result) -> os.stat_result:
    if not stat.S_ISREG(found.st_mode):
        kind = KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise FileError(f"{Path(path).name} must be a plain file, got {kind}.", "Copy what it holds into a file.")
    return found


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _data_error(cause: str, fix: str) -> Exception:
    from genzoo.core.errors import DataError  # which loads torch

    return DataError(f"{cause} {fix}")
