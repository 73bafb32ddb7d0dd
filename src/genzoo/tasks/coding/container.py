"""The bytes of a compressed file.

```text
4 bytes      magic and the version of the format
4 + 4 bytes  length and CRC-32 of the header
             the header: JSON, packed by LZMA
             parts, each 4 bytes of the length of its doubts, 4 of that of its words, 4 of the CRC-32 of both,
             4 of the CRC-32 of what it unpacks to; doubts, words
12 + 4 bytes ones, and the CRC-32 of the CRC-32s of the parts
```

All numbers are unsigned, of 32 bits, the lowest byte first.
"""

import json
import lzma
import struct
import zlib
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from genzoo.core.errors import DataError

__all__ = ["VERSION", "Part", "Reader", "Writer"]

MAGIC, VERSION, END = b"GZ0", 1, b"\xff" * 12
LARGEST_HEADER, LARGEST_PART = 1 << 26, 1 << 30
FETCH = "Fetch the file again."


class Part(NamedTuple):
    """Some rows: what the entropy coder wrote, doubts, and the CRC-32 of what it unpacks to."""

    words: bytes
    doubts: bytes
    check: int


class Writer:
    """Writes a compressed file part by part.

    Args:
        file: Where to.
        header: What a reader must know.

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> writer = Writer(file, {"rows": 2})
        >>> writer.add(Part(b"word", b"", check=7))
        >>> writer.close()
        >>> file.seek(0)
        0
        >>> reader = Reader(file)
        >>> reader.header, list(reader.parts())
        ({'rows': 2}, [Part(words=b'word', doubts=b'', check=7)])
    """

    def __init__(self, file: IO[bytes], header: dict[str, Any]) -> None:
        self.file, self.sum, self.length = file, 0, 0
        told = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        packed = lzma.compress(told, lzma.FORMAT_ALONE)
        self._write(MAGIC + bytes([VERSION]) + struct.pack("<II", len(packed), zlib.crc32(packed)) + packed)

    def add(self, part: Part) -> None:
        """Writes one part."""
        both = part.doubts + part.words
        check = zlib.crc32(both)
        self.sum = zlib.crc32(struct.pack("<II", check, part.check), self.sum)
        self._write(struct.pack("<IIII", len(part.doubts), len(part.words), check, part.check) + both)

    def close(self) -> None:
        """Writes the end, without which a file is taken for a part of one."""
        self._write(END + struct.pack("<I", self.sum))

    def _write(self, content: bytes) -> None:
        self.file.write(content)
        self.length += len(content)


class Reader:
    """Reads a compressed file part by part.

    Args:
        file: Where from.

    Attributes:
        header: What its writer told.

    Raises:
        DataError: If it is none, of another version, cut short or changed.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        start = file.read(4)
        if start[:3] != MAGIC or len(start) < 4:
            raise DataError(f"A compressed file must begin with {MAGIC!r}, got {start!r}. Name one that genzoo wrote.")
        if start[3] != VERSION:
            raise DataError(
                f"The file must have version {VERSION} of the format, got {start[3]}. Unpack it by the genzoo that "
                "wrote it."
            )
        length, check = struct.unpack("<II", self._read(8, LARGEST_HEADER))
        packed = self._read(length, LARGEST_HEADER)
        _check(packed, check)
        self.header = _header(packed)

    def parts(self) -> Iterator[Part]:
        """The parts in turn.

        Raises:
            DataError: If the file was cut short or changed.
        """
        total = 0
        while True:
            start = self._read(16, 16)
            doubts, words, check, unpacked = struct.unpack("<IIII", start)
            if start[:12] == END:
                break
            both = self._read(doubts + words, LARGEST_PART)
            _check(both, check)
            total = zlib.crc32(struct.pack("<II", check, unpacked), total)
            yield Part(both[doubts:], both[:doubts], unpacked)
        if unpacked != total or self.file.read(1):
            raise DataError(f"The file must hold all its parts and nothing after them, got others. {FETCH}")

    def _read(self, length: int, most: int) -> bytes:
        if length > most:
            raise DataError(f"A part of the file must have at most {most:,} bytes, got {length:,}. {FETCH}")
        found = self.file.read(length)
        if len(found) < length:
            raise DataError(f"The file must be whole, got one that was cut short. {FETCH}")
        return found


def _check(content: bytes, check: int) -> None:
    if zlib.crc32(content) != check:
        raise DataError(f"The file must be as it was written, got one with changed bytes. {FETCH}")


def _header(packed: bytes) -> dict[str, Any]:
    inner = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=LARGEST_HEADER)
    try:
        found = json.loads(inner.decompress(packed, LARGEST_HEADER))
    except (lzma.LZMAError, ValueError) as error:
        raise DataError(f"The file must begin with a header in JSON, got: {error}. {FETCH}") from error
    if not isinstance(found, dict) or not inner.eof:
        raise DataError(f"The file must begin with a header of at most {LARGEST_HEADER:,} bytes, got more. {FETCH}")
    return found
