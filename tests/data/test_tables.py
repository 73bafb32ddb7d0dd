"""Tables: numbers and words, what is missing, headers, splits in files, Parquet."""

import gzip
import os
from decimal import Decimal
from pathlib import Path

import pytest
import torch

from genzoo.core import Column, Noise, Space
from genzoo.data import DataError, TableCodec, codec_from_json, read
from genzoo.data.arrow import write_parquet
from genzoo.data.columns import read_columns

NEEDS_DATA = pytest.mark.skipif("GENZOO_DATA" not in os.environ, reason="set GENZOO_DATA to the folder of real data")
MIXED = "age,kind,size\n39,red,0.5\n50,white,1.25\n7,red,-3\n"
HOLES = "age,kind\n1,red\n,red\n3,?\n4,white\n5,red\n" + "".join(f"{i},red\n" for i in range(6, 60))


def table(tmp_path: Path, text: str, name: str = "t.csv") -> Path:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_columns_have_kinds_and_words_are_numbered(tmp_path: Path) -> None:
    data = read(table(tmp_path, MIXED))
    assert data.space.columns == (Column("integer"), Column("categorical", 2), Column("real"))
    assert data.x.dtype == torch.float64
    assert data.x.tolist() == [[39, 0, 0.5], [50, 1, 1.25], [7, 0, -3]]
    assert (data.codec.words, data.codec.whole) == ({"kind": ["red", "white"]}, ("age",))
    assert "columns are 1 integer, 1 categorical, 1 real: all but real ones have probabilities" in data.notes[-1]


def test_file_to_space_to_file_is_exact(tmp_path: Path) -> None:
    data = read(table(tmp_path, MIXED))
    path = data.codec.save(data.x, tmp_path / "again.csv")
    assert path.read_text() == MIXED
    assert data.codec.load(path).equal(data.x)
    assert codec_from_json(data.codec.to_json()) == data.codec


def test_what_a_model_draws_is_rounded_to_words_and_whole_numbers(tmp_path: Path) -> None:
    codec = read(table(tmp_path, MIXED)).codec
    drawn = torch.tensor([[38.6, 7.3, 0.1], [-0.2, -2.0, torch.nan]])
    assert codec.cells(drawn) == {"age": ["39", "0"], "kind": ["white", "red"], "size": ["0.1", ""]}


def test_a_table_of_words_is_discrete(tmp_path: Path) -> None:
    data = read(table(tmp_path, "a,b\nx,u\ny,u\nx,v\nz,u\n"))
    assert data.space == Space((2,), columns=(Column("categorical", 3), Column("categorical", 2)))
    assert read(table(tmp_path, "a,b\nx,u\ny,v\n", "even.csv")).space == Space((2,), levels=2)
    path = data.codec.save(data.x, tmp_path / "again.csv")
    assert path.read_text() == "a,b\nx,u\ny,u\nx,v\nz,u\n"
    assert data.codec.load(path).equal(data.x)


def test_missing_cells_are_told_and_every_policy_is_offered(tmp_path: Path) -> None:
    path = table(tmp_path, HOLES)
    with pytest.raises(
        DataError, match=r"got 2 of 59 rows with some missing: 'age' 1, 'kind' 1\. Pass missing='drop'"
    ):
        read(path)
    assert len(read(path, x="age", missing="drop")) == 58  # only columns that are used count
    with pytest.raises(DataError, match="Did you mean 'drop'"):
        read(path, missing="drp")


def test_dropping_moves_no_row_to_another_split(tmp_path: Path) -> None:
    dropped, kept = read(table(tmp_path, HOLES), missing="drop"), read(table(tmp_path, HOLES), missing="keep")
    assert len(dropped) == 57
    rows = {name: {tuple(row) for row in kept.split(name).x.tolist()} for name in kept.splits}
    assert all({tuple(row) for row in dropped.split(name).x.tolist()} <= rows[name] for name in rows)
    assert "dropped 2 rows of 59" in dropped.notes[0]


