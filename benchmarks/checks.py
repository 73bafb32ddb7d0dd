"""Whether `genzoo check` is silent where nothing is wrong: on a run of every recipe, trained for a second or some.

Every recipe is trained on the first sets that it takes, of points, pictures with labels, sequences and pairs.

Usage: python -m benchmarks.checks [--seconds 1] [--sets 1] [--recipes vae,ddpm] [--keep]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks import record
from benchmarks.budgets import kinds
from genzoo.data import Data, read
from genzoo.zoo import load, recipes, train
from genzoo.zoo.checking import Checking
from genzoo.zoo.mistakes import Mistake

Row = dict[str, Any]
ROWS, LIMIT = 1000, 600.0  # rows of a set; seconds, which a shared machine may need


def sets() -> dict[str, Callable[[], Data]]:
    """Small sets of several kinds."""
    return {
        "moons": lambda: read("moons"),
        "digits with labels": lambda: read("digits", given="label"),
        "digits": lambda: read("digits"),
        **kinds(ROWS),
    }


def checked(name: str, data: Data, seconds: float, folder: str) -> Row:
    """What came of the promises of a run."""
    run = train(name, data, out=f"{folder}/run", core_minutes=seconds / 60, device="cpu", keep="last")
    begun = time.process_time()
    checking = Checking.of(load(run.path))
    found = list(checking.findings(LIMIT))
    return {
        "asked": sum(not finding.left_out for finding in found),
        "broken": {finding.promise: finding.broken for finding in found if finding.broken},
        "left_out": {finding.promise: finding.left_out for finding in found if finding.left_out},
        "told": {finding.promise: finding.told for finding in found if finding.told},
        "seconds": round(time.process_time() - begun, 1),
        "on": checking.on,
    }


def of(name: str, seconds: float, most: int) -> dict[str, Row]:
    """The same on the first sets that a recipe takes, or why it takes none."""
    found, reason = dict[str, Row](), ""
    for kind, data in sets().items():
        with tempfile.TemporaryDirectory() as folder:
            try:
                found[kind] = checked(name, data(), seconds, folder)
            except (Mistake, ValueError, NotImplementedError) as error:
                reason = reason or str(error)
        if len(found) == most:
            break
    return found or {"": {"refused": reason}}


def line(name: str, kind: str, row: Row) -> str:
    """A row in words."""
    if "refused" in row:
        return f"{name:24} refuses: {row['refused'][:90]}"
    told = "".join(f"\n    !! {promise}: {broken}" for promise, broken in row["broken"].items())
    told += "".join(f"\n    –  {promise}: {why}" for promise, why in row["left_out"].items())
    return f"{name:24} {kind:22} {row['asked']:3} asked, {len(row['broken'])} broken, {row['seconds']:5.1f} s{told}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--sets", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="the other recipes stay as the record has them")
    parser.add_argument("--recipes", default=",".join(recipes()))
    options = parser.parse_args()
    table: dict[str, dict[str, Row]] = _before() if options.keep else {}
    for name in options.recipes.split(","):
        table[name] = of(name, options.seconds, options.sets)
        for kind, row in table[name].items():
            print(line(name, kind, row), flush=True)
        record.write(
            "checks", {"seconds": options.seconds, "sets": options.sets, "total": total(table), "table": table}
        )


def _before() -> dict[str, dict[str, Row]]:
    path = record.FOLDER / "checks.json"
    return dict(json.loads(path.read_text())["table"]) if path.exists() else {}


def total(table: dict[str, dict[str, Row]]) -> Row:
    """Of all runs: how many there are, how many promises were asked, broken and left out."""
    rows = [row for runs in table.values() for row in runs.values() if "refused" not in row]
    counts = {name: sum(len(row[name]) for row in rows) for name in ("broken", "left_out")}
    return {"recipes": len(table), "runs": len(rows), "asked": sum(row["asked"] for row in rows), **counts}


if __name__ == "__main__":
    main()
