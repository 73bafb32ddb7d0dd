"""Files of any number of rows: written in parts, in the same memory, and whole or not at all."""

import csv
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import genzoo
from genzoo.apps.cli import app, using
from genzoo.core import GenerativeModel
from genzoo.data import columns


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    genzoo.train("gaussian_mixture", "digits", given="label", steps=2, device="cpu", out=path)
    return path


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "points"
    genzoo.train("gaussian_mixture", "moons", steps=2, device="cpu", out=path)
    return path


def genzoo_says(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def rows_at_once(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were asked of models, of which no more than forty fit into the memory."""
    asked, sample, log_prob = list[int](), GenerativeModel.sample, GenerativeModel.log_prob

    def few(n: int) -> None:
        asked.append(n)
        if n > 40:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has …")

    monkeypatch.setattr(GenerativeModel, "sample", lambda self, n, *a, **b: few(n) or sample(self, n, *a, **b))
    monkeypatch.setattr(
        GenerativeModel, "log_prob", lambda self, x, *a, **b: few(len(x)) or log_prob(self, x, *a, **b)
    )
    return asked


def test_samples_in_parts_are_those_at_once(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("sample", run, "-n", 64, "--seed", 1, "--given", "label=3,5,8", "--out")
    assert genzoo_says(*words, tmp_path / "whole.png").exit_code == 0
    monkeypatch.setattr(using, "ROWS", 7)
    assert genzoo_says(*words, tmp_path / "parts.png").exit_code == 0
    assert (tmp_path / "whole.png").read_bytes() == (tmp_path / "parts.png").read_bytes()
    records = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("whole", "parts")]
    assert records[0] == records[1]
    assert records[0]["conditions"] == {"label": ["3"] * 22 + ["5"] * 21 + ["8"] * 21}


def test_what_does_not_fit_into_the_memory_is_made_in_smaller_parts(
    points: Path, tmp_path: Path, rows_at_once: list[int]
) -> None:
    done = genzoo_says("sample", points, "-n", 100, "--seed", 1, "--out", tmp_path / "x.csv")
    assert done.exit_code == 0, done.output
    assert rows_at_once == [100, 50, 25, 25, 25, 25]
    rows_at_once.clear()
    done = genzoo_says("score", points, "--out", tmp_path / "s.csv")
    assert done.exit_code == 0, done.output
    assert max(rows_at_once[5:]) <= 40
    nats = torch.tensor(
        [float(row["log_prob"]) for row in csv.DictReader((tmp_path / "s.csv").read_text().splitlines())]
    )
    loaded = genzoo.load(points)
    test = loaded.data().test
    parts = torch.cat([loaded.generative.log_prob(x) for x in test.x.split(20)])
    assert torch.allclose(nats, parts, atol=1e-5)


def test_a_row_that_does_not_fit_is_the_users_message(
    points: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: GenerativeModel, n: int, *_: object, **__: object) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")

    monkeypatch.setattr(GenerativeModel, "sample", full)
    done = genzoo_says("sample", points, "-n", 4, "--out", tmp_path / "x.csv")
    assert done.exit_code == 2
    assert "There is not enough memory for this: not even one row fits" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
def test_a_full_disk_leaves_what_was_there(
    points: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    out = tmp_path / "x.csv"
    out.write_text("before")

    def full(path: Path, parts: object) -> None:
        path.write_text("half")
        raise OSError(number, "the disk says no")

    monkeypatch.setattr(columns, "write_columns", full)
    done = genzoo_says("sample", points, "-n", 4, "--out", out)
    assert done.exit_code == 2
    assert "The file cannot be written: the disk says no." in done.stderr
    assert "write elsewhere by --out" in done.stderr
    assert out.read_text() == "before"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_no_file_takes_the_place_of_a_pipe(points: Path, tmp_path: Path) -> None:
    for name in ("x.csv", "y.json"):
        os.mkfifo(tmp_path / name)
    for words in (("sample", points, "-n", 3, "--out", tmp_path / "x.csv"),
                  ("sample", points, "-n", 3, "--out", tmp_path / "y.csv"),
                  ("score", points, "--out", tmp_path / "x.csv")):  # fmt: skip
        result = genzoo_says(*words)
        assert result.exit_code == 2, result.output
        assert "must be a plain file, got a pipe" in result.output
    assert all((tmp_path / name).is_fifo() for name in ("x.csv", "y.json"))
