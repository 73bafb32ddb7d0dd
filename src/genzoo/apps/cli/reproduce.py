"""Remaking what was once measured."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from genzoo.apps.cli.words import print_json, print_table
from genzoo.zoo.terminal import say

__all__ = ["COMMANDS"]


def reproduce(
    name: Annotated[str | None, typer.Argument(help="What to remake; without it, a list of what there is.")] = None,
    out: Annotated[Path | None, typer.Option(help="The folder to write to; by default runs/NAME.")] = None,
    data: Annotated[Path | None, typer.Option(help="The folder of files that are not shipped.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Remake a result and say what it reached beside what it must reach and what stands in the record."""
    from genzoo.experiments.reproductions import reproduction_named

    if name is None:
        return _listed(as_json)
    asked = reproduction_named(name)
    outcome = asked.run(out or Path("runs") / name, lambda line: say(line, err=True), data)
    reached = outcome.value >= asked.goal
    if as_json:
        said = {"reached": outcome.value, "recorded": outcome.recorded, "goal": asked.goal, "file": str(outcome.path)}
        print_json(said | {"name": name, "measure": asked.measure, "record": outcome.record})
    else:
        print_table(("what", asked.measure), [
            ("reached now", outcome.value), ("recorded", outcome.recorded), ("must reach", asked.goal)
        ])  # fmt: skip
        say(f"\n{outcome.path}")
    if not reached:
        say(f"{name} fell short of {asked.goal:g}", err=True)
        raise typer.Exit(1)
    return None


def _listed(as_json: bool) -> None:
    from genzoo.experiments.reproductions import reproductions

    every = list(reproductions().values())
    if as_json:
        return print_json([one.to_json() for one in every])
    columns = ("name", "what it is", "data", "costs", "must reach", "in")
    return print_table(columns, [(r.name, r.summary, r.data, r.budget, r.goal, r.measure) for r in every])


COMMANDS: dict[Callable[..., None], str] = {
    reproduce: "genzoo reproduce judge-digits",
}
