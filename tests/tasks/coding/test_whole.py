"""Whole numbers of a flow: rows come back, at the price that the model says, whoever computes it how."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from genzoo.core import Noise
from genzoo.core.errors import DataError
from genzoo.core.given import NOTHING, Given
from genzoo.models.abilities import Lattice
from genzoo.tasks.coding import Whole
from tests.zoo import ready
from tests.zoo.entry import batch

ROWS = 24


def stirred(name: str) -> Any:
    model = ready(name).double()
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            parameter.add_(0.1 * Noise(i).normal(*parameter.shape, dtype=torch.float64))
    return model


@pytest.mark.parametrize("name", ["idf", "idf/vector"])
def test_rows_come_back_at_the_price_that_the_model_says(name: str) -> None:
    model = stirred(name)
    data = batch(model, ROWS)
    given = model.checked_given(data.given, ROWS)
    road = Whole(model.able(Lattice))
    packed = road.pack(data.x, given)
    assert torch.equal(road.unpack(packed.words, packed.doubts, ROWS, given), data.x)
    said = -model.log_prob(data.x, data.given).sum().item()
    assert packed.charged or math.isclose(packed.nats, said, rel_tol=1e-9)
    bits = packed.nats / math.log(2) + 24 * packed.charged
    assert -24 <= 8 * len(packed.words) - bits <= 0.001 * bits + 64


class Far(Lattice):
    """One part, of numbers far outside any window; its laws have rounding errors of their own."""

    def __init__(self, inner: Any, error: float = 0.0) -> None:
        self.space, self.inner, self.error = inner.space, inner, error

    def parts(self, x: Tensor, given: Given = NOTHING) -> Sequence[Tensor]:
        return [part + 0 if k else part * 1000 for k, part in enumerate(self.inner.parts(x, given))]

    def unfold(self, n: int, given: Given, settle: Any) -> Any:
        unfolding = self.inner.unfold(n, given, settle)
        found, first = next(unfolding), True
        while True:
            numbers = yield self.off(found)
            try:
                found = unfolding.send(numbers // 1000 if first else numbers)
            except StopIteration as end:
                return end.value
            first = False

    def off(self, law: Any) -> Any:
        def other(values: Tensor, part: slice) -> Tensor:
            said = law(values, part)
            return said + self.error * Noise(1).normal(*said.shape, dtype=said.dtype)

        return other


def test_what_lies_outside_the_window_escapes_and_another_arithmetic_decodes_the_same() -> None:
    model = stirred("idf/vector")
    x = batch(model, ROWS).x
    packed = Whole(Far(model.able(Lattice))).pack(x)
    assert packed.charged > 0
    assert torch.equal(Whole(Far(model.able(Lattice), 1e-12)).unpack(packed.words, packed.doubts, ROWS), x)
    assert not torch.equal(Whole(Far(model.able(Lattice), 1e-2)).unpack(packed.words, packed.doubts, ROWS), x)


def test_foreign_bytes_are_refused_or_other_rows() -> None:
    model = stirred("idf/vector")
    road = Whole(model.able(Lattice))
    with pytest.raises(DataError, match="whole words"):
        road.unpack(b"abc", b"", ROWS)
    found = road.unpack(np.arange(400, dtype="<u4").tobytes(), b"", ROWS)
    assert found.shape == batch(model, ROWS).x.shape
