"""Metrics of samples beside those of others: CPU time of one thread, and the memory of nearest neighbors.

The Fréchet distance is timed with its statistics, against the formulas of torch-fidelity (eigenvalues of the product
of the covariances) and of clean-fid and pytorch-fid (SciPy's root of the product), written out here: the packages
themselves need torchvision. prdc, POT and SciPy are called as they are. Both sides alternate in one process; the
figure is the ratio of the best times, and the answers must agree.

The sliced distance is all sorting: with extra `fast` the faster of NumPy's sort and a compiled radix sort on this
machine, chosen and compiled in an untimed first call; the record says which.

Usage: OMP_NUM_THREADS=1 python -m benchmarks.metrics [--small]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import contextlib
import io
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import linalg, stats

from benchmarks import record
from genzoo.core import Noise
from genzoo.distributions import (
    Moments,
    directions,
    frechet_distance,
    sliced_wasserstein,
    sorting,
    wasserstein_1d,
)
from genzoo.evaluation.manifold import manifold_values

Run = Callable[[], Any]


class Row(NamedTuple):
    """One comparison: what we run, what the peer runs, how many times faster we want to be, how often to try."""

    name: str
    ours: Run
    peer: Run
    target: float
    repeats: int
    agree: float = 1e-4


def statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As both packages take them."""
    return np.mean(x, axis=0), np.cov(x, rowvar=False)


def torch_fidelity(a: np.ndarray, b: np.ndarray) -> float:
    """`frechet_distance.py` of torch-fidelity: eigenvalues of the product."""
    (mean_a, cov_a), (mean_b, cov_b) = statistics(a), statistics(b)
    off = mean_a - mean_b
    root = np.sqrt(linalg.eigvals(cov_a.dot(cov_b)).astype("complex128")).real.sum()
    return float(off.dot(off) + np.trace(cov_a) + np.trace(cov_b) - 2 * root)


def clean_fid(a: np.ndarray, b: np.ndarray) -> float:
    """`frechet_distance` of clean-fid and pytorch-fid: the root of the product."""
    (mean_a, cov_a), (mean_b, cov_b) = statistics(a), statistics(b)
    off = mean_a - mean_b
    root = linalg.sqrtm(cov_a.dot(cov_b)).real
    return float(off.dot(off) + np.trace(cov_a) + np.trace(cov_b) - 2 * np.trace(root))


def features(seed: int, n: int, dims: int) -> torch.Tensor:
    """Rows with a spectrum that falls, as features of networks have."""
    mixing = Noise(seed, "mixing").normal(dims, dims) / dims**0.5
    return (Noise(seed).normal(n, dims) * torch.linspace(1, 0.05, dims)) @ mixing + 0.1 * seed


def frechet_rows(small: bool) -> list[Row]:
    n, dims = (400, 128) if small else (5000, 2048)
    a, b = features(1, n, dims), features(2, n, dims)

    def ours() -> float:
        return frechet_distance(Moments.of(a), Moments.of(b))

    what = f"Fréchet distance of 2 × {n} × {dims}, statistics included"
    return [
        Row(f"{what}: torch-fidelity's formula", ours, lambda: torch_fidelity(a.numpy(), b.numpy()), 1.75, 3),
        Row(f"{what}: clean-fid's formula", ours, lambda: clean_fid(a.numpy(), b.numpy()), 5, 2),
    ]


def neighbor_rows(small: bool) -> list[Row]:
    from prdc import compute_prdc

    n, dims = (300, 64) if small else (5000, 2048)
    a, b = features(1, n, dims), 0.9 * features(1, 2 * n, dims)[n:]

    def peer() -> list[float]:
        with contextlib.redirect_stdout(io.StringIO()):
            found = compute_prdc(b.numpy(), a.numpy(), nearest_k=5)
        return [found[name] for name in ("precision", "recall", "density", "coverage")]

    name = f"precision, recall, density, coverage of 2 × {n} × {dims}: prdc"
    return [Row(name, lambda: manifold_values(a, b, k=5).tolist(), peer, 2.5, 2, agree=2e-3)]


