"""Whether a budget of processor time is kept: what every recipe uses of what it is asked, on small pictures.

The set is of random bytes, 3×16×16, with a label each, or what a recipe takes instead: what a step costs does not
depend on what they show. A recipe that converges early uses less than its budget, and one of which a single step or
pass takes longer uses more. Beside the recipes stands a network that grows: its last steps cost many times what its
first ones do.

Usage: python -m benchmarks.budgets [--seconds 10] [--recipes vae,ddpm] [--rows 2000]
"""

import argparse
import tempfile
from collections.abc import Callable
from typing import Any

from benchmarks import record
from benchmarks.growing import growing_gan
from genzoo import Noise
from genzoo.data import Data, read
from genzoo.training import TrainConfig
from genzoo.training import train as trained
from genzoo.training.callbacks import Callback
from genzoo.training.state import State
from genzoo.zoo import recipes, train
from genzoo.zoo.mistakes import Mistake

GROWING = "(a growing GAN)"
Row = dict[str, Any]


class Watch(Callback):
    """The processor time of each stage."""

    def __init__(self) -> None:
        self.used: list[float] = []

    def on_end(self, state: State) -> None:
        self.used.append(state.watch.core_seconds)


def kinds(rows: int) -> dict[str, Callable[[], Data]]:
    """Random rows of several kinds, the plainest first: a recipe gets the first that it takes."""
    x, label = Noise(0, "pictures").integers(256, rows, 3, 16, 16).byte(), Noise(0, "labels").integers(10, rows)
    few = Noise(0, "reals").normal(rows, 8)
    return {
        "pictures with labels": lambda: read((x, label)),
        "pictures": lambda: read(x),
        "pictures of bits": lambda: read(x[:, :1] > 127),
        "four by four bits": lambda: read(x[:, :1, :4, :4] > 127),
        "sequences": lambda: read((x[:, 0, 0] % 4, label)),
        "labels of pictures": lambda: read((label.byte()[:, None], x)),
        "points": lambda: read(few),
        "pairs of pictures": lambda: read((x, x.flip(-1))),
    }


def used(recipe: str, data: Data, seconds: float, folder: str) -> Row:
    """A run's asked and used processor time, its steps, and the sample grids drawn."""
    watch = Watch()
    settings = {"core_minutes": seconds / 60, "device": "cpu", "keep": "last"}
    run = train(recipe, data, out=f"{folder}/{recipe}", callbacks=[watch], **settings)
    grids = len(list((run.path / "samples").glob("*")))
    return {"asked": seconds, "used": round(sum(watch.used), 2), "steps": run.metrics[-1]["step"], "grids": grids}


def grown(data: Data, seconds: float) -> Row:
    """The same of a network that grows, with the height that it reached: 2 is the full side of 16."""
    model = growing_gan(data.space)
    run = trained(model, data.train, TrainConfig(core_minutes=seconds / 60, device="cpu", batch_size=32))
    height = float(run.model.generator.height)
    return {"asked": seconds, "used": round(run.core_seconds, 2), "steps": run.steps, "grids": 0, "height": height}


def asked(name: str, seconds: float, rows: int) -> Row:
    """What a recipe used of its budget, on which data, or why it takes no part."""
    reason = ""
    for kind, data in kinds(rows).items():
        if name == GROWING and kind != "pictures":
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                row = grown(data(), seconds) if name == GROWING else used(name, data(), seconds, folder)
            except (Mistake, ValueError, NotImplementedError) as error:
                reason = reason or str(error)
                continue
        return row | {"data": kind}
    return {"refused": reason}


def line(name: str, row: Row) -> str:
    """A row in words."""
    if "refused" in row:
        return f"{name:26} refuses: {row['refused'][:80]}"
    share = row["used"] / row["asked"]
    return (
        f"{name:26} asked {row['asked']:5.1f} s, used {row['used']:6.2f} ({share:4.0%}), "
        f"{row['steps']:6} steps, {row['grids']} grids, {row['data']}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--recipes", default=",".join([*recipes(), GROWING]))
    options = parser.parse_args()
    table: dict[str, Row] = {}
    for name in options.recipes.split(","):
        table[name] = asked(name, options.seconds, options.rows)
        print(line(name, table[name]), flush=True)
    print("written to", record.write("budgets", {"rows": options.rows, "table": table}))


if __name__ == "__main__":
    main()
