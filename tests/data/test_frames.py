"""What a session in Python holds: frames, columns, lists, and arrays in which something is missing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from genzoo.core import Column, Space
from genzoo.data import DataError, read

AGES, JOBS = [31, 44, 27, 58, 39] * 8, ["cook", "nurse", "cook", "smith", "nurse"] * 8
FRAME = pd.DataFrame({"age": AGES, "pay": [0.1 * age for age in AGES], "job": JOBS})
HOLED = np.arange(120.0).reshape(40, 3) + np.where(np.arange(120).reshape(40, 3) % 17 == 0, np.nan, 0.0)


def test_a_frame_is_the_table_that_it_writes(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    frame, table = read(FRAME, given="job"), read(tmp_path / "t.csv", given="job")
    assert torch.equal(frame.x, table.x)
    assert torch.equal(frame.given, table.given)
    assert frame.space == table.space
    assert frame.classes == table.classes
    assert all(torch.equal(frame.splits[name], table.splits[name]) for name in table.splits)


def test_a_frame_lacks_what_it_lacks() -> None:
    holed = FRAME.assign(age=FRAME["age"].where(FRAME.index != 3), job=FRAME["job"].where(FRAME.index != 5))
    with pytest.raises(DataError, match="2 of 40 rows"):
        read(holed)
    kept = read(holed, missing="keep")
    assert kept.space.columns == (
        Column("integer", missing=True), Column("real"), Column("categorical", 3, True)
    )  # fmt: skip
    assert kept.x.isnan().nonzero().tolist() == [[3, 0], [5, 2]]


def test_a_frame_with_two_columns_of_a_name_is_refused() -> None:
    with pytest.raises(DataError, match="different names"):
        read(pd.concat([FRAME, FRAME], axis=1))


@pytest.mark.parametrize("given", [FRAME["job"], JOBS, np.array(JOBS), {"job": JOBS}, FRAME[["job"]]])
def test_a_frame_has_a_condition_beside_it(given: object) -> None:
    data = read((FRAME[["age", "pay"]], given))
    (classes,) = data.classes.values()
    assert data.space.columns == (Column("integer"), Column("real"))
    assert classes == ["cook", "nurse", "smith"]


def test_a_condition_of_another_length_is_refused() -> None:
    with pytest.raises(DataError, match="40 rows, got 'given' with 3"):
        read((FRAME, [1, 2, 3]))


def test_a_column_is_a_table_of_one() -> None:
    data = read(FRAME["pay"])
    assert (data.space, data.codec.columns, len(data)) == (Space((1,)), ("pay",), 40)


def test_lists_are_rows_texts_or_records() -> None:
    assert read([[0.5, 1.5], [2.5, 3.5]] * 5).space == Space((2,))
    assert read([[-1, 3], [2, 4]] * 5).space.columns == (Column("integer"),) * 2
    texts = read(["a red fox", "a dog"] * 5)
    assert texts.codec.texts(texts.x[:2]) == ["a red fox", "a dog"]
    records = read([{"age": 3, "job": "cook"}, {"age": 4, "job": "smith"}] * 5)
    assert records.codec.cells(records.x[:1]) == {"age": ["3"], "job": ["cook"]}
    pair = read(([[0.5], [1.5], [2.5]], ["red", "white", "red"]))
    assert pair.classes == {"": ["red", "white"]}
    assert read({"x": [[1.0], [2.0]], "y": ["a", "b"]}, given="y").classes == {"": ["a", "b"]}


@pytest.mark.parametrize("rows", [[], [[1.0], [1.0, 2.0]], [object()]])
def test_other_lists_are_refused(rows: list[object]) -> None:
    with pytest.raises(DataError):
        read(rows)


def test_missing_entries_of_arrays_have_a_policy() -> None:
    label = np.arange(40) % 2
    with pytest.raises(DataError, match=r"8 of 40 rows.*missing='drop'"):
        read(HOLED)
    dropped = read((HOLED, label), missing="drop")
    assert dropped.numbers.tolist() == np.flatnonzero(~np.isnan(HOLED).any(1)).tolist()
    assert len(dropped) == 32
    assert dropped.given.tolist() == label[~np.isnan(HOLED).any(1)].tolist()
    kept = read(HOLED, missing="keep")
    assert int(kept.x.isnan().sum()) == int(np.isnan(HOLED).sum())
    filled = read(HOLED, missing="impute")
    median = kept.x[filled.splits["train"]].nanmedian(0).values
    assert torch.equal(filled.x, torch.where(kept.x.isnan(), median, kept.x))
    with pytest.raises(DataError, match="finite"):
        read(np.array([[1.0], [np.inf]]), missing="keep")
    with pytest.raises(DataError, match="Did you mean 'drop'"):
        read(HOLED, missing="dropp")


def test_splits_of_arrays_lose_what_is_dropped(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=HOLED, x_test=HOLED + 1)
    data = read(tmp_path / "a.npz", missing="drop")
    assert (len(data.test), len(data.train) + len(data.valid)) == (32, 32)
