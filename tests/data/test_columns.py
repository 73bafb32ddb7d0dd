"""What the columns of one's own tables are: words, whole numbers, digits that stay, and what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from genzoo.core import Column, Space
from genzoo.data import Data, DataError, codec_from_json, read
from genzoo.data.check import check


def made(tmp_path: Path, head: str, rows: list[str], **options: object) -> Data:
    (tmp_path / "t.csv").write_text("\n".join([head, *rows]) + "\n")
    return read(tmp_path / "t.csv", **options)


@pytest.mark.parametrize(
    "values",
    [
        [20230623, 20210405, 20201221, 20190727, 20221107],
        [1700000000 + 10 * i for i in range(50)],
        [900000001 + i * i for i in range(50)],
        [-(2**53) + 1, 2**53 - 1],
    ],
)
def test_large_whole_numbers_keep_their_digits(values: list[int], tmp_path: Path) -> None:
    data = made(tmp_path, "n,amount", [f"{n},{i * 1.5}" for i, n in enumerate(values)])
    assert data.x[:, 0].tolist() == values
    assert data.codec.cells(data.x)["n"] == [str(n) for n in values]
    assert data.codec.load(data.codec.save(data.x, tmp_path / "back.csv")).equal(data.x)


@pytest.mark.parametrize(
    "wells",
    [["1_1", "1_2", "2_1", "1_12"], ["1_0", "10", "2_0", "20"], ["١", "٢", "٣", "٤"], ["007", "010", "100", "999"],
     ["1-2", "2-3"], ["0x1", "0x2"]],
)  # fmt: skip
def test_what_only_looks_like_a_number_stays_a_word(wells: list[str], tmp_path: Path) -> None:
    data = made(tmp_path, "well,signal", [f"{wells[i % len(wells)]},{i + 0.5}" for i in range(40)])
    assert data.space.columns[0] == Column("categorical", len(wells))
    data.codec.save(data.x, tmp_path / "back.csv")
    assert (tmp_path / "back.csv").read_text() == (tmp_path / "t.csv").read_text()


def test_too_many_ids_are_refused_with_the_reason(tmp_path: Path) -> None:
    rows = [f"{i:05d},{i}" for i in range(1200)]
    with pytest.raises(DataError, match="leading zeros make words of numbers"):
        made(tmp_path, "id,n", rows)
    assert made(tmp_path, "id,n", rows, kinds="id:integer").x[7, 0] == 7


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["3,5", "10,25", "7"], [3.5, 10.25, 7]),
        (["1,234", "999", "12,345,678"], [1234, 999, 12345678]),
        (["0,125", "1,250"], [0.125, 1.25]),
        (["$5.00", "$1,212.50", "-$3.00"], [5, 1212.5, -3]),
        (["12 %", "7%", "-0.5 %"], [12, 7, -0.5]),
        (["1 234,5", "17"], [1234.5, 17]),
        (["1\u202f234,5 €", "17,0 €"], [1234.5, 17]),
        (["€1.234,50", "€3,00"], [1234.5, 3]),
        (["CHF 1'200", "CHF 80"], [1200, 80]),
        (["5 kg", "12 kg"], [5, 12]),
        (["90°", "-45°"], [90, -45]),
        (["−1.5", "2.25"], [-1.5, 2.25]),
        (["1.5-", "2.25"], [-1.5, 2.25]),
        (["(1,234.50)", "2.25"], [-1234.5, 2.25]),
        (["($3.50)", "$4.00"], [-3.5, 4]),
    ],
)
def test_numbers_in_a_form_of_their_own_are_numbers(cells: list[str], values: list[float], tmp_path: Path) -> None:
    data = made(tmp_path, "price;n", [f"{cell};1.5" for cell in cells])
    assert data.x[:, 0].tolist() == pytest.approx(values)
    assert data.space.columns is None or data.space.columns[0].kind in ("real", "integer")
    assert any("is written as" in note for note in data.notes)
    again = data.codec.load(data.codec.save(data.x, tmp_path / "back.csv"))
    assert torch.equal(again, data.x)
    assert read(tmp_path / "back.csv").x[:, 0].tolist() == pytest.approx(values)
    words = made(tmp_path, "price;n", [f"{cell};1.5" for cell in cells], kinds={"price": "categorical"})
    assert set(words.codec.words["price"]) == set(cells)


def test_marks_and_references_are_words(tmp_path: Path) -> None:
    for cells in (["1-", "2", "2-", "3"], ["(1)", "(2)"]):
        assert made(tmp_path, "mark;n", [f"{cell};1.5" for cell in cells]).codec.words["mark"] == sorted(cells)


def test_forms_are_written_as_they_were_read(tmp_path: Path) -> None:
    data = made(tmp_path, "price;n", ["$5.00;1.5", "-$1,212.50;2.5"])
    assert data.codec.cells(data.x)["price"] == ["$5.00", "-$1,212.50"]
    assert data.codec.cells(torch.tensor([[-0.001, 1.0], [1234.0, 1.0]]))["price"] == ["$0.00", "$1,234.00"]


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["3,5", "1.5"], "with a comma"),
        (["$5.00", "12.50"], r"'\$5.00', with signs.*currency"),
        (["5 kg", "12 lb"], "one unit, got '5 kg' and '12 lb'"),
        (["1.5k", "2M"], "one unit, got '2M' and '1.5k'"),
    ],
)
def test_numbers_of_no_one_form_are_refused(cells: list[str], told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=told):
        made(tmp_path, "price;n", [f"{cell};1.5" for cell in cells])


def test_decimal_commas_are_read_by_option(tmp_path: Path) -> None:
    data = made(tmp_path, "price;n;kind", ["3,5;1,25;a,b", "1.234,5;2;c"], decimal=",")
    assert data.x.tolist() == [[3.5, 1.25, 0], [1234.5, 2, 1]]
    assert made(tmp_path, "price;n", ["1.234;1.5", "5.678;2.5"], decimal=",").x[:, 0].tolist() == [1234, 5678]
    with pytest.raises(DataError, match="`decimal` must be"):
        made(tmp_path, "a", ["1"], decimal=";")


@pytest.mark.parametrize("head", ["Report 2024;;\n\n", "Report, 2024\n", "Sales\nNorth;\n"])
def test_titles_above_a_table_are_left_out(head: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(head + "price;n;kind\n" + "3,5;1;a\n4,5;2;b\n" * 10 + ";;\n")
    data = read(path)
    assert (data.codec.columns, len(data)) == (("price", "n", "kind"), 20)
    assert any("above the table" in note for note in data.notes)


def test_a_header_may_take_two_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("mass,kind\n(kg),\n" + "3.5,a\n4.5,b\n" * 5)
    assert read(path).codec.columns == ("mass (kg)", "kind")
    path.write_text("mass,kind\nheavy,c\n" + "light,a\nlight,b\n" * 5)
    assert read(path).codec.columns == ("mass", "kind"), "words are rows, too"


def test_na_can_be_a_word(tmp_path: Path) -> None:
    rows = [f"{['NA', 'EU', 'AS', ''][i % 4]},{i % 50}" for i in range(200)]
    with pytest.raises(DataError, match="where 'NA' is a value, na=''"):
        made(tmp_path, "continent,n", rows)
    data = made(tmp_path, "continent,n", rows, na="", missing="keep")
    assert data.codec.words["continent"] == ["AS", "EU", "NA"]
    assert int(data.x[:, 0].isnan().sum()) == 50
    assert data.space.columns[0] == Column("categorical", 3, missing=True)
    given = made(tmp_path, "continent,n", rows, na="EU", given="continent", missing="keep")
    assert given.classes == {"": ["AS", "NA"]}
    assert int((given.given < 0).sum()) == 100


@pytest.mark.parametrize("first", [0, 1])
def test_an_unnamed_running_index_is_left_out(first: int, tmp_path: Path) -> None:
    rows = [f"{i + first},{i * 0.5},{i % 7}" for i in range(30)]
    data = made(tmp_path, ",size,n", rows)
    assert data.codec.columns == ("size", "n")
    assert "counts the rows: it is left out" in data.notes[0]
    assert made(tmp_path, ",size,n", rows, x=["index", "n"]).codec.columns == ("index", "n")
    other = made(tmp_path, ",size", [f"{i * i},{i * 0.5}" for i in range(30)])
    assert other.codec.columns == ("c0", "size")
    assert "column 'id' counts the rows" in made(tmp_path, "id,size,n", rows).notes[-1]


def test_kinds_can_be_said(tmp_path: Path) -> None:
    rows = [f"{i % 3},{i % 4},{i % 5}.5" for i in range(40)]
    data = made(tmp_path, "a,b,c", rows, kinds="a:real,b:ordered")
    assert data.space.columns == (Column("real"), Column("ordered", 4), Column("real"))
    assert data.origin["kinds"] == "a:real,b:ordered"
    assert read(**data.origin).fingerprint == data.fingerprint != made(tmp_path, "a,b,c", rows).fingerprint
    assert made(tmp_path, "a,b,c", rows, kinds={"a": "real", "b": "real"}).space == Space((3,))
    for kinds, told in (("d:real", "name columns"), ("a:reel", "Did you mean 'real'"), ("c:integer", "whole numbers")):
        with pytest.raises(DataError, match=told):
            made(tmp_path, "a,b,c", rows, kinds=kinds)


def test_a_table_of_whole_numbers_has_probabilities(tmp_path: Path) -> None:
    assert made(tmp_path, "a,b", [f"{i},{i * i}" for i in (5, 2, 9)]).space.columns == (Column("integer"),) * 2
    assert made(tmp_path, "a,b", [f"{i},{i}" for i in (5, 2, 9)], levels=10).space == Space((2,), levels=10)


def test_an_all_real_table_stays_as_it_is(tmp_path: Path) -> None:
    data = made(tmp_path, "a,b,c", [f"{i + 0.1},{i - 0.5},{i / 7:.3f}" for i in range(150)])
    assert (data.space, data.x.dtype, data.notes) == (Space((3,)), torch.float32, ())


def test_columns_of_one_value_are_told(tmp_path: Path) -> None:
    data = made(tmp_path, "a,b,c", [f"{i * 0.5},7,x" for i in range(200)])
    assert [note for note in data.notes if "one value" in note] == [
        "column 'b' holds one value in all rows: leave it out with x=…",
        "column 'c' holds one value in all rows: leave it out with x=…",
    ]


def test_spikes_of_real_columns_are_told(tmp_path: Path) -> None:
    data = made(tmp_path, "a,b", [f"{0 if i % 2 else i + 0.5},{i * 0.37:.2f}" for i in range(200)])
    assert "column 'a' is 0 in 50% of rows" in data.notes[0]
    by_name = {column["column"]: column for column in check(data).columns}
    assert (by_name["a"]["spike"], by_name["b"]["spike"]) == ("0 in 50%", "")
    assert (by_name["a"]["repeated"], by_name["b"]["repeated"]) == ("50%", "0%")
    assert by_name["a"]["kind"] == "real"


def test_samples_have_no_more_digits_than_the_data(tmp_path: Path) -> None:
    rows = [f"{5 + i * 0.37:.2f},{i / 7!r},{i * 0.5},{i % 3},{i}.000" for i in range(60)]
    data = made(tmp_path, "price,full,half,kind,whole", rows, kinds="whole:real")
    assert dict(data.codec.places) == {"price": 2, "half": 1, "whole": 0}
    assert data.codec.load(data.codec.save(data.x, tmp_path / "again.csv")).equal(data.x)
    assert data.codec.written(data.x).equal(data.x)
    drawn = data.x[:2] + torch.tensor([0.00123, 0.00123, -0.5321, 0.2, -0.3])
    cells = data.codec.cells(drawn)
    assert (cells["price"], cells["half"], cells["whole"]) == (["5.00", "5.37"], ["-0.5", "0.0"], ["0.000", "1.000"])
    assert len(cells["full"][1]) > 8
    assert data.codec.written(drawn).equal(data.codec.load(data.codec.save(drawn, tmp_path / "drawn.csv")))
    assert codec_from_json(data.codec.to_json()) == data.codec


def test_digits_are_known_of_points_arrays_frames_and_single_numbers(tmp_path: Path) -> None:
    x = (np.arange(80).reshape(40, 2) * 0.37).round(2)
    for source in (x, x.astype(np.float32), pd.DataFrame(x, columns=["x", "y"]), [row.tolist() for row in x]):
        codec = read(source).codec
        assert dict(codec.places) == {"x": 2, "y": 2}, type(source)
        assert codec.cells(read(source).x[:2] + 0.001) == {"x": ["0", "0.74"], "y": ["0.37", "1.11"]}
    assert read(x / 3).codec.places == {}
    assert read(np.hstack([x, x + 1e6])).codec.places == {"x1": 2, "x2": 2, "x3": 2, "x4": 2}
    held = made(tmp_path, "a,b,c", [f"{i / 3!r},{i * 0.25},{i % 2}" for i in range(40)], given=("b",))
    assert dict(held.codec.places) == {}


def test_columns_on_a_grid_are_told(tmp_path: Path) -> None:
    data = made(tmp_path, "a,b", [f"{i % 13 * 0.5},{i * 0.37:.2f}" for i in range(260)])
    assert data.notes[0].startswith("column 'a' repeats its values, in 100% of rows ten times or more: a density of")
    assert len(data.notes) == 1


def test_ids_that_name_rows_are_told(tmp_path: Path) -> None:
    data = made(tmp_path, "id,a", [f"{i:05d},{i / 7}" for i in range(60)])
    assert "column 'id' names its rows, none twice: leave it out with x=…, or name it alone" in data.notes


def test_a_check_shows_numbers_as_they_are_written(tmp_path: Path) -> None:
    data = made(tmp_path, "price;a", [f"{i},50 €;{i / 7}" for i in range(60)])
    price = next(iter(check(data).columns))
    assert (price["least"], price["most"], price["mean"]) == ("0,50 €", "59,50 €", "30,00 €")


def test_whole_numbers_that_float64_merges_are_told_to_be_too_large(tmp_path: Path) -> None:
    data = made(tmp_path, "n,a", [f"{2**60 + i},{i / 7}" for i in range(60)])
    assert data.notes[-1] == "column 'n' holds whole numbers too large to be told apart: leave it out with x=…"


def test_what_was_rounded_and_brought_to_other_units_stays_on_its_grid() -> None:
    z = np.random.default_rng(0).normal(size=(2000, 3)).astype(np.float32)
    thick = ((z[:, 0].round(1) - 0.3) / 0.7).astype(np.float32)
    data = read(np.stack([thick, z[:, 1], z[:, 2]], 1))
    assert list(data.codec.grids) == ["x1"]
    assert data.codec.grids["x1"].step == pytest.approx(0.1 / 0.7, rel=1e-5)
    made = data.codec.written(torch.from_numpy(np.random.default_rng(1).normal(size=(500, 3)).astype(np.float32)))
    assert len(made[:, 0].unique()) < 100
    assert len(made[:, 1].unique()) == 500
    assert torch.equal(data.codec.written(data.x), data.x), "what lies on the grid stays bit for bit"
    assert codec_from_json(data.codec.to_json()) == data.codec


def test_repeated_values_of_arrays_are_told_as_those_of_files() -> None:
    x = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    x[:100, 1] = 0
    assert [note[:40] for note in read(x).notes] == ["column 'x2' is 0 in 33% of rows: a densi"]


def test_what_stands_in_quotes_parts_no_cells(tmp_path: Path) -> None:
    rows = [f'"fell; {i % 7}","{20 + i % 40}","Oslo, N{i % 3}"' for i in range(150)]
    data = made(tmp_path, '"note","age","address"', rows)
    assert data.codec.columns == ("note", "age", "address")
    assert data.codec.words["address"] == ["Oslo, N0", "Oslo, N1", "Oslo, N2"]  # type: ignore[attr-defined]


def test_words_in_the_order_that_is_said(tmp_path: Path) -> None:
    rows = [f"{word},{k}.5,{k}" for k, word in enumerate(["large", "small", "medium", "small"] * 30)]
    data = made(tmp_path, "size,b,c", rows, kinds="size:small<medium<large<huge")
    assert data.space.columns is not None
    assert data.space.columns[0] == Column("ordered", 4)
    assert list(data.codec.words["size"]) == ["small", "medium", "large", "huge"]  # type: ignore[attr-defined]
    assert data.x[:3, 0].tolist() == [2.0, 0.0, 1.0]
    with pytest.raises(DataError, match="must name all of its words, got none for 'large'"):
        made(tmp_path, "size,b,c", rows, kinds="size:small<medium")
    with pytest.raises(DataError, match="must name each word once"):
        made(tmp_path, "size,b,c", rows, kinds="size:small<medium<large<small")
