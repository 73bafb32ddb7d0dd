"""Conditions: what is missing is null, and what does not fit is refused."""

import pytest
import torch

from genzoo.core import Space, is_null, map_given, null_rows, resolve_given

LABEL, ANGLE = Space((), levels=10), Space((2,))
BOTH = {"label": LABEL, "angle": ANGLE}


def test_missing_conditions_become_null() -> None:
    assert resolve_given(None, None, 3) is None
    assert is_null(resolve_given(None, LABEL, 3)).all()
    full = resolve_given({"label": torch.tensor([1, 2, 3])}, BOTH, 3)
    assert full["label"].tolist() == [1, 2, 3]
    assert is_null(full["angle"]).all()
    assert full["angle"].shape == (3, 2)


def test_labels_of_any_integer_type_become_int64() -> None:
    assert resolve_given(torch.tensor([1, 2], dtype=torch.uint8), LABEL, 2).dtype == torch.int64


@pytest.mark.parametrize(
    ("given", "space", "message"),
    [
        (torch.zeros(3), None, "unconditional"),
        (torch.zeros(2, dtype=torch.int64), LABEL, "expected 3 rows, got 2"),
        (torch.zeros(3, 1, dtype=torch.int64), LABEL, "shape"),
        (torch.zeros(3), LABEL, "integers"),
        (torch.full((3,), 10), LABEL, "below 10"),
        ({"label": torch.zeros(3)}, LABEL, "one tensor"),
        (torch.zeros(3), BOTH, "mapping"),
        ({"lable": torch.zeros(3)}, BOTH, "lable"),
    ],
)
def test_what_does_not_fit_is_refused(given: object, space: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolve_given(given, space, 3)


def test_null_rows_are_known_again() -> None:
    for space in (LABEL, ANGLE, Space((2, 2), levels=3)):
        assert is_null(null_rows(space, 4)).tolist() == [True] * 4
        assert is_null(null_rows(space, 0)).shape == (0,)
    assert map_given(lambda rows: rows[:1], {"a": torch.arange(3)})["a"].tolist() == [0]
    assert map_given(lambda rows: rows, None) is None
