"""The bytes of a compressed file: whole, or refused."""

import io

import pytest

from genzoo.core.errors import DataError
from genzoo.tasks.coding.container import Part, Reader, Writer

HEADER = {"files": ["a", "ü"], "n": 3}
PARTS = [Part(b"12345678", b"", 17), Part(b"", b"abc", 2**32 - 1), Part(b"", b"", 0)]


def written() -> bytes:
    file = io.BytesIO()
    writer = Writer(file, HEADER)
    for part in PARTS:
        writer.add(part)
    writer.close()
    assert writer.length == len(file.getvalue())
    return file.getvalue()


def read(content: bytes) -> list[Part]:
    reader = Reader(io.BytesIO(content))
    assert reader.header == HEADER
    return list(reader.parts())


def test_parts_come_back() -> None:
    assert read(written()) == PARTS


def test_whatever_is_cut_short_changed_or_added_is_refused() -> None:
    whole = written()
    for n in range(len(whole)):
        with pytest.raises(DataError):
            read(whole[:n])
        flipped = bytearray(whole)
        flipped[n] ^= 1 << (n % 8)
        with pytest.raises(DataError):
            read(bytes(flipped))
    for more in (b"\0", whole):
        with pytest.raises(DataError, match="nothing after"):
            read(whole + more)


def test_parts_that_are_missing_are_noticed() -> None:
    """Each is whole by itself; their order and number is not right."""
    whole, middle = written(), Part(b"", b"abc", 2**32 - 1)
    length = 16 + len(middle.doubts)
    start = whole.index(b"abc") - 16
    with pytest.raises(DataError, match="all its parts"):
        read(whole[:start] + whole[start + length :])


def test_other_files_and_versions_are_told() -> None:
    with pytest.raises(DataError, match="must begin with"):
        Reader(io.BytesIO(b"\x89PNG"))
    other = bytearray(written())
    other[3] = 9
    with pytest.raises(DataError, match="version 1 of the format, got 9"):
        Reader(io.BytesIO(bytes(other)))
