"""Records of long trainings: what a lecture's item draws when it does not train."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from genzoo._files import read_json
from genzoo.zoo.mistakes import Mistake

__all__ = ["record"]

PACKAGE = Path(__file__).resolve().parents[1] / "records"  # in an installed package
HOUSE = Path(__file__).resolve().parents[4]  # the repository
EXPERIMENTS: dict[str, tuple[tuple[str, ...], ...]] = {  # the trainings that a record is made by, one after the other
    "modes": ((),),
    "progress": ((),),
    "speaking": ((),),
    "tags": ((),),
    "truncation": ((),),
    "translation": ((), ("--recipe", "cyclegan")),
}


def record(name: str, again: Path | None = None) -> dict[str, Any]:
    """The record of an experiment.

    Args:
        name: Its file, without the ending.
        again: The folder in which its trainings are made once more, or go on, and the new record is kept; None reads
            the one that stands.

    Raises:
        Mistake: If it is not there; if trainings are asked for without the repository, or fail.

    Example:
        >>> sorted(record("translation"))
        ['emoji', 'facades']
    """
    for folder in (PACKAGE, HOUSE / "experiments" / "records"):
        if (path := folder / f"{name}.json").exists():
            stands = read_json(path)
            return stands if again is None else _remade(name, stands, again)
    raise Mistake(f"There is no record {name!r}.", "Install genzoo again, or take a checkout of its repository.")


def _remade(name: str, stands: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The record of the same trainings, made here."""
    if not (HOUSE / "experiments" / "records").exists():
        raise Mistake(
            f"The trainings behind the record {name!r} are an experiment of the repository, got an installed package.",
            "Run the lecture with --train in a checkout.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    found, runs = folder.resolve() / f"{name}.json", folder.resolve() / "runs"
    if name in EXPERIMENTS:
        for more in EXPERIMENTS[name]:
            _run(["-m", f"experiments.{name}", *more, "--record", str(found), "--out", str(runs)])
    else:
        words = stands["command"][1 : stands["command"].index("--out")]
        _run([*words, "--out", str(runs)])
        found = runs / "record.json"
    return read_json(found)


def _run(words: list[str]) -> None:
    if code := subprocess.run([sys.executable, *words], cwd=HOUSE, check=False).returncode:
        raise Mistake(f"The training must end well, got exit status {code} of {' '.join(words)}.", "See what it said.")
