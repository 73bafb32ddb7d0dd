"""`genzoo complete`: the rest of pictures, and what it refuses."""

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from genzoo import read, train
from genzoo.apps.cli.root import app


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("complete")
    tiny = {"width": 4, "depth": 1}
    train("pixelcnn", "digits", given="label", settings=tiny, steps=1, out=folder / "pixels", device="cpu")
    train("image_gpt", "digits", settings=tiny | {"colors": 3}, steps=10, out=folder / "colors", device="cpu")
    train("vae", "digits", settings={"hidden": 4, "latent": 2}, steps=1, out=folder / "vae", device="cpu")
    train("bigram", "verse", steps=1, out=folder / "verse", device="cpu")
    bright = (read("digits").test.x[:2, 0].float() * 255 / 16).round().to(torch.uint8)
    for i, x in enumerate(bright):
        Image.fromarray(x.numpy()).save(folder / f"{i}.png")
    Image.new("L", (5, 5)).save(folder / "small.png")
    return folder


def asked(*words: object):
    return CliRunner().invoke(app, ["complete", *map(str, words)])


def test_the_upper_part_is_kept_and_the_rest_is_drawn(folder, tmp_path):
    out, pictures = tmp_path / "made.png", ["--image", folder / "0.png", "--image", folder / "1.png"]
    found = asked(folder / "pixels", *pictures, "-n", 3, "--keep", 0.5, "--given", "label=3,4", "--out", out)
    assert found.exit_code == 0, found.output
    assert "3 completions of 2 pictures, 50% of each kept" in found.output
    with Image.open(out) as picture:
        assert picture.size == (5 * 34 + 2, 2 * 34 + 2)  # of digits four times enlarged, with gaps of two
        columns = [picture.crop((2 + 34 * i, 2, 2 + 34 * i + 32, 34)).convert("L") for i in range(5)]
    upper = [column.crop((0, 0, 32, 16)).tobytes() for column in columns]
    lower = [column.crop((0, 16, 32, 32)).tobytes() for column in columns]
    assert len(set(upper)) == 1
    assert len(set(lower)) >= 4
    assert set(lower[1]) == {127}


@pytest.mark.parametrize(
    ("run", "picture", "said"),
    [
        ("vae", "0.png", "order of pixels"),
        ("verse", "0.png", "runs of images"),
        ("pixels", "small.png", "must be 1×8×8"),
    ],
)
def test_what_cannot_be_completed_is_refused(folder, run, picture, said):
    found = asked(folder / run, "--image", folder / picture)
    assert found.exit_code != 0
    assert said in " ".join(found.output.split())
