"""A run held against what its model promises."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.using import RunPath
from genzoo.apps.cli.words import print_json, print_table
from genzoo.zoo.store import read_config
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from genzoo.testing import Finding

__all__ = ["COMMANDS"]


def check(
    run: RunPath,
    seconds: Annotated[float, typer.Option(min=1, help="After so many the rest is left out.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    online: Annotated[bool, typer.Option("--online", help="Fetch the run's data, if they lie on the hub.")] = False,
) -> None:
    """Hold a run against what its model promises: that densities are some, samples follow them, rows stand alone, the
    condition is used, times and steps are right, and what is saved is all of it. Fails if a promise is broken."""
    read_config(run)
    from genzoo.zoo.checking import Checking
    from genzoo.zoo.loading import load

    loaded, found = load(run), list["Finding"]()
    with Heartbeat("check") as beat:
        beat.say("reading the data")
        checking = Checking.of(loaded, online=online)
        for finding in checking.findings(seconds):
            beat.say(f"asked {finding.promise}")
            found.append(finding)
    broken = [finding for finding in found if finding.broken]
    if as_json:
        print_json({"run": str(run), "on": checking.on, "findings": [_plain(finding) for finding in found]})
    else:
        print_table(("", "promise", "what came of it"), [(_mark(each), each.promise, each.words) for each in found])
        asked = sum(not finding.left_out for finding in found)
        say(f"{asked - len(broken)} of {asked} promises hold, asked on {checking.on}.")
    if broken:
        raise typer.Exit(1)


def _mark(finding: "Finding") -> str:
    if finding.left_out:
        return "–"
    return "!!" if finding.broken else "ok"


def _plain(finding: "Finding") -> dict[str, Any]:
    fields = ("promise", "kind", "broken", "left_out", "told")
    return {name: getattr(finding, name) for name in fields} | {"seconds": round(finding.seconds, 3)}


COMMANDS: dict[Callable[..., None], str] = {check: "genzoo check runs/vae-digits"}
