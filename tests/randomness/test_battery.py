"""The battery: what must fail is seen to fail, what is random passes."""

import numpy as np
import pytest

from genzoo.core import Noise
from genzoo.randomness import (
    LinearCongruential,
    NoiseWords,
    NumpyWords,
    WordSource,
    ansi_c,
    battery,
    examine,
    minstd,
    randu,
)

DRAWS = 200_000
PAIRS, BIT_0, BIT_8 = "birthday spacings of pairs", "period of bit 0", "period of bit 8"
FAILS = {
    "lecture": (LinearCongruential, {PAIRS, BIT_0, BIT_8}),
    "ansi_c": (ansi_c, {PAIRS, BIT_0, BIT_8}),
    "randu": (randu, {PAIRS, BIT_0, BIT_8, "serial triples", "birthday spacings", "values of 9x - 6y + z"}),
    "minstd": (minstd, {PAIRS}),
}


class Listed:
    """Words that are known beforehand."""

    def __init__(self, words: np.ndarray, m: int) -> None:
        self.given, self.m = words.astype(np.uint64), m

    def words(self, n: int) -> np.ndarray:
        return self.given[:n]


@pytest.mark.parametrize("name", FAILS)
def test_what_must_fail_is_seen_to_fail(name: str) -> None:
    make, expected = FAILS[name]
    assert {outcome.test for outcome in examine(make(), DRAWS) if outcome.failed} == expected


@pytest.mark.parametrize("seed", [0, 1])
def test_no_false_alarm(seed: int) -> None:
    sources = [NumpyWords(np.random.PCG64(seed)), NumpyWords(np.random.MT19937(seed)), NoiseWords(Noise(seed))]
    for source in sources:
        outcomes = examine(source, DRAWS)
        assert len(outcomes) == 11
        assert not [outcome for outcome in outcomes if outcome.failed]
        assert min(outcome.p for outcome in outcomes) > 1e-5


def test_periods_of_bits_are_found() -> None:
    assert [battery.bit_period(LinearCongruential(), bit).seen for bit in (0, 1, 8)] == [2, 4, 512]
    assert [battery.bit_period(randu(), bit).seen for bit in (0, 8)] == [1, 128]
    odd = np.tile([0, 1, 1, 0, 1, 0, 0], 40_000)[: 1 << 17]
    assert battery.bit_period(Listed(odd, 2), 0).seen == 7


def test_a_period_that_breaks_off_is_none() -> None:
    words = np.tile([0, 1, 1], 60_000)[: 1 << 17]
    words[100_000] ^= 1
    assert battery.bit_period(Listed(words, 2), 0).seen == 0


def test_too_even_is_as_bad_as_uneven() -> None:
    n = 1 << 16
    even = battery.cells(Listed(np.arange(n), n), n)
    uneven = battery.cells(Listed(np.arange(n) // 2, n), n)
    assert even.failed
    assert even.seen == 0
    assert uneven.failed


@pytest.mark.parametrize("m", [2**31, 2**31 - 1, 2**33 - 9, 2**61 - 1, 2**64, 2**70])
def test_high_bits_are_exact(m: int) -> None:
    words = LinearCongruential(5, 3, m, 1).words(300).tolist()
    source: WordSource = LinearCongruential(5, 3, m, 1)
    assert battery.top_bits(source, 300, 30).tolist() == [(word << 30) // m for word in words]


def test_birthdays_agree_as_often_as_they_should() -> None:
    found = battery.birthday_spacings(NumpyWords(np.random.PCG64(3)), 4096, repeats=20)
    assert found.expected == 160
    assert found.p > 1e-3
    assert battery.birthday_spacings(Listed(np.arange(4096), 2**31), 4096).seen == 4094


def test_equal_seeds_are_equal_words() -> None:
    assert np.array_equal(NoiseWords(Noise(3)).words(2000), Noise(3).words(2, 1024).flatten()[:2000].numpy())
    assert NumpyWords(np.random.MT19937(1)).words(1000).max() < NumpyWords(np.random.MT19937(1)).m


def test_too_few_draws_are_refused() -> None:
    with pytest.raises(ValueError, match="50,000 draws"):
        examine(minstd(), 1000)
