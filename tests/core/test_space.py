"""Spaces: what one x is."""

import math
from collections.abc import Callable

import pytest

from genzoo.core import Column, Space


def test_spaces_know_their_size_and_type() -> None:
    assert Space((3, 32, 32), levels=256).dims == 3072
    assert Space(()).dims == 1
    assert [Space((2,), levels=n).dtype for n in (None, 2, 256, 257)] == ["float32", "uint8", "uint8", "int64"]
    assert Space((9,), levels=100, ragged=True).dtype == "int64"
    assert Space((2,)).is_discrete is False


def test_bits_per_dim_of_uniform_levels_is_their_logarithm() -> None:
    space = Space((5,), levels=32)
    assert space.bits_per_dim(-5 * math.log(32)) == pytest.approx(5)


def test_json_and_back() -> None:
    mixed = Space((2,), columns=(Column("integer", missing=True), Column("ordered", 5)))
    for space in (Space(()), Space((1, 8, 8), levels=17), Space((40,), levels=30, ragged=True), mixed):
        assert Space.from_json(space.to_json()) == space
        assert hash(Space.from_json(space.to_json())) == hash(space)


@pytest.mark.parametrize("wrong", [{"shape": (0,)}, {"shape": (2,), "levels": 0}, {"shape": (), "ragged": True}])
def test_impossible_spaces_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError):
        Space(**wrong)


def test_spaces_read_well() -> None:
    assert str(Space((1, 8, 8), levels=17)) == "1×8×8 integers in [0, 17)"
    assert str(Space(())) == "one reals"


def test_rows_have_a_kind_by_column() -> None:
    mixed = Space((3,), columns=(Column("real"), Column("integer"), Column("categorical", 9)))
    assert (mixed.is_discrete, mixed.is_real, mixed.levels, mixed.dtype) == (False, False, None, "float64")
    codes = Space((2,), columns=(Column("categorical", 20), Column("ordered", 2)))
    assert (codes.is_discrete, codes.is_real, codes.levels, codes.dtype) == (True, False, 20, "uint8")
    missing = Space((1,), columns=(Column("categorical", 3, missing=True),))
    assert (missing.is_discrete, missing.levels, missing.dtype) == (False, None, "float64")
    assert Space((2,), columns=(Column("real"),) * 2).is_real
    assert str(codes) == "2 columns (1 ordered, 1 categorical)"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Column("real", 3),
        lambda: Column("categorical"),
        lambda: Column("ordered", 0),
        lambda: Space((2,), columns=(Column("real"),)),
        lambda: Space((1,), columns=(Column("real"),), ragged=True),
        lambda: Space((1,), levels=3, columns=(Column("categorical", 2),)),
    ],
)
def test_impossible_columns_are_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="must|levels"):
        wrong()
