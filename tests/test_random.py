"""Words and classes: known answers, and every road to the same bits."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch import distributions as td

from genzoo import _compiled, _random
from genzoo.core import Noise
from genzoo.distributions.draws import draw

DTYPES = [np.int64, np.uint32, np.float32, np.float64]
FROZEN_WORDS = [[2764632327, 3392083507, 1548220369], [450777532, 2925961914, 2678905666]]
SHAPES = [(1, 1), (300, 1), (77, 3), (50, 6), (9, 31), (9, 32), (5, 787), (1, 4001), (0, 3), (3, 0)]


@pytest.fixture(params=["plain", "compiled"])
def road(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Both ways to the numbers; the plain one everywhere, the compiled one where Numba is."""
    monkeypatch.setattr(_compiled, "WORTH", 0 if request.param == "compiled" else float("inf"))
    return request.param


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_words_are_those_of_philox(road: str, shape: tuple[int, int], dtype: type) -> None:
    row, page = np.arange(shape[0], dtype=np.uint64) * 7, np.arange(shape[0], dtype=np.uint64) % 3
    counter = row[:, None], page[:, None], np.arange(-(-shape[1] // 4), dtype=np.uint64)[None], np.uint64(5)
    expected = np.stack(_random.philox(*counter, 0x9E3779B97F4A7C15), -1).reshape(shape[0], 4 * len(counter[2][0]))[
        :, : shape[1]
    ]
    for shift in (0, 8):
        out = np.empty(shape, dtype)
        _random.words(row, page, 5, 0x9E3779B97F4A7C15, out, shift)
        assert np.array_equal(out, (expected >> np.uint64(shift)).astype(dtype))


def test_known_words_come_by_every_road(road: str) -> None:
    """Random123's known answers for philox4x32-10, as far as block 0 can show them, and a draw frozen long ago."""
    out, row = np.empty((1, 4), np.int64), np.array([0], np.uint64)
    _random.words(row, row, 0, 0, out)
    assert out[0].tolist() == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert Noise(7, "frozen", start=3).words(2, 3).tolist() == FROZEN_WORDS


def test_rows_beyond_32_bits_have_words_of_their_own(road: str) -> None:
    far = Noise(1, start=2**33).words(3, 2)
    assert not torch.equal(far, Noise(1).words(3, 2))
    assert torch.equal(far[1:], Noise(1, start=2**33 + 1).words(2, 2))


DRAWS = {
    "words": lambda: Noise(0).words(40_000, 3),
    "uniform": lambda: Noise(0).uniform(70_000),
    "float64": lambda: Noise(0).uniform(300, 301, dtype=torch.float64),
    "normal": lambda: Noise(0, start=9).normal(40_000, 5),
    "bernoulli": lambda: Noise(0).bernoulli(Noise(1).uniform(3_000, 40)),
    "exponential": lambda: draw(td.Exponential(2.0), Noise(0), rows=50_000),
    "rows": lambda: Noise(0).categorical(Noise(1).normal(700, 3, 256)),
    "shared": lambda: draw(td.Categorical(Noise(1).uniform(300)), Noise(0), rows=60_000),
    "few": lambda: Noise(0).categorical(torch.zeros(2, 3, dtype=torch.float64)),
    "ahead": lambda: torch.cat([stream.tick(page).normal(50, 3) for stream in [Noise(2)] for page in range(20)]),
}


@pytest.mark.parametrize("kind", DRAWS)
def test_roads_lead_to_the_same_bits(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_compiled, "WORTH", float("inf"))
    plain = DRAWS[kind]()
    monkeypatch.setattr(_compiled, "WORTH", 0)
    assert torch.equal(DRAWS[kind](), plain)


@pytest.mark.parametrize("kind", DRAWS)
def test_chunks_do_not_show(kind: str, road: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = DRAWS[kind]()
    monkeypatch.setattr("genzoo._stream.CHUNK", 1000)
    monkeypatch.setattr(_random, "ELEMENTS", 9000)
    assert torch.equal(DRAWS[kind](), whole)


def oracle(weights: Tensor, uniform: Tensor) -> Tensor:
    edges = weights.cumsum(-1)
    found = torch.searchsorted(edges, (uniform * edges[..., -1])[..., None], right=True)[..., 0]
    return found.clamp_max(weights.shape[-1] - 1)


WEIGHTS = {
    "even": torch.ones(256),
    "one": torch.ones(1),
    "zeros": torch.tensor([0.0, 0, 1, 0, 2, 0, 0]),
    "steep": torch.logspace(0, -30, 2000),
    "crowded": torch.cat([torch.full((3000,), 1e-9), torch.ones(2)]),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("kind", WEIGHTS)
def test_classes_are_those_of_a_plain_search(kind: str, dtype: torch.dtype, road: str) -> None:
    n, weights = 4 * _random.GUIDE, WEIGHTS[kind].to(dtype)
    uniform = Noise(0).uniform(n, dtype=dtype)
    uniform[:4] = torch.tensor([0.0, 1e-12, 1 - 2.0**-24, 0.5], dtype=dtype)
    uniform[4 : 4 + len(weights)] = (weights.cumsum(0) / weights.sum())[: n - 4].clamp_max(1 - 2.0**-24)
    shared = _random.choose(weights.expand(n, -1), uniform, probs=True)
    assert torch.equal(shared, oracle(weights.expand(n, -1), uniform))
    assert (weights[shared] > 0).all() or kind == "steep"
    some, rows = uniform[:1001], torch.stack([weights, weights.flip(0), weights.square()]).repeat(334, 1)[:1001]
    assert torch.equal(_random.choose(rows, some, probs=True), oracle(rows, some))


def test_logits_are_normalized_in_any_shape(road: str) -> None:
    logits, uniform = Noise(0).normal(7, 5, 4), Noise(1).uniform(7, 5)
    expected = oracle(logits.softmax(-1), uniform)
    assert torch.equal(_random.choose(logits, uniform), expected)
    assert torch.equal(_random.choose(logits.requires_grad_(), uniform), expected)
    strided = logits.detach().permute(2, 0, 1).contiguous().permute(1, 2, 0)
    assert torch.equal(_random.choose(strided, uniform.T.contiguous().T), expected)
    assert _random.choose(logits[:0], uniform[:0]).shape == (0, 5)
    assert _random.choose(torch.full((5, 3), torch.nan), uniform[0]).tolist() == [2] * 5


def test_without_numba_the_numbers_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = DRAWS["rows"](), DRAWS["shared"](), DRAWS["uniform"]()
    monkeypatch.setattr(_compiled, "is_there", lambda: False)
    monkeypatch.setattr(_compiled, "WORTH", 0)
    assert all(torch.equal(DRAWS[k](), x) for k, x in zip(("rows", "shared", "uniform"), expected, strict=True))


@pytest.mark.parametrize("kind", ["categorical", "shared", "bernoulli", "exponential"])
def test_a_million_draws_follow_their_law(kind: str, road: str) -> None:
    n, probs = 1_000_000, Noise(3, kind).uniform(32)
    if kind == "exponential":
        x = draw(td.Exponential(3.0), Noise(0, kind), rows=n // 50)
        assert stats.kstest(x.numpy(), stats.expon(scale=1 / 3).cdf).pvalue > 1e-3
        counts = torch.histc(torch.exp(-3 * draw(td.Exponential(3.0), Noise(1, kind), rows=n)), 64, 0, 1)
        assert stats.chisquare(counts.double()).pvalue > 1e-3
    elif kind == "bernoulli":
        ones = Noise(0, kind).bernoulli(probs.expand(n // 32, 32)).sum(0).double().numpy()
        p = probs.double().numpy()
        z = (ones - n // 32 * p) / np.sqrt(n // 32 * p * (1 - p))
        assert stats.chi2.sf((z**2).sum(), 32) > 1e-3
    else:
        logits = probs.log().expand(n, 32) if kind == "shared" else probs.log().repeat(n, 1)
        counts = Noise(0, kind).categorical(logits).bincount(minlength=32)
        assert stats.chisquare(counts, n * (probs.double() / probs.double().sum()).numpy()).pvalue > 1e-3
