"""`genzoo data check`, and the options that say how data are read."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from genzoo.apps.cli import app
from genzoo.apps.cli.words import READ
from genzoo.data.source import Asked
from genzoo.zoo.store import read_config


@pytest.fixture
def pictures(tmp_path):
    """Twelve pictures of two sizes in two folders, and two that cannot be read."""
    draw = np.random.default_rng(0)
    for i in range(12):
        folder = tmp_path / "pictures" / ("cat", "dog")[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        side = 8 + i % 3
        Image.fromarray(draw.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    (tmp_path / "pictures/cat/broken.png").write_bytes(b"\x89PNG\r\n")
    (tmp_path / "pictures/dog/empty.png").write_bytes(b"")
    return tmp_path / "pictures"


@pytest.fixture
def subjects(tmp_path):
    """Sixty rows of twelve subjects."""
    rows = "".join(f"s{i % 12},{i}.5\n" for i in range(60))
    (tmp_path / "t.csv").write_text("subject,v\n" + rows)
    return tmp_path / "t.csv"


def test_every_option_of_reading_is_listed():
    known = {field.name for field in dataclasses.fields(Asked)} - {"given", "x"}
    assert {name for names in READ.values() for name in names.split(", ")} == known
    listed = json.loads(said("show", "read", "--json").stdout)
    assert {option["option"] for option in listed} == known
    assert all(option["meaning"].endswith(".") for option in listed)
    assert "missing" in said("show", "read").stdout


def test_a_group_is_named_by_an_option_of_its_own(subjects, tmp_path):
    found = said("data", "check", subjects, "--group", "subject", "--json")
    assert [column["column"] for column in json.loads(found.stdout)["columns"]] == ["v"]
    words = ("gaussian", "--data", subjects, "--group", "subject", "--steps", 1, "--out", tmp_path / "run")
    assert said("train", *words).exit_code == 0
    assert read_config(tmp_path / "run").data.origin["group"] == "subject"
    assert "subject" in said("data", "check", subjects, "--group", "subjec").output


def said(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_check_tells_what_was_understood_and_what_cannot_be_read(pictures):
    result = said("data", "check", pictures, "--given", "label", "--size", 6, "--color", "grey", "--json")
    report = json.loads(result.stdout[: result.stdout.rindex("}") + 1])
    assert result.exit_code == 1, "what cannot be read is worth an exit code"
    assert report["bad"] == 2
    assert sorted(reason.split(".png")[0] for reason in report["skipped"]) == ["cat/broken", "dog/empty"]
    assert report["facts"]["one x"] == "1×6×6 integers in [0, 256)"
    assert "6 of cat" in report["facts"]["given"]


def test_check_of_good_data_exits_well_and_counts_columns():
    result = said("data", "check", "digits", "--given", "label")
    assert result.exit_code == 0
    assert "1,797 (train 1,469" in result.stdout


def test_bad_files_stop_a_training_before_it_begins_unless_they_are_skipped(pictures, tmp_path):
    words = [
        "train",
        "vae",
        "--data",
        pictures,
        "--size",
        6,
        "--color",
        "grey",
        "--steps",
        1,
        "--out",
        tmp_path / "run",
    ]
    refused = said(*words)
    assert refused.exit_code == 2
    assert "2 of 14 images cannot be read" in refused.stderr
    assert not (tmp_path / "run").exists()
    assert said(*words, "--skip-bad").exit_code == 0
    origin = read_config(tmp_path / "run").data.origin
    assert origin["size"] == 6
    assert origin["skip_bad"] is True


def test_options_of_the_reader_are_taken_by_name_and_typos_told(tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n" + "\n".join(f"{i},{'' if i == 3 else i % 5}" for i in range(40)))
    missing = said("data", "check", tmp_path / "table.csv")
    assert missing.exit_code == 2
    assert "'b' 1" in missing.stderr
    mended = said("data", "check", tmp_path / "table.csv", "--read", "missing=drop")
    assert mended.exit_code == 0
    assert "2 integer" in mended.stdout
    typo = said("data", "check", tmp_path / "table.csv", "--read", "mising=drop")
    assert typo.exit_code == 2
    assert "missing" in typo.stderr


def test_size_may_be_said_either_way(pictures):
    words = ["data", "check", pictures, "--color", "rgb", "--json"]
    reports = [said(*words, *way).stdout for way in (["--size", 6], ["--read", "size=6"])]
    assert reports[0] == reports[1]
    assert "3×6×6 integers" in reports[0]
