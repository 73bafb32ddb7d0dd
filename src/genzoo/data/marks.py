"""Marks in files: that a model made them, as the press's standard says it, and a text of ours beside.

A PNG gets two `iTXt` chunks before its end, XMP with `DigitalSourceType` and the text; a WAV an `INFO` list after its
sound. Neither pixels nor samples change, and readers that know neither skip them. Whoever saves the file anew without
them loses them: a mark can show where a file is from, and its absence shows nothing.

References:
    International Press Telecommunications Council, 2023, "Photo metadata standard", digital source type
        (`trainedAlgorithmicMedia`, `compositeWithTrainedAlgorithmicMedia`)
    Boutell et al., 1997, "PNG (Portable Network Graphics) Specification", RFC 2083
"""

import hashlib
import io
import struct
import wave
from pathlib import Path

from genzoo._files import open_plain, read_bytes
from genzoo.core.errors import DataError
from genzoo.data.picture import png_chunk
from genzoo.data.pixels import pixels

__all__ = ["LARGEST", "mark_in", "marked", "substance"]

PNG, END = b"\x89PNG\r\n\x1a\n", png_chunk(b"IEND", b"")
LARGEST = 1 << 26  # bytes of a file that is decoded, and gets a mark
WORD, XMP = b"genzoo", b"XML:com.adobe.xmp"
SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'Iptc4xmpExt:DigitalSourceType="{}"/></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)


def marked(content: bytes, text: str, *, composite: bool = False) -> bytes:
    """A PNG or a WAV with a mark; anything else as it is.

    Args:
        content: The file, which has none yet.
        text: What the mark is to say.
        composite: Whether a model made but a part of it.

    Example:
        >>> from genzoo.data.picture import png
        >>> import numpy as np
        >>> mark_in(marked(png(np.zeros((2, 2), np.uint8)), "mine"))
        'mine'
    """
    source = SOURCES + ("compositeWithTrainedAlgorithmicMedia" if composite else "trainedAlgorithmicMedia")
    if content.startswith(PNG) and content.endswith(END):
        packet = PACKET.format(source)
        said = b"".join(
            png_chunk(b"iTXt", key + b"\0\0\0\0\0" + t.encode()) for key, t in ((XMP, packet), (WORD, text))
        )
        return content[: -len(END)] + said + END
    if _is_wave(content):
        parts = b"INFO" + _riff(b"ISFT", b"genzoo\0") + _riff(b"ISRC", source.encode() + b"\0")
        body = content[8:] + b"\0" * (len(content) % 2) + _riff(b"LIST", parts + _riff(b"ICMT", text.encode() + b"\0"))
        return b"RIFF" + struct.pack("<I", len(body)) + body
    return content


def mark_in(content: bytes) -> str | None:
    """The text of the mark in a file; None if there is none that can be read."""
    try:
        if content.startswith(PNG):
            found = [data for name, data in _chunks(content, len(PNG), ">I4s", 4) if name == b"iTXt"]
            texts = [data[len(WORD) + 5 :] for data in found if data.startswith(WORD + b"\0\0\0\0\0")]
        elif _is_wave(content):
            lists = [
                data[4:] for name, data in _chunks(content, 12, "<4sI", 0) if name == b"LIST" and data[:4] == b"INFO"
            ]
            parts = [part for each in lists for part in _chunks(each, 0, "<4sI", 0)]
            is_ours = (b"ISFT", b"genzoo\0") in parts
            texts = [data.rstrip(b"\0") for name, data in parts if name == b"ICMT" and is_ours]
        else:
            return None
        return texts[-1].decode() if texts else None
    except (struct.error, UnicodeDecodeError):
        return None


def substance(path: Path) -> str:
    """A hash of what is seen or heard of a file: pixels, samples; of other files, and of very large ones, every byte.

    Args:
        path: The file.

    Raises:
        FileError: If it cannot be read.
        DataError: If it is a picture or a sound that cannot be decoded.
    """
    with open_plain(path) as file:
        start = file.read(12)
        if path.stat().st_size > LARGEST or not (start.startswith(PNG) or _is_wave(start)):
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest()
    content = read_bytes(path)
    if content.startswith(PNG):
        look, array = pixels(path.name, content)
        about, data = f"{look.color} {array.shape} {array.dtype}", array.tobytes()
    else:
        try:
            with wave.open(io.BytesIO(content)) as sound:
                about, data = str(tuple(sound.getparams())[:3]), sound.readframes(sound.getnframes())
        except (wave.Error, EOFError) as problem:
            raise DataError(f"{path.name} must be a whole WAV file, got {problem}. Replace it.") from None
    return hashlib.sha256(about.encode() + data).hexdigest()


def _is_wave(content: bytes) -> bool:
    return content[:4] == b"RIFF" and content[8:12] == b"WAVE"


def _riff(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _chunks(content: bytes, place: int, form: str, after: int) -> list[tuple[bytes, bytes]]:
    """The names and bodies of the chunks from a place on; those of RIFF begin at even places."""
    found, size = [], struct.calcsize(form)
    while place + size <= len(content):
        one, other = struct.unpack_from(form, content, place)
        name, length = (one, other) if isinstance(one, bytes) else (other, one)
        found.append((name, content[place + size : place + size + length]))
        place += size + length + (after or length % 2)
    return found