def sliced_rows(small: bool) -> list[Row]:
    import ot

    n, dims, count = (500, 16, 20) if small else (10_000, 64, 256)
    a, b = Noise(1).normal(n, dims), Noise(2).normal(n, dims) + 0.1
    lines = directions(count, dims, Noise(3)).float()
    x, y, projections = a.numpy(), b.numpy(), np.ascontiguousarray(lines.T.numpy())
    wide_x, wide_y = x.astype(np.float64), y.astype(np.float64)
    what = f"sliced Wasserstein distance of 2 × {n} × {dims}, {count} lines: POT on NumPy"

    def ours() -> float:
        return sliced_wasserstein(a, b, directions(count, dims, Noise(3)))

    def as_called() -> float:
        return float(ot.sliced_wasserstein_distance(wide_x, wide_y, n_projections=count, seed=0))

    def like_for_like() -> float:
        return float(ot.sliced_wasserstein_distance(x, y, projections=projections))

    like_for_like(), ours()  # whatever is compiled is compiled now
    return [
        Row(f"{what}, in its default float64, lines drawn", ours, as_called, 15, 5, agree=0.2),  # other lines
        Row(f"{what}, in float32, on the same lines", lambda: sliced_wasserstein(a, b, lines), like_for_like, 15, 5),
    ]


def line_rows(small: bool) -> list[Row]:
    n = 10_000 if small else 1_000_000
    a, b = Noise(1).normal(n, dtype=torch.float64), 1.5 * Noise(2).normal(n, dtype=torch.float64)
    p, q = (Noise(seed).uniform(n, dtype=torch.float64) for seed in (3, 4))
    masses = p / p.sum(), q / q.sum()

    def weighted() -> float:
        return float(stats.wasserstein_distance(a.numpy(), b.numpy(), masses[0].numpy(), masses[1].numpy()))

    name = f"Wasserstein distance of 2 × {n} numbers: SciPy"
    return [
        Row(name, lambda: wasserstein_1d(a, b), lambda: stats.wasserstein_distance(a.numpy(), b.numpy()), 4, 5),
        Row(f"{name}, with weights", lambda: wasserstein_1d(a, b, weights=masses), weighted, 1, 5),
    ]


def seconds(run: Run) -> tuple[float, Any]:
    start = time.process_time()
    answer = run()
    return time.process_time() - start, answer


def measured(row: Row) -> dict[str, Any]:
    """Both sides in turn; the best of each."""
    ours, peer = [], []
    for _ in range(row.repeats):
        ours.append(seconds(row.ours))
        peer.append(seconds(row.peer))
    gap = np.abs(np.subtract(ours[0][1], peer[0][1])).max() / np.abs(peer[0][1]).max()
    if gap > row.agree:
        raise SystemExit(f"{row.name}: answers must agree, got {ours[0][1]} and {peer[0][1]}.")
    best = {"ours_s": min(time for time, _ in ours), "peer_s": min(time for time, _ in peer)}
    ratio = best["peer_s"] / best["ours_s"]
    print(row.name)
    print(f"  ours {best['ours_s']:.3f} s, theirs {best['peer_s']:.3f} s: {ratio:.2f} × (target {row.target})")
    return best | {"ratio": ratio, "target": row.target, "largest_difference": float(gap)}


def memory(what: str) -> float:
    """A field of this process's status, in MiB: VmRSS is held now, VmHWM the most so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def peak(side: str, small: bool, answer: Any) -> None:
    """The growth of this process's peak memory over a run of nearest neighbors, in MiB."""
    torch.set_num_threads(1)
    row = neighbor_rows(small)[0]
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from what is held
    before = memory("VmRSS")
    getattr(row, side)()
    answer.put(memory("VmHWM") - before)


def peaks(small: bool) -> dict[str, float]:
    """Peak memory of both sides, each in a process of its own."""
    context, found = multiprocessing.get_context("spawn"), {}
    for side in ("ours", "peer"):
        answer = context.Queue()
        process = context.Process(target=peak, args=(side, small, answer))
        process.start()
        found[f"{side}_mib"] = round(answer.get(timeout=600), 1)
        process.join()
    print(f"  peak memory above the inputs: ours {found['ours_mib']} MiB, theirs {found['peer_mib']} MiB")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="tiny sizes, nothing recorded: does it run?")
    small = parser.parse_args().small
    torch.set_num_threads(1)
    figures: dict[str, Any] = {}
    for make in (frechet_rows, neighbor_rows, sliced_rows, line_rows):
        try:
            rows = make(small)
        except ImportError as lacking:
            print(f"{make.__name__}: skipped, {lacking.name} is not installed")
            figures[make.__name__] = f"skipped: {lacking.name} is not installed"
            continue
        for row in rows:
            figures[row.name] = measured(row)
            if make is neighbor_rows:
                figures[row.name] |= peaks(small)
    if not small:
        sort = sorting.fastest().__name__
        print("written to", record.write("metrics", {"rows": figures, "sort": sort}))


if __name__ == "__main__":
    main()
