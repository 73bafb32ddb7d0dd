"""Random words and draws beside NumPy's and torch's: CPU time of one thread.

Words: the lecture's generator by jump-ahead against PCG64, whose fastest way to words is taken. Draws are compared
twice: given random numbers, the map alone and in torch alone; and end to end, random words included, with the
compiled kernels of the same counter-based generator (extra `fast`), loaded before the clock starts. The peers are
`torch.multinomial` on a distribution for each row, `torch.bernoulli` on a tensor of probabilities, and `exponential_`.
Both sides alternate in one process; the figure is the ratio of the best times. Rows of 64 numbers waste no word of a
block of four; a draw of single numbers per row uses one, and is given as well.

Usage: OMP_NUM_THREADS=1 python -m benchmarks.draws [--small]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import distributions as td

from benchmarks import record
from benchmarks.metrics import seconds
from genzoo import _compiled, _random
from genzoo.core import Noise
from genzoo.distributions.draws import draw
from genzoo.randomness import LinearCongruential

REPEATS = 9
Run = Callable[[], Any]


class Row(NamedTuple):
    """One comparison: what we run, what the peer runs, how many draws, how many times faster we want to be."""

    name: str
    ours: Run
    peer: Run
    draws: int
    target: float | None
    peer_draws: int | None = None
    compiles: bool = False


def words(n: int) -> Iterator[Row]:
    pcg = np.random.Generator(np.random.PCG64(0))
    lecture = LinearCongruential()

    def ours() -> np.ndarray:
        return lecture.words(n)

    yield Row("LCG words: PCG64, 32 bits", ours, lambda: pcg.integers(2**32, size=n, dtype=np.uint32), n, 2)
    yield Row("LCG words: PCG64, 64 bits", ours, lambda: pcg.bit_generator.random_raw(n), n, 2)


def categorical(n: int) -> Iterator[Row]:
    logits = Noise(0).normal(n, 256)
    probs, uniform = logits.softmax(-1), Noise(1).uniform(n)
    same, many = probs[0].log(), Noise(1).uniform(50 * n)

    def peer() -> torch.Tensor:
        return torch.multinomial(probs, 1)

    what = "categorical, 256 classes"
    yield Row(
        f"{what}, given probabilities and words", lambda: _random.choose(probs, uniform, probs=True), peer, n, 15
    )
    yield Row(f"{what}, given logits and words", lambda: _random.choose(logits, uniform), peer, n, None)
    yield Row(f"{what}, from logits, end to end", lambda: Noise(0).categorical(logits), peer, n, 15, compiles=True)
    shared, wide = same.expand(n, 256), same.expand(50 * n, 256)
    yield Row(f"{what}, one distribution, given words", lambda: _random.choose(wide, many), peer, 50 * n, 15, n)

    def one() -> torch.Tensor:
        return torch.multinomial(probs[0], 50 * n, replacement=True)

    name = f"{what}, one distribution, end to end"
    yield Row(name, lambda: Noise(0).categorical(wide), peer, 50 * n, 15, n, compiles=True)
    yield Row(f"{name}: multinomial told so", lambda: Noise(0).categorical(wide), one, 50 * n, None, compiles=True)
    yield Row(f"{name}, small", lambda: Noise(0).categorical(shared), peer, n, None, compiles=True)


def bernoulli(n: int) -> Iterator[Row]:
    probs, uniform = Noise(0).uniform(n // 64, 64), Noise(1).uniform(n // 64, 64)
    single = probs.flatten()

    def peer() -> torch.Tensor:
        return torch.bernoulli(probs)

    yield Row("Bernoulli, given words", lambda: torch.lt(uniform, probs), peer, n, 5)
    yield Row("Bernoulli, end to end", lambda: Noise(0).bernoulli(probs), peer, n, 5, compiles=True)
    yield Row("Bernoulli, one a row, end to end", lambda: Noise(0).bernoulli(single), peer, n, None, compiles=True)


def exponential(n: int) -> Iterator[Row]:
    uniform = Noise(1).uniform(n // 64, 64)
    rows = td.Exponential(torch.ones(64), validate_args=False)
    single = td.Exponential(torch.ones(()), validate_args=False)

    def peer() -> torch.Tensor:
        return torch.empty(n).exponential_()

    yield Row("exponential, given words", lambda: torch.log1p(-uniform).neg_(), peer, n, 4)
    yield Row("exponential, end to end", lambda: draw(rows, Noise(0), rows=n // 64), peer, n, 4, compiles=True)
    name = "exponential, one a row, end to end"
    yield Row(name, lambda: draw(single, Noise(0), rows=n), peer, n, None, compiles=True)


def measured(row: Row) -> dict[str, Any]:
    """Both sides in turn; the best of each, as millions a second."""
    _compiled.WORTH = 0 if row.compiles else float("inf")
    row.ours(), row.peer()
    times = [(seconds(row.ours)[0], seconds(row.peer)[0]) for _ in range(REPEATS)]
    ours, peer = (min(side) for side in zip(*times, strict=True))
    rates = {"ours_m_per_s": row.draws / ours / 1e6, "peer_m_per_s": (row.peer_draws or row.draws) / peer / 1e6}
    ratio = rates["ours_m_per_s"] / rates["peer_m_per_s"]
    goal = f" (target {row.target})" if row.target else ""
    print(f"{row.name}\n  ours {rates['ours_m_per_s']:.2f}, theirs {rates['peer_m_per_s']:.2f}: {ratio:.2f} ×{goal}")
    return rates | {"ratio": ratio, "target": row.target}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", action="store_true", help="tiny sizes, nothing recorded: does it run?")
    small = parser.parse_args().small
    torch.set_num_threads(1)
    if not _compiled.is_there():
        raise SystemExit("End to end needs compiled kernels: install genzoo[fast].")
    n = 1 << 16 if small else 1 << 22
    rows = [*words(2 * n), *categorical(n >> 8), *bernoulli(n), *exponential(n)]
    figures = {row.name: measured(row) for row in rows}
    if not small:
        print("written to", record.write("draws", {"rows": figures}))


if __name__ == "__main__":
    main()
