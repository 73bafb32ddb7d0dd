"""Noise: known answers, two roads to the same bits, and rows that know their number."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from genzoo._random import philox
from genzoo.core import Noise, fresh_seed

# Random123's known-answer vectors for philox4x32-10: counter, key, words.
KNOWN = [
    ([0, 0, 0, 0], [0, 0], [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_philox_gives_the_known_answers(counter: list[int], key: list[int], words: list[int]) -> None:
    number = key[0] | key[1] << 32
    by_numpy = philox(*(np.array([c], np.uint64) for c in counter), number)
    by_torch = philox(*(torch.tensor([c]) for c in counter), number)
    assert [int(word[0]) for word in by_numpy] == words
    assert [int(word[0]) for word in by_torch] == words


def test_numpy_and_torch_agree_in_every_bit() -> None:
    counters = torch.randint(0, 2**32, (4, 10_000))
    by_torch = philox(*counters, 0x9E3779B97F4A7C15)
    by_numpy = philox(*counters.numpy().astype(np.uint64), 0x9E3779B97F4A7C15)
    for a, b in zip(by_torch, by_numpy, strict=True):
        assert np.array_equal(a.numpy(), b.astype(np.int64))


DRAWS = {
    "words": lambda noise, n: noise.words(n, 3),
    "uniform": lambda noise, n: noise.uniform(n, 3),
    "uniform64": lambda noise, n: noise.uniform(n, 3, dtype=torch.float64),
    "normal": lambda noise, n: noise.normal(n, 5),
    "normal64": lambda noise, n: noise.normal(n, 5, dtype=torch.float64),
    "integers": lambda noise, n: noise.integers(7, n),
    "categorical": lambda noise, n: noise.categorical(torch.zeros(n, 4)),
    "bernoulli": lambda noise, n: noise.bernoulli(torch.full((n, 2), 0.3)),
}


@pytest.mark.parametrize("kind", DRAWS)
@settings(max_examples=20, deadline=None)
@given(cut=st.integers(0, 20), start=st.integers(0, 2**31))
def test_rows_do_not_depend_on_how_they_are_cut(kind: str, cut: int, start: int) -> None:
    draw, noise = DRAWS[kind], Noise(3, "a", start=start)
    whole = draw(noise.at("b"), 20)
    first = draw(noise.at("b").rows(slice(0, cut)), cut)
    second = draw(noise.at("b").rows(slice(cut, 20)), 20 - cut)
    assert torch.equal(torch.cat([first, second]), whole)
    assert torch.equal(draw(Noise(3, "a", "b", start=start), 20), whole)


@pytest.mark.parametrize("kind", DRAWS)
def test_rows_can_be_picked_by_number(kind: str) -> None:
    draw, index = DRAWS[kind], torch.tensor([7, 2, 2, 19])
    whole = draw(Noise(3), 20)
    assert torch.equal(draw(Noise(3).rows(index), 4), whole[index])
    assert torch.equal(draw(Noise(3).rows(index).rows(slice(1, 3)), 2), whole[index][1:3])
    assert torch.equal(draw(Noise(3).rows(index).rows(torch.tensor([3, 0])), 2), whole[index][[3, 0]])


@pytest.mark.parametrize("kind", DRAWS)
def test_pages_made_ahead_are_the_pages_made_alone(kind: str) -> None:
    draw, stream = DRAWS[kind], Noise(5, "train")
    for page in [*range(35), 3, 17]:
        ahead = stream.tick(page)
        alone = Noise(5, "train")._copy(page=page)
        assert torch.equal(draw(ahead, 6), draw(alone, 6))
        assert torch.equal(draw(ahead.at("part"), 6), draw(alone.at("part"), 6))
        assert torch.equal(draw(ahead.rows(slice(2, 5)), 3), draw(alone.rows(slice(2, 5)), 3))


def test_pages_draws_names_and_seeds_are_independent() -> None:
    noise = Noise(0)
    streams = [noise.normal(500, 2), noise.normal(500, 2), Noise(1).normal(500, 2), Noise(0, "a").normal(500, 2)]
    streams += [Noise(0).tick(1).normal(500, 2), Noise(0, start=500).normal(500, 2)]
    correlation = torch.corrcoef(torch.stack([stream.flatten() for stream in streams])) - torch.eye(len(streams))
    assert correlation.abs().max() < 0.12


def test_what_is_drawn_may_be_changed_in_place() -> None:
    stream = Noise(0)
    stream.tick(0).normal(4, 2).zero_()
    assert stream.tick(0).normal(4, 2).all()


def test_distributions_are_the_ones_named() -> None:
    n = 20_000
    uniform, normal = Noise(1).uniform(n), Noise(2).normal(n // 2, 2).flatten()
    assert stats.kstest(uniform, "uniform").pvalue > 1e-3
    assert stats.kstest(normal, "norm").pvalue > 1e-3
    assert stats.kstest(Noise(3).uniform(n, dtype=torch.float64), "uniform").pvalue > 1e-3
    assert 0 <= uniform.min() < uniform.max() < 1
    counts = Noise(4).integers(10, n).bincount(minlength=10)
    assert stats.chisquare(counts).pvalue > 1e-3
    probs = torch.tensor([0.5, 0.0, 0.3, 0.2])
    counts = Noise(5).categorical(probs.log().expand(n, 4)).bincount(minlength=4)
    assert counts[1] == 0
    assert stats.chisquare(counts[[0, 2, 3]], n * probs[[0, 2, 3]].double()).pvalue > 1e-3
    assert Noise(6).bernoulli(torch.full((n,), 0.2)).mean().item() == pytest.approx(0.2, abs=0.015)


def test_words_have_no_pattern_between_rows_or_columns() -> None:
    bits = (Noise(7).words(4000, 8) >> torch.arange(0, 32, 4)) & 1
    correlation = torch.corrcoef(bits.double().T) - torch.eye(8)
    assert correlation.abs().max() < 0.08
    flat = bits.double().mean(1) - 0.5
    assert abs(float((flat[1:] * flat[:-1]).mean() / flat.square().mean())) < 0.06


def test_float32_and_float64_numbers_belong_together() -> None:
    assert torch.allclose(Noise(1).normal(50, 3), Noise(1).normal(50, 3, dtype=torch.float64).float(), atol=0)
    coarse, fine = Noise(1).uniform(50, 3), Noise(1).uniform(50, 3, dtype=torch.float64)
    assert ((fine - coarse.double()).abs() < 2.0**-23).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_numbers_of_half_precision_are_as_sound(dtype: torch.dtype) -> None:
    n, digits = 1 << 16, 1 - round(np.log2(torch.finfo(dtype).eps))
    fine, coarse = Noise(1).uniform(n, 4), Noise(1).uniform(n, 4, dtype=dtype)
    assert coarse.dtype == dtype
    assert coarse.max() < 1
    assert torch.equal(coarse.float(), (fine * 2**digits).floor() / 2**digits)
    assert torch.equal(Noise(2).normal(n, dtype=dtype), Noise(2).normal(n).to(dtype))
    forbidden = torch.tensor([0.0, -torch.inf, -9.0, -torch.inf], dtype=dtype)
    for rows in (forbidden.expand(n, 4), forbidden.repeat(n, 1)):  # one distribution for all rows; one for each
        counts = Noise(3).categorical(rows).bincount(minlength=4)
        assert counts[1] == counts[3] == 0
        assert counts[2] == Noise(3).categorical(rows.float()).bincount(minlength=4)[2] > 0
    rare = torch.full((n,), 1 / 512, dtype=dtype)  # below the grid of bfloat16
    ones = Noise(4).bernoulli(rare)
    assert ones.dtype == dtype
    assert ones.float().mean().item() == pytest.approx(1 / 512, rel=0.3)


def test_permutations_hold_every_number_once() -> None:
    order = Noise(3).permutation(1000)
    assert order.sort().values.equal(torch.arange(1000))
    noise = Noise(3)
    assert not noise.permutation(1000).equal(noise.permutation(1000))
    assert Noise(3).permutation(0).shape == (0,)


def test_wrong_numbers_of_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="first axis"):
        Noise(0).rows(torch.tensor([1, 2])).normal(3)


def test_fresh_seeds_differ() -> None:
    assert len({fresh_seed() for _ in range(5)}) > 1
