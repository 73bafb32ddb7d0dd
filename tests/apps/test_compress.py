"""`genzoo compress` and `genzoo decompress`: what they say."""

import json

import pytest
from typer.testing import CliRunner

from genzoo import read, train
from genzoo.apps.cli.root import app
from genzoo.evaluation.likelihood import dims_of
from genzoo.zoo.compression import compress
from genzoo.zoo.loading import load


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("compress")
    train("pixelcnn", "digits", settings={"width": 4, "depth": 1}, steps=1, out=home / "run", device="cpu")
    load(home / "run").codec.save_each(read("digits").test.x[:9], home / "digits")
    return home


def asked(*words: object):
    found = CliRunner().invoke(app, [*map(str, words)])
    return found, " ".join(found.output.split())


def test_it_goes_there_and_back_and_says_how_few_bytes(home, tmp_path):
    found, said = asked("compress", home / "run", home / "digits", "-o", tmp_path / "d.gz0")
    assert found.exit_code == 0, said
    assert "9 files," in said
    assert "bits an entry" in said
    assert "All files come back byte for byte." in said
    found, said = asked("decompress", home / "run", tmp_path / "d.gz0", "-o", tmp_path / "again", "--json")
    assert found.exit_code == 0, said
    assert json.loads(found.stdout)["files"] == 9
    assert (tmp_path / "again" / "3.png").read_bytes() == (home / "digits" / "3.png").read_bytes()


def test_of_lines_of_unlike_lengths_padding_is_no_entry(tmp_path):
    lines = ["ab", "abc", "b", "cab" * 4] * 30
    (tmp_path / "lines.txt").write_text("\n".join(lines) + "\n")
    run = train("bigram", tmp_path / "lines.txt", out=tmp_path / "run", device="cpu")
    report = compress(run, [tmp_path / "lines.txt"], tmp_path / "l.gz0")
    assert report.entries == int(dims_of(run.codec.load(tmp_path / "lines.txt"), run.generative.space).sum())
    assert report.entries < 2 * sum(len(line) + 1 for line in lines)


def test_a_width_is_of_lossy_ways(home, tmp_path):
    found, said = asked("compress", home / "run", home / "digits", "-o", tmp_path / "d.gz0", "--width", 0.5)
    assert found.exit_code == 2
    assert "Add --lossy." in said


def test_what_is_read_is_not_written_over(home):
    one = home / "digits" / "3.png"
    was = one.read_bytes()
    found, said = asked("compress", home / "run", one, "-o", one)
    assert found.exit_code == 2
    assert "another file than the one that is read" in said
    assert one.read_bytes() == was
