"""The generator: exact for any integers, by blocks as by steps."""

import math
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genzoo.randomness import LinearCongruential, ansi_c, congruential, minstd, randu

MODULI = [2, 3, 16, 2**31, 2**31 - 1, 2**32, 2**32 - 5, 2**33, 2**61 - 1, 2**64, 2**64 - 59, 2**89 - 1, 2**96]


def steps(a: int, c: int, m: int, x: int):
    while True:
        x = (a * x + c) % m
        yield x


@settings(max_examples=60, deadline=None)
@given(data=st.data(), m=st.sampled_from(MODULI), n=st.integers(0, 200), cut=st.integers(0, 200))
def test_words_are_exact(data: st.DataObject, m: int, n: int, cut: int) -> None:
    a, c, seed = data.draw(st.integers(1, m - 1)), data.draw(st.integers(0, m - 1)), data.draw(st.integers(1, m - 1))
    expected = list(islice(steps(a, c, m, seed), n))
    generator = LinearCongruential(a, c, m, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(congruential, "LANES", 16)
        found = generator.words(min(cut, n)).tolist() + generator.words(n - min(cut, n)).tolist()
    assert found == expected
    assert generator.state == ([seed, *expected])[-1]
    assert LinearCongruential(a, c, m, seed).jump(n).state == generator.state


def test_the_lectures_words() -> None:
    assert LinearCongruential().words(5).tolist() == [22695478, 8561967, 719750332, 71484141, 763924754]


@pytest.mark.parametrize("make", [LinearCongruential, ansi_c, randu, minstd], ids=lambda f: f.__name__)
def test_long_blocks_are_single_steps(make) -> None:
    n = 5 * congruential.LANES + 77
    expected = list(islice(steps(make().a, make().c, make().m, 1), n))
    assert make().words(n).tolist() == expected
    assert make().jump(n - 1).words(1).tolist() == expected[-1:]


def test_park_and_millers_check() -> None:
    """Seed 1, ten thousand steps: 1043618065 (Park & Miller, 1988)."""
    assert minstd().jump(10_000).state == 1_043_618_065


def test_a_period_comes_round() -> None:
    assert LinearCongruential(seed=99).jump(2**31).state == 99
    assert LinearCongruential(seed=99).jump(2**30).state != 99
    assert randu().jump(2**29).state == 1
    assert minstd().jump(2**31 - 2).state == 1


@pytest.mark.parametrize("m", [8, 9, 12, 15, 16])
def test_full_periods_are_those_of_the_theorem(m: int) -> None:
    for a in range(1, m):
        for c in range(1, m):
            generator = LinearCongruential(a, c, m, 0)
            assert generator.has_full_period == (len(set(generator.words(m).tolist())) == m)
    assert LinearCongruential().has_full_period
    assert not randu().has_full_period


def test_low_bits_repeat() -> None:
    words = LinearCongruential(seed=12345).words(5000)
    for bit in (0, 3, 8):
        strip = words >> bit & 1
        assert np.array_equal(strip[2 ** (bit + 1) :], strip[: -(2 ** (bit + 1))])
        assert not np.array_equal(strip[2**bit :], strip[: -(2**bit)])


def test_types_are_the_smallest() -> None:
    for m, kind in [(2**31, np.uint32), (2**32, np.uint32), (2**33, np.uint64), (2**64, np.uint64), (2**65, object)]:
        assert LinearCongruential(5, 1, m, 1).words(3).dtype == kind


@pytest.mark.parametrize("m", [2**31, 2**31 - 1, 2**64, 2**80])
def test_uniform_numbers_stay_below_one(m: int) -> None:
    last = LinearCongruential(1, m - 1, m, 0)
    assert last.uniform(3).tolist() == [min((m - k) / m, 1 - 2.0**-53) for k in (1, 2, 3)]
    generator = LinearCongruential(5, 1, m, 1)
    assert generator.uniform(50).dtype == np.float64
    assert all(0 <= u < 1 for u in generator.uniform(50))


def test_the_lattice_is_there() -> None:
    words = randu().words(1000).tolist()
    assert all((9 * x - 6 * y + z) % 2**31 == 0 for (x, y), (_, z) in pairwise(pairwise(words)))
    assert math.gcd(randu().a, 2**31) == 1


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"m": 1}, "modulus must be at least 2"),
        ({"a": 0}, "0 < a < m"),
        ({"a": 2**31}, "0 < a < m"),
        ({"c": -1}, "0 <= c < m"),
        ({"c": 2**31}, "0 <= c < m"),
        ({"seed": 2**31}, "0 <= seed < m"),
        ({"c": 0, "seed": 0}, "zeros only"),
    ],
)
def test_what_is_out_of_range_is_refused(given_: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LinearCongruential(**given_)


def test_fractions_and_jumps_back_are_refused() -> None:
    with pytest.raises(Exception, match="integer|int"):
        LinearCongruential(a=1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="go ahead"):
        LinearCongruential().jump(-1)
