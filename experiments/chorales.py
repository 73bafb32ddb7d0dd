"""Bach's chorales by hidden Markov models: how many states, and what a step costs.

A step is a quarter note, the 88 keys of a piano that are down or not; 229 chorales train, 76 choose the number of
states, 77 test, as the source splits them. A chorale's probability holds where it ends. Reported is the sum over the
test chorales over their steps, with the standard error of that ratio between chorales.

The figures that stand beside are from Table 1 of the reference: nats per step, a step a quarter note, with as many
chorales in each split. Its authors transpose to C major or C minor and sample MIDI files; ours stay in their keys,
which is harder; and there no model says where a chorale ends. So they tell orders of magnitude, and no rank.

    python -m experiments.chorales [--states 8 16 32 64 128 256 512] [--out docs/images/chorales.png]

References:
    Boulanger-Lewandowski, Bengio & Vincent, 2012, "Modeling temporal dependencies in high-dimensional sequences:
    application to polyphonic music generation and transcription", arXiv:1206.6392
"""

import argparse
import json
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.data import Data, Rows
from genzoo.zoo import Run, store

RECORD = Path(__file__).parent / "records" / "chorales.json"
SHOWN, LENGTH, FIRST = 2, 64, 21  # chorales of a kind in the picture, their steps, and the lowest key's MIDI number
PUBLISHED = {"NADE": 7.19, "RNN-RBM": 6.27, "RNN-NADE": 5.56}


def nats_per_step(run: Run, rows: Rows) -> tuple[float, float]:
    """−log p over steps, and the standard error of that ratio between chorales."""
    x, _ = rows.gather(torch.arange(len(rows)))
    nats, steps = -run.model.log_prob(x).double(), lengths(x).double()
    ratio = nats.sum() / steps.sum()
    error = (nats - ratio * steps).std() * math.sqrt(len(x)) / steps.sum()
    return float(ratio), float(error)


def lengths(x: Tensor) -> Tensor:
    """The steps of chorales, which end in padding."""
    return (x[..., 0] != 2).sum(1)


def contest(data: Data, states: int, seed: int, folder: Path) -> tuple[Run, dict[str, Any]]:
    """A model of so many states, and what it costs a step on the validation chorales."""
    start = time.process_time()
    run = genzoo.train("hmm", data, settings={"states": states}, seed=seed, out=folder / f"{states}-{seed}")
    value, error = nats_per_step(run, data.valid)
    seconds = round(time.process_time() - start, 1)
    return run, {"states": states, "seed": seed, "valid": value, "error": error, "core_seconds": seconds}


def draw(rolls: dict[str, Tensor], path: Path) -> None:
    """Chorales as rolls: time to the right, pitch upwards."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, SHOWN, figsize=(4.2 * SHOWN, 4.2), sharex=True, sharey=True)
    for row, (name, x) in zip(axes, rolls.items(), strict=True):
        for axis, roll in zip(row, x, strict=True):
            axis.imshow(
                (roll[:LENGTH] == 1).T, origin="lower", aspect="auto", cmap="Greys", interpolation="nearest",
                extent=(0, LENGTH, FIRST - 0.5, FIRST + 87.5),
            )  # fmt: skip
            axis.set(ylim=(34, 84))
        row[0].set_ylabel(f"{name}\nMIDI number", fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel("quarter notes", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Fits each number of states, keeps the one that validates best, tests it, and draws from it."""
    said = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    said.add_argument("--states", type=int, nargs="+", default=[8, 16, 32, 64, 128, 256, 512, 1024])
    said.add_argument("--seed", type=int, default=0)
    said.add_argument("--out", type=Path, default=Path("docs/images/chorales.png"))
    said.add_argument("--record", type=Path, default=RECORD)
    asked = said.parse_args()
    torch.set_num_threads(1)
    data = genzoo.read("jsb_chorales", roll=True, stride=4)
    with tempfile.TemporaryDirectory() as folder:
        tried = [contest(data, states, asked.seed, Path(folder)) for states in asked.states]
    run, chosen = min(tried, key=lambda found: found[1]["valid"])
    test, error = nats_per_step(run, data.test)
    fingerprint = data.fingerprint
    record = {
        "experiment": (__doc__ or "").partition("\n")[0],
        "data": {"name": "jsb_chorales", "roll": True, "stride": 4, "fingerprint": fingerprint},
        "versions": store.versions(),
        "unit": "nats per step",
        "tried": [figures for _, figures in tried],
        "chosen": chosen["states"],
        "test": test,
        "error": error,
        "published": PUBLISHED,
    }
    asked.record.write_text(json.dumps(record, indent=1) + "\n")
    whole = [x for x in run.model.sample(40, seed=asked.seed) if lengths(x[None]) >= LENGTH][:SHOWN]
    long = data.test.gather(torch.arange(len(data.test)))[0]
    draw({"Bach": long[lengths(long) >= LENGTH][:SHOWN], f"{chosen['states']} states": torch.stack(whole)}, asked.out)
    for figures in record["tried"]:
        print(figures)
    print(f"test: {test:.3f} ± {error:.3f} nats per step with {chosen['states']} states")


if __name__ == "__main__":
    main()
