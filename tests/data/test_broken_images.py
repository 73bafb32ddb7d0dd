"""Whatever an image file, an archive of them or the table beside them holds, reading gives data or a `DataError`."""

import contextlib
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from genzoo.data import Data, DataError, picture, read

ARRAY = np.arange(16, dtype=np.uint8).reshape(4, 4) * 16
COLOR = np.stack([ARRAY, ARRAY.T, 255 - ARRAY], axis=-1)
TABLE = b"file,kind,split\na.png,x,train\nb.png,y,test\n"


def encoded(array: np.ndarray, kind: str, **how: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format=kind, **how)
    return buffer.getvalue()


def packed(kind: str) -> bytes:
    members = {"train/a.png": encoded(ARRAY, "PNG"), "test/b.png": encoded(ARRAY.T, "PNG")}
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in members.items():
                file.writestr(name, content)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as file:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


GOOD = {
    "deep.png": picture.png(COLOR.astype(np.uint16) * 257, is_deep=True),
    "palette.png": encoded(ARRAY, "PNG", transparency=3),
    "photo.jpg": encoded(COLOR, "JPEG"),
    "photo.webp": encoded(COLOR, "WEBP"),
    "pets.zip": packed("zip"),
    "pets.tgz": packed("tgz"),
}


def attempt(source: Path, **how: object) -> None:
    with contextlib.suppress(DataError):
        assert isinstance(read(source, **how), Data)


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    start = draw(st.integers(0, len(good)))
    end = draw(st.integers(start, min(len(good), start + draw(st.sampled_from([1, 8, len(good)])))))
    return good[:start] + draw(st.binary(max_size=8)) + good[end:]


@pytest.mark.parametrize("name", GOOD)
def test_any_bytes_of_images_and_archives(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(GOOD[name])
    source = path if name.endswith(("zip", "tgz")) else tmp_path
    assert isinstance(read(source), Data)

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(damaged(GOOD[name]), st.sampled_from([{}, {"skip_bad": True}, {"size": 3, "color": "rgb", "levels": 256}]))
    def any_damage(content: bytes, how: dict) -> None:
        path.write_bytes(content)
        attempt(source, **how)

    any_damage()


def test_any_table_beside_images(tmp_path: Path) -> None:
    for name in "ab":
        Image.fromarray(ARRAY).save(tmp_path / f"{name}.png")
    (tmp_path / "metadata.csv").write_bytes(TABLE)
    assert len(read(tmp_path, given="kind").test) == 1

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(damaged(TABLE), st.booleans())
    def any_damage(content: bytes, skip: bool) -> None:
        (tmp_path / "metadata.csv").write_bytes(content)
        attempt(tmp_path, given="kind", skip_bad=skip)

    any_damage()


def test_any_names_in_an_archive(tmp_path: Path) -> None:
    part = st.sampled_from(["a", "b", "train", "test", "..", ".", "", "~", "C:", "x" * 300, "é", "\n", "a\\b"])
    names = st.lists(st.lists(part, min_size=1, max_size=4), min_size=1, max_size=4)
    content = encoded(ARRAY, "PNG")

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(names, st.sampled_from([{}, {"given": "label"}, {"x": "a", "given": "b"}, {"x": "a", "paired": False}]))
    def any_names(paths: list[list[str]], how: dict) -> None:
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
            for path in dict.fromkeys("/".join(path) + ".png" for path in paths):
                file.writestr(zipfile.ZipInfo(path), content)
        before = sorted(tmp_path.rglob("*"))
        attempt(tmp_path / "x.zip", **how)
        assert sorted(tmp_path.rglob("*")) == before  # nothing was unpacked

    any_names()
