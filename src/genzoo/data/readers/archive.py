"""Files in a folder, a zip or a tar, seen alike: names and bytes, nothing ever extracted.

An archive is somebody else's work and is read with suspicion: no absolute names, no way up, no links, and no more
bytes than its header says, in bounds.
"""

import abc
import contextlib
import os
import re
import tarfile
import threading
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Self

from genzoo._files import open_plain, opened, told
from genzoo.core.errors import DataError

__all__ = ["ARCHIVES", "Files", "called", "inner", "is_pattern", "open_files", "pattern_of", "shards_of"]

GZIP = b"\x1f\x8b"  # how a packed file begins
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
BESIDE = ("", ".csv", ".json", ".md", ".txt")  # what describes an archive: a license, a table, a readme
RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")  # of shards, as WebDataset writes it
NUMBERED = re.compile(r"(?P<stem>.*?)(?P<number>\d+)(?P<end>\.tar|\.parquet)")
MOST_SHARDS = 100_000
LARGEST_MEMBER, LARGEST_ARCHIVE, MOST_MEMBERS = 1 << 28, 1 << 36, 5_000_000


class Files(abc.ABC):
    """Files by their names below a root, with `/` between the parts; hidden ones are left out.

    Attributes:
        name: What the folder or archive is called, its ending dropped.
        stamps: For every name, in order, something that changes when the content does.
        place: What else tells these files from others, where the stamps do not.
    """

    def __init__(self, name: str, stamps: dict[str, str], place: str = "") -> None:
        self.name, self.place = name, place
        self.stamps = {key: stamps[key] for key in sorted(stamps) if not _is_hidden(key)}

    @property
    def names(self) -> list[str]:
        """The names in order."""
        return list(self.stamps)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def close(self) -> None:  # noqa: B027 (a folder has nothing to give back)
        """Gives back what is open; nothing is read after that."""

    def ending(self, *suffixes: str) -> list[str]:
        """The names that end in one of some suffixes, in order."""
        return [name for name in self.stamps if name.lower().endswith(suffixes)]

    def without(self, known: Collection[str], kind: str) -> tuple[str, ...]:
        """A note on files that are not among those known and do not describe them; none if there are none.

        Args:
            known: The names of those that are used.
            kind: What they are, in the plural.
        """
        known = frozenset(known)
        others = [PurePosixPath(name).suffix.lower() for name in self.stamps if name not in known]
        counts = Counter(suffix for suffix in others if suffix not in BESIDE)
        if not counts:
            return ()
        told = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(counts.items()))
        return (f"left out files that are no {kind} of a known kind: {told}",)

    @abc.abstractmethod
    def read(self, name: str) -> bytes:
        """The content of a file; may be called from several threads.

        Raises:
            DataError: If it cannot be read or is larger than 256 MB.
        """


