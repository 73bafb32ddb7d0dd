"""The two-sample test by boosted trees: its level, and what only trees see."""

import sys

import numpy as np
import pytest

from genzoo.core.noise import Noise
from genzoo.evaluation import TooFew, boosted_two_sample_test, two_sample_test


def table(seed: int, n: int = 400) -> dict[str, np.ndarray]:
    x = Noise(seed).normal(n, 2).double().numpy()
    return {"a": x[:, 0], "b": x[:, 1], "kind": np.array(["red", "blue", "green"])[Noise(seed, "k").integers(3, n)]}


def test_equal_laws_are_not_told_apart() -> None:
    found = [boosted_two_sample_test(table(2 * k), table(2 * k + 1)) for k in range(5)]
    assert np.mean([each.value for each in found]) == pytest.approx(0.5, abs=0.025)
    assert sum(abs(each.value - 0.5) < 1.96 * (each.error or 0) for each in found) >= 4


def test_trees_see_what_a_line_does_not() -> None:
    """A spike at zero, and words that go with a sign."""
    real, made = table(0), table(1)
    real["a"] = np.where(np.arange(400) % 4 == 0, 0.0, real["a"])
    assert boosted_two_sample_test(made, real).value > 0.58
    rows = [np.stack([each["a"], each["b"]], axis=1) for each in (made, real)]
    assert two_sample_test(*rows).accuracy.value < 0.58
    tied = table(2) | {"kind": np.where(table(2)["a"] > 0, "red", "blue")}
    free = table(3) | {"kind": np.array(["red", "blue"])[Noise(9).integers(2, 400)]}
    assert boosted_two_sample_test(free, tied).value > 0.7


def test_missing_cells_and_many_words_count() -> None:
    real, made = table(4), table(5)
    made["b"][:100] = np.nan
    assert boosted_two_sample_test(made, real).value > 0.58
    many = [{"id": np.array([f"w{i}" for i in Noise(k).integers(900, 400)])} for k in (0, 1)]
    assert 0.3 < boosted_two_sample_test(*many).value < 0.7


def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TooFew, match="at least 100 rows, got 99"):
        boosted_two_sample_test(table(0, 99), table(1))
    with pytest.raises(ValueError, match="same columns"):
        boosted_two_sample_test({"a": table(0)["a"]}, table(1))
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(ImportError, match=r"genzoo\[sklearn\]"):
        boosted_two_sample_test(table(0), table(1))
