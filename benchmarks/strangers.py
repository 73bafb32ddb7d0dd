"""Every recipe as a stranger meets it: trained with its defaults, then asked by every command that its user has.

Each is trained on a small real set of the kind that it is meant for; then it samples, scores, is evaluated,
compresses files, is exported, checked, and trained further. Every command runs in a process of its own, of which the
processor time and the largest memory are kept, and what it said where it did not end well: code 2 is a refusal with a
reason and a fix, 1 a promise broken, anything else a fault. Beside the commands stands what they cannot say: whether
samples are finite, in range and unlike each other, and how much better rows of training are scored than others.
Recipes that the record holds are left out, so that a measurement that was stopped goes on.

Usage: python -m benchmarks.strangers [--core-seconds 60] [--recipes vae,ddpm] [--anew] [--sheets FOLDER]
"""

import argparse
import contextlib
import io
import json
import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import record
from benchmarks.faults import LOADED
from benchmarks.forked import Forked, genzoo
from benchmarks.stranger_sets import SETS, Set, fitting
from genzoo.core import Capability
from genzoo.evaluation.likelihood import score
from genzoo.zoo import Run, load, recipe_named, recipes

Row = dict[str, Any]
LIMIT, MEMORY = 240.0, 2048.0  # processor seconds of a command; MiB
EYE = "judge-fashion-mnist"  # a judge of its own would take longer than the training of a stranger
SLOW = 60.0  # processor seconds of a command that somebody waits for
ALIKE, GAP = 0.2, 0.15  # of the spread of the data; nats of an entry between rows of training and others
SEEN = 200  # rows and samples that are looked at


def commands(name: str, kind: Set, home: Path, seconds: float) -> dict[str, list[str]]:
    """The command lines by what they are asked for."""
    run, few = str(home / "run"), [str(path) for path in sorted((home / "few").iterdir())]
    data = kind.words.replace("@", str(home)).split()
    budget = ["--core-minutes", f"{seconds / 60:.4f}", "--device", "cpu", "--seed", "0"]
    given = ["--given", kind.given] if kind.given else []
    eye = ["--extractor", EYE] if kind.eye else []
    return {
        "train": ["train", name, "--data", *data, *budget, "--out", run],
        "sample": ["sample", run, "-n", "64", "--seed", "0"],
        "score": ["score", run, "--split", "valid"],
        "evaluate": ["evaluate", run, "--samples", "200", "--rows", "100", *eye],
        "compress": ["compress", run, *few, "-o", str(home / "few.gz0"), *given],
        "export": ["export", run, "--out", str(home / "exported")],
        "check": ["check", run, "--seconds", "15"],
        "doctor": ["doctor", run],
        "resume": ["train", "--resume", run, "--steps"],
    }


def met(name: str, kind: str, seconds: float, sheets: Path | None, without: Sequence[str] = ()) -> Row:
    """All that a stranger sees of a recipe on a kind of data."""
    with tempfile.TemporaryDirectory() as folder:
        home, said = Path(folder), dict[str, Row]()
        (home / "few").mkdir()
        SETS[kind].write(home)
        asked = commands(name, SETS[kind], home, seconds)
        for what, words in ((what, words) for what, words in asked.items() if what not in without):
            if what == "resume":
                words.append(str(_steps(home / "run") + 3))
            said[what] = _asked(lambda words=words: genzoo(words))  # type: ignore[misc]
            print(f"    {what:9} {said[what]}"[:200].replace(folder, ""), flush=True)
            if what == "train" and said[what]["code"]:
                break
        else:
            said["look"] = _asked(lambda: _print_looks(home / "run"))
            looks = said["look"].pop("told", {})
            _keep_sheet(home / "run", sheets, name)
            return {"data": kind, "steps": said, "looks": looks, "measured": _measured(home / "run")}
        return {"data": kind, "steps": said}


def _asked(work: Callable[[], None]) -> Row:
    process = Forked(work, LIMIT)
    said = process.ended()
    row: Row = {"code": process.code, "seconds": round(process.seconds, 1), "peak": round(process.peak)}
    if process.code == 0 and said.startswith("{"):
        row["told"] = json.loads(said)
    elif process.code:
        row["says"] = said.strip()[-600:]
    return row


def _steps(run: Path) -> int:
    return int(load(run).metrics[-1]["step"])


