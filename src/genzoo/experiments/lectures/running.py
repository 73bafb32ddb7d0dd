"""An item of a lecture remade: its numbers held against what they must be, its figure drawn, its record written."""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from genzoo.core.noise import seeded
from genzoo.experiments.lectures.catalog import Item, item_named
from genzoo.experiments.lectures.study import Check, Study
from genzoo.experiments.lectures.style import styled
from genzoo.zoo import store

__all__ = ["Result", "run_all", "run_item"]

RECORD = "result.json"


class Result(NamedTuple):
    """What an item came to.

    Attributes:
        number: The item's.
        checks: Numbers beside what they must be.
        files: What was drawn, and the record.
        seconds: What it took of the processor.
    """

    number: str
    checks: list[Check]
    files: list[Path]
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether all numbers are what they must be."""
        return all(check.holds for check in self.checks)


def run_item(item: Item, folder: Path, *, seed: int = 0, quick: bool = False, train: bool = False) -> Result:
    """Remakes an item in a folder: `figure.svg`, and `result.json` with every number.

    Args:
        item: Which.
        folder: Where its files go.
        seed: Names every random draw.
        quick: Whether seconds must do.
        train: Whether long trainings are redone.

    Raises:
        Mistake: If something that it needs is to come.
    """
    function = item.function()
    study, start = Study(item.number, folder, seed=seed, quick=quick, train=train), time.process_time()
    with styled(), seeded(seed):
        function(study)
        files = study.draw()
    seconds = round(time.process_time() - start, 2)
    record = {
        "item": item.to_json(), "seed": seed, "quick": quick, "seconds": seconds, "versions": store.versions(),
        "checks": [check._asdict() for check in study.checks], "numbers": study.numbers,
    }  # fmt: skip
    with store.whole(folder / RECORD) as draft:
        draft.write_text(json.dumps(record, indent=1, default=str) + "\n", encoding="utf-8")
    return Result(item.number, study.checks, [*files, folder / RECORD], seconds)


def run_all(
    items: Sequence[Item], home: Path, *, processes: int = 1, **how: Any
) -> Iterator[tuple[Item, Result | Exception]]:
    """Remakes items, each in its folder, as they get done.

    Args:
        items: Which.
        home: Where the folders go.
        processes: How many at once.
        how: As of `run_item`.
    """
    if processes == 1:
        for item in items:
            yield item, _tried(item.number, home, how)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = [(item, pool.submit(_tried, item.number, home, how)) for item in items]
        for item, found in waiting:
            yield item, found.result()


def _tried(number: str, home: Path, how: dict[str, Any]) -> Result | Exception:
    """What came of an item, or why nothing did."""
    import torch

    torch.set_num_threads(1)
    try:
        return run_item(item_named(number), home / number, **how)
    except Exception as problem:
        return problem
