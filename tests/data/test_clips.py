"""Clips: digits that move by known rules, and animations and folders of stills as rows and back."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genzoo.core import Noise, Space
from genzoo.data import ClipCodec, DataError, read
from genzoo.data.codecs.catalog import check_codec, codec_for, codec_from_json
from genzoo.data.moving import BOX, DIRECTIONS, STEPS, drawn_paths, moving
from genzoo.data.readers import moving as reader
from tests.data.test_read import idx

GRAY = torch.randint(0, 256, (3, 4, 1, 6, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
COLOR = torch.randint(0, 256, (2, 4, 3, 6, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def test_digits_go_straight_and_bounce() -> None:
    paths = drawn_paths(300, 2, 9, 20, Noise(0))
    steps = paths.places.diff(dim=2)
    assert paths.places.amin() == 0
    assert paths.places.amax() == 20 - BOX
    first = STEPS[paths.directions] * (paths.speeds + 1)[..., None]
    assert torch.equal(steps[:, :, 0], first)  # everyone is seen to set out
    inside = ((paths.places[:, :, 1:-1] >= 2) & (paths.places[:, :, 1:-1] <= 6))[:, :, :, :]
    assert torch.equal(steps[:, :, 1:][inside], steps[:, :, :-1][inside])  # away from the walls nothing turns
    assert set(paths.directions.flatten().tolist()) == set(range(len(DIRECTIONS)))
    assert torch.equal(drawn_paths(2, 2, 9, 20, Noise(0)).places, paths.places[:2])


def test_clips_show_digits_where_they_are_and_the_brighter_where_they_meet() -> None:
    shown = torch.tensor([100, 200], dtype=torch.uint8)[None, :, None, None].expand(1, 2, BOX, BOX)
    paths = drawn_paths(1, 2, 5, 20, Noise(3))
    for t, frame in enumerate(moving(shown, paths, 20)[0, :, 0]):
        want = torch.zeros(20, 20, dtype=torch.uint8)
        for k in (0, 1):
            y, x = paths.places[0, k, t].tolist()
            want[y : y + BOX, x : x + BOX] = 100 * (k + 1)
        assert torch.equal(frame, want)


def test_no_picture_is_in_two_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    for split, n, first in (("train", 24, 0), ("t10k", 6, 100)):  # a picture's ink is its number
        pictures = np.full((n, 28, 28), 0, dtype=np.uint8) + (first + 1 + np.arange(n))[:, None, None]
        (folder / f"{split}-images-idx3-ubyte").write_bytes(idx(pictures.astype(np.uint8)))
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(idx((np.arange(n) % 10).astype(np.uint8)))
    monkeypatch.setenv("GENZOO_DATA", str(tmp_path))
    monkeypatch.setattr(reader, "SPLITS", {"train": (60, "train"), "valid": (20, "train"), "test": (20, "t10k")})
    data = read("moving_digits", given=("label", "places"))
    numbers = {
        split: set(rows.x.amax((1, 2, 3, 4)).tolist())
        for split, rows in {"train": data.train, "valid": data.valid, "test": data.test}.items()
    }
    assert numbers["train"] <= set(range(1, 23))
    assert numbers["valid"] <= {23, 24}
    assert numbers["test"] <= set(range(101, 107))
    x, given = data.train.head(5)
    assert torch.equal((x.amax((1, 2, 3, 4)).long() - 1) % 10, given["label"])
    middle = given["places"].reshape(5, 8, 2)
    assert all(x[i, t, 0, int(middle[i, t, 0]), int(middle[i, t, 1])] > 0 for i in range(5) for t in range(8))
    pairs = read("moving_pairs", frames=4, size=32, given="label")
    assert pairs.space == Space((4, 1, 32, 32), levels=256)
    assert pairs.given_space == Space((2,), levels=10)
    with pytest.raises(DataError, match="more than 12 pixels"):
        read("moving_digits", size=12)


@pytest.mark.parametrize("ending", [".gif", ".png"])
def test_clips_come_back_from_files(tmp_path: Path, ending: str) -> None:
    codec = ClipCodec(256)
    x = GRAY.clone()
    x[0, 1], x[1, :2], x[1, 2:] = x[0, 0], x[1, 0], x[1, 2]  # Pillow merges frames that are alike
    for i in range(3):
        codec.save(x[i : i + 1], tmp_path / f"{i}{ending}")
        assert torch.equal(codec.load(tmp_path / f"{i}{ending}"), x[i : i + 1])
    data = read(tmp_path)
    assert data.space == Space((4, 1, 6, 5), levels=256)
    assert torch.equal(data.x, x)
    assert data.codec == codec
    assert codec.picture(x).width > codec.picture(x).height


def test_colors_levels_and_records() -> None:
    assert codec_for(COLOR, Space((4, 3, 6, 5), levels=256)) == codec_from_json(ClipCodec(256).to_json())
    check_codec(ClipCodec(2), Space((4, 1, 6, 5), levels=2))
    with pytest.raises(DataError, match="kind clip"):
        check_codec(ClipCodec(256), Space((1, 6, 5), levels=256))
    with pytest.raises(DataError, match=r"\(n, T, C, H, W\)"):
        ClipCodec(256).picture(GRAY[0])


def test_a_folder_of_stills_is_a_clip_where_frames_are_asked_for(tmp_path: Path) -> None:
    for name, clip in (("cat/a", COLOR[0]), ("dog/b", COLOR[1])):
        (tmp_path / name).mkdir(parents=True)
        for t, frame in enumerate(clip):
            Image.fromarray(frame.permute(1, 2, 0).numpy()).save(tmp_path / name / f"{t:03d}.png")
    data = read(tmp_path, frames=2, given="label")
    assert data.classes[""] == ["cat", "dog"]
    assert torch.equal(data.x, COLOR.unflatten(1, (2, 2)).flatten(0, 1))
    assert data.given.tolist() == [0, 0, 1, 1]
    assert read(tmp_path, frames=4, size=(3, 4)).x.shape == (2, 4, 3, 3, 4)
    assert read(tmp_path).space.shape == (3, 6, 5)  # pictures, where they are not


def test_what_is_no_set_of_clips_is_refused(tmp_path: Path) -> None:
    codec = ClipCodec(256)
    codec.save(GRAY[:1], tmp_path / "a.gif")
    codec.save(GRAY[1:2, :3], tmp_path / "b.gif")
    with pytest.raises(DataError, match=r"from 3 to 4\. Pass frames=3"):
        read(tmp_path)
    with pytest.raises(DataError, match=r"lie in \[2, 4\], got 5"):
        read(tmp_path, frames=5)
    codec.save(GRAY[:1, :, :, :5], tmp_path / "b.gif")
    with pytest.raises(DataError, match=r"one size, got \(6, 5\) and \(5, 5\) in b"):
        read(tmp_path)
    frames = [Image.fromarray(frame[0].numpy()) for frame in GRAY[0]]
    frames[0].save(tmp_path / "b.gif", save_all=True, append_images=frames[1:], duration=[100, 150, 100, 100])
    with pytest.raises(DataError, match=r"multiples of 100 ms.*up to 150 ms"):
        read(tmp_path)
    (tmp_path / "b.gif").write_bytes(b"GIF89a")
    assert len(read(tmp_path, skip_bad=True).skipped) == 1
