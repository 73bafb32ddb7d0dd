"""What share of planted bugs the tests catch: twelve for each family, one at a time, in a copy of the sources.

A bug is an edit of one line, as `planted.toml` lists them: a sign, a mean for a sum, an ignored condition, noise of
another kind, a determinant that was left out. The tests that are run are those that name most of what the edited
file offers, the family's own folder first, then the family's instances of the conformance suite; a bug is caught by
the first test that fails. An edit that no longer fits the sources is told, and counts as no bug at all.
Bugs that the record holds as caught are left out, so that what was stopped goes on; `--anew` begins again.

Usage: python -m benchmarks.mutations [--families flows,tasks] [--seconds 120] [--anew]
"""

import argparse
import importlib
import json
import os
import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.forked import Forked

ROOT = Path(__file__).parents[1]
PLANTED = Path(__file__).parent / "planted.toml"
RECORD = Path(__file__).parent / "records" / "mutations.json"
LOADED = ("torch", "torch.distributions", "scipy.stats", "scipy.optimize", "pandas", "pydantic", "sklearn.ensemble")
NEAR, FAR, SELDOM = 5, 3, 4  # files of tests in the own folder and elsewhere; of these, how often one names the file
Row = dict[str, Any]


class Bug(NamedTuple):
    """An edit that makes sources wrong: `old` stands once in the file, `new` in its place."""

    path: str
    old: str
    new: str
    kind: str

    @property
    def fits(self) -> bool:
        """Whether the edit can be made, in one way."""
        return self.source.is_file() and self.source.read_text().count(self.old) == 1

    @property
    def source(self) -> Path:
        """The file as it is."""
        return ROOT / "src" / "genzoo" / self.path


def planted() -> dict[str, list[Bug]]:
    """The bugs of each family."""
    return {family: [Bug(**each) for each in found] for family, found in tomllib.loads(PLANTED.read_text()).items()}


def files_for(bug: Bug) -> list[str]:
    """The files of tests that have most to do with a file, its own folder first."""
    stem, family = bug.source.stem, str(Path(bug.path).parent)
    names = re.findall(r"^(?:class|def) ([A-Za-z]\w+)", bug.source.read_text(), re.MULTILINE)
    asked = re.compile(rf"\b({'|'.join([*names, stem])})\b")
    files = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if "conformance" not in path.parts]
    counts = {path: len(asked.findall(path.read_text())) for path in files}
    own = {path for path in files if str(path.relative_to(ROOT / "tests").parent) == family}
    near = sorted(own, key=lambda path: (-counts[path], path))
    often = [path for path in files if path not in own and counts[path] >= SELDOM]
    far = sorted(often, key=lambda path: (-counts[path], path))
    return [str(path.relative_to(ROOT)) for path in [*[p for p in near if counts[p]][:NEAR], *far[:FAR]]]


def instances_of(bug: Bug) -> str:
    """The expression that chooses the family's instances of the conformance suite; empty where there are none."""
    *_, family = ["", *Path(bug.path).parent.parts]
    zoo = ROOT / "tests" / "zoo" / f"{family}.py"
    names = re.findall(r'^ +"([\w-]+)": ', zoo.read_text(), re.MULTILINE) if zoo.is_file() else []
    near = [name for name in names if bug.source.stem.replace("_", "-") in name or bug.source.stem in name]
    return " or ".join(near or names)


def rounds(bug: Bug) -> Iterator[list[str]]:
    """What pytest is asked, until something fails."""
    yield files_for(bug)
    if told := instances_of(bug):
        yield ["tests/conformance/test_promises.py", "-k", told]


def caught(bug: Bug, seconds: float) -> Row:
    """Which test catches a bug, if one does within so much processor time."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for path in ROOT.iterdir():
            if path.name not in ("src", ".git"):
                (copy / path.name).symlink_to(path)
        shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        wrong = copy / "src" / "genzoo" / bug.path
        wrong.write_text(wrong.read_text().replace(bug.old, bug.new))
        spent = 0.0
        for asked in rounds(bug):
            process = Forked(lambda asked=asked: _tested(copy, asked), seconds)  # type: ignore[misc]
            said, spent = process.ended(), spent + process.seconds
            if process.code == 1 and _failure(said):
                return {"caught": _failure(said), "seconds": round(spent, 1)}
            if process.code not in (0, 5):
                return {"caught": None, "ended": f"{process.code}: {said[-300:]}", "seconds": round(spent, 1)}
    return {"caught": None, "seconds": round(spent, 1)}


def _tested(copy: Path, asked: list[str]) -> None:
    import pytest

    os.chdir(copy)
    sys.path[:0] = [str(copy / "src"), str(copy)]
    os.environ["PYTHONPATH"] = f"{copy / 'src'}:{copy}"
    sys.dont_write_bytecode = True
    import genzoo  # the copy's, or nothing is planted

    assert Path(genzoo.__file__).is_relative_to(copy), genzoo.__file__
    sys.exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *asked]))


def _failure(said: str) -> str:
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", said, re.MULTILINE)
    return found[1] if found else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--families", default=",".join(planted()))
    parser.add_argument("--seconds", type=float, default=120.0, help="of processor time for each call of pytest")
    parser.add_argument("--anew", action="store_true")
    options = parser.parse_args()
    for module in LOADED:
        importlib.import_module(module)
    table: dict[str, dict[str, Row]] = json.loads(RECORD.read_text())["table"] if RECORD.exists() else {}
    for family in options.families.split(","):
        before, now = table.get(family, {}), dict[str, Row]()
        for bug in planted()[family]:
            key = f"{bug.path}: {bug.new}"
            kept = before.get(key, {})
            if options.anew or not kept.get("caught"):
                kept = {"kind": bug.kind, **(caught(bug, options.seconds) if bug.fits else {"unfit": bug.old})}
            now[key] = kept
            print(f"{family:16} {told(kept)}\n    {key}", flush=True)
            table[family] = now
            Forked(lambda: _write(table)).finished()
        print(f"{family:16} {share(now)}", flush=True)


def told(row: Row) -> str:
    """What became of a bug, in words."""
    if "unfit" in row:
        return "DOES NOT FIT the sources: write it anew in planted.toml"
    return f"caught by {row['caught']}" if row["caught"] else "NOT CAUGHT"


def share(rows: dict[str, Row]) -> str:
    """How many of the bugs are caught."""
    fits = [row for row in rows.values() if "unfit" not in row]
    return f"{sum(bool(row['caught']) for row in fits)} of {len(fits)} caught"


def _write(table: dict[str, dict[str, Row]]) -> None:
    from benchmarks import record  # in a fork: what plants bugs must not have imported the package itself

    record.write("mutations", {"caught": {family: share(rows) for family, rows in table.items()}, "table": table})


if __name__ == "__main__":
    main()
