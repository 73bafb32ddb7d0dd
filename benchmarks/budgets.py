"""Whether a budget of processor time is kept: what every recipe uses of what it is asked, on small pictures.

The set is of random bytes, 3×16×16, with a label each: what a step costs does not depend on what they show. A recipe
that converges early uses less than its budget, and one of which a single step takes longer uses more.

Usage: python -m benchmarks.budgets [--seconds 10] [--recipes vae,ddpm] [--rows 2000]
"""

import argparse
import tempfile
from typing import Any

from benchmarks import record
from genzoo import Noise
from genzoo.data import read
from genzoo.training.callbacks import Callback
from genzoo.training.state import State
from genzoo.zoo import recipes, train
from genzoo.zoo.mistakes import Mistake

# Classifiers and their like are asked for p(label | picture); the rest for p(picture | label).
OF_LABELS = ("softmax_regression",)


class Watch(Callback):
    """The processor time of each stage."""

    def __init__(self) -> None:
        self.used: list[float] = []

    def on_end(self, state: State) -> None:
        self.used.append(state.watch.core_seconds)


def pictures(rows: int) -> Any:
    """Random bytes with labels."""
    x = Noise(0, "pictures").integers(256, rows, 3, 16, 16).byte()
    return x, Noise(0, "labels").integers(10, rows)


def used(recipe: str, data: Any, seconds: float, folder: str) -> dict[str, Any]:
    """A run's asked and used processor time, its steps, and why it did not use all."""
    watch = Watch()
    settings = {"core_minutes": seconds / 60, "device": "cpu", "keep": "last"}
    run = train(recipe, data, out=f"{folder}/{recipe}", callbacks=[watch], **settings)
    grids = len(list((run.path / "samples").glob("*")))
    return {"asked": seconds, "used": round(sum(watch.used), 2), "steps": run.metrics[-1]["step"], "grids": grids}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--recipes", default=",".join(recipes()))
    options = parser.parse_args()
    x, labels = pictures(options.rows)
    table: dict[str, Any] = {}
    for recipe in options.recipes.split(","):
        data = read((labels, x.flatten(1).float())) if recipe in OF_LABELS else read((x, labels))
        with tempfile.TemporaryDirectory() as folder:
            try:
                table[recipe] = row = used(recipe, data, options.seconds, folder)
            except (Mistake, ValueError, NotImplementedError) as error:
                table[recipe] = {"refused": str(error)}
                print(f"{recipe:26} refuses: {str(error)[:80]}", flush=True)
                continue
        print(
            f"{recipe:26} asked {row['asked']:5.1f} s, used {row['used']:6.2f} ({row['used'] / row['asked']:4.0%}), "
            f"{row['steps']:6} steps, {row['grids']} grids",
            flush=True,
        )
    print("written to", record.write("budgets", {"rows": options.rows, "table": table}))


if __name__ == "__main__":
    main()
