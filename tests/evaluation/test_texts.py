"""Samples of text: answers counted by hand, errors by repetition, real halves near-perfect, noise far off."""

import math

import numpy as np
import pytest
import torch

import genzoo
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.evaluation.measurement import TooFew
from genzoo.evaluation.texts import copied, distinct, length_distance, ngram_distance, perplexity, repetition


class Uniform(GenerativeModel):
    likelihood = Likelihood.EXACT

    def draw(self, n, given, noise):
        return noise.integers(self.space.levels, n, *self.space.shape)

    def log_density(self, x, given, noise):
        return -(x != self.space.levels).sum(1).double() * math.log(self.space.levels)


@pytest.fixture(scope="module")
def halves() -> tuple[list[str], list[str]]:
    """The lines of the embedded verse, dealt into two."""
    data = genzoo.read("verse")
    lines = data.codec.texts(data.train.x[Noise(0).permutation(len(data.train))])
    return lines[::2], lines[1::2]


@pytest.fixture(scope="module")
def gibberish(halves) -> list[str]:
    """The characters of one half, shuffled among all its lines."""
    letters = np.array(list("".join(halves[0])))[Noise(1).permutation(sum(map(len, halves[0]))).numpy()]
    return ["".join(part) for part in np.split(letters, np.cumsum([len(line) for line in halves[0]])[:-1])]


@pytest.mark.parametrize(
    ("n", "unit", "answer"),
    [(1, "characters", 4 / 10), (2, "characters", 5 / 8), (1, "words", 2 / 4), (2, "words", 2 / 2)],
)
def test_distinct_is_counted(n, unit, answer):
    assert distinct(["ab ab", "ab ca"], n, unit).value == pytest.approx(answer)


def test_distinct_of_what_repeats_and_what_does_not():
    assert distinct(["aaaa", "aaaa"], 1).value == 1 / 8
    assert distinct(["abcd", "efgh"], 4).value == 1.0


def test_distincts_error_is_the_spread_over_repetitions_and_rather_more(halves):
    lines = [*halves[0], *halves[1]]

    def some(seed: int) -> list[str]:
        return [lines[i] for i in Noise(seed).integers(len(lines), 60).tolist()]

    spread = np.std([distinct(some(seed), 2).value for seed in range(150)], ddof=1)
    assert 0.9 < np.mean([distinct(some(seed), 2).error for seed in range(10)]) / spread < 1.7


@pytest.mark.parametrize(
    ("texts", "n", "unit", "answer"),
    [
        (["aaaa"], 2, "characters", 2 / 3),
        (["abcd"], 2, "characters", 0.0),
        (["aaaa", "abcd", "x"], 2, "characters", 1 / 3),
        (["so so so", "so it is"], 1, "words", 1 / 3),
    ],
)
def test_repetition_is_counted(texts, n, unit, answer):
    assert repetition(texts, n, unit).value == pytest.approx(answer)


def test_lengths_in_either_unit():
    assert length_distance(["a b", "a"], ["a b c", "a"], "words").value == pytest.approx(0.5)
    assert length_distance(["aa", "b"], ["cc", "d"]).value == 0.0


def test_ngram_distance_is_counted():
    p, q = np.array([0.5, 0.5]), np.array([0.75, 0.25])
    middle = (p + q) / 2
    answer = (p @ np.log2(p / middle) + q @ np.log2(q / middle)) / 2
    assert ngram_distance(["ab", "ba"], ["aa", "ab"], 1).value == pytest.approx(answer)


def test_real_halves_are_near_and_noise_is_far(halves, gibberish):
    one, other = halves
    near, far = ngram_distance(one, other), ngram_distance(gibberish, other)
    assert near.value + 4 * near.error < far.value
    assert far.value > 0.5
    assert near == ngram_distance(one, other)
    assert length_distance(one, other).value < 3
    assert abs(distinct(one, 4).value - distinct(other, 4).value) < 4 * distinct(one, 4).error


def test_perplexity_of_a_model_and_of_a_function_agree():
    model = Uniform(Space((6,), levels=7, ragged=True))
    x = torch.tensor([[0, 1, 2, 7, 7, 7], [3, 4, 5, 6, 0, 1]])
    assert perplexity(model, x).value == pytest.approx(7.0)
    assert perplexity(model, x).error == pytest.approx(0, abs=1e-9)

    def uniform(x):
        return model.log_density(x, None, None)

    assert perplexity(uniform, x, lengths=torch.tensor([3, 6])).value == pytest.approx(7.0)


def test_copies_are_found_whatever_the_length(halves):
    train = "\n".join(halves[0])
    for length in (1, 7, 20, 33):
        stretch = train[101 : 101 + length]
        assert copied([stretch, "§" * 40, "§" + stretch + "§"], train, length=length).rows == [0, 2]
    assert copied(["abcd"], ["ab", "cd"], length=4).rows == []  # no stretch goes over the end of a text
    assert copied(["abcd"], "ab", length=4).share.value == 0.0


def test_odd_texts_are_texts():
    odd = ["", "a", "日本語", "half \ud800 of one", "  ", "word word"]
    assert 0 < distinct(odd, 1).value < 1
    assert ngram_distance(odd, ["x", "yy"], 2).value == pytest.approx(1.0)  # some draws hold none of two characters
    assert copied(odd, ["", "word word"], length=5).rows == [5]
    assert copied(odd, [], length=2).rows == []


def test_too_few_and_mistakes():
    with pytest.raises(TooFew, match="Distinct-3 of texts of 3 words or more needs at least 2 rows, got 1"):
        distinct(["one two three", "one"], 3, "words")
    with pytest.raises(TooFew, match="3-grams with its error needs at least 2 rows, got 1"):
        ngram_distance(["a"], ["a", "b"])
    with pytest.raises(TooFew, match="texts of 3 characters or more needs at least 1"):
        ngram_distance(["abc", "abc"], ["a", "b"])
    with pytest.raises(TooFew, match="texts of 50 characters or more needs at least 1"):
        copied(["short"], "long")
    with pytest.raises(ValueError, match="`n` must be at least 1"):
        repetition(["a"], 0)
    with pytest.raises(ValueError, match="`length` must be at least 1"):
        copied(["a"], "a", length=0)
