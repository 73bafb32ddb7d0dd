"""The leaderboard: what `genzoo compare` has written of runs, with the best of each column marked."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genzoo._files import read_bytes
from genzoo.apps.serve.refusals import Refusal
from genzoo.apps.studio.commands import Command, Commands
from genzoo.apps.studio.library import Library
from genzoo.apps.studio.wire import Compared
from genzoo.evaluation.measurement import Kind, Measurement
from genzoo.experiments.compare import best_of
from genzoo.zoo.store import DataRecord, read_config

__all__ = ["boards", "compare"]

REPORT = "report.json"
MOST = 20  # reports that are shown
FIELDS = ("name", "value", "error", "unit", "n", "data", "protocol", "floor", "control", "better")


def compare(library: Library, commands: Commands, asked: Compared) -> Command:
    """Puts a comparison of runs into the line.

    Raises:
        Refusal: If there is no such run, or they were not trained on the same data.
    """
    paths = [str(library.folder(name)) for name in asked.models]
    _check_same({name: read_config(library.folder(name)).data for name in asked.models})
    taken = {Path(word.partition("=")[2]) for command in commands.all for word in command.words if "--out=" in word}
    out = next(
        path for k in range(1, 10_000) if not (path := library.home / f"compare-{k}").exists() and path not in taken
    )
    words = [f"--out={out}", f"--samples={asked.samples}", f"--rows={asked.rows}"]
    return commands.add(["compare", *paths, *words])


def _check_same(data: Mapping[str, DataRecord]) -> None:
    """Refuses to compare runs of unlike data, and says which were trained on which."""
    by_data: dict[str, list[str]] = {}
    for name, record in data.items():
        by_data.setdefault(record.fingerprint, []).append(name)
    if len(by_data) > 1:
        told = [f"{', '.join(runs)} on {data[runs[0]].name} ({k[:6]})" for k, runs in by_data.items()]
        raise Refusal(400, f"Runs that are compared must be of the same data and split, got {'; '.join(told)}. Choose "
                      "those of one.", "models", "unlike_data")  # fmt: skip


def boards(home: Path) -> list[dict[str, Any]]:
    """All comparisons in a folder, the newest first.

    Args:
        home: The folder.
    """
    files = sorted(home.glob(f"**/{REPORT}"), key=lambda path: path.stat().st_mtime, reverse=True)
    found = (_board(path, home) for path in files[:MOST])
    return [board for board in found if board is not None]


def _board(path: Path, home: Path) -> dict[str, Any] | None:
    """One comparison; None for a file that is none."""
    try:
        report = json.loads(read_bytes(path))
        entries = [
            entry | {"measured": [_measurement(m) for m in entry["measurements"]]} for entry in report["entries"]
        ]
        names = list(dict.fromkeys(m.name for entry in entries for m in entry["measured"]))
        columns = [_column(name, entries) for name in names]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    about = {name: report.get(name) for name in ("data", "budget", "why", "extractor", "failed")}
    kept = ("name", "recipe", "steps", "core_minutes", "parameters")
    lines = [{name: entry.get(name) for name in kept} | {"run": _name(entry, home)} for entry in entries]
    return about | {"folder": path.parent.relative_to(home).as_posix(), "entries": lines, "columns": columns}


def _name(entry: Mapping[str, Any], home: Path) -> str | None:
    """What the first run of an entry is called here, if it lies here."""
    runs = [Path(run).resolve() for run in entry.get("runs") or ()]
    return runs[0].relative_to(home.resolve()).as_posix() if runs and runs[0].is_relative_to(home.resolve()) else None


def _column(name: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """A measurement of all that have it."""
    found = {entry["name"]: m for entry in entries for m in entry["measured"] if m.name == name}
    one, best = next(iter(found.values())), set(best_of(found))
    cells = {who: {"text": str(m), "best": who in best} for who, m in found.items()}
    return {"name": name, "unit": one.unit, "better": one.better, "floor": one.floor, "cells": cells}


def _measurement(fields: Mapping[str, Any]) -> Measurement:
    return Measurement(kind=Kind(fields["kind"]), **{name: fields[name] for name in FIELDS if name in fields})
