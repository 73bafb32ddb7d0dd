"""Conditions: names to rows, what is missing is null, and what does not fit is refused."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from genzoo.core import (
    Batch,
    GenerativeModel,
    Likelihood,
    Noise,
    Space,
    as_given,
    complete,
    is_null,
    map_given,
    null_rows,
)
from genzoo.core.given import asked, drops, with_nulls

LABEL, ANGLE = {"given": Space((), levels=10)}, Space((2,))
BOTH = {"label": Space((), levels=10), "angle": ANGLE}
IMAGE = Space((1, 2, 2), levels=256)


class Told(GenerativeModel):
    """What it draws is its condition."""

    likelihood = Likelihood.NONE

    def draw(self, n, given, noise):
        return given["label"][:, None].float()


def test_missing_conditions_become_null() -> None:
    assert not complete(None, {}, 3)
    assert is_null(complete(None, LABEL, 3)["given"]).all()
    full = complete({"label": torch.tensor([1, 2, 3])}, BOTH, 3)
    assert full["label"].tolist() == [1, 2, 3]
    assert is_null(full["angle"]).all()
    assert full["angle"].shape == (3, 2)


def test_a_single_tensor_is_the_only_condition_whatever_its_name() -> None:
    assert as_given(torch.arange(2))["given"].tolist() == [0, 1]
    assert complete(torch.arange(2), {"species": LABEL["given"]}, 2)["species"].tolist() == [0, 1]


def test_labels_of_any_integer_type_become_int64_and_bytes_stay_bytes() -> None:
    assert complete(torch.tensor([1, 2], dtype=torch.uint8), LABEL, 2)["given"].dtype == torch.int64
    bytes_ = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
    assert complete({"image": bytes_}, {"image": IMAGE}, 3)["image"] is bytes_
    null = with_nulls({"image": bytes_}, {"image": torch.tensor([True, False, False])})["image"]
    assert null.dtype == null_rows(IMAGE, 1).dtype == torch.int16
    assert is_null(null).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("given", "space", "message"),
    [
        (torch.zeros(3), {}, "unconditional"),
        ({"label": torch.zeros(3)}, {}, "unconditional"),
        (torch.zeros(2, dtype=torch.int64), LABEL, "expected 3 rows, got 2"),
        (torch.zeros((), dtype=torch.int64), LABEL, "expected 3 rows, got one number"),
        (torch.zeros(3, 1, dtype=torch.int64), LABEL, "shape"),
        (torch.zeros(3), LABEL, "integers"),
        ({"label": torch.zeros(3)}, LABEL, "label"),
        (torch.zeros(3), BOTH, "mapping"),
        ({"lable": torch.zeros(3)}, BOTH, "lable"),
        ({"angle": torch.zeros(3, 2, dtype=torch.int64)}, BOTH, "reals"),
    ],
)
def test_what_does_not_fit_is_refused(given: object, space: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        complete(given, space, 3)


def test_null_rows_are_known_again() -> None:
    for space in (LABEL["given"], ANGLE, Space((2, 2), levels=3)):
        assert is_null(null_rows(space, 4)).tolist() == [True] * 4
        assert is_null(null_rows(space, 0)).shape == (0,)
    assert map_given(lambda rows: rows[:1], {"a": torch.arange(3)})["a"].tolist() == [0]
    assert map_given(lambda rows: rows, None) is None


@pytest.mark.parametrize(
    "given",
    [
        2,
        [2, 2, 2],
        (2, 2, 2),
        np.array([2, 2, 2], dtype=np.int16),
        torch.tensor(2),
        {"label": 2},
        {"label": np.int64(2)},
    ],
)
def test_the_front_door_takes_lists_arrays_and_one_value_for_all(given: object) -> None:
    model = Told(Space((1,)), {"label": Space((), levels=3)})
    model.drop_given = 0.1
    assert model.sample(3, given, seed=0).flatten().tolist() == [2.0, 2.0, 2.0]


def test_short_rows_of_ragged_conditions_are_padded() -> None:
    text = {"text": Space((4,), levels=27, ragged=True)}
    assert asked([[1, 2]], text, 1)["text"].tolist() == [[1, 2, 27, 27]]


@pytest.mark.parametrize("given", ["two", {"label": "two"}, [3, 4, 5], {"label": [[2], [2], [2]]}, [[1], [1, 2], [0]]])
def test_the_front_door_refuses_what_is_no_condition(given: object) -> None:
    model = Told(Space((1,)), {"label": Space((), levels=3)})
    with pytest.raises(ValueError, match="label|numbers"):
        model.sample(3, given, seed=0)


def test_a_batch_holds_names_whatever_it_was_given() -> None:
    assert dict(Batch(torch.zeros(2, 1)).given) == {}
    assert Batch(torch.zeros(2, 1), torch.arange(2))[:1].given["given"].tolist() == [0]


@pytest.mark.parametrize("names", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_every_name_is_dropped_in_its_share_alone_and_with_all_others(names: list[str]) -> None:
    n, share = 40_000, 0.3
    found = torch.stack(list(drops(names, share, Noise(0), n).values()))
    assert (found.double().mean(1) - share).abs().max() < 0.01
    alone, every = (found.sum(0) == 1).double().mean(), found.all(0).double().mean()
    if len(names) > 1:
        assert every > 0.15  # guidance asks for it
        assert alone > 0.15  # and so does a name that is missing


def test_names_that_are_required_are_never_dropped_and_never_null() -> None:
    model = Told(Space((1,)), {"label": Space((), levels=3), "other": Space((), levels=3)})
    model.drop_given = 0.9
    model.require("label")
    given = {"label": torch.ones(500, dtype=torch.int64), "other": torch.ones(500, dtype=torch.int64)}
    dropped = model.training_given(Batch(torch.zeros(500, 1), given, Noise(0)))
    assert not is_null(dropped["label"]).any()
    assert is_null(dropped["other"]).any()
    with pytest.raises(ValueError, match="needs \\['label'\\]"):
        model.sample(2, {"other": 1})


def test_options_that_nobody_knows_are_refused() -> None:
    model = Told(Space((1,)), {"label": Space((), levels=3)})
    with pytest.raises(TypeError, match="no option temperature"):
        model.sample(2, 1, temperature=0.5)


def test_checks_look_at_values_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from genzoo.core import model as module

    calls = []
    real: Callable[..., object] = module.checked_values
    monkeypatch.setattr(module, "checked_values", lambda *args: calls.append(1) or real(*args))
    model = Told(Space((1,)), {"label": Space((), levels=3)})
    model.training_given(Batch(torch.zeros(2, 1), {"label": torch.tensor([0, 1])}))
    assert not calls
    model.sample(2, {"label": torch.tensor([0, 1])})
    assert len(calls) == 1


def test_a_short_row_of_reals_is_padded_and_not_null() -> None:
    """Padding of ragged reals is NaN too: only a row without a single number is null."""
    model = Told(Space((1,)), {"label": Space((), levels=3), "sound": Space((4,), ragged=True)})
    sound = torch.tensor([[0.1, 0.2, torch.nan, torch.nan], [0.1, 0.2, 0.3, 0.4]])
    assert model.checked_given({"label": 1, "sound": sound}, 2)["sound"] is sound
    with pytest.raises(ValueError, match="sound"):
        model.checked_given({"label": 1, "sound": torch.full((2, 4), torch.nan)}, 2)
