"""Whatever a table holds, reading it gives data or a `DataError`, never anything else."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genzoo.data import DataError, read


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text("ab1-./:;,\t\n\"'? é", max_size=60), st.sampled_from(["error", "drop", "impute", "keep"]))
def test_any_table(tmp_path_factory: pytest.TempPathFactory, text: str, missing: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text(text)
    with contextlib.suppress(DataError):
        data = read(path, missing=missing)
        again = data.codec.load(data.codec.save(data.x, path))
        assert again.nan_to_num(-9.0).equal(data.x.nan_to_num(-9.0))


def test_numbers_beyond_float32(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b,c\n1,2,1e39\n")
    assert read(tmp_path / "x.csv").x[0, 2].item() == 1e39, "kept in float64"
    (tmp_path / "x.csv").write_text("a,b,c\n1,2,1e390\n")
    with pytest.raises(DataError, match="got '1e390' in row 1"):
        read(tmp_path / "x.csv")
