"""Distances to neighbors beside scikit-learn's, and rows scored in flat memory.

`neighbors`: the mean distance to the five nearest of known rows, by `NearestRows` and by NearestNeighbors (brute
force, float32 as well), in turn, processor time of one thread; the distances are the same. `memory`: by how much the
peak rises from scoring a tenth of the rows to scoring all of them.

    OMP_NUM_THREADS=1 python -m benchmarks.outliers [--small] [--only memory]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import resource
from typing import Any

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from benchmarks import record
from benchmarks.tables_mixture import seconds
from genzoo.core import Noise, Space
from genzoo.data import read
from genzoo.distributions.pairwise import NearestRows
from genzoo.models.classical import GaussianMixture
from genzoo.tasks.outliers import outliers

SHAPES = ((5000, 50_000, 784), (20_000, 50_000, 32), (50_000, 5000, 8))  # of normal rows, which no axes lead
PICTURES = (10_000, 50_000)


def pictures(n: int, m: int) -> tuple[Tensor, Tensor]:
    """Clothes to be told and known ones, in [0, 1]."""
    data = read("fashion-mnist")
    return (data.test.head(n)[0].flatten(1).float() / 255, data.train.head(m)[0].flatten(1).float() / 255)


def neighbors(x: Tensor, known: Tensor, repeats: int) -> dict[str, Any]:
    """Both searches in turn; what is made ready once counts."""
    search = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(known.numpy())
    ours, peer = [], []
    for _ in range(repeats):
        ours.append(seconds(lambda: NearestRows(known)(x, 5)[0].sqrt().mean(1)))
        peer.append(seconds(lambda: search.kneighbors(x.numpy())[0].mean(1)))
    same = bool(np.allclose(ours[-1][1].numpy(), peer[-1][1], rtol=1e-3))
    a, b = min(run[0] for run in ours), min(run[0] for run in peer)
    return {"ours_s": a, "peer_s": b, "ratio": b / a, "same": same}


def memory(n: int) -> dict[str, Any]:
    """The rise of the peak from a tenth of the rows to all."""
    model = GaussianMixture(Space((8,)), components=5)
    usual, known, x = model.sample(1000, seed=0), model.sample(5000, seed=1), model.sample(n, seed=2)
    outliers(model, x[: n // 10], calibration=usual, known=known)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took = seconds(lambda: outliers(model, x, calibration=usual, known=known, fdr=0.1))[0]
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"rows": n, "seconds": took, "peak_mb": after / 1024, "rise_mb": (after - before) / 1024}


def main() -> None:
    """Prints both, and keeps them."""
    said = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    said.add_argument("--small", action="store_true", help="a tenth of the rows, once")
    said.add_argument("--only", choices=("neighbors", "memory"), help="the other stays as it is recorded")
    asked = said.parse_args()
    torch.set_num_threads(1)
    part, repeats = (10, 1) if asked.small else (1, 3)
    told: dict[str, Any] = {}
    if asked.only != "memory":
        told["neighbors"] = {
            f"{n:,} rows among {m:,}, {width} wide": neighbors(
                Noise(0).normal(n // part, width), Noise(1).normal(m // part, width), repeats
            )
            for n, m, width in SHAPES
        }
        n, m = PICTURES
        told["neighbors"][f"{n:,} clothes among {m:,}"] = neighbors(*pictures(n // part, m // part), repeats)
    if asked.only != "neighbors":
        told["memory"] = memory(1_000_000 // part)
    print(told)
    if not asked.small:
        kept = json.loads((record.FOLDER / "outliers.json").read_text()) if asked.only else {}
        record.write("outliers", {name: kept[name] for name in ("neighbors", "memory") if name in kept} | told)


if __name__ == "__main__":
    main()
