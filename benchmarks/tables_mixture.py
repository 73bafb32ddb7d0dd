"""Mixtures of products on a census beside scikit-learn's and pandas: CPU time of one thread, and memory.

`fit`: as many passes of EM with as many components, from rows drawn at random; scikit-learn's diagonal Gaussians see
levels as ones among zeros, and numbers in standard units. Both are read as masses of whole rows on held-out ones: a
component of Gaussians gives a level the mean of its column, which is its share, plus half a row; and a whole number
the mass between half a number below and above. `write`: the same rows as CSV, by genzoo's codec and by pandas.

    OMP_NUM_THREADS=1 python -m benchmarks.tables_mixture [--small]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import resource
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import logsumexp, ndtr

from benchmarks import record
from genzoo.core import Batch, Noise
from genzoo.data import Data, read
from genzoo.models.classical import ProductMixture

PASSES, COMPONENTS = 20, 100


def seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    answer = run()
    return time.process_time() - start, answer


def fitted(x: torch.Tensor, data: Data, components: int) -> ProductMixture:
    """Our mixture after the passes."""
    model = ProductMixture(data.space, components=components, tol=-1.0)
    batches = [Batch(part, noise=Noise(0)) for part in x.split(4000)]
    with torch.no_grad():
        model.prepare(batches)
        for _ in range(PASSES):
            model.begin()
            for batch in batches:
                model.accumulate(batch)
            model.finish()
    return model.eval()


class Peer:
    """scikit-learn's mixture of diagonal Gaussians on ones among zeros."""

    def __init__(self, x: np.ndarray, data: Data, components: int) -> None:
        from sklearn.mixture import GaussianMixture

        self.levels = [column.levels for column in data.space.columns or ()]
        numbers = x[:, [levels is None for levels in self.levels]]
        self.mean, self.scale = numbers.mean(0), numbers.std(0)
        self.model = GaussianMixture(
            components,
            covariance_type="diag",
            max_iter=PASSES,
            tol=0.0,
            init_params="random_from_data",
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of passes that have not converged
            self.model.fit(self.rows(x))

    def rows(self, x: np.ndarray) -> np.ndarray:
        numbers = (x[:, [levels is None for levels in self.levels]] - self.mean) / self.scale
        hot = [np.eye(levels)[x[:, d].astype(int)] for d, levels in enumerate(self.levels) if levels is not None]
        return np.concatenate([numbers, *hot], 1)

    def log_mass(self, x: np.ndarray, rows: int) -> float:
        """The mean of log P of rows, of a fit to so many."""
        weights, means = self.model.weights_, self.model.means_
        deviations = np.sqrt(self.model.covariances_)
        total, at, place = np.log(weights)[None].repeat(len(x), 0), len(self.mean), 0
        for d, levels in enumerate(self.levels):
            if levels is None:
                ends = [((x[:, d] + half - self.mean[place]) / self.scale[place])[:, None] for half in (-0.5, 0.5)]
                low, high = (ndtr((end - means[:, place]) / deviations[:, place]) for end in ends)
                total += np.log((high - low).clip(1e-300))
                place += 1
            else:
                shares = means[:, at : at + levels] * weights[:, None] * rows + 0.5
                total += np.log(shares / shares.sum(1, keepdims=True)).T[x[:, d].astype(int)]
                at += levels
        return float(logsumexp(total, axis=1).mean())


def fit(x: torch.Tensor, held: torch.Tensor, data: Data, repeats: int) -> dict[str, Any]:
    """Both fits in turn."""
    ours, theirs = [], []
    for _ in range(repeats):
        ours.append(seconds(lambda: fitted(x, data, COMPONENTS)))
        theirs.append(seconds(lambda: Peer(x.numpy(), data, COMPONENTS)))
    best = {"ours_s": min(run[0] for run in ours), "peer_s": min(run[0] for run in theirs)}
    likelihoods = {
        "ours_log_p": ours[-1][1].log_prob(held).mean().item(),
        "peer_log_p": theirs[-1][1].log_mass(held.numpy(), len(x)),
    }
    return best | {"ratio": best["peer_s"] / best["ours_s"], "components": COMPONENTS, "passes": PASSES} | likelihoods


def write(model: ProductMixture, data: Data, n: int, repeats: int) -> dict[str, Any]:
    """Samples, and the same as CSV by both."""
    import pandas as pd

    drawn, x = min((seconds(lambda: model.sample(n, seed=0)) for _ in range(repeats)), key=lambda run: run[0])
    words: Any = data.codec
    columns = {
        name: np.array(words.words[name], dtype=object)[x[:, d].long().numpy()]
        if name in words.words
        else x[:, d].long().numpy()
        for d, name in enumerate(words.columns)
    }
    frame = pd.DataFrame(columns)
    with tempfile.TemporaryDirectory() as folder:
        a, b = Path(folder) / "ours.csv", Path(folder) / "peer.csv"
        times = [
            (seconds(lambda: data.codec.save(x, a))[0], seconds(lambda: frame.to_csv(b, index=False))[0])
            for _ in range(repeats)
        ]
        same = pd.read_csv(a).equals(pd.read_csv(b))
    ours, peer = (min(run[side] for run in times) for side in (0, 1))
    return {"rows": n, "sample_s": drawn, "ours_s": ours, "peer_s": peer, "ratio": peer / ours, "same_table": same}


def memory(model: ProductMixture, n: int) -> dict[str, Any]:
    """By how much the peak of memory rises from scoring a tenth of the rows to scoring all of them."""
    x = model.sample(n // 10, seed=0).repeat(10, 1)
    with torch.no_grad():
        model.log_prob(x[: n // 10])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        took = seconds(lambda: model.log_prob(x))[0]
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"rows": n, "seconds": took, "peak_mb": after / 1024, "rise_mb": (after - before) / 1024}


def main() -> None:
    """Measures, keeps the record, prints."""
    said = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    said.add_argument("--small", action="store_true")
    asked = said.parse_args()
    torch.set_num_threads(1)
    data = read("uci-adult", missing="drop")
    x, repeats = data.train.x[:2000] if asked.small else data.train.x, 1 if asked.small else 2
    figures: dict[str, Any] = {"load": os.getloadavg()[0], "fit": fit(x, data.valid.x, data, repeats)}
    print(figures, flush=True)
    model = fitted(x, data, 300)
    for name, found in {
        "write": write(model, data, 1000 if asked.small else 100_000, 3 * repeats),
        "memory": memory(model, 10_000 if asked.small else 1_000_000),
    }.items():
        figures[name] = found
        print(name, found, flush=True)
    if not asked.small:
        print(record.write("tables_mixture", figures))


if __name__ == "__main__":
    main()
