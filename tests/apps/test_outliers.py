"""Strange rows of a file, from the command line."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import genzoo
from genzoo.core import Noise
from tests.apps.test_impute import command


def lines(n: int, seed: int = 0) -> list[str]:
    z = Noise(seed).normal(n, 3).tolist()
    return [f"{40 + 12 * a:.0f},{'MF'[b > 0]},{1000 + 20 * a + 5 * c:.2f}" for a, b, c in z]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    (home / "table.csv").write_text("\n".join(["age,sex,pay", *lines(1500)]) + "\n")
    genzoo.train("mixture_table", home / "table.csv", out=home / "run", steps=12, device="cpu")
    genzoo.train("ppca", "digits", out=home / "digits", steps=1, device="cpu")
    return home


def test_a_file_comes_back_with_what_is_strange_beside_it(home: Path, tmp_path: Path) -> None:
    """An old person's pay goes with the age: 1100 is usual, and not at the age of 20."""
    cells = [line.split(",") for line in lines(80, 1)]
    asked = ["id;pay;age;sex", *(f"{i};{c};{a};{s}" for i, (a, s, c) in enumerate(cells))]
    (tmp_path / "new.csv").write_text(
        "\r\n".join([*asked, "a;1060.00;4;F", 'b;"990.00";;M', "c;960.00;80;M"]) + "\r\n"
    )
    told = command("outliers", home / "run", "--data", tmp_path / "new.csv", "--fdr", 0.3, "--out", tmp_path / "s.csv")
    assert "83 rows, " in told
    assert "calibration rows, auto, by likelihood, neighborhood" in told
    text = (tmp_path / "s.csv").read_bytes().decode()
    assert text.startswith("id;pay;age;sex;score;p;flagged;strange\r\n")
    assert 'b;"990.00";;M;' in text
    rows = list(csv.DictReader(text.splitlines(), delimiter=";"))
    assert [row["flagged"] for row in rows[-3:]] == ["yes", "no", "yes"]
    assert sum(row["flagged"] == "yes" for row in rows) <= 6
    assert float(rows[-1]["p"]) < 0.02 < float(rows[-2]["p"])
    assert "age=4 (usually " in rows[-3]["strange"] or "pay=1060.00 (usually " in rows[-3]["strange"]


def test_rows_that_are_no_table_are_numbered(home: Path, tmp_path: Path) -> None:
    told = command("outliers", home / "digits", "--out", tmp_path / "d.csv", "--method", "typicality")
    rows = list(csv.DictReader((tmp_path / "d.csv").read_text().splitlines()))
    assert list(rows[0]) == ["row", "score", "p"]
    assert f"{len(rows)} rows, " in told
    assert sum(float(row["p"]) <= 0.2 for row in rows) / len(rows) == pytest.approx(0.2, abs=0.12)
    assert "where they are strange, in red" in told
    with Image.open(tmp_path / "d.png") as heat:
        red, green, _ = (np.asarray(part).astype(int) for part in heat.split())
    top, below = np.array_split(red - green, 2)
    assert (top == 0).all()
    assert 0.01 < (below > 60).mean() < 0.5
    listed = command("outliers", home / "digits", "--list")
    assert "it does not denoise" in listed
    assert "auto" in listed


def test_bad_input_says_what_to_do(home: Path, tmp_path: Path) -> None:
    (tmp_path / "word.csv").write_text("age,sex,pay\n30,X,1000.00\n")
    told = command("outliers", home / "run", "--data", tmp_path / "word.csv", fails=True)
    assert "'sex'" in told
    assert "'X'" in told
    (tmp_path / "word.csv").write_text("age,sex,pay\n30,X,1000.00\n40,M,1000.00\n31,,990.00\n")
    told = command("outliers", home / "run", "--data", tmp_path / "word.csv", "--unseen", "missing", "--fdr", 0.1)
    assert "sex=X (never seen)" in told
    rows = list(csv.DictReader((home / "run" / "outliers-word.csv").read_text().splitlines()))
    assert [float(row["p"]) < 0.02 for row in rows] == [True, False, False]
    told = command("outliers", home / "run", "--method", "zlib", fails=True)
    assert "there is no zlib" in told
    assert "Of those that do: auto" in told
    (tmp_path / "cents.csv").write_text("age,sex,pay\n" + "\n".join(f"30,M,{100000 + i}.00" for i in range(40)) + "\n")
    told = command("outliers", home / "run", "--data", tmp_path / "cents.csv", "--out", tmp_path / "x.csv")
    assert "column pay is" in told
    assert "are its units others?" in told
