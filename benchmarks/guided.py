"""Hostile files that are led by what they reach: atheris changes a valid file of each kind, keeps what runs lines of
the readers that none before did, and goes on from there.

As in `benchmarks.hostile` every case must end valid or in one of genzoo's own errors, within two seconds; here within
ten, for code that is watched is slow. What does not is written beside the record, and ends its kind.

The package `atheris` (pip install atheris==3.0.0, 43 MB) is imported where it lies; it is no dependency.

Usage: python -m benchmarks.guided --seconds 60 [--kinds csv,wav]
"""

import argparse
import contextlib
import io
import json
import logging
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import record

WATCHED = ["genzoo.data", "genzoo._files", "genzoo.zoo.receipts", "genzoo.evaluation.judge"]  # whose lines count
SECONDS, MEGABYTES, LONGEST = 10, 2048, 1 << 16
DONE = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
REACHED = re.compile(r"cov: (\d+)")


def led(name: str, seconds: int, folder: Path) -> None:
    """Changes files of one kind for some seconds; does not return.

    Args:
        name: The kind.
        seconds: How long.
        folder: Where cases and what is kept of them lie.
    """
    import atheris

    with atheris.instrument_imports(include=WATCHED):
        from tests.hostile import KINDS, trial
    kind, logger = KINDS[name], logging.getLogger()
    logger.disabled = True
    (folder / "kept").mkdir()
    (folder / "kept" / "whole").write_bytes(kind.content)
    trial(kind, kind.content, folder / "case")  # what is imported once

    def tried(content: bytes) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            found = trial(kind, content, folder / "case")
        if found.outcome not in ("valid", "typed"):
            raise RuntimeError(f"must be valid or one of genzoo's errors, got {found.outcome}")

    how = [f"-max_total_time={seconds}", f"-timeout={SECONDS}", f"-rss_limit_mb={MEGABYTES}", f"-max_len={LONGEST}",
           "-print_final_stats=1", f"-artifact_prefix={folder}/"]  # fmt: skip
    atheris.Setup([sys.argv[0], *how, str(folder / "kept")], tried)
    atheris.Fuzz()


def followed(name: str, seconds: int, folder: Path) -> dict[str, Any]:
    """What became of a kind, in a process of its own."""
    words = ["-m", "benchmarks.guided", "--one", name, "--seconds", str(seconds), "--folder", str(folder)]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, errors="replace")
    cases, reached = DONE.search(done.stderr), REACHED.findall(done.stderr)
    wrong = re.findall(r"must be valid or one of genzoo's errors, got (.*)", done.stderr)
    if done.returncode and not wrong:
        wrong = [line for line in done.stderr.splitlines() if "ERROR" in line] or [done.stderr[-300:]]
    return {
        "cases": int(cases[1]) if cases else 0, "places reached": [int(each) for each in (reached[0], reached[-1])]
        if reached else [], "wrong": wrong[:1],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each kind")
    parser.add_argument("--kinds", help="which, by commas; else all")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help="where what went wrong is kept")
    said = parser.parse_args()
    if said.one:
        led(said.one, said.seconds, said.folder)
    from tests.hostile import KINDS

    figures = {}
    with tempfile.TemporaryDirectory() as place:
        for name in said.kinds.split(",") if said.kinds else KINDS:
            folder = (said.folder or Path(place)) / name.replace(" ", "-")
            folder.mkdir(parents=True)
            figures[name] = followed(name, said.seconds, folder)
            print(f"{name:16} {json.dumps(figures[name])}", flush=True)
    if set(figures) == set(KINDS):
        total = sum(each["cases"] for each in figures.values())
        print(
            "written to", record.write("guided", {"cases": total, "seconds of each": said.seconds, "kinds": figures})
        )
    if any(each["wrong"] for each in figures.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
