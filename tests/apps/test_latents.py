"""`genzoo latent`: pictures of a tiny run, and what it refuses."""

import pytest
from PIL import Image
from typer.testing import CliRunner

from genzoo import train
from genzoo.apps.cli.root import app


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    tiny = {"width": 2, "most": 4, "latent": 4, "style": 4}
    train("stylegan", "digits", given="label", settings=tiny, steps=2, out=folder / "style", device="cpu")
    train("gan", "moons", settings={"hidden": 4}, steps=1, out=folder / "moons", device="cpu")
    train("gan", "digits", settings={"hidden": 4, "latent": 4}, steps=1, out=folder / "gan", device="cpu")
    return folder


def asked(*words: object) -> str:
    found = CliRunner().invoke(app, ["latent", *map(str, words)])
    assert found.exit_code == 0, found.output
    return found.output


def opened(path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def size(columns: int, lines: int) -> tuple[int, int]:
    """Of a picture of digits: eight pixels four times enlarged, and gaps of two."""
    return columns * 34 + 2, lines * 34 + 2


def test_every_command_makes_its_picture(runs, tmp_path):
    style, out = runs / "style", tmp_path / "made.png"
    cases = {
        ("walk", "-n", 3, "--steps", 4, "--given", "label=1,2"): (4, 2),
        ("mix", "-n", 2, "--given", "label=3"): (3, 3),
        ("truncate", "-n", 3, "--values", "0,1", "--given", "label=3"): (3, 2),
        ("arithmetic", "--plus", "1,2", "--minus", "0", "--plus", 3): (4, 1),
        ("direction", "--of", "mean(x)", "-n", 2): (7, 2),
        ("traverse", "-n", 3, "--steps", 5, "--given", "label=3"): (5, 3),
        ("manifold", "-n", 4, "--entries", "2,0", "--given", "label=3"): (4, 4),
    }
    for (command, *words), shape in cases.items():
        asked(command, style, *words, "--out", out)
        assert opened(out) == size(*shape), command
    asked("truncate", runs / "gan", "-n", 2, "--values", "0.5,1,2", "--out", out)
    assert opened(out) == size(2, 3)


def test_a_picture_is_looked_for(runs, tmp_path):
    image = tmp_path / "eight.png"
    Image.new("L", (8, 8), 255).save(image)
    said = asked(
        "invert", runs / "style", "--image", image, "--image", image, "--steps", 2, "--out", tmp_path / "x.png"
    )
    assert "eight.png: " in said
    assert opened(tmp_path / "x.png") == size(2, 2)


def test_what_cannot_be_walked_in_is_refused(runs, tmp_path):
    Image.new("L", (9, 8)).save(tmp_path / "large.png")
    cases = {
        ("walk", runs / "moons"): "runs of images",
        ("mix", runs / "gan"): "train stylegan",
        ("arithmetic", runs / "gan", "--plus", "a"): "with commas",
        ("manifold", runs / "gan", "--entries", "1"): "two entries",
        ("manifold", runs / "gan", "--entries", "1,9"): "in [0, 4)",
        ("invert", runs / "style", "--image", tmp_path / "large.png"): "must be 1×8×8",
        ("direction", runs / "gan", "--of", "mean(y)"): "y",
    }
    for words, said in cases.items():
        found = CliRunner().invoke(app, ["latent", *map(str, words)])
        assert found.exit_code != 0
        assert said.lower() in found.output.lower(), found.output
