"""Tables as people have them: columns that say nothing, ids, prices, exceptions, very many kinds, hardly a row."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

import genzoo
from genzoo.apps.cli import app
from genzoo.core.errors import DataError
from genzoo.zoo import Mistake


def table(path: Path, **columns: object) -> Path:
    """A CSV of an age, a kind, and other columns, each a function of the number of a row."""
    ages = [f"{20 + i * 7 % 40},{'red' if i % 3 else 'blue'}" for i in range(120)]
    rows = [",".join([age, *(str(make(i)) for make in columns.values())]) for i, age in enumerate(ages)]
    path.write_text("\n".join([",".join(["age", "kind", *columns]), *rows]) + "\n")
    return path


def notes(path: Path, **asked: object) -> str:
    return "\n".join(genzoo.read(path, **asked).notes)


def test_columns_that_say_nothing_are_named(tmp_path: Path) -> None:
    told = notes(table(tmp_path / "same.csv", same=lambda i: "x", one=lambda i: 5))
    assert "'same' holds one value in all rows: leave it out" in told
    assert "'one' holds one value" in told
    empty = table(tmp_path / "empty.csv", nothing=lambda i: "")
    for policy in ("error", "drop", "keep"):
        with pytest.raises(DataError, match="got none in 'nothing'. Leave it out: .*--read x=age,kind."):
            genzoo.read(empty, missing=policy)
    assert genzoo.read(empty, x=["age", "kind"]).space.dims == 2


def test_ids_are_named(tmp_path: Path) -> None:
    path = table(tmp_path / "ids.csv", id=lambda i: f"u{i:05d}", code=lambda i: 10**6 + 7 * (i * 53 % 120))
    told = notes(path)
    assert "'id' names its rows, none twice: leave it out" in told
    assert "'code' holds whole numbers, none twice: if they are ids, leave it out" in told
    assert "'age'" not in told


def test_a_date_in_every_row_is_told_as_one(tmp_path: Path) -> None:
    path = table(tmp_path / "days.csv", day=lambda i: f"2024-{1 + i // 28:02d}-{1 + i % 28:02d}")
    assert "'day' has another date in every row" in notes(path)


def test_an_exception_among_numbers_says_three_ways_out(tmp_path: Path) -> None:
    path = table(tmp_path / "mixed.csv", size=lambda i: "n/k" if i % 10 == 0 else i / 7)
    with pytest.raises(
        DataError, match=r"'size' must hold finite numbers, got 'n/k' in row 1.*na=….*kinds=size:categorical"
    ):
        genzoo.read(path)
    assert genzoo.read(path, kinds="size:categorical").space.columns[2].kind == "categorical"
    assert genzoo.read(path, na="n/k", missing="keep").x[:, 2].isnan().sum() == 12
    assert len(genzoo.read(path, skip_bad=True)) == 108


def test_prices_and_dates_are_numbers_that_come_back_as_they_were(tmp_path: Path) -> None:
    path = table(
        tmp_path / "money.csv", pay=lambda i: f'"${1000 + i:,}.50"', day=lambda i: f"2024-03-{1 + i % 28:02d}"
    )
    genzoo.train("mixture_table", path, out=tmp_path / "run", steps=2, device="cpu")
    done = CliRunner().invoke(app, ["sample", str(tmp_path / "run"), "-n", "5", "--out", str(tmp_path / "rows.csv")])
    assert done.exit_code == 0, done.output
    row = (tmp_path / "rows.csv").read_text().splitlines()[1]
    assert row.count("$") == 1
    assert "2024-" in row


def test_very_many_kinds_are_taken_where_they_are_meant(tmp_path: Path) -> None:
    lines = [f"{i % 50},Z{i * 37 % 10_000:04d}" for i in range(10_000)]
    (tmp_path / "zip.csv").write_text("\n".join(["age,zip", *lines]) + "\n")
    with pytest.raises(DataError, match=r"at most 1000 different words, got 10,000.*kinds='zip:categorical'"):
        genzoo.read(tmp_path / "zip.csv")
    assert genzoo.read(tmp_path / "zip.csv", kinds="zip:categorical").space.columns[1].levels == 10_000


def test_one_row_is_no_table_to_learn_from(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("age,kind,w\n3,red,2.5\n")
    with pytest.raises(Mistake, match="at least 2 training rows, or nothing tells what differs, got 1"):
        genzoo.train("mixture_table", tmp_path / "one.csv", out=tmp_path / "run", steps=1, device="cpu")


def test_words_that_training_lacked_are_refused_or_missing(tmp_path: Path) -> None:
    genzoo.train("mixture_table", table(tmp_path / "known.csv"), out=tmp_path / "run", steps=2, device="cpu")
    (tmp_path / "new.csv").write_text("age,kind\n30,green\n30,red\n30,blue\n")

    def scored(*words: str) -> str:
        done = CliRunner().invoke(app, ["score", str(tmp_path / "run"), "--data", str(tmp_path / "new.csv"), *words])
        return done.output

    assert "'kind' must hold words that the run knows, got 'green'" in scored("--out", str(tmp_path / "s.csv"))
    told = scored("--unseen", "missing", "--out", str(tmp_path / "s.csv"))
    assert "3 of 3 rows" in told, told
    new, red, blue = (float(line.split(",")[1]) for line in (tmp_path / "s.csv").read_text().splitlines()[1:])
    assert new > max(red, blue)  # the mass of the age alone, whatever the kind
    assert "no way of unseen words" in scored("--unseen", "maybe")
