"""Classical models beside scikit-learn's and SciPy's: CPU time of one thread, the memory of a long stream of rows.

Both sides start from the same parameters and make the same number of passes; they alternate in one process, and the
figure is the ratio of the best times. A mixture in float32 must reach the likelihood of scikit-learn's in float64. The
stream is a table of ten million rows that no process holds: batches are made as they are asked for.

Usage: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.classical [--small] [--only NAME]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import record
from genzoo.core import Batch, Noise, Space
from genzoo.models.classical import GaussianMixture, KernelDensity, KMeans

Figures = dict[str, Any]
PASSES = {"gaussian_mixture": 20, "kmeans": 25}


def seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    answer = run()
    return time.process_time() - start, answer


def side_by_side(ours: Callable[[], Any], theirs: Callable[[], Any], repeats: int) -> tuple[Figures, Any, Any]:
    """Both in turn; the best of each, and the last answers."""
    times = [(seconds(ours), seconds(theirs)) for _ in range(repeats)]
    best = {"ours_s": min(own[0] for own, _ in times), "peer_s": min(peer[0] for _, peer in times)}
    return best | {"ratio": best["peer_s"] / best["ours_s"]}, times[-1][0][1], times[-1][1][1]


def clusters(n: int, dims: int, count: int) -> tuple[Tensor, Tensor]:
    """Overlapping Gaussians in float64, and where to start."""
    noise = Noise(0, "benchmark")
    centers = 2 * noise.normal(count, dims, dtype=torch.float64)
    shapes = 0.4 * noise.normal(count, dims, dims, dtype=torch.float64) / dims**0.5 + 0.8 * torch.eye(dims)
    which, rows = noise.integers(count, n), noise.normal(n, dims, dtype=torch.float64)
    for k in range(count):
        rows[which == k] = rows[which == k] @ shapes[k].T + centers[k]
    return rows, centers + 0.3


def gaussian_mixture(small: bool) -> Figures:
    """Full covariances: float32 beside float32, and both precisions beside float64."""
    from sklearn.mixture import GaussianMixture as Peer

    figures: Figures = {}
    for n, dims, count in [(2000, 4, 3)] if small else [(50_000, 16, 16), (100_000, 8, 10), (20_000, 32, 10)]:
        x, start = clusters(n, dims, count)

        def ours(dtype: torch.dtype, x: Tensor = x, start: Tensor = start) -> float:
            rows = Batch(x.to(dtype))
            model = GaussianMixture(Space((x.shape[1],)), components=len(start), tol=0.0)
            model.scale_to(x[:1000])
            model.gaussians.start(start, torch.eye(x.shape[1], dtype=torch.float64))
            for _ in range(PASSES["gaussian_mixture"]):
                model.begin()
                model.accumulate(rows)
                model.finish()
            return float(model.log_prob(x).mean())

        def theirs(dtype: Any, x: Tensor = x, start: Tensor = start) -> float:
            k, dims = start.shape
            peer = Peer(
                k, max_iter=PASSES["gaussian_mixture"], tol=0.0, means_init=start.numpy().astype(dtype),
                weights_init=np.full(k, 1 / k, dtype), precisions_init=np.stack([np.eye(dims, dtype=dtype)] * k),
                init_params="random_from_data",
            )  # fmt: skip
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return float(peer.fit(x.numpy().astype(dtype)).score(x.numpy()))

        pairs = {
            "float32": (torch.float32, np.float32, 2),
            "float32 beside float64": (torch.float32, np.float64, 4),
            "float64": (torch.float64, np.float64, None),
        }
        for name, (own, peer, target) in pairs.items():
            best, reached, wanted = side_by_side(
                lambda own=own: ours(own), lambda peer=peer: theirs(peer), 1 if small else 5
            )
            figures[f"mixture, {n} × {dims}, K = {count}, {name}"] = best | {
                "target": target, "log_likelihood": reached, "peer_log_likelihood": wanted
            }  # fmt: skip
    return figures


def kmeans(small: bool) -> Figures:
    """Lloyd's passes in float32."""
    from sklearn.cluster import KMeans as Peer

    figures: Figures = {}
    for n, dims, count in [(2000, 4, 3)] if small else [(100_000, 32, 10), (200_000, 16, 16), (50_000, 32, 100)]:
        x = clusters(n, dims, count)[0].float()
        start, batch = x[:count].double(), Batch(x)

        def ours(x: Tensor = x, start: Tensor = start, batch: Batch = batch) -> float:
            model = KMeans(Space((x.shape[1],)), clusters=len(start), tol=0.0)
            model.centers.copy_(start)
            for _ in range(PASSES["kmeans"]):
                model.begin()
                model.accumulate(batch)
                model.finish()
            return float(model.variance) * x.numel()

        def theirs(x: Tensor = x, start: Tensor = start) -> float:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                passes = {"max_iter": PASSES["kmeans"], "tol": 0.0, "algorithm": "lloyd", "n_init": 1}
                return float(Peer(len(start), init=start.float().numpy(), **passes).fit(x.numpy()).inertia_)

        best, reached, wanted = side_by_side(ours, theirs, 1 if small else 9)
        figures[f"k-means, {n} × {dims}, K = {count}"] = best | {
            "target": 1, "inertia": reached, "peer_inertia": wanted
        }  # fmt: skip
    return figures


