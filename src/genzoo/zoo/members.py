"""The files that are packed into one: what each holds as rows of a run's space, and how it is written again."""

import io
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from genzoo._files import read_bytes, told
from genzoo.data import Codec
from genzoo.data.codecs.image import ImageCodec
from genzoo.data.codecs.text import SpellingCodec, TextCodec
from genzoo.data.picture import raster
from genzoo.data.pixels import pixels
from genzoo.evaluation.likelihood import dims_of
from genzoo.zoo.loading import Run
from genzoo.zoo.mistakes import Mistake

__all__ = ["Member", "Rows", "check_of", "files_in", "members_of", "members_told", "told_of", "write_members"]

CONTENT, CODEC, PILLOW, SPELLED = range(4)  # its content comes back, or its bytes, as who writes them
BLANK = 4096  # rows of nothing at a time
BLOCK = 1 << 20  # ids of a text that are packed together
STREAMS, REACHES = 32, 8  # in which a text is cut, at most; how many times what the model reads each has, at least
LONGEST_NAME, MOST = 1024, 1 << 40
TOLD = ("count", "way", "reach", "dims")

Rows = tuple[Tensor, np.ndarray | None]  # rows; or the streams of a text, and the length of each


@dataclass(frozen=True)
class Member:
    """One of the files.

    Attributes:
        name: Its path below the folder of all.
        count: How many rows it holds, or of how many ids its text is.
        way: How it is written again.
        reach: Of a long text: how much of it the model reads at a time; 0 for rows.
        dims: The entries of a row.
        path: Where it is, while it is packed.
        size: Its bytes, while it is packed.
        symbols: How many entries its rows have together, while it is packed: padding is none.
    """

    name: str
    count: int
    way: int
    reach: int
    dims: int
    path: Path | None = None
    size: int = 0
    symbols: int = 0

    @property
    def is_same(self) -> bool:
        """Whether it comes back byte for byte."""
        return self.way != CONTENT

    @property
    def entries(self) -> int:
        """How many symbols it is."""
        return self.count if self.reach else self.symbols or self.count * self.dims

    def rows(self, run: Run) -> Iterator[Rows]:
        """What it holds, in the space of a run."""
        assert self.path is not None
        if not self.reach:
            yield _read_rows(run, self.path), None
            return
        ids = _ids(run.codec, self.path)
        for first in range(0, len(ids), BLOCK):
            part = ids[first : first + BLOCK]
            lengths = self._lengths(len(part))
            matrix = np.zeros(len(lengths) * lengths[0], dtype=np.int64)
            matrix[: len(part)] = part
            yield torch.from_numpy(matrix.reshape(len(lengths), lengths[0])), lengths

    def blank(self) -> Iterator[Rows]:
        """As many rows of nothing, for who unpacks."""
        if not self.reach:
            for first in range(0, self.count, BLANK):
                yield torch.empty(min(BLANK, self.count - first), 0), None
            return
        for first in range(0, self.count, BLOCK):
            lengths = self._lengths(min(BLOCK, self.count - first))
            yield torch.empty(len(lengths), 0), lengths

    @classmethod
    def of_json(cls, name: str, numbers: Sequence[int]) -> "Member":
        """A member as a file tells of it.

        Raises:
            Mistake: If it is none, or its name leads out of the folder.
        """
        plain = PurePosixPath(name)
        is_safe = 0 < len(name) <= LONGEST_NAME and not plain.is_absolute() and ".." not in plain.parts
        if not is_safe or "\\" in name or "\0" in name:
            raise Mistake(f"Files must have names below one folder, got {name[:80]!r}.", "Do not unpack this file.")
        if len(numbers) != len(TOLD) or not all(type(n) is int and 0 <= n <= MOST for n in numbers):
            raise Mistake(f"Files must be told of in whole numbers, got {numbers}.", "Fetch the file again.")
        count, way, reach, dims = numbers
        return cls(name, count, way, reach, dims)

    def _lengths(self, ids: int) -> np.ndarray:
        """The lengths of the streams that some ids are cut into, of which the last may be shorter."""
        streams = max(1, min(STREAMS, ids // (REACHES * self.reach)))
        longest = -(-ids // streams)
        return np.array([min(longest, ids - first) for first in range(0, ids, longest)])


def told_of(members: Sequence[Member]) -> dict[str, list[Any]]:
    """What a file tells of its members, by columns, which are packed better than rows."""
    return {name: [getattr(member, name) for member in members] for name in ("name", *TOLD)}


def members_told(columns: Any) -> list[Member]:
    """The members that a file tells of.

    Raises:
        Mistake: If they are none.
    """
    names, *numbers = (columns[name] for name in ("name", *TOLD))
    members = [Member.of_json(name, each) for name, each in zip(names, zip(*numbers, strict=True), strict=True)]
    _check_names([member.name for member in members])
    return members


def files_in(paths: Sequence[Path], codec: Codec) -> list[tuple[str, Path]]:
    """Files, and those below folders, by their names below the folder of all.

    Args:
        paths: Files and folders.
        codec: The run's; of a folder the files of its kind are taken, or all of them where it reads bytes.

    Raises:
        Mistake: If there is none, or two would have one name.
    """
    found = list[tuple[str, Path]]()
    for path in paths:
        if path.is_dir():
            inner = sorted(file for file in path.rglob("*") if file.is_file() and _is_kind(file, codec))
            found += [(file.relative_to(path).as_posix(), file) for file in inner]
        else:
            found.append((path.name, path))
    if not found:
        raise Mistake(f"There must be files of the run's kind, {codec.suffix}, got none.", "Name some, or a folder.")
    _check_names([name for name, _ in found])
    return found


def members_of(run: Run, files: Sequence[tuple[str, Path]], *, is_exact: bool) -> list[Member]:
    """What is to be known of files before they are packed.

    Args:
        run: The run.
        files: Names and paths.
        is_exact: Whether they must come back with the same content.

    Raises:
        Mistake: If a file is none of the run's kind, or would not come back.
    """
    found = [_member(run, name, path, is_exact=is_exact) for name, path in files]
    _check_names([member.name for member in found])
    return found


def write_members(run: Run, members: Sequence[Member], parts: Iterator[Rows], folder: Path) -> int:
    """Writes files from rows; the CRC-32 of those that come back byte for byte.

    Args:
        run: The run.
        members: The files.
        parts: All rows in turn.
        folder: Where to.
    """
    held, check = _Held(parts), 0
    for member in members:
        if member.reach:
            content = _text(run.codec, held.ids(member))
        else:
            content = _written(run.codec, held.rows(member.count), member.way)
        target = folder / member.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        check = zlib.crc32(content, check) if member.is_same else check
    held.finish()
    return check


def check_of(members: Sequence[Member]) -> int:
    """The same of files that are not packed yet."""
    check = 0
    for member in members:
        if member.is_same and member.path is not None:
            check = zlib.crc32(read_bytes(member.path), check)
    return check


class _Held:
    """Rows on their way from parts to files."""

    def __init__(self, parts: Iterator[Rows]) -> None:
        self.parts, self.left = parts, list[Tensor]()

    def rows(self, count: int) -> Tensor:
        """The next rows."""
        while sum(map(len, self.left)) < count:
            self.left.append(next(self.parts)[0])
        together = torch.cat(self.left) if self.left else torch.empty(0)
        self.left = [together[count:]] if len(together) > count else []
        return together[:count]

    def ids(self, member: Member) -> np.ndarray:
        """The ids of a text."""
        found = list[np.ndarray]()
        while sum(map(len, found)) < member.count:
            rows, lengths = next(self.parts)
            assert lengths is not None
            found += [row[:length] for row, length in zip(rows.numpy(), lengths, strict=True)]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)

    def finish(self) -> None:
        """Reads on to the end, where a file says that it is whole."""
        for _ in self.parts:
            raise Mistake("The file must hold the rows of its files, got more.", "Fetch it again.")


def _member(run: Run, name: str, path: Path, *, is_exact: bool) -> Member:
    codec, space = run.codec, run.generative.space
    with told(name, "be readable", "Check the path.", Mistake):
        content = read_bytes(path)
    if is_exact and isinstance(codec, SpellingCodec) and not codec.lines:
        ids = _ids(codec, path)
        if _text(codec, ids) != content:
            raise Mistake(f"{name} must be spelled by the run's symbols, got a text that they change.", "Use bytes.")
        return Member(name, len(ids), SPELLED, space.dims, space.dims, path, len(content))
    rows = _read_rows(run, path)
    way = _way(codec, rows, content) if is_exact else CONTENT
    if is_exact and way == CONTENT and isinstance(codec, ImageCodec):
        _check_pixels(codec, rows, path)
    target = name if way != CONTENT else str(PurePosixPath(name).with_suffix(codec.suffix))
    symbols = int(dims_of(rows, space).sum())
    return Member(target, len(rows), way, 0, space.dims, path, len(content), symbols)


def _read_rows(run: Run, path: Path) -> Tensor:
    """The rows of a file, as the model has them.

    Raises:
        Mistake: If they are none.
    """
    space = run.generative.space
    with told(path.name, "be a file of the run's kind", "Name a file as those it was trained on.", Mistake):
        rows = run.generative.checked(run.codec.load(path))
    if space.ragged and rows.shape[1] < space.shape[0]:
        rows = torch.nn.functional.pad(rows, (0, space.shape[0] - rows.shape[1]), value=space.levels or 0)
    return rows.to(getattr(torch, space.dtype))


def _is_kind(path: Path, codec: Codec) -> bool:
    return _is_raw(codec) or path.suffix.lower() == codec.suffix


def _is_raw(codec: Codec) -> bool:
    """Whether a codec's symbols are bytes, so that any file will do."""
    return isinstance(codec, TextCodec) and codec.alphabet is None and not codec.lines


def _ids(codec: Codec, path: Path) -> np.ndarray:
    assert isinstance(codec, SpellingCodec)
    content = read_bytes(path)
    if _is_raw(codec):
        return np.frombuffer(content, dtype=np.uint8).astype(np.int64)
    with told(path.name, "be text in UTF-8 of the run's symbols", "Train on bytes: --read unit=byte.", Mistake):
        return codec.ids(content.decode()).numpy().astype(np.int64)


def _text(codec: Codec, ids: np.ndarray) -> bytes:
    assert isinstance(codec, SpellingCodec)
    return ids.astype(np.uint8).tobytes() if _is_raw(codec) else codec.text(ids.tolist()).encode()


def _way(codec: Codec, rows: Tensor, content: bytes) -> int:
    """Who writes rows as the very bytes that they were read from."""
    for way in (CODEC, PILLOW):
        if (way == CODEC or isinstance(codec, ImageCodec)) and _written(codec, rows, way) == content:
            return way
    return CONTENT


def _written(codec: Codec, rows: Tensor, way: int) -> bytes:
    """Rows as a file."""
    if way == PILLOW and isinstance(codec, ImageCodec):
        buffer = io.BytesIO()
        Image.fromarray(raster(codec.pixels(rows)[0])).save(buffer, "PNG")
        return buffer.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        return read_bytes(codec.save(rows, Path(folder) / f"rows{codec.suffix}"))


def _check_pixels(codec: ImageCodec, rows: Tensor, path: Path) -> None:
    """Refuses a picture with more levels than the run has."""
    before, after = (pixels(path.name, content)[1] for content in (read_bytes(path), _written(codec, rows, CODEC)))
    if not np.array_equal(before, after):
        raise Mistake(
            f"Pictures must have the run's {codec.levels} levels to come back, got others in {path.name}.",
            "Train on pictures as they are, or ask for --lossy.",
        )


def _check_names(names: Sequence[str]) -> None:
    """Refuses two files of one name."""
    seen = set[str]()
    for name in names:
        if name in seen:
            raise Mistake(
                f"Files must have names of their own when they come back, got {name!r} twice.", "Rename one."
            )
        seen.add(name)
