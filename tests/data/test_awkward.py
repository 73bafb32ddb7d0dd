"""Files as people have them: of spreadsheets, of lines of JSON, of arrays of numbers that are no reals."""

import json
from pathlib import Path

import numpy as np
import pytest

from genzoo.data import DataError, read


def test_unicode_text_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("Größe\tStadt\n1,5\tKöln\n2,25\tMünchen\n", encoding="utf-16")
    data = read(path)
    assert data.codec.columns == ("Größe", "Stadt")
    assert data.codec.cells(data.x)["Größe"] == ["1,50", "2,25"]
    path.write_text("Größe;Stadt\n1,5;Köln\n", encoding="cp1252")
    with pytest.raises(DataError, match="CSV file in UTF-8.*in Excel: CSV UTF-8"):
        read(path)


def test_a_comma_behind_every_line_makes_no_column(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,ok,\n" + "".join(f"{i / 3},{i % 2 == 0},\n" for i in range(9)))
    data = read(path)
    assert data.codec.columns == ("a", "ok")
    assert "the column without a name is empty: it is left out" in data.notes


def test_lines_of_json_are_a_table_where_fields_are_numbers_or_several(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    rows = [{"temp": 20 + i / 7, "room": "ab"[i % 2], "at": {"x": 1}} for i in range(30)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = read(path, x=["temp", "room"])
    assert (data.codec.columns, data.codec.words) == (("temp", "room"), {"room": ["a", "b"]})
    assert read(path, x="temp", given="room").space.levels is None


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", np.ones((5, 2), np.complex64))
    with pytest.raises(DataError, match=r"real numbers, got complex64\. .*x\.real, x\.imag"):
        read(tmp_path / "c.npy")


def test_names_of_columns_may_have_commas_between(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n" + "".join(f"{i / 3},{i / 7},{i % 2}\n" for i in range(9)))
    assert read(path, x="a, b", given="c").codec.columns == ("a", "b")
    with pytest.raises(DataError, match="got 'a,d'"):
        read(path, x="a,d")
