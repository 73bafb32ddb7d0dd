"""Symbols in their order: they come back, at the price that the model says, whoever computes it how."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from genzoo.core import Noise, Sequential, Space
from genzoo.core.errors import DataError
from genzoo.core.given import NOTHING, Given, given_rows
from genzoo.distributions.levels import flattened, unflattened
from genzoo.models.autoregressive import MADE, Bigram
from genzoo.tasks.coding import Order
from tests.zoo import ready
from tests.zoo.autoregressive import AUTOREGRESSIVE
from tests.zoo.entry import batch

ROWS = 24
FIRST = {name.partition("/")[0]: name for name in reversed(AUTOREGRESSIVE)}  # of each model
OTHERS = ["hmm", "hmm/ragged/given", "gpt/ragged", "gpt/given/several", "made/many"]


def road_of(chain: Sequential, space: Space) -> Order:
    return Order(chain, lambda x: flattened(x, space), lambda s: unflattened(s, space))


@pytest.mark.parametrize(
    "name", [name for name in (*FIRST.values(), *OTHERS) if name not in ("markov_density", "tab_ar")]
)
def test_rows_come_back_at_the_price_that_the_model_says(name: str) -> None:
    model = ready(name).double()
    data, chain = batch(model, ROWS), model.able(Sequential)
    given = model.checked_given(data.given, ROWS)
    road = road_of(chain, model.space)
    with torch.no_grad():
        packed = road.pack(data.x, given)
        assert torch.equal(road.unpack(packed.words, packed.doubts, ROWS, given), data.x)
        said = -model.log_prob(data.x, data.given).sum().item()
    assert packed.charged or math.isclose(packed.nats, said, rel_tol=1e-9)
    bits = packed.nats / math.log(2) + 24 * packed.charged
    assert -24 <= 8 * len(packed.words) - bits <= 0.001 * bits + 64  # up to two words at the end


class Elsewhere(Sequential):
    """The same conditionals, computed on another machine: other rounding errors, one row at a time."""

    def __init__(self, inner: Sequential, error: float) -> None:
        self.inner, self.error, self.asked = inner, error, 0
        self.space, self.symbols = inner.space, inner.symbols

    def begin(self, n: int, given: Given = NOTHING) -> Any:
        return [self.inner.begin(1, given_rows(given, slice(i, i + 1))) for i in range(n)]

    def logits(self, state: Any) -> Tensor:
        self.asked += 1
        found = torch.cat([self.inner.logits(each) for each in state])
        return found + self.error * Noise(self.asked).normal(*found.shape, dtype=torch.float64)

    def take(self, state: Any, symbol: Tensor) -> Any:
        return [self.inner.take(each, symbol[i : i + 1]) for i, each in enumerate(state)]


def made(levels: int = 16) -> tuple[Sequential, Space]:
    space = Space((40,), levels=levels)
    model = MADE(space, width=16).double().eval()
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            parameter.add_(0.2 * Noise(i).normal(*parameter.shape, dtype=torch.float64))
    return model.able(Sequential), space


def test_another_arithmetic_decodes_the_same() -> None:
    chain, space = made()
    x = torch.randint(16, (16, 40), dtype=torch.uint8)
    with torch.no_grad():
        packed = road_of(chain, space).pack(x)
        found = road_of(Elsewhere(chain, 1e-12), space).unpack(packed.words, packed.doubts, len(x))
        assert torch.equal(found, x)
        wrong = road_of(Elsewhere(chain, 1e-4), space).unpack(packed.words, packed.doubts, len(x))
        assert not torch.equal(wrong, x)  # which a file's checks tell


class Edges(Sequential):
    """Conditionals of which every one lies on an edge between two steps, and the least error decides."""

    space, symbols = Space((30,), levels=2), 2

    def begin(self, n: int, given: Given = NOTHING) -> Any:
        return n

    def logits(self, state: Any) -> Tensor:
        p = math.exp(-44.5 / 64)
        return torch.tensor([[p, 1 - p]], dtype=torch.float64).log().expand(state, -1)

    def take(self, state: Any, symbol: Tensor) -> Any:
        return state


def test_doubts_decide_where_rounding_cannot() -> None:
    x = torch.randint(2, (64, 30), dtype=torch.uint8)
    packed = road_of(Edges(), Edges.space).pack(x)
    assert len(packed.doubts) >= 12 * 64 * 30

    class Nudged(Edges):
        def logits(self, state: Any) -> Tensor:
            return super().logits(state) - torch.tensor([1e-12, 0.0])

    assert torch.equal(road_of(Nudged(), Edges.space).unpack(packed.words, packed.doubts, len(x)), x)
    assert not torch.equal(road_of(Nudged(), Edges.space).unpack(packed.words, b"", 64), x)


def test_long_sequences_go_on_from_what_the_model_still_sees() -> None:
    """A chain of which the next symbol is nearly sure given the last: it pays for it where it sees it, and windows of
    which it sees half lose nothing."""
    space = Space((8,), levels=3)
    model = Bigram(space).double().eval()
    road = road_of(model.able(Sequential), space)
    symbols = torch.randint(3, (5, 50))
    lengths = np.array([50, 50, 50, 50, 13])
    with torch.no_grad():
        packed = road.pack_symbols(symbols, lengths)
        found = road.unpack_symbols(packed.words, packed.doubts, lengths)
    for row, known, length in zip(found, symbols, lengths, strict=True):
        assert torch.equal(row[:length], known[:length])
    assert packed.nats == pytest.approx(_chained(model, symbols, lengths), rel=1e-9)


def _chained(model: Bigram, symbols: Tensor, lengths: np.ndarray) -> float:
    """−log p of whole sequences by windows of two, which is all that a chain looks at."""
    total, pair = 0.0, Space((8,), levels=3)
    chain = model.able(Sequential)
    for row, length in zip(symbols, lengths, strict=True):
        for t in range(length):
            state = chain.begin(1)
            if t:
                chain.logits(state)
                state = chain.take(state, row[t - 1 : t])
            total -= chain.logits(state).log_softmax(-1)[0, row[t]].item()
    assert pair == model.space
    return total


def test_symbols_without_mass_are_charged_and_come_back() -> None:
    class Sure(Edges):
        def logits(self, state: Any) -> Tensor:
            return torch.tensor([[0.0, -torch.inf]], dtype=torch.float64).expand(state, -1)

    x = torch.zeros(4, 30, dtype=torch.uint8)
    x[1, 7] = x[2, 9] = 1
    packed = road_of(Sure(), Edges.space).pack(x)
    assert packed.charged == 2
    assert torch.equal(road_of(Sure(), Edges.space).unpack(packed.words, packed.doubts, 4), x)
    assert 48 <= 8 * len(packed.words) <= 48 + 64


def test_bytes_that_are_none_are_refused_or_told_by_the_checks() -> None:
    chain, space = made()
    with pytest.raises(DataError, match="whole words"):
        road_of(chain, space).unpack(b"12345", b"", 4)
    with torch.no_grad():
        rubbish = Noise(0).integers(256, 400).to(torch.uint8).numpy().tobytes()
        assert road_of(chain, space).unpack(rubbish, b"", 4).shape == (4, 40)


def test_no_row_is_no_word() -> None:
    chain, space = made()
    packed = road_of(chain, space).pack(torch.zeros(0, 40, dtype=torch.uint8))
    assert road_of(chain, space).unpack(packed.words, packed.doubts, 0).shape == (0, 40)
