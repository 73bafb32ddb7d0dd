"""Other averages of a run's weights, made after training."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.using import RunPath, data_of
from genzoo.apps.cli.words import print_table
from genzoo.zoo.store import read_config
from genzoo.zoo.terminal import say

__all__ = ["COMMANDS"]


def average(
    run: RunPath,
    out: Annotated[Path, typer.Option("--out", help="The folder of the run with the other weights.")],
    length: Annotated[
        float | None, typer.Option(min=0, help="Of the average, as a share of the run; by default the best there is.")
    ] = None,
) -> None:
    """Average the weights of a run over another length than it did: one trained with --train averages=true.

    Without a length some are tried on validation rows, the last weights among them, and the best is taken.
    """
    read_config(run)
    import genzoo
    from genzoo.zoo.averaging import best_average, write_average

    loaded = genzoo.load(run)
    if length is None:
        with Heartbeat("average") as beat:
            beat.say("reading the data")
            rows = data_of(loaded, None, online=False).valid
            beat.say("trying lengths on validation rows")
            found = best_average(loaded, rows)
        print_table(("length", "valid loss"), [(f"{each.length:g}", f"{each.loss:.5g}") for each in found])
        length = found[0].length
    say(f"length {length:g}: {write_average(loaded, length, out).path}")


COMMANDS: dict[Callable[..., None], str] = {average: "genzoo average runs/edm-digits --out runs/edm-averaged"}
