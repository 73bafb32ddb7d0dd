"""Samples of a census by exact recipes of tables: CPU time of one thread for 100,000 rows, and what binds `tab_ar`.

How long a sample takes does not depend on how well a model was trained, so trainings are of a few steps. A network for
every column means that each row passes D hidden layers and D tables of tokens; `products_s` is the time of these
products of matrices alone, in turn with the samples.

    OMP_NUM_THREADS=1 python -m benchmarks.tables_sampling [--small]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import genzoo
from benchmarks import record
from genzoo.core import GenerativeModel
from genzoo.data import Data, read
from genzoo.models.autoregressive.tabular import TabularAR

RECIPES = {"tab_ar": 20, "gaussian_copula": 1, "mixture_table": 3, "circuit": 3}  # and their steps


def seconds(run: Callable[[], Any]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def trained(name: str, steps: int, data: Data) -> GenerativeModel:
    with tempfile.TemporaryDirectory() as folder:
        model = genzoo.train(name, data, out=Path(folder) / "run", steps=steps, device="cpu").model
    assert isinstance(model, GenerativeModel)
    return model.eval()


def products(model: TabularAR, n: int) -> None:
    """The hidden layers and the tables of tokens that n rows pass, without all else."""
    rows, width = model.block // model.space.dims, model.nets.shift.shape[2]
    h, layer = torch.zeros(rows, width), torch.zeros(width, width)
    outputs = [torch.zeros(width, alphabet.used) for alphabet in model.alphabets]
    for _ in range(max(1, n // rows)):
        for output in outputs:
            for _ in model.nets.layers:
                h @ layer
            h @ output


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--small", action="store_true", help="a tenth of the rows, once")
    small = parser.parse_args().small
    n, repeats = (10_000, 1) if small else (100_000, 3)
    torch.set_num_threads(1)
    data, found = read("uci-adult", na=""), dict[str, Any](load=os.getloadavg()[0])
    for name, steps in RECIPES.items():
        model = trained(name, steps, data)
        model.sample(1000, seed=0)
        times = []
        for _ in range(repeats):
            both = [seconds(lambda model=model: model.sample(n, seed=0))]
            if isinstance(model, TabularAR):
                both.append(seconds(lambda model=model: products(model, n)))
            times.append(both)
        best = [min(run[side] for run in times) for side in range(len(times[0]))]
        found[name] = {"rows": n, "sample_s": best[0]}
        found[name] |= {"products_s": best[1], "ratio": best[0] / best[1]} if len(best) > 1 else {}
        print(name, found[name], flush=True)
    if not small:
        print(record.write("tables_sampling", found))


if __name__ == "__main__":
    main()
