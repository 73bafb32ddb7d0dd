"""Marks in pictures and sounds: what they say comes back, and nothing that is seen or heard changes."""

import io
import wave

import numpy as np
import pytest
from PIL import Image

from genzoo.core.errors import DataError
from genzoo.data.codecs.audio import decode_sound
from genzoo.data.marks import SOURCES, mark_in, marked, substance
from genzoo.data.picture import png

PICTURES = {
    "gray": (np.arange(12, dtype=np.uint8).reshape(3, 4), False),
    "rgb": (np.arange(36, dtype=np.uint8).reshape(3, 4, 3), False),
    "deep rgba": (np.arange(48, dtype=np.int32).reshape(3, 4, 4) * 1000, True),
}


def sound(frames: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(bytes(range(frames)))
    return buffer.getvalue()


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_keep_their_pixels_and_say_who_made_them(name, tmp_path) -> None:
    array, is_deep = PICTURES[name]
    plain = png(array, is_deep=is_deep)
    content = marked(plain, '{"who": "é"}')
    assert (mark_in(plain), mark_in(content)) == (None, '{"who": "é"}')
    for path, held in ((tmp_path / "a.png", plain), (tmp_path / "b.png", content)):
        path.write_bytes(held)
    assert substance(tmp_path / "a.png") == substance(tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as a, Image.open(tmp_path / "a.png") as b:
        assert a.tobytes() == b.tobytes()
        assert f"{SOURCES}trainedAlgorithmicMedia" in a.text["XML:com.adobe.xmp"]
        a.save(tmp_path / "c.png")  # anew, as many programs do
    assert mark_in((tmp_path / "c.png").read_bytes()) is None
    if not is_deep:  # Pillow has no 16 bits of color
        assert substance(tmp_path / "c.png") == substance(tmp_path / "a.png")


@pytest.mark.parametrize("frames", [7, 8])
def test_sounds_keep_their_samples(frames, tmp_path) -> None:
    """Also where their chunk has an odd number of bytes."""
    plain = sound(frames)
    content = marked(plain, "mine")
    assert (mark_in(plain), mark_in(content)) == (None, "mine")
    assert (decode_sound("a", content)[0] == decode_sound("a", plain)[0]).all()
    assert len(content) == int.from_bytes(content[4:8], "little") + 8
    for path, held in ((tmp_path / "a.wav", plain), (tmp_path / "b.wav", content)):
        path.write_bytes(held)
    assert substance(tmp_path / "a.wav") == substance(tmp_path / "b.wav")
    (tmp_path / "a.wav").write_bytes(sound(frames + 1))
    assert substance(tmp_path / "a.wav") != substance(tmp_path / "b.wav")


def test_other_files_have_no_mark_and_are_their_bytes(tmp_path) -> None:
    assert marked(b"a,b\n1,2\n", "mine") == b"a,b\n1,2\n"
    assert mark_in(b"a,b\n1,2\n") is None
    path = tmp_path / "x.csv"
    found = []
    for text in ("1,2", "1,3"):
        path.write_text(text)
        found.append(substance(path))
    assert found[0] != found[1]


def test_what_is_broken_is_told_or_has_no_mark(tmp_path) -> None:
    content = marked(png(np.zeros((2, 2), np.uint8)), "mine")
    for end in range(8, len(content), 7):
        mark_in(content[:end])  # whatever is there
    (tmp_path / "x.wav").write_bytes(sound(8)[:20])
    with pytest.raises(DataError, match="whole WAV"):
        substance(tmp_path / "x.wav")
