"""Compression: files into bytes by a run, and back."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.using import RunPath, refuse_own
from genzoo.apps.cli.words import pairs, print_json
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.store import read_config
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from genzoo.zoo.compression import Report

__all__ = ["COMMANDS"]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")]


def compress(
    run: RunPath,
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Files of the run's kind, or folders.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The compressed file, as out.gz0.")],
    given: Annotated[list[str] | None, typer.Option(help="The condition of all rows: label=3.")] = None,
    lossy: Annotated[bool, typer.Option("--lossy", help="Keep no more than the codes of an autoencoder.")] = False,
    width: Annotated[
        float | None,
        typer.Option(min=2**-8, max=4, help="Of --lossy: between two values of a latent."),
    ] = None,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Unpack it again and compare.")] = True,
    as_json: AsJson = False,
) -> None:
    """Turn files into as few bytes as the run expects them to take, and say how few that is."""
    read_config(run)  # whatever is wrong with the folder is told before torch is loaded
    from genzoo.zoo.compression import compress as packed
    from genzoo.zoo.loading import load

    for file in files:
        refuse_own(out, file)
    if width is not None and not lossy:
        raise Mistake(f"--width is of lossy ways, got {width} without --lossy.", "Add --lossy.")
    with Heartbeat("compress") as beat:
        beat.say("coding")
        words = pairs("--given", given or (), as_text=True)
        report = packed(load(run), files, out, words=words, lossy=lossy, width=width, check=check)
    if as_json:
        return print_json(_plain(report))
    size = f"{report.files:,} files, {report.before:,} bytes → {report.after:,} bytes in {out}"
    speed = report.before / 1000 / max(report.seconds, 1e-9)
    say(f"{size}: {8 * report.after / max(1, report.entries):.4g} bits an entry, {speed:.3g} KB/s.")
    if report.bits:
        gap = report.words / report.bits - 1
        say(f"The model says {report.bits / 8:,.0f} bytes, −log₂ p; the coder took {gap:+.2%} of that.")
    if report.charged:
        say(f"{report.charged:,} symbols have no mass under the model; each was charged 24 bits.")
    for note in report.notes:
        say(note)
    return None


def decompress(
    run: RunPath,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `genzoo compress` wrote by this run.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A new folder for the files.")],
    as_json: AsJson = False,
) -> None:
    """Turn a compressed file into the files that it was made of."""
    read_config(run)
    from genzoo.zoo.compression import decompress as unpacked
    from genzoo.zoo.loading import load

    with Heartbeat("decompress") as beat:
        beat.say("decoding")
        report = unpacked(load(run), file, out)
    if as_json:
        return print_json(_plain(report))
    speed = report.before / 1000 / max(report.seconds, 1e-9)
    say(f"{report.after:,} bytes → {report.files:,} files in {out}, {speed:.3g} KB/s.")
    for note in report.notes:
        say(note)
    return None


def _plain(report: "Report") -> dict[str, object]:
    fields = dict(vars(report))
    return fields | {"notes": list(report.notes)}


COMMANDS: dict[Callable[..., None], str] = {
    compress: "genzoo compress runs/pixelcnn-fashion pictures/ -o pictures.gz0",
    decompress: "genzoo decompress runs/pixelcnn-fashion pictures.gz0 -o pictures-again",
}
