"""Records of long trainings: what a lecture's item draws when it does not train."""

from pathlib import Path
from typing import Any

from genzoo._files import read_json
from genzoo.zoo.mistakes import Mistake

__all__ = ["record"]

PACKAGE = Path(__file__).resolve().parents[1] / "records"  # in an installed package
HOUSE = Path(__file__).resolve().parents[4] / "experiments" / "records"  # in the repository


def record(name: str, *, train: bool = False) -> dict[str, Any]:
    """The record of an experiment.

    Args:
        name: Its file, without the ending.
        train: Whether the training is asked for instead, which is the experiment itself.

    Raises:
        Mistake: If it is not there, or the training is asked for.

    Example:
        >>> sorted(record("translation"))
        ['emoji', 'facades']
    """
    if train:
        raise Mistake(
            f"The training behind the record {name!r} is an experiment of the repository.",
            f"Run it there: python -m experiments.{name}",
        )
    for folder in (PACKAGE, HOUSE):
        if (path := folder / f"{name}.json").exists():
            return read_json(path)
    raise Mistake(f"There is no record {name!r}.", "Install genzoo again, or take a checkout of its repository.")