def kde(small: bool) -> Figures:
    """The mean log-density of rows under a kernel density estimate, fit included: float32 beside float64."""
    from scipy.stats import gaussian_kde
    from sklearn.neighbors import KernelDensity as Trees

    n, m, dims = (500, 200, 8) if small else (20_000, 5_000, 8)
    x, queries = Noise(1).normal(n, dims), Noise(2).normal(m, dims)
    wide, wanted = x.double().numpy(), queries.double().numpy()

    def ours(**settings: Any) -> float:
        model = KernelDensity(Space((dims,)), **settings)
        model.begin()
        model.accumulate(Batch(x))
        model.finish()
        return float(model.log_prob(queries).double().mean())

    peers: dict[str, tuple[Callable[[], float], dict[str, Any]]] = {
        "SciPy's logpdf": (lambda: float(gaussian_kde(wide.T).logpdf(wanted.T).mean()), {}),
        "SciPy's pdf": (lambda: float(np.log(gaussian_kde(wide.T)(wanted.T)).mean()), {}),
        "scikit-learn": (
            lambda: float(Trees(bandwidth=0.5).fit(wide).score(wanted)) / m,
            {"bandwidth": 0.5, "whiten": "none"},
        ),
    }
    figures: Figures = {}
    for name, (theirs, settings) in peers.items():
        best, reached, exact = side_by_side(lambda s=settings: ours(**s), theirs, 1 if small else 3)
        figures[f"kernel density, {m} rows under {n}, {dims} columns: {name}"] = best | {
            "target": 7, "log_density": reached, "peer_log_density": exact
        }  # fmt: skip
    return figures


class Stream:
    """Rows that are made as they are asked for, the same at every pass."""

    def __init__(self, n: int, dims: int) -> None:
        self.n, self.table = n, clusters(4096, dims, 8)[0].float()

    def __len__(self) -> int:
        return self.n

    def gather(self, index: Tensor, *, seed: int = 0, epoch: int = 0) -> tuple[Tensor, None]:
        return self.table[index % 4096] + 1e-3 * (index % 997)[:, None], None


def anonymous_mib() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def stream(small: bool) -> Figures:
    """Two passes over many rows: time, and how much memory grows after the first thousand batches."""
    figures: Figures = {}
    n, dims, size = (100_000 if small else 10_000_000), 8, 4000
    rows = Stream(n, dims)
    for name, make in {
        "gaussian_mixture": lambda: GaussianMixture(Space((dims,)), components=8, tol=0.0),
        "kmeans": lambda: KMeans(Space((dims,)), clusters=8, tol=0.0),
    }.items():
        model = make()
        model.prepare(Batch(rows.gather(torch.arange(i, i + size))[0]) for i in range(0, n, size))
        start, before = time.process_time(), anonymous_mib()
        for _ in range(2):
            model.begin()
            for first in range(0, n, size):
                model.accumulate(Batch(rows.gather(torch.arange(first, first + size))[0]))
            model.finish()
        spent = time.process_time() - start
        figures[f"{name}, {n} rows of {dims}, a stream"] = {
            "rows_per_s": round(2 * n / spent), "grown_mib": round(anonymous_mib() - before, 1)
        }  # fmt: skip
    return figures


BENCHMARKS = {"gaussian_mixture": gaussian_mixture, "kmeans": kmeans, "kde": kde, "stream": stream}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="tiny sizes, nothing recorded: does it run?")
    parser.add_argument("--only", choices=BENCHMARKS, help="one of them, nothing recorded")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    figures: Figures = {}
    for name in [asked.only] if asked.only else BENCHMARKS:
        for row, found in BENCHMARKS[name](asked.small).items():
            print(row, {key: round(value, 4) if isinstance(value, float) else value for key, value in found.items()})
            figures[row] = found
    if not asked.small and not asked.only:
        print("written to", record.write("classical", {"rows": figures}))


if __name__ == "__main__":
    main()
