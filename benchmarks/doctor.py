"""False alarms: what the doctor says of a short training of every recipe, and what its looks cost.

Each recipe is trained for some seconds of processor time on handwritten digits of 8×8, or what else of them it
takes: bits, four by four bits, sequences of symbols, pairs, labels of pictures; on points if nothing else. The table
holds what the doctor says of the run afterwards, and what its looks took of the training. A recipe that the record
holds for as many seconds is left out, so that a measurement that was stopped goes on; `--anew` begins again.

Usage: python -m benchmarks.doctor [--seconds 6] [--recipes vae,ddpm] [--data points] [--anew]
"""

import argparse
import contextlib
import io
import json
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks import record
from genzoo.data import Data, read
from genzoo.training.callbacks import Callback
from genzoo.training.state import State
from genzoo.zoo import recipes, stages, train
from genzoo.zoo.health import Health, examined
from genzoo.zoo.mistakes import Mistake

Row = dict[str, Any]


def kinds() -> dict[str, Callable[[], Data]]:
    """Digits in several forms, the plainest first: a recipe gets the first that it takes."""
    digits = read("digits", given="label")
    x, label = digits.x, digits.given
    small = x.float().unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2)) > 7
    return {
        "digits with labels": lambda: digits,
        "digits": lambda: read("digits"),
        "digits of bits": lambda: read("digits", binarize="static"),
        "digits of 4×4 bits": lambda: read(small),
        "sequences of symbols": lambda: read((x.flatten(1).byte() // 5, label), levels=4),
        "labels of digits": lambda: read((label.byte()[:, None], x > 7), levels=10),
        "points": lambda: read("moons"),
        "pairs of digits": lambda: read((x.byte(), x.flip(-1).byte()), levels=17),
    }


class Timed(Health):
    """The doctor's looks, and the processor time that they take."""

    spent = 0.0

    def on_start(self, state: State) -> None:
        self._timed(super().on_start, state)

    def on_samples(self, state: State) -> None:
        self._timed(super().on_samples, state)

    def _timed(self, look: Callable[[State], None], state: State) -> None:
        start = time.process_time()
        look(state)
        Timed.spent += time.process_time() - start


class Used(Callback):
    """The processor time of all stages."""

    seconds = 0.0

    def on_end(self, state: State) -> None:
        self.seconds += state.watch.core_seconds


def said(name: str, data: Data, seconds: float, folder: str) -> Row:
    """What the doctor says of a training of a recipe."""
    Timed.spent, used = 0.0, Used()
    with contextlib.redirect_stdout(io.StringIO()) as heard:
        run = train(name, data, out=f"{folder}/run", callbacks=[used], core_minutes=seconds / 60, device="cpu")
    found = examined(run.path)
    lines = [line for line in heard.getvalue().splitlines() if line.startswith("after ")]
    return {
        "steps": [each.step for each in found],
        "state": [each.state for each in found],
        "says": [str(finding) for each in found for finding in each.findings],
        "said on the way": lines,
        "improving": [each.improving.seen for each in found if each.improving is not None],
        "used": round(used.seconds, 2),
        "looks": round(Timed.spent, 3),
    }


def asked(name: str, seconds: float, only: str | None) -> Row:
    """The same on the first data that it takes, or why it takes none."""
    reason = ""
    for kind, data in kinds().items():
        if kind != (only or kind):
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                return {"data": kind, **said(name, data(), seconds, folder)}
            except (Mistake, ValueError, NotImplementedError) as error:
                reason = reason or str(error)
    return {"refused": reason}


def line(name: str, row: Row) -> str:
    """A row in words."""
    if "refused" in row:
        return f"{name:26} refuses: {row['refused'][:80]}"
    share = row["looks"] / row["used"] if row["used"] else 0.0
    words = "; ".join(row["says"] + row["said on the way"]) or "—"
    steps = "+".join(map(str, row["steps"]))
    return f"{name:26} {row['data']:20} {steps:>11} steps, looks {share:5.1%}  {words}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--recipes", default=",".join(recipes()))
    parser.add_argument("--data", choices=list(kinds()), help="these alone; as a rule the first that a recipe takes")
    parser.add_argument("--anew", action="store_true")
    options = parser.parse_args()
    stages.Health = Timed  # type: ignore[misc]
    path = record.FOLDER / "doctor.json"
    table: dict[str, Row] = json.loads(path.read_text())["table"] if path.exists() and not options.anew else {}
    for name in options.recipes.split(","):
        key = name if options.data is None else f"{name} on {options.data}"
        if table.get(key, {}).get("asked") != options.seconds:
            table[key] = {"asked": options.seconds, **asked(name, options.seconds, options.data)}
            record.write("doctor", {"table": table})
        print(line(key, table[key]), flush=True)
    alarms = [name for name, row in table.items() if row.get("says")]
    print(f"{len(table)} trainings, {len(alarms)} with something said: {', '.join(alarms)}")


if __name__ == "__main__":
    main()
