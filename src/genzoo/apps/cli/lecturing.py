"""The lectures, figure by figure and equation by equation."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.words import print_json, print_table
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from genzoo.experiments.lectures import Item, Result

__all__ = ["COMMANDS"]

HOME = Path("runs") / "lectures"


def lecture(
    number: Annotated[str | None, typer.Argument(help="An item, 003.7, or a deck, 003; without it, a list.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that stand.")] = False,
    quick: Annotated[bool, typer.Option(help="What takes minutes is done in seconds, as far as it can be.")] = False,
    train: Annotated[bool, typer.Option(help="Redo long trainings, rather than draw their records.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Names every random draw.")] = 0,
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = HOME,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Remake a figure or an equation of the lectures: the picture, and every number beside what it must be."""
    from genzoo.experiments.lectures import ITEMS

    if number is not None and every:
        raise Mistake("Either an item or all must be asked for.", "Leave out one of the two.")
    if number is None and not every:
        return _listed(as_json)
    items = _asked(number) if number is not None else [item for item in ITEMS if item.place is not None]
    failed = _remade(items, out, as_json, {"quick": quick, "train": train, "seed": seed})
    if failed:
        say(f"{failed} of {len(items)} did not hold", err=True)
        raise typer.Exit(1)
    return None


def _asked(number: str) -> "list[Item]":
    """The items of a deck, or the one of a number."""
    from genzoo.experiments.lectures import DECKS, item_named, items_of

    if number not in DECKS:
        item = item_named(number)
        item.function()  # refused before anything runs
        return [item]
    if not (found := [item for item in items_of(number) if item.place is not None]):
        raise Mistake(f"Nothing of deck {number} stands yet.", "See what there is: genzoo lecture")
    return found


def _remade(items: "list[Item]", out: Path, as_json: bool, how: dict[str, Any]) -> int:
    """Remakes items and says what came of them; how many did not hold."""
    from genzoo.experiments.lectures.running import run_all

    failed, found = 0, []
    processes = min(len(items), os.cpu_count() or 1)
    with Heartbeat("lecture") as beat:
        beat.say(f"{len(items)} items")
        for item, result in run_all(items, out, processes=processes, **how):
            if isinstance(result, Exception):
                if len(items) == 1:
                    raise result
                failed += 1
                say(f"✗ {item.number} {item.title}: {result}")
                continue
            failed += not result.holds
            found.append(_told(result))
            if not as_json:
                _say(item, result, whole=len(items) == 1)
    if as_json:
        print_json(found)
    elif len(items) > 1:
        held = sum(check["holds"] for one in found for check in one["checks"])
        say(f"\n{len(items) - failed} of {len(items)} items hold, {held} checks: {out}")
    return failed


def _say(item: "Item", result: "Result", *, whole: bool) -> None:
    mark = "✓" if result.holds else "✗"
    say(f"{mark} {item.number} {item.title} ({len(result.checks)} checks, {result.seconds:.1f} s)")
    for check in result.checks:
        if whole or not check.holds:
            say(f"  {check}")
    if whole:
        for path in result.files:
            say(str(path))


def _told(result: "Result") -> dict[str, Any]:
    return {
        "number": result.number, "holds": result.holds, "seconds": result.seconds,
        "checks": [check._asdict() for check in result.checks], "files": [str(path) for path in result.files],
    }  # fmt: skip


def _listed(as_json: bool) -> None:
    from genzoo.experiments.lectures import DECKS, ITEMS, coverage

    if as_json:
        return print_json([item.to_json() for item in ITEMS])
    costs = {"s": "seconds", "m": "minutes", "h": "an hour"}
    for deck, title in DECKS.items():
        rows = [(i.number, i.title, costs[i.cost], i.state) for i in ITEMS if i.deck == deck]
        here, of = coverage(deck)
        print_table(("item", "what it shows", "costs", "state"), rows, title=f"{deck} {title}: {here} of {of}")
    here, of = coverage()
    return say(f"{here} of {of} items stand. Run one: genzoo lecture 003.5")


COMMANDS: dict[Callable[..., None], str] = {
    lecture: "genzoo lecture 003.5",
}
