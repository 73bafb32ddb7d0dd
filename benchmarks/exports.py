"""What every recipe exports: its graphs as ONNX and by torch.export, how far they are from the model, and their size.

Recipes are trained for a step on rows of random bytes, of the kinds that `benchmarks.budgets` gives them; weights that
have learned nothing are as good for this as others. A sampler of steps is asked for 8 of them. The table of
`docs/export.md` is written from the record.

Usage: python -m benchmarks.exports [--recipes vae,ddpm]
"""

import argparse
import itertools
import json
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.budgets import kinds
from genzoo.artifacts import CannotExport, Exported, export
from genzoo.zoo import Run, recipes, train
from genzoo.zoo.mistakes import Mistake

ROWS, STEPS = 256, 8
PAGE = Path(__file__).parents[1] / "docs" / "export.md"
BEGIN, END = "<!-- table -->", "<!-- end of the table -->"
SHORT = {"iaf": "points"}  # data for what learns entry by entry: a pass for each of 768 takes all memory
Row = dict[str, Any]


def trained(recipe: str, folder: str) -> Run:
    """A run of a step, or of a second where steps are the recipe's own, on the first kind of data that it takes."""
    reason = ""
    known = kinds(ROWS)
    offered = {SHORT[recipe]: known[SHORT[recipe]]} if recipe in SHORT else known
    for (kind, data), budget in itertools.product(offered.items(), ({"steps": 1}, {"core_minutes": 1 / 60})):
        out = f"{folder}/{recipe} on {kind} for {next(iter(budget))}"
        try:
            return train(recipe, data(), out=out, device="cpu", keep="last", batch_size=32, **budget)
        except (Mistake, ValueError, NotImplementedError) as error:
            reason = reason or str(error)
    raise Mistake(reason, "")


def exported(run: Run, folder: str) -> Exported:
    """Its graphs."""
    options = {"steps": STEPS} if "steps" in run.generative.options("draw") else {}
    return export(run, f"{folder}/exported", **options)


def measured(recipe: str) -> Row:
    """A recipe's graphs by name: size, difference and checks of each format, or why there is none."""
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            run = trained(recipe, folder)
            found = exported(run, folder)
        except (CannotExport, Mistake) as error:
            return {"refused": str(error)}
        graphs: dict[str, Row] = {}
        for (graph, kind), path in found.files.items():
            told = found.parity[graph, kind].to_json()
            graphs.setdefault(graph, {})[kind] = {"bytes": path.stat().st_size, **told}
        for (graph, kind), reason in found.refused.items():
            graphs.setdefault(graph, {})[kind] = {"refused": reason}
    return {"graphs": graphs, "seconds": round(time.process_time() - started, 1)}


def cell(found: Row | None) -> str:
    """A graph in one format, as a cell of the table."""
    if found is None:
        return ""
    if "refused" in found:
        return "no"
    size, gap = found["bytes"] / 2**20, found["largest"]
    return f"{gap:.0e}, {size:.1f} MB" if gap else f"0, {size:.1f} MB"


def table(rows: dict[str, Row]) -> list[str]:
    """The table in Markdown, and the reasons below it."""
    lines = ["| recipe | graph | ONNX | torch.export |", "|---|---|---|---|"]
    reasons: dict[str, list[str]] = {}
    for recipe, row in rows.items():
        if "refused" in row:
            lines.append(f"| `{recipe}` | | no | no |")
            reasons.setdefault(row["refused"], []).append(f"`{recipe}`")
        for graph, formats in row.get("graphs", {}).items():
            lines.append(f"| `{recipe}` | {graph} | {cell(formats.get('onnx'))} | {cell(formats.get('pt2'))} |")
            for kind, found in formats.items():
                if "refused" in found:
                    reasons.setdefault(found["refused"], []).append(f"`{recipe}` {graph} ({kind})")
    lines += ["", "Not exported:", "", *(f"- {', '.join(who)}: {why}" for why, who in reasons.items())]
    left = ", ".join(f"`{name}`" for name in recipes() if name not in rows)
    return [*lines, "", f"Not measured yet: {left}."] if left else lines


def write_page(rows: dict[str, Row]) -> None:
    """Puts the table into the page."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text("\n".join([before + BEGIN, "", *table(rows), "", END + after]), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipes", default=",".join(recipes()))
    options = parser.parse_args()
    kept = record.FOLDER / "exports.json"
    known = json.loads(kept.read_text())["table"] if kept.exists() else {}
    for name in options.recipes.split(","):
        known[name] = measured(name)
        print(name, json.dumps(known[name])[:2000], flush=True)
        record.write(
            "exports", {"rows": ROWS, "steps": STEPS, "table": {n: known[n] for n in recipes() if n in known}}
        )
    if PAGE.exists():
        write_page({name: known[name] for name in recipes() if name in known})


if __name__ == "__main__":
    main()
