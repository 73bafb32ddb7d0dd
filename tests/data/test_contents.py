"""What a row of a table holds, as a number: by value, the same however the table is kept."""

from pathlib import Path

import numpy as np
import pandas
import torch
from scipy.stats import kstest

from genzoo.core import Noise
from genzoo.data import read
from genzoo.data.cells import Coded, Numbers
from genzoo.data.contents import contents, uniform_of

GONE = ("", "NA")


def test_a_table_is_split_alike_whatever_it_is_kept_in_and_however_numbers_are_written(tmp_path: Path) -> None:
    reals = Noise(0).normal(500, 2, dtype=torch.float64).numpy()
    frame = pandas.DataFrame({"a": reals[:, 0], "b": reals[:, 1], "n": range(500), "word": list("redro") * 100})
    frame.loc[::50, "a"] = np.nan
    frame.to_csv(tmp_path / "plain.csv", index=False)
    frame.to_csv(tmp_path / "quoted.csv", index=False, quoting=2, na_rep="NA")  # looked at cell by cell
    frame.to_csv(tmp_path / "digits.csv", index=False, float_format="%.18e", sep=";")
    frame.to_parquet(tmp_path / "packed.parquet")
    sources = [*(tmp_path / name for name in ("plain.csv", "quoted.csv", "digits.csv", "packed.parquet")), frame]
    first, *others = [read(source, missing="keep", given="word").splits for source in sources]
    for other in others:
        assert all(torch.equal(first[name], other[name]) for name in ("train", "valid", "test"))


def test_cells_count_by_value_and_words_by_their_letters() -> None:
    def of(*cells: str) -> list[int]:
        return contents([list(cells)], GONE).tolist()

    assert len(set(of("1", "1.0", " 1e0", "+1", ".1e1"))) == 1
    assert len(set(of("0", "-0", "0.0"))) == len(set(of("", "NA", " NA "))) == 1
    assert len(set(of("7", "07", "007", "nan", "inf", "1_2", "red", "Red", "", "weiß"))) == 10


def test_however_a_column_is_kept_its_cells_count_alike() -> None:
    plain = contents([["1", "2.5", "", "1"], ["b", "a", "07", "b"]], GONE)
    kept = [Numbers(np.array([1, 2.5, np.nan, 1]), list), Coded(["a", "b", "07"], np.array([1, 0, 2, 1]))]
    assert torch.equal(contents(kept, GONE), plain)
    assert plain[0] == plain[3]
    assert not torch.equal(contents(kept[::-1], GONE), plain)


def test_numbers_of_rows_are_uniform_and_independent_by_purpose() -> None:
    rows = np.stack(np.divmod(np.arange(40_000), 200)).astype(np.float64)  # a lattice: alike in most bits
    words = contents([Numbers(column, list) for column in rows], GONE)
    assert len(words.unique()) == len(words)
    split, test = uniform_of(words), uniform_of(words, "test")
    assert min(kstest(u.numpy(), "uniform").pvalue for u in (split, test, (split + test) % 1)) > 1e-3
    for u in (split, test):  # neighbors in the lattice, either way
        u = u.view(200, 200)
        pairs = (u[1:], u[:-1]), (u[:, 1:], u[:, :-1])
        assert all(abs(np.corrcoef(a.flatten(), b.flatten())[0, 1]) < 0.02 for a, b in pairs)
    some = torch.tensor([5, 70])
    assert torch.equal(uniform_of(words, "test", some), test[some])
