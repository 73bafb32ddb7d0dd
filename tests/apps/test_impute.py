"""Holes of tables filled, and rows in which something holds, from the command line."""

import csv
import json
from pathlib import Path

import pandas
import pytest
from typer.testing import CliRunner

import genzoo
from genzoo.apps.cli import app
from genzoo.core import Noise

HEAD = "id,age,city,day,price"


def command(*words: object, fails: bool = False) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    assert (done.exit_code != 0) == fails, done.output
    return done.output


def cells(n: int) -> list[str]:
    z = Noise(0).normal(n, 3).tolist()
    cities = ["Bern", '"Wil, SG"', "Chur"]
    return [
        f"{round(40 + 12 * a)},{cities[(a > 0.5) + (b > 0.8)]},2024-0{1 + i % 9}-{10 + i % 19},{20 + 5 * a + c:.2f}"
        for i, (a, b, c) in enumerate(z)
    ]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    (home / "table.csv").write_text("\n".join([HEAD.removeprefix("id,"), *cells(400)]) + "\n")
    settings = {"covariance": "diag", "components": 3}
    genzoo.train("gaussian_mixture", home / "table.csv", out=home / "run", settings=settings, steps=12, device="cpu")
    genzoo.train("gaussian", home / "table.csv", given="city", out=home / "given", steps=1, device="cpu")
    genzoo.train("kde", genzoo.read(home / "table.csv", x=["age", "price"]), out=home / "kde", steps=1, device="cpu")
    return home


HOLES = (
    "\ufeffage;id;day;\"price\";city;note\r\n"
    'NA;1;2024-03-11;"21.50";Bern;"a; ""b"""\r\n'
    "40;2; ;;\"Wil, SG\";\r\n"
    "\r\n"
    '"38";3;2024-05-12;19.00;?; kept \r\n'
    "39;4;2024-05-13;18.5;Chur;end"
)  # fmt: skip


def test_what_is_there_stays_byte_for_byte(home: Path, tmp_path: Path) -> None:
    holes = tmp_path / "holes.csv"
    holes.write_bytes(HOLES.encode())
    told = command("impute", home / "run", "--data", holes, "--out", tmp_path / "filled.csv", "-n", 2)
    assert "4 cells of 4 rows filled" in told
    draws = [(tmp_path / f"filled-{k}.csv").read_bytes().decode() for k in (1, 2)]
    assert draws[0] != draws[1]
    for draw in draws:
        was, now = HOLES.split("\r\n"), draw.split("\r\n")
        assert len(was) == len(now)
        assert [now[i] for i in (0, 3, 5)] == [was[i] for i in (0, 3, 5)]
        assert now[1].endswith(was[1].removeprefix("NA"))
        assert now[1].split(";")[0].isdigit()
        assert now[2].startswith("40;2; 2024-")
        assert now[2].endswith(';"Wil, SG";')
        assert now[4].startswith('"38";3;2024-05-12;19.00;')
        assert now[4].endswith("; kept ")
        rows = list(csv.reader(now[1:], delimiter=";"))
        assert rows[3][4] in ("Bern", "Wil, SG", "Chur")
        assert len(rows[1][3].split(".")[1]) <= 2  # the data's decimals
    again = tmp_path / "again.csv"
    command("impute", home / "run", "--data", holes, "--out", again, "--seed", 0)
    assert again.read_text(encoding="utf-8") == draws[0].replace("\r\n", "\n")


