"""Receipts on the command line: files as they were, files that were changed or claim nothing, and other runs."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

import genzoo
from genzoo.apps.cli import app
from genzoo.data.marks import mark_in, marked


def says(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "300"})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("receipts")
    for seed in (0, 1):
        genzoo.train("gaussian_mixture", "digits", given="label", steps=2, seed=seed, out=path / f"run{seed}")
    genzoo.train("gaussian", "moons", steps=2, out=path / "points")
    words = ("-n", 4, "--seed", 3, "--out")
    assert says("sample", path / "run0", *words, path / "x.png", "--given", "label=1,2").exit_code == 0
    assert says("sample", path / "run0", *words, path / "plain.png", "--plain").exit_code == 0
    assert says("sample", path / "points", *words, path / "x.csv").exit_code == 0
    return path


def claimed(home: Path, path: Path, claim: str) -> Path:
    """The picture saved anew, with a receipt of someone's making."""
    with Image.open(home / "x.png") as picture:
        picture.save(path)
    path.write_bytes(marked(path.read_bytes(), claim))
    return path


def verdict(path: Path, *words: object) -> tuple[str, int]:
    done = says("verify", path, *words, "--json")
    return json.loads(done.stdout)["state"], done.exit_code


@pytest.mark.parametrize("name", ["x.png", "x.csv", "plain.png"])
def test_what_a_run_made_it_makes_again(home, name) -> None:
    run = home / ("points" if name.endswith("csv") else "run0")
    assert verdict(home / name) == ("intact", 0)
    assert verdict(home / name, "--run", run) == ("regenerated", 0)
    assert (mark_in((home / name).read_bytes()) is None) == (name != "x.png")


def test_a_file_away_from_its_folder_still_says_what_it_is(home, tmp_path) -> None:
    path = tmp_path / "found.png"
    path.write_bytes((home / "x.png").read_bytes())
    assert verdict(path, "--run", home / "run0") == ("regenerated", 0)
    assert verdict(path, "--run", home / "run1") == ("not regenerated", 1)
    assert "label=1,2" in says("verify", path).stdout
    assert str(home) not in mark_in(path.read_bytes()), "where its run lies is nobody's business"


def test_what_was_changed_is_found(home, tmp_path) -> None:
    path = tmp_path / "x.png"
    with Image.open(home / "x.png") as picture:
        picture.load()
        picture.putpixel((5, 5), 255 - picture.getpixel((5, 5)))
        picture.save(path)
    assert verdict(path) == ("unknown", 1), "saved anew, it claims nothing"
    assert "shows nothing: it may be real" in says("verify", path).stdout
    claim = mark_in((home / "x.png").read_bytes())
    path.write_bytes(marked(path.read_bytes(), claim))
    assert verdict(path) == ("altered", 1)
    assert verdict(path, "--run", home / "run0") == ("not regenerated", 1)


@pytest.mark.parametrize("change", [{"seed": 4}, {"n": 5}, {"given": ["label=7"]}])
def test_a_receipt_that_was_changed_is_found_by_drawing_again(home, tmp_path, change) -> None:
    claim = json.loads(mark_in((home / "x.png").read_bytes()))
    path = claimed(home, tmp_path / "x.png", json.dumps(claim | change))
    assert verdict(path) == ("intact", 0), "the pixels are those that it names"
    assert verdict(path, "--run", home / "run0") == ("not regenerated", 1)


@pytest.mark.parametrize("claim", ["{}", "mine", '{"n": "many"}', '{"n": -1, "seed": 0}'])
def test_what_is_no_receipt_claims_nothing(home, tmp_path, claim) -> None:
    assert verdict(claimed(home, tmp_path / "x.png", claim)) == ("unknown", 1)


def test_a_receipt_cannot_ask_for_any_number(home, tmp_path) -> None:
    claim = json.loads(mark_in((home / "x.png").read_bytes()))
    path = claimed(home, tmp_path / "x.png", json.dumps(claim | {"n": 10**9}))
    done = says("verify", path, "--run", home / "run0")
    assert done.exit_code == 2
    assert "at most 100,000 samples" in done.stderr


def test_a_file_that_is_not_there_is_told(home) -> None:
    done = says("verify", home / "nothing.png")
    assert done.exit_code == 2
    assert "nothing.png" in done.stderr