def _print_looks(run: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        found = looks(load(run))
    print(json.dumps(found))


def looks(run: Run) -> Row:
    """What no command says of a run: of its samples, and of rows that it has seen and others."""
    model, data, found = run.generative, run.data(), Row()
    if model.can(Capability.SAMPLE):
        rows, given = data.valid.gather(torch.arange(min(SEEN, len(data.valid))))
        x = model.sample(len(rows), given if model.given_space else None, seed=0)
        numbers, real = (part.double().flatten(1) for part in (x, rows))
        found["finite"] = bool(torch.isfinite(numbers).all())
        found["in space"] = model.space.is_discrete is False or bool((x >= 0).all())
        found["spread"] = round(float(numbers.std(0).mean() / real.std(0).mean().clamp_min(1e-9)), 3)
    if model.can(Capability.LOG_PROB):
        parts = {part: data.split(part) for part in ("train", "valid")}
        told = {part: score(model, *rows.gather(torch.arange(min(SEEN, len(rows))))) for part, rows in parts.items()}
        means = {part: values.mean().item() / math.prod(model.space.shape) for part, values in told.items()}
        found |= {f"log p {part}": round(mean, 4) for part, mean in means.items()}
    return found


def _measured(run: Path) -> dict[str, list[Any]]:
    """What was measured, with the floor and the control beside."""
    path = run / "evaluation.json"
    found = json.loads(path.read_text()) if path.exists() else []
    return {each["name"]: [_short(each[name]) for name in ("value", "error", "floor", "control")] for each in found}


def _short(value: float | None) -> float | None:
    return value if value is None else float(f"{value:.4g}")


def _keep_sheet(run: Path, sheets: Path | None, name: str) -> None:
    pictures = sorted((run / "samples").glob("sample-seed0*.png"))
    if sheets is not None and pictures:
        sheets.mkdir(parents=True, exist_ok=True)
        (sheets / f"{name}.png").write_bytes(pictures[0].read_bytes())


def wrong(row: Row, seconds: float) -> list[str]:
    """What a person would not accept of a recipe, in words."""
    found = []
    for what, step in row["steps"].items():
        if step["code"] not in (0, 2) or (what == "train" and step["code"]):
            found.append(f"{what} ends with {step['code']}: {_last(step)}")
        elif step["code"] == 2 and "fix:" not in step["says"]:
            found.append(f"{what} is refused without a fix: {_last(step)}")
        if step["seconds"] > (2 * seconds + 20 if what == "train" else SLOW):
            found.append(f"{what} took {step['seconds']:.0f} s")
        if step["peak"] > MEMORY:
            found.append(f"{what} took {step['peak']:,} MiB")
    return found + _wrong_looks(row.get("looks", {}))


def _wrong_looks(looks: Row) -> list[str]:
    found = [f"samples are not {name}" for name in ("finite", "in space") if not looks.get(name, True)]
    if not ALIKE < looks.get("spread", 1.0) < 1 / ALIKE:
        found.append(f"samples have {looks['spread']} of the spread of the data")
    if not (gap := looks.get("log p train", 0.0) - looks.get("log p valid", 0.0)) < GAP:
        found.append(f"overfits: rows of training are {gap:.3f} nats an entry likelier")
    return found


def _last(step: Row) -> str:
    return " ".join(step.get("says", "").split())[-200:]


def line(name: str, row: Row, seconds: float) -> str:
    """A row in words."""
    steps = row["steps"]
    total = sum(step["seconds"] for step in steps.values())
    peak = max(step["peak"] for step in steps.values())
    refused = ", ".join(what for what, step in steps.items() if step["code"] == 2)
    told = "".join(f"\n    !! {fault}" for fault in wrong(row, seconds))
    return f"{name:24} {row['data']:20} {total:6.1f} s {peak:6,} MiB  refused: {refused or '–'}{told}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--core-seconds", type=float, default=60.0, help="of each training")
    parser.add_argument("--recipes", default=",".join(recipes()))
    parser.add_argument("--kind", choices=list(SETS), help="this kind of data in place of the fitting one")
    parser.add_argument("--sheets", type=Path, help="where the samples of pictures are kept")
    parser.add_argument("--without", default="", help="commands that are not tried: export,check")
    parser.add_argument("--anew", action="store_true")
    options = parser.parse_args()
    for module in (*LOADED, "genzoo.apps.cli.using", "genzoo.experiments.eyes", "genzoo.testing", "genzoo.artifacts"):
        __import__(module)
    path, seconds = record.FOLDER / "strangers.json", options.core_seconds
    table: dict[str, Row] = json.loads(path.read_text())["table"] if path.exists() else {}
    for name in options.recipes.split(","):
        kind = options.kind or fitting(recipe_named(name))
        key = name if options.kind is None else f"{name} on {kind}"
        if options.anew or table.get(key, {}).get("asked") != seconds:
            table[key] = {"asked": seconds, **met(name, kind, seconds, options.sheets, options.without.split(","))}
            record.write("strangers", {"table": table})
        print(line(key, table[key], seconds), flush=True)
    faults = [key for key, row in table.items() if wrong(row, row["asked"])]
    print(f"{len(table)} recipes, {len(faults)} with something wrong: {', '.join(faults)}")


if __name__ == "__main__":
    main()