class Folder(Files):
    """The files below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        super().__init__(root.resolve().name, dict(self._walk()), str(root.resolve()))

    def read(self, name: str) -> bytes:
        with told(name, fix="Check its permissions."), open_plain(os.path.join(self.place, name)) as file:
            return _bounded(name, file.read)

    def _walk(self) -> Iterator[tuple[str, str]]:
        for place, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if not _is_hidden(name)]
            below = Path(place).relative_to(self.root).as_posix()
            above = "" if below == "." else f"{below}/"
            for name in files:
                try:
                    found = os.stat(f"{place}{os.sep}{name}")
                except OSError:  # a link to nowhere
                    continue
                yield f"{above}{name}", f"{found.st_size} {found.st_mtime_ns}"


class Alone(Files):
    """One file, as a folder that holds nothing else."""

    def __init__(self, path: Path) -> None:
        self.path, found = path, path.stat()
        stamp = f"{found.st_size} {found.st_mtime_ns}"
        super().__init__(path.stem, {path.name.lstrip("."): stamp}, str(path.resolve()))

    def read(self, name: str) -> bytes:
        with told(name, fix="Check its permissions."), open_plain(self.path) as file:
            return _bounded(name, file.read)


class Zip(Files):
    """The members of a zip archive."""

    def __init__(self, path: Path) -> None:
        with contextlib.ExitStack() as stack, _whole(path):
            self.file = stack.enter_context(zipfile.ZipFile(stack.enter_context(open_plain(path))))
            members = [member for member in self.file.infolist() if not member.is_dir()]
            _check_members(path, [(m.filename, m.file_size, (m.external_attr >> 28) == 0xA) for m in members])
            super().__init__(path.stem, {m.filename: f"{m.file_size} {m.CRC}" for m in members})
            self.stack = stack.pop_all()

    def close(self) -> None:
        self.stack.close()

    def read(self, name: str) -> bytes:
        with told(name, fix="Pack it again."), self.file.open(name) as file:
            return _bounded(name, file.read)


class Tar(Files):
    """The members of a tar archive, gzipped or not; quick when read in the order in which they lie."""

    def __init__(self, path: Path) -> None:
        self.lock = threading.Lock()
        with contextlib.ExitStack() as stack, _whole(path):
            content = stack.enter_context(opened(path, packed=_is_packed(path)))
            self.file = stack.enter_context(tarfile.TarFile(fileobj=content))
            members = [m for m in _bounded_members(self.file) if not m.isdir()]
            _check_members(path, [(m.name, m.size, not m.isfile()) for m in members])
            found = path.stat()
            stamp = f"{found.st_size} {found.st_mtime_ns}"
            stem = next(path.name[: -len(end)] for end in (*ARCHIVES, path.suffix) if path.name.lower().endswith(end))
            super().__init__(stem, {m.name.removeprefix("./"): f"{m.size} {m.offset_data} {stamp}" for m in members})
            self.members = {m.name.removeprefix("./"): m for m in members}
            self.stack = stack.pop_all()

    def close(self) -> None:
        self.stack.close()

    def read(self, name: str) -> bytes:
        with self.lock, told(name, fix="Pack it again."):
            file = self.file.extractfile(self.members[name])
            return b"" if file is None else _bounded(name, file.read)


class Shards(Files):
    """The members of several tars, `train-{000000..000063}.tar`, as if they were of one.

    Args:
        path: The pattern in place of a file.
    """

    def __init__(self, path: Path) -> None:
        self.places = dict[str, tuple[Path, int, int]]()  # read where they lie: there may be more than can be open
        stamps = dict[str, str]()
        for shard in shards_of(path):
            if _is_packed(shard):
                raise DataError(f"Shards must be plain tars, got {shard.name} gzipped. Unpack it by gunzip.")
            with Tar(shard) as tar:
                if twice := next((name for name in tar.stamps if name in stamps), None):
                    raise DataError(f"Names in shards must be unlike, got {twice!r} again in {shard.name}. Rename it.")
                self.places |= {name: (shard, m.offset_data, m.size) for name, m in tar.members.items()}
                stamps |= tar.stamps
        super().__init__(called(path), stamps)

    def read(self, name: str) -> bytes:
        path, first, size = self.places[name]
        with told(name, fix="Pack it again."), open_plain(path) as file:
            file.seek(first)
            return file.read(size)


def is_pattern(path: Path) -> bool:
    """Whether a path names several shards.

    Example:
        >>> is_pattern(Path("a-{08..10}.tar"))
        True
    """
    return RANGE.search(path.name) is not None


def called(path: Path) -> str:
    """What the shards of a pattern are called together.

    Example:
        >>> called(Path("a-{08..10}.tar"))
        'a'
    """
    return RANGE.sub("", path.stem).strip("-_") or path.resolve().parent.name


def shards_of(path: Path) -> list[Path]:
    """The files that a pattern of shards names; of a plain path itself.

    Raises:
        DataError: If it names none, or more than any data set has, or some are not there.

    Example:
        >>> shards_of(Path("a.tar"))
        [PosixPath('a.tar')]
    """
    if (found := RANGE.search(path.name)) is None:
        return [path]
    first, last = found.groups()
    count = int(last) - int(first) + 1
    if not 1 <= count <= MOST_SHARDS:
        raise DataError(f"{path.name} must name 1 to {MOST_SHARDS:,} shards, got {count:,}. Write {{000..009}}.")
    numbers = (str(k).zfill(len(first)) for k in range(int(first), int(last) + 1))
    paths = [path.with_name(path.name[: found.start()] + number + path.name[found.end() :]) for number in numbers]
    if lost := [shard.name for shard in paths if not shard.is_file()]:
        raise DataError(
            f"{path.name} must name {len(paths):,} shards that are there, got none called {', '.join(lost[:10])}"
            f"{' …' * (len(lost) > 10)}. Fetch {'it' if len(lost) == 1 else 'them'}, or name fewer."
        )
    return paths


def open_files(path: Path) -> Files:
    """The files of a folder, of an archive, or of the shards that a pattern names; any other file stands alone.

    Raises:
        DataError: If an archive cannot be read, or holds what an archive of data has no need of.

    Example:
        >>> from pathlib import Path
        >>> with open_files(Path(__file__).parent) as files:
        ...     "archive.py" in files.names
        True
    """
    if path.is_dir():
        return Folder(path)
    if is_pattern(path):
        return Shards(path)
    if not path.name.lower().endswith(ARCHIVES):
        return Alone(path)
    return Zip(path) if path.name.lower().endswith(".zip") else Tar(path)


def inner(path: Path) -> Path:
    """The archive that a folder holds beside loose files of text alone, or all of its numbered shards; or the path
    itself."""
    if not path.is_dir():
        return path
    there = [entry for entry in path.iterdir() if not _is_hidden(entry.name)]
    archives = [entry for entry in there if entry.name.lower().endswith(ARCHIVES)]
    others = [entry for entry in there if entry not in archives]
    is_beside = all(entry.is_file() and entry.suffix.lower() in BESIDE for entry in others)
    if len(archives) > 1 and is_beside:
        return pattern_of(sorted(archives)) or path
    return archives[0] if len(archives) == 1 and is_beside else path


def pattern_of(paths: Sequence[Path]) -> Path | None:
    """The pattern of shards from the first number to the last; None if files, in order, are no such.

    Args:
        paths: The files.

    Example:
        >>> pattern_of([Path("a-08.tar"), Path("a-10.tar")])
        PosixPath('a-{08..10}.tar')
    """
    found = [NUMBERED.fullmatch(path.name) for path in paths]
    if not all(found) or len({(m["stem"], len(m["number"]), m["end"]) for m in found if m}) > 1:
        return None
    first, last = (m for m in (found[0], found[-1]) if m)
    return paths[0].with_name(f"{first['stem']}{{{first['number']}..{last['number']}}}{first['end']}")


def _whole(path: Path) -> contextlib.AbstractContextManager[None]:
    return told(path.name, "be a whole archive", "Fetch it again.")


def _is_packed(path: Path) -> bool:
    with open_plain(path) as file:
        return file.read(2) == GZIP


def _bounded_members(file: tarfile.TarFile) -> list[tarfile.TarInfo]:
    """The members of a tar, given up as soon as they claim too much: finding them decompresses everything."""
    members, total = [], 0
    for member in file:
        members.append(member)
        total += member.size
        if total > LARGEST_ARCHIVE or len(members) > MOST_MEMBERS or member.size > LARGEST_MEMBER:
            break
    return members


def _check_members(path: Path, members: list[tuple[str, int, bool]]) -> None:
    """Refuses names that lead out, links, and bombs, before anything is read."""
    total = sum(size for _, size, _ in members)
    if total > LARGEST_ARCHIVE or len(members) > MOST_MEMBERS:
        raise DataError(
            f"{path.name} must hold at most {LARGEST_ARCHIVE >> 30} GB in {MOST_MEMBERS:,} files, got {total:,} bytes "
            f"in {len(members):,}. Unpack it into a folder."
        )
    if len(names := {name for name, _, _ in members}) < len(members):
        raise DataError(
            f"Names in {path.name} must be unlike each other, got {len(members):,} files of {len(names):,} names. "
            "Pack it again."
        )
    for name, size, is_special in members:
        parts = PurePosixPath(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or ":" in name.split("/")[0] or "\0" in name:
            raise DataError(f"Names in {path.name} must lie below its root, got {name!r}. Do not trust this archive.")
        if is_special:
            raise DataError(f"{path.name} must hold plain files, got a link {name!r}. Pack the file itself.")
        if size > LARGEST_MEMBER:
            raise DataError(
                f"Files in {path.name} must have at most {LARGEST_MEMBER >> 20} MB, got {size:,} bytes in {name!r}. "
                "Unpack it into a folder."
            )


def _bounded(name: str, read: Callable[[int], bytes]) -> bytes:
    content = read(LARGEST_MEMBER + 1)
    if len(content) > LARGEST_MEMBER:
        raise DataError(f"{name} must have at most {LARGEST_MEMBER >> 20} MB, got more. Split it.")
    return content


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or "/." in name or ("__MACOSX" in name and "__MACOSX" in name.split("/"))
