"""`genzoo complete`: the rest of pictures and of rows, and what it refuses."""

import csv

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
    masked = tiny | {"net": "mlp"}
    train("masked_diffusion", "digits", given="label", settings=masked, steps=1, out=folder / "masked", device="cpu")
    train("image_gpt", "digits", settings=tiny | {"colors": 3}, steps=10, out=folder / "colors", device="cpu")
    train("vae", "digits", settings={"hidden": 4, "latent": 2}, steps=1, out=folder / "vae", device="cpu")
    train("vq_vae", "digits", settings={"codes": 8}, steps=1, out=folder / "codes", device="cpu")
    train("bigram", "verse", steps=1, out=folder / "verse", device="cpu")
    rows = torch.randn(200, 2)
    lines = [f"{a:.4f},{a + 0.1 * b:.4f},{b:.4f}\n" for a, b in rows.tolist()]
    (folder / "table.csv").write_text("first,the-sum,last\n" + "".join(lines))
    train("gaussian", folder / "table.csv", out=folder / "table", device="cpu")
    people = [f"{'red' if a > 0 else 'blue'},{round(10 * b)},{a:.4f}\n" for a, b in rows.tolist()]
    (folder / "people.csv").write_text("color,count,size\n" + "".join(people))
    train("mixture_table", folder / "people.csv", settings={"components": 4}, out=folder / "people", device="cpu")
    (folder / "plane.csv").write_text("wide,high\n" + "".join(f"{a:.4f},{b:.4f}\n" for a, b in rows.tolist()))
    train("gaussian", folder / "plane.csv", out=folder / "plane", device="cpu")
    bright = (read("digits").test.x[:2, 0].float() * 255 / 16).round().to(torch.uint8)
    for i, x in enumerate(bright):
        Image.fromarray(x.numpy()).save(folder / f"{i}.png")
    Image.new("L", (5, 5)).save(folder / "small.png")
    return folder


def asked(*words: object):
    return CliRunner().invoke(app, ["complete", *map(str, words)])


@pytest.mark.parametrize("run", ["pixels", "masked"])
def test_the_upper_part_is_kept_and_the_rest_is_drawn(folder, tmp_path, run):
    out, pictures = tmp_path / "made.png", ["--image", folder / "0.png", "--image", folder / "1.png"]
    found = asked(folder / run, *pictures, "-n", 3, "--keep", 0.5, "--given", "label=3,4", "--out", out)
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
        ("codes", "0.png", "order of pixels"),
        ("verse", "0.png", "runs of images"),
        ("pixels", "small.png", "must be 1×8×8"),
    ],
)
def test_what_cannot_be_completed_is_refused(folder, run, picture, said):
    found = asked(folder / run, "--image", folder / picture)
    assert found.exit_code != 0
    assert said in " ".join(found.output.split())


def test_columns_are_drawn_given_others(folder, tmp_path):
    out = tmp_path / "rows.csv"
    found = asked(folder / "table", "--known", "the-sum=2", "-n", 50, "--out", out)
    assert found.exit_code == 0, found.output
    assert "exact draws" in found.output
    with out.open() as file:
        rows = [list(map(float, row)) for row in list(csv.reader(file))[1:]]
    assert len(rows) == 50
    assert all(row[1] == 2 and abs(row[0] + 0.1 * row[2] - 2) < 0.1 for row in rows)


def test_columns_of_words_are_known_and_drawn_as_words(folder, tmp_path):
    out = tmp_path / "rows.csv"
    found = asked(folder / "people", "--known", "color=red", "--known", "count=3", "-n", 20, "--out", out)
    assert found.exit_code == 0, found.output
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert {(row["color"], row["count"]) for row in rows} == {("red", "3")}
    assert len({row["size"] for row in rows}) > 10
    found = asked(folder / "people", "--known", "size=2.5", "-n", 20, "--seed", 0, "--out", out)
    drawn = [row["color"] for row in csv.DictReader(out.read_text().splitlines())]
    most = max(map(drawn.count, drawn))
    told = {f"{word} ({most / len(drawn):.0%})" for word in drawn if drawn.count(word) == most}
    assert any(words in found.output.splitlines()[1] for words in told)  # where numbers have quantiles


def test_of_a_table_of_two_columns_one_is_drawn(folder, tmp_path):
    found = asked(folder / "plane", "--known", "high=1.5", "-n", 5, "--out", tmp_path / "rows.csv")
    assert found.exit_code == 0, found.output
    assert {row["high"] for row in csv.DictReader((tmp_path / "rows.csv").read_text().splitlines())} == {
        "1.5000"
    }  # as the data are written


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["table"], "Either pictures or columns"),
        (["table", "--known", "middle=2"], "no column 'middle'"),
        (["table", "--known", "last=high"], "'high'"),
        (["people", "--known", "color=rad"], "Did you mean 'red'?"),
        (["people", "--known", "count=1", "--known", "color=red", "--known", "size=0.5"], "some not"),
        (["pixels", "--known", "last=2"], "those of tables"),
    ],
)
def test_what_is_known_of_a_row_must_be_numbers_of_its_columns(folder, words, said):
    found = asked(folder / words[0], *words[1:])
    assert found.exit_code != 0
    assert said in " ".join(found.output.split())
