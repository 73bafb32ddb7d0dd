"""The cache, and data larger than memory: decoded once, mapped, made again when damaged, never copied."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genzoo.core import Noise
from genzoo.data import DataError, cache, read, view
from genzoo.data.readers import arrays, by_ending, images
from tests.logged import logged


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images, and a cache that takes even so few."""
    monkeypatch.setattr(cache, "SMALL", 0)
    for i, array in enumerate(Noise(4).integers(256, 70, 5, 4).to(torch.uint8).numpy()):
        Image.fromarray(array).save(tmp_path / f"{i:02d}.png")
    return tmp_path


def entries(place: Path) -> list[str]:
    return sorted(path.suffix for path in place.iterdir())


def test_images_are_decoded_once(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with logged("genzoo.data") as messages:
        first = read(folder)
    (told,) = [message for message in messages if "decoded 70 images of" in message]
    assert str(cache) in told
    assert entries(cache) == [".json", ".npy"]
    monkeypatch.setattr(images, "pixels", None)  # not called again
    second = read(folder)
    assert second.fingerprint == first.fingerprint
    assert second.x.equal(first.x)


def test_another_size_or_a_changed_file_is_another_entry(folder: Path, cache: Path) -> None:
    first = read(folder)
    assert read(folder, size=3).space.shape == (1, 3, 3)
    assert entries(cache) == [".json"] * 2 + [".npy"] * 2
    os.utime(folder / "03.png", ns=(1, 1))
    assert read(folder).fingerprint == first.fingerprint
    assert len(entries(cache)) == 6
    (folder / "03.png").unlink()
    assert len(read(folder)) == 69


@pytest.mark.parametrize("damage", ["cut", "header", "zeros", "record", "nothing"])
def test_a_damaged_entry_is_made_again(damage: str, folder: Path, cache: Path) -> None:
    fingerprint = read(folder).fingerprint
    [path] = cache.glob("*.npy")
    whole = path.read_bytes()
    if damage == "record":
        path.with_suffix(".json").write_text(json.dumps({"rows": "many"}))
    elif damage == "nothing":
        path.with_suffix(".json").unlink()
    else:
        broken = {"cut": whole[:-9], "header": b"\x00" + whole[1:], "zeros": whole[:200] + bytes(len(whole) - 200)}
        path.unlink()
        path.write_bytes(broken[damage])
    assert read(folder).fingerprint == fingerprint
    assert path.read_bytes() == whole


def test_bad_files_are_remembered_and_still_refused(folder: Path) -> None:
    (folder / "05.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="1 of 70"):
        read(folder)
    first = read(folder, skip_bad=True)
    second = read(folder, skip_bad=True)
    assert (len(first), first.skipped, first.fingerprint) == (69, second.skipped, second.fingerprint)
    with pytest.raises(DataError, match="1 of 70"):
        read(folder)


def test_a_cached_row_can_be_written_without_harm(folder: Path) -> None:
    before = read(folder)
    fingerprint = before.fingerprint
    before.x[0] = 0
    assert read(folder).fingerprint == fingerprint


def test_no_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 100}))
    with pytest.raises(DataError, match=r"must have room for 0\.00 GB of decoded rows.* GENZOO_CACHE"):
        read(folder)


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GENZOO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cache.sys, "platform", "linux")
    assert cache.cache_folder() == tmp_path / "genzoo"
    assert cache.cache_size() == 0


def anonymous() -> int:
    """Bytes of this process that are in no file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="counts memory as Linux tells it")
def test_a_mapped_array_is_never_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 128 << 20
    monkeypatch.setattr(arrays, "LARGE", 0)
    monkeypatch.setattr(by_ending, "LARGE", 0)
    rows = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=np.uint8, shape=(size >> 14, 128, 128))
    rows[:, 0, 0] = np.arange(len(rows)) % 251
    del rows
    monkeypatch.setattr(view, "LARGE", 0)
    before = anonymous()
    for how in (None, "threshold"):
        data = read(tmp_path / "x.npy", binarize=how, augment="flip,shift=2")
        assert len(data.fingerprint) == len(data.train.fingerprint)
        for index in Noise(0).permutation(len(data.train)).split(100)[:10]:
            data.train.gather(index)
        assert anonymous() - before < 0.8 * size  # pieces of it come and go


def test_a_mapped_array_is_the_same_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = Noise(3).integers(256, 90, 8, 8, 3).to(torch.uint8)
    np.save(tmp_path / "x.npy", x.numpy())
    first = read(tmp_path / "x.npy")
    monkeypatch.setattr(arrays, "LARGE", 0)
    monkeypatch.setattr(by_ending, "LARGE", 0)
    second = read(tmp_path / "x.npy")
    assert not second.x.is_contiguous()  # channels last in the file
    assert second.fingerprint == first.fingerprint
    assert second.train.fingerprint == first.train.fingerprint
    index = torch.tensor([5, 2, 2])
    assert second.train.gather(index)[0].equal(first.train.gather(index)[0])


def test_hashing_in_pieces_is_hashing() -> None:
    from genzoo.data import data, split

    x = Noise(3).integers(256, 90, 7).to(torch.uint8)
    whole = read(x)
    marks = whole.fingerprint, whole.train.fingerprint
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "PIECE", 20)
        patch.setattr(split, "PIECE", 20)
        parts = read(x)
        assert (parts.fingerprint, parts.train.fingerprint) == marks
        assert parts.splits["test"].equal(whole.splits["test"])