def test_imputing_uses_training_rows(tmp_path: Path) -> None:
    data = read(table(tmp_path, HOLES), missing="impute")
    train = read(table(tmp_path, HOLES), missing="keep").train.x[:, 0]
    seen = train[~train.isnan()].sort().values
    assert float(data.x[1, 0]) == seen[(len(seen) - 1) // 2]
    assert data.codec.cells(data.x[2:3])["kind"] == ["red"]


def test_kept_holes_are_nan_and_written_as_empty_cells(tmp_path: Path) -> None:
    data = read(table(tmp_path, HOLES), missing="keep")
    assert data.x.isnan().sum(0).tolist() == [1, 1]
    path = data.codec.save(data.x, tmp_path / "again.csv")
    assert data.codec.load(path).nan_to_num(-9).equal(data.x.nan_to_num(-9))
    conditions = read(table(tmp_path, HOLES), x="age", given="kind", missing="keep")
    assert int(conditions.given[2]) == -1
    assert conditions.classes == {"": ["red", "white"]}


def test_a_file_without_header(tmp_path: Path) -> None:
    data = read(table(tmp_path, "39, red, 1\n50, blue, 2\n"))
    assert data.codec.columns == ("c0", "c1", "c2")
    assert data.codec.words == {"c1": ["blue", "red"]}
    assert "columns are c0 … c2 (header=True if not)" in data.notes[0]
    assert read(table(tmp_path, "a,b\nx,u\n"), header=False).codec.columns == ("c0", "c1")
    assert read(table(tmp_path, "1,2\n3,4\n"), header=True).codec.columns == ("1", "2")
    assert read(table(tmp_path, "id,2019,2020\n1,2,3\n")).codec.columns == ("id", "2019", "2020")


@pytest.mark.parametrize("cell", ["29.2.24", "2024/02/29 noon"])
def test_odd_dates_are_refused_with_advice(cell: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)'day' must hold dates in one form.*day:categorical"):
        read(table(tmp_path, f"a,day\n1,{cell}\n2,{cell}\n"))


def test_free_text_among_columns_is_refused_with_advice(tmp_path: Path) -> None:
    lines = "".join(f"{i},name{i}\n" for i in range(1200))
    with pytest.raises(DataError, match=r"at most 1000 different words, got 1,200.*x='who'"):
        read(table(tmp_path, f"n,who\n{lines}"))
    alone = read(table(tmp_path, f"n,who\n{lines}"), x="who", given="n")
    assert (alone.space.shape, alone.space.ragged, alone.given_space) == ((8,), True, Space(()))


def test_two_files_are_two_splits(tmp_path: Path) -> None:
    rows = [f"{i},{'ab'[i % 2]}" for i in range(40)]
    table(tmp_path, "\n".join(["n,label", *rows[:30]]), "two/my-train.csv")
    table(tmp_path, "\n".join(["n,label", *rows[30:], "7,b."]), "two/my-test.csv")
    data = read(tmp_path / "two", given="label")
    assert (data.name, len(data.train) + len(data.valid), len(data.test)) == ("two", 30, 11)
    assert data.test.x.flatten().tolist() == [*range(30, 40), 7]
    assert "column 'label' has words that training rows lack: 'b.'" in data.notes
    table(tmp_path, "n,other\n1,a\n", "two/my-test.csv")
    with pytest.raises(DataError, match=r"same columns, got \['label', 'other'\]"):
        read(tmp_path / "two")


def test_two_files_that_are_no_splits_are_named(tmp_path: Path) -> None:
    table(tmp_path, MIXED, "wine/red.csv")
    table(tmp_path, MIXED, "wine/white.csv")
    with pytest.raises(DataError, match=r"got red.csv, white.csv. Name one, as wine/red.csv"):
        read(tmp_path / "wine")


def test_a_column_named_split_is_the_split(tmp_path: Path) -> None:
    rows = "".join(f"{i},{word}\n" for i, word in enumerate(["train", "val", "test"] * 10))
    data = read(table(tmp_path, f"n,split\n{rows}"))
    assert [len(part) for part in (data.train, data.valid, data.test)] == [10, 10, 10]
    assert data.codec.columns == ("n",)


def test_types_and_orders_of_parquet_come_back(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    sizes = pa.DictionaryArray.from_arrays(
        pa.array([0, 2, 1] * 20, pa.int8()), pa.array(["small", "medium", "large"]), ordered=True
    )
    found = pa.table({
        "size": sizes, "price": pa.array([Decimal("1.50"), Decimal("2.25"), None] * 20, pa.decimal128(10, 2)),
        "share": pa.array([0.0788, 0.25, 0.125] * 20, pa.float32()),
        "at": pa.array([0, 1, 2] * 20, pa.timestamp("us", tz="UTC")),
    })  # fmt: skip
    parquet.write_table(found, tmp_path / "t.parquet")
    data = read(tmp_path / "t.parquet", missing="keep")
    assert isinstance(data.codec, TableCodec)
    assert data.codec.words["size"] == ["small", "medium", "large"]
    assert data.space.columns is not None
    assert data.space.columns[0].kind == "ordered"
    assert data.codec.cells(data.x[:1])["share"] == ["0.0788"]
    again = write_parquet(tmp_path / "again.parquet", [data.codec.cells(data.x)], data.codec.types, data.codec.words)
    assert parquet.read_table(again).equals(found)
    frame = found.to_pandas()[["size", "share"]]
    of_frame = read(frame).codec
    assert isinstance(of_frame, TableCodec)
    assert of_frame.words == {"size": ["small", "medium", "large"]}


def test_parquet_reads_as_csv_does(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    columns = {"age": [39, 50, None], "kind": ["red", "white", "red"], "size": [0.1, 1.25, -3.0]}
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    data = read(tmp_path / "t.parquet", missing="keep")
    csv = read(table(tmp_path, "age,kind,size\n39,red,0.1\n50,white,1.25\n,red,-3.0\n"), missing="keep")
    assert data.x.nan_to_num(-9).equal(csv.x.nan_to_num(-9))
    parquet.write_table(pa.table({"a": [[1], [2]]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"single values, got lists in \['a'\]"):
        read(tmp_path / "t.parquet")
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="must be a Parquet file"):
        read(tmp_path / "t.parquet")


def test_too_wide_and_too_long_are_refused_before_they_are_taken_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at most 10000 columns, got 10001"):
        read(table(tmp_path, ",".join(["a"] * 10_001) + "\n"))
    with pytest.raises(DataError, match="field larger than field limit"):
        read(table(tmp_path, f"a,b\n1,{'z' * (1 << 20)}z\n"))
    with gzip.open(tmp_path / "bomb.csv.gz", "wb") as file:
        file.write(b"a,b\n" + b"1" * (1 << 25))
    with pytest.raises(DataError, match="must unpack to at most 16,777,216 bytes, 200 times its size, got more"):
        read(tmp_path / "bomb.csv.gz")
    with pytest.raises(DataError, match="at most 16,777,216 characters"):
        read(table(tmp_path, "a,b\n" + "1" * ((1 << 24) + 1)))


def test_a_table_of_tabs_may_hold_quotes(tmp_path: Path) -> None:
    path = table(tmp_path, 'a\tb\n"Well" said he\t1\n', "t.tsv")
    assert read_columns(path) == {"a": ['"Well" said he'], "b": ["1"]}


def test_an_unknown_word_gets_the_nearest(tmp_path: Path) -> None:
    codec = TableCodec(("kind",), words={"kind": ["red", "white"]})
    with pytest.raises(DataError, match="Did you mean 'white'"):
        codec.load(table(tmp_path, "kind\nwhit\n"))


def test_an_option_that_would_be_ignored_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, MIXED)
    kinds = {"rate": "sounds", "window": "text files", "size": "images", "horizon": "trajectories"}
    for option, kind in kinds.items():
        with pytest.raises(DataError, match=rf"`{option}` is for .*{kind}.*, got .*Leave it out"):
            read(path, **{option: 8})
    with pytest.raises(DataError, match="`missing` is for .*tables, .*got 'digits'"):
        read("digits", missing="drop")
    assert len(read(path, missing="drop", levels=None)) == 3


def test_an_unknown_option_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Did you mean 'missing'"):
        read(table(tmp_path, MIXED), misssing="drop")


@NEEDS_DATA
def test_real_tables() -> None:
    adult = read("uci-adult", missing="drop", given="c14")
    assert (str(adult.space), len(adult.test)) == ("14 columns (6 integer, 8 categorical)", 15_060)
    assert len(adult) == 45_222
    assert adult.classes == {"": ["<=50K", ">50K"]}  # the test file ends them with a dot
    assert "column 'c14' is written as training rows write it: '<=50K.' as '<=50K', '>50K.' as '>50K'" in adult.notes
    housing = read("california-housing", missing="drop")
    assert (str(housing.space), len(housing)) == ("10 columns (3 real, 6 integer, 1 categorical)", 20_433)
    assert str(read("uci-wine-quality/winequality-white.csv").space) == "12 columns (11 real, 1 integer)"
    with pytest.raises(DataError, match=r"winequality-red\.csv, winequality-white\.csv"):
        read("uci-wine-quality")


@pytest.mark.parametrize("n", [50, 1000])
def test_zeros_at_the_end_come_back(tmp_path: Path, n: int) -> None:
    """Prices are written 44.80 and not 44.8, counts 3.0 as the file has them; a column without such zeros is not."""
    price = (Noise(0).normal(n).double() * 9 + 50).round(decimals=2)
    lines = [f"{p:.2f},{i % 7}.0,{p:.2f},{i % 10 / 10 + 0.0625}" for i, p in enumerate(price.tolist())]
    for name, head, width in (("three", "price,count,again,exact", 4), ("two", "price,count", 2)):
        said = [",".join(line.split(",")[:width]) for line in lines]
        data = read(table(tmp_path, "\n".join([head, *said]) + "\n", f"{name}.csv"), kinds="count:real")
        assert codec_from_json(data.codec.to_json()) == data.codec
        data.codec.save(data.x, tmp_path / "out.csv")
        assert (tmp_path / "out.csv").read_text().splitlines()[1:] == said, type(data.codec)


def test_no_digit_is_lost_to_how_the_first_lines_are_written(tmp_path: Path) -> None:
    rows = [f"{i}.{i % 10}0,{i / 3!r}" for i in range(500)] + ["1.505,0.25"]
    data = read(table(tmp_path, "\n".join(["a,b", *rows]) + "\n"))
    assert not data.codec.padded
    assert data.codec.load(data.codec.save(data.x, tmp_path / "out.csv")).equal(data.x)


def test_a_column_may_hold_an_equals_sign_and_a_condition_has_the_kind_that_it_was_told(tmp_path):
    rows = [f"{i / 7},{i % 3},{'ab'[i % 2]}" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["a,count,k=v", *rows]) + "\n")
    with pytest.raises(DataError, match="Write '\"k=v\"'"):
        read(tmp_path / "t.csv", x="a", given="k=v")
    assert read(tmp_path / "t.csv", x="a", given='"k=v"').classes == {"": ["a", "b"]}
    spaces = {kind: read(tmp_path / "t.csv", x="a", given="count", kinds=f"count:{kind}").given_space
              for kind in ("real", "categorical", "integer")}  # fmt: skip
    assert spaces == {"real": Space(()), "categorical": Space((), levels=3), "integer": Space((), levels=3)}
    with pytest.raises(DataError, match="A real 'k=v' must hold numbers, got 'a'"):
        read(tmp_path / "t.csv", x="a", given='"k=v"', kinds="k=v:real")
