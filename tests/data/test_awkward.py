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
    assert read(path).codec.columns == ("temp", "room", "at.x")


def test_an_array_of_json_is_a_table(tmp_path: Path) -> None:
    rows = [{"temp": 20 + i / 7, "room": "ab"[i % 2], "at": {"x": i % 3, "y": None}, "tags": [i]} for i in range(30)]
    rows[4] = {"room": None, "at": None}
    path = tmp_path / "t.json"
    for text in (json.dumps(rows), json.dumps(rows, indent=1), "\n".join(map(json.dumps, rows))):
        path.write_text(text)
        data = read(path, missing="drop", x="temp,room,at.x")
        assert (data.codec.columns, len(data)) == (("temp", "room", "at.x"), 29)
        assert "left out fields that hold lists: 'tags'" in data.notes
    path.write_text(json.dumps([*rows, 3]))
    with pytest.raises(DataError, match=r"t\.json must hold JSON objects, .*got 1 .*\nitem 31: not an object but int"):
        read(path)
    path.write_text('[{"a": 1.5}, {"a": 2.5}')
    with pytest.raises(DataError, match=r"must hold JSON objects, one in each line or all in one array, got 1"):
        read(path)
    path.write_text('[{"text": "one"}, {"text": "two"}]')
    assert read(path).codec.texts(read(path).x) == ["one", "two"]


def test_json_beside_a_table_describes_it(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text("{}")
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{i / 3},{i / 7}\n" for i in range(9)))
    assert len(read(tmp_path)) == 9


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


def test_arrays_of_other_types_are_numbers_or_say_what_to_do() -> None:
    x = np.arange(60.0).reshape(20, 3) / 7
    for kind in (object, np.longdouble):
        assert read(x.astype(kind)).x.equal(read(x).x)
    for odd in (x.astype("U5"), x.astype("datetime64[D]"), np.array([["a", 1.5]] * 20, dtype=object)):
        with pytest.raises(DataError, match=r"must hold numbers, got .*read from a frame or from a list of mappings"):
            read(odd)
