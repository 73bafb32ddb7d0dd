"""`genzoo solve`: pictures of a tiny run, what is told of them, and what it refuses."""

import json

import pytest
from PIL import Image
from typer.testing import CliRunner

from genzoo import train
from genzoo.apps.cli import solved, solving
from genzoo.apps.cli.root import app
from genzoo.zoo.receipts import looked_at


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    train("gaussian_mixture", "digits", settings={"components": 2}, steps=1, out=folder / "mixture", device="cpu")
    train("gaussian_mixture", "moons", settings={"components": 2}, steps=1, out=folder / "moons", device="cpu")
    (folder / "words.txt").write_text("abracadabra " * 80)
    train("bigram", folder / "words.txt", steps=1, out=folder / "text", device="cpu")
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
    last = looked_at(sorted((tmp_path / "draws").glob("*.png"))[-1])
    assert last.state == "intact"
    assert (last.receipt.solved["row"], last.receipt.solved["draw"], last.receipt.n) == (2, 1, None)
    for path in (tmp_path / "draws" / "0.png", tmp_path / "wall.png"):
        assert b"compositeWithTrainedAlgorithmicMedia" in path.read_bytes()
    told = CliRunner().invoke(app, ["verify", str(tmp_path / "draws" / "0.png"), "--run", str(runs / "mixture")])
    assert told.exit_code == 0
    assert "mask(0.5)" in told.output


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


def test_what_cannot_be_solved_is_refused(runs, tmp_path):
    Image.new("L", (9, 7)).save(large := tmp_path / "large.png")
    cases = {
        (runs / "gan", "--operator", "half", "--image", large): "got 1×7×9 in",
        (runs / "gan", "--operator", "half", "--data", large): "must be of the run's space",
        (runs / "moons", "--operator", "without(z)"): "no column 'z'",
        (runs / "gan", "--operator", "smudge(2)"): "an operator must be one of",
        (runs / "gan", "--operator", "pool(3)"): "divisor",
        (runs / "gan", "--operator", "pool"): "pool(4)",
        (runs / "gan", "--operator", "half", "--noise", "0"): "in words `exact`",
        (runs / "mixture", "--operator", "jpeg(10)"): "take a model with a latent or a denoiser",
        (runs / "gan", "--operator", "half", "--noise", "loud"): "a channel must be",
        (runs / "gan", "--operator", "half", "--method", "mmps"): "no denoiser",
    }
    for words, said in cases.items():
        found = CliRunner().invoke(app, ["solve", *map(str, words)])
        assert found.exit_code != 0, words
        assert said in found.output.lower().replace("\n", " "), found.output


def test_many_rows_stream_and_go_on(runs, tmp_path, monkeypatch):
    """Killed after the second of three batches, the same command draws the third alone; all is as without the stop."""
    monkeypatch.setattr(solving, "BATCH", 2)
    words = (runs / "mixture", "--operator", "mask(0.5)", "--rows", 6, "--draws", 2, "--method", "closed", "--out")
    asked(*words, tmp_path / "whole")
    added = solved.Written.add

    def killed(self, found, start, n):
        if start == 4:
            raise KeyboardInterrupt
        added(self, found, start, n)

    monkeypatch.setattr(solved.Written, "add", killed)
    assert CliRunner().invoke(app, ["solve", *map(str, words), str(tmp_path / "cut")]).exit_code != 0
    monkeypatch.setattr(solved.Written, "add", added)
    with (tmp_path / "cut" / solved.LINES).open("a") as file:
        file.write('{"rows": 2, "ea')  # a line that was cut
    assert "for 2 draws of 2 rows, 4 being there" in asked(*words, tmp_path / "cut")
    for name in ("posterior.json", "draws/4/3.png", "draws/0/0.png"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert "being there" not in asked(*words[:-1], "--seed", 1, "--out", tmp_path / "cut")


def test_columns_and_letters(runs, tmp_path):
    """Columns are hidden by name, letters by number; the hidden ones alone are drawn."""
    asked(runs / "moons", "--operator", "without(x)", "--rows", 4, "--draws", 2, "--out", tmp_path / "table")
    table = (tmp_path / "table" / "draws" / "1.csv").read_text().splitlines()
    assert (table[0], len(table)) == ("x,y", 5)
    said = asked(runs / "text", "--operator", "without(1,3)", "--rows", 4, "--draws", 1, "--out", tmp_path / "text")
    assert "▒" in said
    record = json.loads((tmp_path / "text" / "posterior.json").read_text())
    assert (record["method"], record["noise"]) == ("ancestral", "exact")
    assert 0 <= record["figures"]["hidden symbols that a draw tells right"]["value"] <= 1


def test_auto_takes_the_heuristic_that_was_calibrated_best(runs, tmp_path):
    said = asked(runs / "mixture", "--operator", "blur(1)", "--rows", 5, "--draws", 4, "--calibrate")
    assert "closed" in said
    kept = json.loads((runs / "mixture" / solved.CALIBRATIONS).read_text())["blur(1), 0.05"]
    assert kept["closed"] > 0
