"""`genzoo solve`: pictures of a tiny run, what is told of them, and what it refuses."""

import json

import pytest
from PIL import Image
from typer.testing import CliRunner

from genzoo import train
from genzoo.apps.cli.root import app


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    train("gaussian_mixture", "digits", settings={"components": 2}, steps=1, out=folder / "mixture", device="cpu")
    train("gaussian_mixture", "moons", settings={"components": 2}, steps=1, out=folder / "moons", device="cpu")
    train("gan", "digits", settings={"hidden": 4, "latent": 4}, steps=1, out=folder / "gan", device="cpu")
    return folder


def asked(*words: object) -> str:
    found = CliRunner().invoke(app, ["solve", *map(str, words)])
    assert found.exit_code == 0, found.output
    return found.output


def test_a_wall_draws_and_a_record(runs, tmp_path):
    said = asked(
        runs / "mixture", "--operator", "mask(0.5)", "--rows", 3, "--draws", 2, "--method", "closed", "--out", tmp_path
    )
    assert "PSNR of the mean" in said
    with Image.open(tmp_path / "wall.png") as picture:
        assert picture.size == (6 * 34 + 2, 3 * 34 + 2)
    assert len(list((tmp_path / "draws").glob("*.png"))) == 6
    record = json.loads((tmp_path / "posterior.json").read_text())
    assert (record["method"], record["exactness"]) == ("closed", "approximate")
    assert len(record["log_evidence"]) == 3
    assert record["figures"]["spread over error"]["value"] > 0


def test_pictures_of_ones_own_and_of_the_run(runs, tmp_path):
    image = tmp_path / "eight.png"
    Image.new("L", (8, 8), 128).save(image)
    out = tmp_path / "out"
    asked(
        runs / "gan",
        "--operator",
        "pool(2)",
        "--image",
        image,
        "--draws",
        1,
        "--method",
        "pulse",
        "--set",
        "steps=3",
        "--out",
        out,
    )
    record = json.loads((out / "posterior.json").read_text())
    assert (record["rows"], record["exactness"]) == (1, "point")
    asked(runs / "mixture", "--operator", "blur(1)", "--own", "--rows", 2, "--method", "closed", "--out", out)
    assert json.loads((out / "posterior.json").read_text())["own"]


def test_what_fits_is_listed(runs):
    said = asked(runs / "gan", "--operator", "half", "--list")
    assert "latent" in said
    assert "denoiser" in said


def test_what_cannot_be_solved_is_refused(runs):
    cases = {
        (runs / "moons", "--operator", "mask(0.5)"): "runs of images",
        (runs / "gan", "--operator", "smudge(2)"): "an operator must be one of",
        (runs / "gan", "--operator", "pool(3)"): "divisor",
        (runs / "gan", "--operator", "pool"): "pool(4)",
        (runs / "gan", "--operator", "half", "--noise", "0"): "exact()",
        (runs / "gan", "--operator", "half", "--noise", "loud"): "a channel must be",
        (runs / "gan", "--operator", "half", "--method", "mmps"): "no denoiser",
    }
    for words, said in cases.items():
        found = CliRunner().invoke(app, ["solve", *map(str, words)])
        assert found.exit_code != 0, words
        assert said in found.output.lower().replace("\n", " "), found.output
