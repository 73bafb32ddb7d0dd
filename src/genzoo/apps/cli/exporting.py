"""A run as graphs that run without genzoo."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.using import RunPath, loaded_on, sampling_options
from genzoo.apps.cli.words import pairs, print_table
from genzoo.zoo.store import read_config
from genzoo.zoo.terminal import say

__all__ = ["COMMANDS"]


def export(
    run: RunPath,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder, new or of an earlier export.")],
    graphs: Annotated[
        str | None,
        typer.Option(help="Which: sample, log_prob, encode, decode, logits, denoise; by default what suits."),
    ] = None,
    formats: Annotated[str, typer.Option(help="onnx, for which the extra export is needed, and pt2.")] = "onnx,pt2",
    options: Annotated[
        list[str] | None, typer.Option("--set", help="An option of the model's sampling, as steps=10; it is fixed.")
    ] = None,
) -> None:
    """Write graphs of a run that sample and score without genzoo, as ONNX and by torch.export.

    Each is held against the run's own samples or scores before it is written; what would differ is left out, with the
    reason. Noise is an input, and a script beside the graphs makes that of a seed.
    """
    read_config(run)
    from genzoo.artifacts import export as exported
    from genzoo.evaluation.shown import as_shown

    loaded = loaded_on(run, "cpu")
    wanted = as_shown(loaded.generative) | sampling_options(loaded, pairs("--set", options or ()))
    named = None if graphs is None else graphs.split(",")
    with Heartbeat("export") as beat:
        beat.say("tracing graphs and holding them against the run")
        found = exported(loaded, out, graphs=named, formats=formats.split(","), **wanted)
    rows = [
        (path.name, f"{found.parity[name].largest:.2g}", found.parity[name].unit, f"{path.stat().st_size / 1024:,.0f}")
        for name, path in found.files.items()
    ]
    print_table(("file", "differs by", "in", "KiB"), rows)
    for (graph, kind), reason in found.refused.items():
        say(f"Left out: {graph} as {kind}: {reason}")
    say(f"How to run them: {found.path / 'README.md'}, {found.path / 'example.py'}")


COMMANDS: dict[Callable[..., None], str] = {export: "genzoo export runs/vae-digits --out exported"}
