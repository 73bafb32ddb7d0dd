"""Pipes, devices, sockets and links to them are refused by whatever opens a file, and none is ever opened."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import genzoo
from genzoo._files import FileError, open_plain
from genzoo.apps.cli import app
from genzoo.core import Space
from genzoo.data import DataError, read
from genzoo.data.codecs.array import ArrayCodec
from genzoo.data.codecs.image import ImageCodec, open_image
from genzoo.data.codecs.table import TableCodec
from genzoo.data.codecs.text import TextCodec
from genzoo.data.readers.by_ending import ENDINGS
from genzoo.evaluation.judge import read_judge
from genzoo.training.checkpoint import CheckpointError
from genzoo.zoo.conditions import _read as file_condition
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.store import CODEC, CONFIG, WEIGHTS

pytestmark = pytest.mark.timeout(60)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link_to_a_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def local_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        place = os.getcwd()
        os.chdir(path.parent)  # the address of a socket is short
        try:
            end.bind(path.name)
        finally:
            os.chdir(place)


WAYS = [pipe, link_to_a_pipe, link_to_a_device, local_socket]


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A pipe that is opened for reading is one that somebody can write to without waiting."""
    made: list[Path] = []
    mkfifo = os.mkfifo
    monkeypatch.setattr(os, "mkfifo", lambda path: (made.append(Path(path)), mkfifo(path)))
    yield
    for path in (path for path in made if path.exists()):
        with pytest.raises(OSError):  # nobody reads
            os.open(path, os.O_WRONLY | os.O_NONBLOCK)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ending", [*ENDINGS, ".zip", ".tar", ".tgz"])
def test_no_reader_opens_one(ending: str, way: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / f"x{ending}"
    way(path)
    with pytest.raises(DataError, match=r"must be a plain file, got a (pipe|device|socket)\. Copy"):
        read(path)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "a/1.png", "1.wav", "metadata.csv", "train.csv", "x.npz"])
def test_no_folder_of_data_opens_one(name: str, way: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "data" / name
    path.parent.mkdir(parents=True)
    if name == "metadata.csv":
        shutil.copyfile(Path(__file__).parent / "data" / "conftest.py", path.with_name("1.png"))
    way(path)
    with pytest.raises(DataError, match="must be a plain file, got a"):
        read(tmp_path / "data")


def test_no_codec_opens_one(tmp_path: Path) -> None:
    for codec in (ArrayCodec(), ImageCodec(), TableCodec(("a",)), TextCodec("ab")):
        path = tmp_path / f"x{codec.suffix}"
        pipe(path)
        with pytest.raises(DataError, match="got a pipe"):
            codec.load(path)
    with pytest.raises(DataError, match="got a pipe"):
        open_image(tmp_path / "x.png")
    with pytest.raises(DataError, match="got a pipe"):
        read_judge(tmp_path / "x.npy")


def test_nothing_beside_the_data_opens_one(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((12, 4, 4), dtype=np.uint8))
    for name in ("labels.csv", "labels.npy", "labels.npz"):
        pipe(tmp_path / name)
        with pytest.raises(DataError, match="got a pipe"):
            read(tmp_path / "x.npy", labels=str(tmp_path / name), given="label")
    pipe(tmp_path / "1.png")
    with pytest.raises(Mistake, match="got a pipe"):
        file_condition("image", str(tmp_path / "1.png"), Space((1, 4, 4), levels=256), ImageCodec())


def test_a_pipe_that_comes_between_look_and_opening_does_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    pipe(path)
    monkeypatch.setattr("genzoo._files.check_plain", lambda path: None)
    with pytest.raises(FileError, match="got a pipe"):
        open_plain(path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    return genzoo.train("gaussian_mixture", "moons", steps=4, device="cpu", out=path).path


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.mark.parametrize("name", [CONFIG, CODEC, WEIGHTS, "metrics.jsonl"])
def test_no_run_opens_one(name: str, run: Path, tmp_path: Path) -> None:
    (run / name).unlink()
    pipe(run / name)
    with pytest.raises(Mistake, match="got a pipe"):
        genzoo.load(run)
    if name in (CONFIG, WEIGHTS):
        with pytest.raises(Mistake, match="got a pipe"):
            genzoo.train("gaussian_mixture", "moons", steps=1, start=run, out=tmp_path / "next", device="cpu")


@pytest.mark.parametrize("name", ["manifest.json", "state.json", "model.safetensors"])
def test_no_checkpoint_opens_one(name: str, run: Path) -> None:
    (run / WEIGHTS).unlink()
    for step in (run / "checkpoints").glob("step-*"):
        (step / name).unlink()
        pipe(step / name)
    with pytest.raises(CheckpointError, match="got only spoilt ones"):
        genzoo.resume(run)


def test_no_command_opens_one(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    link_to_a_device(path)
    for words in (["score", str(run), "--data", str(path)], ["data", "check", str(path)],
                  ["train", "vae", "--data", str(path)]):  # fmt: skip
        done = CliRunner().invoke(app, words)
        assert (done.exit_code, "got a device" in done.output) == (2, True), done.output
