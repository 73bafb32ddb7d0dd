"""Painting over pictures on the command line: files, masks, receipts of composites, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import genzoo
from genzoo.apps.cli import app
from genzoo.data.codecs.image import open_image
from genzoo.data.marks import SOURCES


def says(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "300"})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("edits")
    run = genzoo.train("edm", "digits", given="label", steps=2, out=path / "edm")
    genzoo.train("vae", "digits", steps=2, out=path / "vae")
    genzoo.train("made", "digits", steps=2, out=path / "made")
    run.codec.save(genzoo.read("digits").test.x[:1], path / "guide.png")
    half = torch.zeros(8, 8, dtype=torch.uint8)
    half[:, 4:] = 255
    Image.fromarray(half.numpy()).save(path / "mask.png")
    Image.new("L", (9, 8)).save(path / "wide.png")
    return path


def edit(home: Path, run: str, out: str, *words: object) -> Any:
    return says("edit", home / run, "--strokes", home / "guide.png", "--seed", 3, "--out", home / out, *words)


def test_what_is_dark_in_the_mask_stays_and_the_receipt_says_composite(home: Path) -> None:
    words = ("--mask", home / "mask.png", "-n", 1, "--strength", 0.9, "--given", "label=3", "--steps", 5)
    done = edit(home, "edm", "one.png", *words)
    assert done.exit_code == 0, done.output
    made, guide = open_image(home / "one.png"), open_image(home / "guide.png")
    assert made[:, :, :4].equal(guide[:, :, :4])
    assert not made.equal(guide)
    text = (home / "one.png").read_bytes().decode("latin1")
    assert f"{SOURCES}compositeWithTrainedAlgorithmicMedia" in text
    assert str(home) not in text
    pictures = ("--strokes", home / "guide.png", "--mask", home / "mask.png")
    again = says("verify", home / "one.png", "--run", home / "edm", *pictures, "--json")
    assert json.loads(again.stdout)["state"] == "regenerated"
    other = says("verify", home / "one.png", "--run", home / "edm", "--strokes", home / "guide.png")
    assert other.exit_code == 2
    assert "Name that by --mask." in other.stderr
    assert says("verify", home / "one.png").exit_code == 0


def test_no_strength_is_the_guide_and_a_latent_tells_how_near_it_comes(home: Path) -> None:
    assert edit(home, "edm", "same.png", "-n", 1, "--strength", 0, "--given", "label=3").exit_code == 0
    assert open_image(home / "same.png").equal(open_image(home / "guide.png"))
    done = edit(home, "vae", "vae.png", "-n", 2)
    assert done.exit_code == 0, done.output
    assert "away from it" in done.stderr + done.stdout


def test_a_guide_of_other_colors_is_seen_in_the_run_s_and_what_shines_through_is_white(home: Path) -> None:
    """An inked half and one that cannot be seen: black below, whatever is written there."""
    clear = torch.zeros(8, 8, 4, dtype=torch.uint8)
    clear[:4, :, 3] = 255
    clear[4:, :, 0] = 77
    Image.fromarray(clear.numpy()).save(home / "clear.png")
    Image.fromarray(clear[..., :3].contiguous().numpy()).save(home / "red.png")
    words = ("--seed", 1, "-n", 1, "--strength", 0, "--given", "label=3")
    for name, below in (("clear", 255), ("red", 16)):  # a red of 77 weighs a third, and is the first of 16 levels
        path = home / f"{name}-painted.png"
        done = says("edit", home / "edm", "--strokes", home / f"{name}.png", "--out", path, *words)
        assert done.exit_code == 0, done.output
        said = done.stderr + done.stdout
        assert "is seen in grey" in said
        assert ("over white" in said) == (name == "clear")
        made = open_image(path)[0]
        assert made[:4].eq(0).all()
        assert made[4:].eq(below).all()


@pytest.mark.parametrize(
    ("run", "words", "said"),
    [
        ("edm", ("--strength", 2, "--given", "label=3"), "strength"),
        ("edm", ("--mask", "wide.png", "--given", "label=3"), "must be 8×8"),
        ("edm", ("--out", "guide.png"), "must stay as they are"),
        ("edm", ("--mask", "mask.png", "--out", "mask.png"), "must stay as they are"),
        ("edm", ("--out", "x.jpg"), "Change the name's ending"),
        ("made", (), "denoiser or a latent"),
    ],
)
def test_wrong_wishes_end_with_a_fix_and_write_nothing(
    home: Path, run: str, words: tuple[object, ...], said: str, tmp_path: Path
) -> None:
    words = tuple(home / word if word in ("wide.png", "guide.png", "mask.png") else word for word in words)
    before = (home / "guide.png").read_bytes()
    done = edit(home, run, "never.png", *words)
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert not (home / "never.png").exists()
    assert (home / "guide.png").read_bytes() == before
