"""Samples of text: how varied they are, how like held-out texts, and how much of them is copied.

Texts are strings; their units are characters, or words between white space. An n-gram is n units in a row within one
text. Histograms and lengths see what is frequent; perplexity under a reference sees what the reference knows; none of
them sees meaning.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Integer
from scipy import sparse
from torch import Tensor

from genzoo.core.model import GenerativeModel
from genzoo.distributions.resampling import require_rows, share_of
from genzoo.evaluation.likelihood import dims_of, score
from genzoo.evaluation.measurement import Estimate
from genzoo.evaluation.weighted import Pooled, bootstrap, mean_of

__all__ = ["Copied", "copied", "distinct", "length_distance", "ngram_distance", "perplexity", "repetition"]

Unit = Literal["characters", "words"]
MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))  # odd, so that multiplying by them loses nothing


class Copied(NamedTuple):
    """Samples that copy from the training texts.

    Attributes:
        share: The share of samples with a long stretch of a training text.
        rows: Which.
    """

    share: Estimate
    rows: list[int]


def distinct(texts: Sequence[str], n: int = 2, unit: Unit = "characters") -> Estimate:
    """Distinct-n: the share of different n-grams among all n-grams of the texts together,

    $$ \\frac{\\#\\{\\text{different } n\\text{-grams}\\}}{\\#\\{n\\text{-grams}\\}}. $$

    It falls as texts are added, so compare equal numbers of equal lengths. The error is the jackknife's, which errs on
    the large side: drawing texts again with replacement would repeat n-grams, which is the very thing that is counted.

    Args:
        texts: The samples.
        n: The length of an n-gram.
        unit: What a unit is.

    Raises:
        TooFew: If fewer than two texts have n units.

    Example:
        >>> distinct(["abab", "abac"], n=2).value
        0.5

    References:
        Li et al., 2016, "A diversity-promoting objective function for neural conversation models", arXiv:1510.03055
        Efron & Stein, 1981, "The jackknife estimate of variance", Ann. Statist. 9
    """
    (grams,) = _grams([texts], n, unit)
    require_rows(len(np.unique(grams.text)), 2, f"Distinct-{n} of texts of {n} {unit} or more")
    first, last = np.full(grams.kinds, len(texts)), np.full(grams.kinds, -1)
    np.minimum.at(first, grams.gram, grams.text)
    np.maximum.at(last, grams.gram, grams.text)
    alone = np.bincount(first[first == last], minlength=len(texts))  # n-grams that no other text has
    tokens = np.bincount(grams.text, minlength=len(texts))
    counted = tokens > 0
    without = (len(first) - alone[counted]) / (tokens.sum() - tokens[counted])
    error = math.sqrt((len(without) - 1) * without.var())
    return Estimate(len(first) / len(grams.gram), error)


def repetition(texts: Sequence[str], n: int = 4, unit: Unit = "characters") -> Estimate:
    """rep-n: the share of n-grams that stood earlier in the same text, a mean over texts,

    $$ 1 - \\frac{\\#\\{\\text{different } n\\text{-grams of the text}\\}}{\\#\\{n\\text{-grams of the text}\\}}. $$

    It grows with the length of the texts; compare with held-out texts of equal lengths.

    Args:
        texts: The samples; those shorter than n units do not count.
        n: The length of an n-gram.
        unit: What a unit is.

    Raises:
        TooFew: If no text has n units.

    Example:
        >>> repetition(["abab", "abcd"], n=2).value  # (1 − 2/3 + 0) / 2
        0.16666666666666669

    References:
        Welleck et al., 2020, "Neural text generation with unlikelihood training", arXiv:1908.04319
    """
    (grams,) = _grams([texts], n, unit)
    require_rows(len(np.unique(grams.text)), 1, f"Rep-{n} of texts of {n} {unit} or more")
    different = np.unique(grams.text * grams.kinds + grams.gram) // grams.kinds
    kinds, tokens = (np.bincount(text, minlength=len(texts)) for text in (different, grams.text))
    return mean_of(1 - kinds[tokens > 0] / tokens[tokens > 0])


def length_distance(
    samples: Sequence[str], real: Sequence[str], unit: Unit = "characters", *, draws: int = 100, seed: int = 0
) -> Estimate:
    """The 1-Wasserstein distance between the lengths of samples and of held-out texts: by how many units lengths are
    off.

    Args:
        samples: The samples.
        real: Held-out texts.
        unit: What a unit is.
        draws: How often texts are drawn again for the error.
        seed: Names the draws.

    Raises:
        TooFew: If there are fewer than two of either.

    Example:
        >>> length_distance(["ab", "abcd"], ["abc", "abcde"]).value
        1.0
    """
    require_rows(min(len(samples), len(real)), 2, "A distance between lengths with its error")
    lengths = [np.array([len(_cut(text, unit)) for text in texts], dtype=float) for texts in (samples, real)]
    pooled = Pooled(*lengths)
    return bootstrap(lambda a, b: [pooled.wasserstein(a, b)], len(samples), len(real), draws=draws, seed=seed)[0]


def ngram_distance(
    samples: Sequence[str],
    real: Sequence[str],
    n: int = 3,
    unit: Unit = "characters",
    *,
    draws: int = 100,
    seed: int = 0,
) -> Estimate:
    """The Jensen–Shannon divergence between the n-grams of samples and of held-out texts, in bits,

    $$ \\mathrm{JS} = H\\bigl(\\tfrac{p + q}{2}\\bigr) - \\tfrac{1}{2} H(p) - \\tfrac{1}{2} H(q) \\in [0, 1]. $$

    Rare n-grams that one side happens to lack bias it upwards by about (number of n-grams) / (texts' length); compare
    with real texts against real texts of the same number.

    Args:
        samples: The samples.
        real: Held-out texts.
        n: The length of an n-gram.
        unit: What a unit is.
        draws: How often texts are drawn again for the error.
        seed: Names the draws.

    Raises:
        TooFew: If there are fewer than two of either, or none of a side has n units.

    Example:
        >>> ngram_distance(["aa", "aa"], ["bb", "bb"], n=1).value, ngram_distance(["ab", "ba"], ["ab", "ab"], 1).value
        (1.0, 0.0)

    References:
        Lin, 1991, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory 37
    """
    require_rows(min(len(samples), len(real)), 2, f"A distance between {n}-grams with its error")
    sides = _grams([samples, real], n, unit)
    least = min(len(np.unique(side.text)) for side in sides)
    require_rows(least, 1, f"A distance between {n}-grams of texts of {n} {unit} or more")
    p, q = (side.counts(len(texts)) for side, texts in zip(sides, (samples, real), strict=True))

    def statistic(a: np.ndarray, b: np.ndarray) -> list[float]:
        return [_jensen_shannon(a @ p, b @ q)]

    return bootstrap(statistic, len(samples), len(real), draws=draws, seed=seed)[0]


def perplexity(
    reference: GenerativeModel | Callable[[Tensor], Tensor],
    x: Integer[Tensor, "n *shape"],
    *,
    lengths: Int[Tensor, " n"] | None = None,
    seed: int = 0,
) -> Estimate:
    """The perplexity of rows of ids under a reference that was fitted on real texts,

    $$ \\exp\\Bigl(-\\frac{\\sum_i \\log p(x_i)}{\\sum_i T_i}\\Bigr). $$

    Samples are good if theirs is near that of held-out texts: a lower one tells of texts that repeat what is frequent.

    Args:
        reference: A model of the same space, or a function to the log-probability of each row in nats.
        x: The rows.
        lengths: How many ids each row has; by default what the model's space says, or the size of a row.
        seed: Names the noise of a likelihood that is a bound.

    Raises:
        TooFew: If there are fewer than two rows.

    Example:
        >>> coin = lambda x: torch.full((len(x),), 3 * math.log(0.5))
        >>> round(perplexity(coin, torch.zeros(5, 3, dtype=torch.int64)).value, 6)
        2.0
    """
    require_rows(len(x), 2, "A perplexity with its error")
    if isinstance(reference, GenerativeModel):
        nats, dims = -score(reference, x, seed=seed), dims_of(x, reference.space)
    else:
        nats = -reference(x).detach().double()
        dims = torch.full((len(x),), float(x[0].numel()), dtype=torch.float64)
    dims = dims if lengths is None else lengths.double()
    rate = nats.sum() / dims.sum()
    error = (nats - rate * dims).std() / (dims.mean() * math.sqrt(len(x)))
    return Estimate(rate.exp().item(), (rate.exp() * error).item())


def copied(samples: Sequence[str], train: str | Sequence[str], *, length: int = 50) -> Copied:
    """The share of samples of which some stretch of `length` characters stands in a training text word for word.

    Held-out texts do so too where texts quote each other: theirs is what samples should not exceed.

    Args:
        samples: The samples.
        train: One long training text, or several; no stretch goes over the end of one.
        length: How many characters tell a copy from chance.

    Raises:
        ValueError: If the length is not positive.
        TooFew: If no sample is that long.

    Example:
        >>> copied(["to be or not", "a new line!!"], "whether to be or not to be", length=10)
        Copied(share=Estimate(value=0.5, error=0.3535...), rows=[0])
    """
    if length < 1:
        raise ValueError(f"`length` must be at least 1, got {length}. Take 50 or so.")
    long = sum(len(text) >= length for text in samples)
    require_rows(long, 1, f"A share of copies among texts of {length} characters or more")
    known = np.unique(_windows([train] if isinstance(train, str) else train, length)[0])
    hashes, texts = _windows(samples, length)
    place = np.searchsorted(known, hashes).clip(max=max(0, len(known) - 1))
    found = np.zeros(len(samples), dtype=bool)
    found[texts[known[place] == hashes] if len(known) else []] = True
    return Copied(share_of(torch.from_numpy(found)), np.flatnonzero(found).tolist())


class _Grams(NamedTuple):
    """The n-grams of some texts: in which text each stands, and its number below `kinds`."""

    text: Int[np.ndarray, " m"]
    gram: Int[np.ndarray, " m"]
    kinds: int

    def counts(self, texts: int) -> sparse.csr_array:
        """How often each text has each n-gram."""
        return sparse.csr_array((np.ones(len(self.gram)), (self.text, self.gram)), shape=(texts, self.kinds))


def _grams(groups: Sequence[Sequence[str]], n: int, unit: Unit) -> list[_Grams]:
    """The n-grams of groups of texts, numbered alike."""
    if n < 1:
        raise ValueError(f"`n` must be at least 1, got {n}. Count single {unit} with n=1.")
    ids, text = _flat([text for group in groups for text in group], unit)
    gram = ids
    for k in range(1, n):  # an n-gram is an (n−1)-gram and the unit that follows it
        pairs = gram[:-1] * (1 + ids.max(initial=0)) + ids[k:]
        gram = np.unique(pairs, return_inverse=True)[1]
    inside = text[: len(gram)] == text[n - 1 :]
    kinds, gram = np.unique(gram[inside], return_inverse=True)
    text, parts, start = text[: len(inside)][inside], [], 0
    for group in groups:
        mine = (start <= text) & (text < start + len(group))
        parts.append(_Grams(text[mine] - start, gram[mine], len(kinds)))
        start += len(group)
    return parts


def _flat(texts: Sequence[str], unit: Unit) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """The units of texts end to end as numbers, and the text of each."""
    cut = [_cut(text, unit) for text in texts]
    if unit == "characters":
        ids = _code_points("".join(texts)).astype(np.int64)
    else:
        place: dict[str, int] = {}
        ids = np.array([place.setdefault(word, len(place)) for words in cut for word in words], dtype=np.int64)
    return ids, np.repeat(np.arange(len(texts)), [len(units) for units in cut])


def _cut(text: str, unit: Unit) -> Sequence[str]:
    if unit not in ("characters", "words"):
        raise ValueError(f"`unit` must be characters or words, got {unit!r}. Choose one of them.")
    return text if unit == "characters" else text.split()


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype=np.uint32)


def _jensen_shannon(p: Float[np.ndarray, " k"], q: Float[np.ndarray, " k"]) -> float:
    if not (p.sum() and q.sum()):  # a draw of texts that are all too short
        return math.nan
    p, q = p / p.sum(), q / q.sum()
    return min(max(0.0, _entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2), 1.0)


def _entropy(p: Float[np.ndarray, " k"]) -> float:
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum())


def _windows(texts: Sequence[str], length: int) -> tuple[np.ndarray, Int[np.ndarray, " m"]]:
    """A 64-bit hash of every stretch of some characters, and the text in which it stands.

    A stretch of 2k is made of two of k, one of any length of two that overlap: equal hashes of unequal stretches have
    odds of one in 10¹⁸ a pair.
    """
    codes = _code_points("".join(texts)).astype(np.uint64)
    hashes = _mixed(codes, codes)
    text = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    size = 1
    while size < length:
        step = min(size, length - size)
        hashes, size = _mixed(hashes[: max(0, len(hashes) - step)], hashes[step:]), size + step
    inside: Bool[np.ndarray, " m"] = text[: len(hashes)] == text[length - 1 :]
    return hashes[inside], text[: len(hashes)][inside]


def _mixed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Two hashes as one."""
    mixed = (a * MIX[0]) ^ ((b + MIX[1]) * MIX[1])  # wraps modulo 2⁶⁴
    mixed ^= mixed >> np.uint64(29)
    return mixed * MIX[0] ^ (mixed >> np.uint64(32))
