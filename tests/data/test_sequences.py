"""Sequences in archives, and trajectories cut into windows."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from genzoo.core import Space
from genzoo.data import DataError, SequenceCodec, codec_from_json, read

SONGS = {
    "train/a.csv": "low,high\n60,72\n0,74\n62,76\n",
    "train/b.csv": "low,high\n61,73\n",
    "test/c.csv": "low,high\n59,71\n60,72\n",
}


def archive(path: Path, files: dict[str, str]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as file:
            for name, text in files.items():
                file.writestr(name, text)
        return path
    with tarfile.open(path, "w:gz") as file:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            file.addfile(member, io.BytesIO(text.encode()))
    return path


@pytest.mark.parametrize("name", ["songs.tgz", "songs.tar.gz", "songs.zip"])
def test_sequences_of_different_lengths(name: str, tmp_path: Path) -> None:
    data = read(archive(tmp_path / name, SONGS))
    assert (data.name, data.space) == ("songs", Space((3, 2), levels=77, ragged=True))
    assert (len(data.test), len(data.train) + len(data.valid)) == (1, 2)
    x, _ = data.test.gather(torch.tensor([0]))
    assert (x.dtype, x.tolist()) == (torch.int64, [[[59, 71], [60, 72], [77, 77]]])
    assert "taken for 77 kinds" in data.notes[0]
    assert read(tmp_path / name, levels=128).space.levels == 128


def test_file_to_space_to_file_is_exact(tmp_path: Path) -> None:
    data = read(archive(tmp_path / "songs.zip", SONGS))
    row = data.x[(data.x[:, 1:2] < 77).all(2).any(1) & (data.x[:, 2, 0] < 77)]
    assert data.codec.save(row, tmp_path / "a.csv").read_text() == SONGS["train/a.csv"]
    every = data.codec.save(data.x, tmp_path / "all.csv")
    assert data.codec.load(every).equal(data.x)
    assert codec_from_json(data.codec.to_json()) == data.codec


def test_notes_are_seen_as_piano_keys(tmp_path: Path) -> None:
    path = archive(tmp_path / "songs.zip", SONGS | {"test/c.csv": "low,high\n59,0\n60,60\n21,108\n"})
    data = read(path, roll=True)
    assert data.space == Space((3, 88), levels=2, ragged=True)
    x, _ = data.test.gather(torch.tensor([0]))
    assert [step.nonzero().flatten().tolist() for step in x[0]] == [[38], [39], [0, 87]]
    assert data.codec.load(data.codec.save(data.x, tmp_path / "all.csv")).equal(data.x)
    with pytest.raises(DataError, match=r"21 to 108 or 0 for silence, got 3\. Read them without roll"):
        read(archive(tmp_path / "odd.zip", SONGS | {"test/c.csv": "low,high\n3,4\n"}), roll=True)


def test_steps_are_kept_by_the_stride(tmp_path: Path) -> None:
    data = read(archive(tmp_path / "songs.zip", SONGS), stride=2)
    assert data.space.shape == (2, 2)
    assert sorted(int(row) for row in data.x[:, 0, 0]) == [59, 60, 61]
    with pytest.raises(DataError, match="stride"):
        read(tmp_path / "songs.zip", stride=0)


def test_reals_are_padded_by_nan(tmp_path: Path) -> None:
    data = read(archive(tmp_path / "r.zip", {"cat/a.csv": "x\n0.5\n1.5\n", "dog/b.csv": "x\n-2\n"}), given="label")
    assert data.space == Space((2, 1), ragged=True)
    assert data.x[:, 1, 0].isnan().tolist() == [False, True]
    assert data.classes == {"": ["cat", "dog"]}
    codec = SequenceCodec(("x",))
    again = codec.load(codec.save(data.x, tmp_path / "all.csv"))
    assert again.nan_to_num(9).equal(data.x.nan_to_num(9))


def test_sequences_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path = archive(tmp_path / "s.zip", SONGS | {"train/d.csv": "low\n1\n", "train/e.csv": "low,high\n1,x\n2,3\n"})
    with pytest.raises(DataError, match=r"(?s)2 of 5 sequences cannot be read.*train/d.csv must have the columns"):
        read(path)
    assert len(read(path, skip_bad=True)) == 3


def test_nothing_leaves_an_archive(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must lie below its root"):
        read(archive(tmp_path / "s.tgz", {"../a.csv": "x\n1\n"}))


def steps(tmp_path: Path, **more: np.ndarray) -> Path:
    ends = np.array([5, 8, 9])
    action, state = np.arange(18, dtype=np.float64).reshape(9, 2), np.arange(27).reshape(9, 3) / 2
    np.savez(tmp_path / "t.npz", **{"episode_ends": ends, "action": action, "state": state, **more})
    return tmp_path / "t.npz"


def test_windows_stay_in_their_episode(tmp_path: Path) -> None:
    data = read(steps(tmp_path), x="action:3", given="state:2")
    assert data.fingerprint == read(tmp_path / "t.npz", x="action", given="state", horizon=3, history=2).fingerprint
    assert (data.space, data.given_space, len(data)) == (Space((3, 2)), Space((2, 3)), 9)
    assert data.x[:, :, 0].tolist() == [
        [0, 2, 4],
        [2, 4, 6],
        [4, 6, 8],
        [6, 8, 8],
        [8, 8, 8],
        [10, 12, 14],
        [12, 14, 14],
        [14, 14, 14],
        [16, 16, 16],
    ]
    assert (2 * data.given[:, :, 0]).tolist() == [
        [0, 0], [0, 3], [3, 6], [6, 9], [9, 12], [15, 15], [15, 18], [18, 21], [24, 24]
    ]  # fmt: skip
    path = data.codec.save(data.x, tmp_path / "x.csv")
    assert data.codec.load(path).equal(data.x)
    assert path.read_text().startswith("row,action0,action1\n0,0,1\n")


def test_an_episode_is_in_one_split(tmp_path: Path) -> None:
    ends = np.arange(1, 101) * 7
    path = steps(tmp_path, episode_ends=ends, action=np.random.default_rng(0).random((700, 2)), state=np.zeros(700))
    data = read(path, x="action:3", given="state")
    for index in data.splits.values():
        assert (index // 7).bincount(minlength=100).unique().tolist() == [0, 7]


def test_images_are_seen_with_channels_first(tmp_path: Path) -> None:
    path = steps(tmp_path, img=np.zeros((9, 8, 6, 3), np.uint8))
    data = read(path, x="action:3", given=["img", "state"])
    assert data.given_space["img"] == Space((2, 3, 8, 6), levels=256)
    assert data.given["img"].dtype == torch.uint8


def test_errors_about_trajectories(tmp_path: Path) -> None:
    path = steps(tmp_path)
    with pytest.raises(DataError, match=r"must be x, got \['action', 'state'\]. Say which, as x='action'"):
        read(path)
    with pytest.raises(DataError, match=r"longest of which has 5 steps, got horizon=6 .* as x=action:5"):
        read(path, x="action:6")
    with pytest.raises(DataError, match=r"one history, got \[2, 3\]"):
        read(path, x="action:2", given=["state:2", "img:3"])
    with pytest.raises(DataError, match="Did you mean 'state'"):
        read(path, x="action:3", given="stat")
    with pytest.raises(DataError, match="must lie in"):
        read(path, x="action", horizon=0)
    with pytest.raises(DataError, match="must be increasing"):
        read(steps(tmp_path, episode_ends=np.array([5, 3])), x="action")
    with pytest.raises(DataError, match="must be finite, got others"):
        read(steps(tmp_path, state=np.full((9, 3), np.nan)), x="action:2", given="state:2")
    with pytest.raises(DataError, match="numbers for 7 steps"):
        read(steps(tmp_path, episode_ends=np.array([5, 7])), x="action:3")