def test_columns_that_are_not_there_come_last(home: Path, tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("city,other\nBern,1\nChur,2\n")
    told = command("impute", home / "run", "--data", tmp_path / "few.csv", "--out", tmp_path / "all.csv")
    assert "lacks age, day, price" in told
    head, *rows = csv.reader((tmp_path / "all.csv").read_text().splitlines())
    assert head == ["city", "other", "age", "day", "price"]
    assert [row[:2] for row in rows] == [["Bern", "1"], ["Chur", "2"]]
    assert rows[0][3].startswith("2024-")


def test_a_condition_is_read_from_its_column(home: Path, tmp_path: Path) -> None:
    lines = ["city,age,day,price", "Bern,,2024-03-11,20.00", ",40,2024-03-11,", "Chur,,,"]
    (tmp_path / "holes.csv").write_text("\n".join(lines) + "\n")
    told = command("impute", home / "given", "--data", tmp_path / "holes.csv", "--out", tmp_path / "filled.csv")
    rows = list(csv.reader((tmp_path / "filled.csv").read_text().splitlines()))
    assert [row[0] for row in rows] == ["city", "Bern", "", "Chur"]
    assert "5 cells of 3 rows" in told
    assert "1 cells of city stay empty: the run is told it" in told
    told = command(
        "impute", home / "given", "--data", tmp_path / "holes.csv", "--out", tmp_path / "holes.csv", fails=True
    )
    assert "another file than the one that is read" in told
    assert (tmp_path / "holes.csv").read_text() == "\n".join(lines) + "\n"
    assert all(all(row[1:]) for row in rows)


def test_parquet_keeps_its_types(home: Path, tmp_path: Path) -> None:
    frame = pandas.DataFrame(
        {"city": pandas.Categorical(["Bern", None]), "age": pandas.array([40, None], "Int32"), "price": [None, 19.5]}
    )
    frame.to_parquet(tmp_path / "holes.parquet")
    told = command("impute", home / "run", "--data", tmp_path / "holes.parquet", "--out", tmp_path / "f.parquet")
    found = pandas.read_parquet(tmp_path / "f.parquet")
    assert "3 cells" not in told
    assert list(found.columns) == ["city", "age", "price", "day"]
    assert found.dtypes[["city", "age", "price"]].tolist() == frame.dtypes[["city", "age", "price"]].tolist()
    assert found["city"][0] == "Bern"
    assert found["age"][0] == 40
    assert found["price"][1] == 19.5
    assert not found.isna().any().any()


def test_what_cannot_be_filled_says_what_can(home: Path, tmp_path: Path) -> None:
    (tmp_path / "holes.csv").write_text("age,price\n,3\n")
    told = command("impute", home / "kde", "--data", tmp_path / "holes.csv", fails=True)
    assert "got kde" in told
    assert "gaussian_mixture" in told
    (tmp_path / "odd.csv").write_text("city,price\nBasel,3\n")
    assert "'Basel'" in command("impute", home / "run", "--data", tmp_path / "odd.csv", fails=True)
    seen = ("--unseen", "missing", "--out", tmp_path / "seen.csv")
    (tmp_path / "odd.csv").write_text("city,price\nBasel,\n,3\n")
    told = command("impute", home / "run", "--data", tmp_path / "odd.csv", *seen)
    assert "1 cells hold words that training lacked: they stay" in told
    assert "6 cells of 2 rows filled" in told
    first, second = csv.DictReader((tmp_path / "seen.csv").read_text().splitlines())
    assert first["city"] == "Basel"
    assert 0 < float(first["price"]) < 50
    assert second["city"] in ("Bern", "Wil, SG", "Chur")
    told = command("impute", home / "run", "--data", tmp_path / "odd.csv", "--unseen", "maybe", fails=True)
    assert "no way of unseen words" in told
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert "must have some of the columns" in command(
        "impute", home / "run", "--data", tmp_path / "other.csv", fails=True
    )


def test_rows_in_which_something_holds(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "rows.csv"
    where = "age > 55 AND (city = 'Wil, SG' or price >= 23.5)"
    told = command("sample", home / "run", "-n", 50, "--seed", 1, "--where", where, "--out", place)
    assert "(exact)" in told
    frame = pandas.read_csv(place)
    assert list(frame.columns) == ["age", "city", "day", "price"]
    assert len(frame) == 50
    assert ((frame.age > 55) & ((frame.city == "Wil, SG") | (frame.price >= 23.5))).all()
    assert json.loads(place.with_suffix(".json").read_text())["where"] == where
    exact = float(told.split("P(")[1].split(" = ")[1].split(" (")[0])
    told = command("sample", home / "run", "-n", 400, "--where", where + " and age * 1 > 0", "--out", place)
    assert "rows drawn until at least 400 were in it" in told
    about, margin = map(float, told.split(") = ")[-1].split(" (")[0].split(" ± "))
    assert abs(about - exact) < 2 * margin < 0.5 * exact


def test_what_never_holds_is_told(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "no.csv"
    assert "no probability" in command("sample", home / "run", "--where", "age > 500", "--out", place, fails=True)
    told = command("sample", home / "run", "-n", 1, "--where", "age * 1 > 500", "--out", place, fails=True)
    assert "none of" in told
    assert not place.exists()
    assert "must be a statement" in command("sample", home / "run", "--where", "age + 1", "--out", place, fails=True)


def test_a_table_is_drawn_into_parquet_with_the_types_that_it_came_in(tmp_path: Path) -> None:
    z = Noise(1).normal(200, 2)
    frame = pandas.DataFrame(
        {
            "count": pandas.array((5 + 2 * z[:, 0]).round().int().tolist(), "int16"),
            "kind": pandas.Categorical(["a" if a > 0 else "b" for a in z[:, 1].tolist()]),
            "is_new": (z[:, 0] > 0.3).tolist(),
            "size": z[:, 1].double().numpy().round(3),
        }
    )
    frame.to_parquet(tmp_path / "table.parquet")
    genzoo.train("gaussian", tmp_path / "table.parquet", out=tmp_path / "run", steps=1, device="cpu")
    command("sample", tmp_path / "run", "-n", 30, "--out", tmp_path / "rows.parquet")
    found = pandas.read_parquet(tmp_path / "rows.parquet")
    assert found.dtypes.tolist() == frame.dtypes.tolist()
    assert list(found.columns) == list(frame.columns)
    assert set(found["kind"]) == {"a", "b"}
    assert found["is_new"].any()
    assert (found["size"].round(3) == found["size"]).all()
