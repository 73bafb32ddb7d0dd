"""The commands, put together."""

import logging
import os
import sys
from typing import Annotated

import typer

from genzoo import __version__
from genzoo.apps.cli import (
    acting,
    averaging,
    catalog,
    chatting,
    checking,
    completing,
    compressing,
    data,
    drawing,
    editing,
    exporting,
    imputing,
    latents,
    lecturing,
    outlying,
    planning,
    posterior,
    quizzing,
    reproduce,
    serving,
    sharing,
    solving,
    training,
    using,
    verifying,
)
from genzoo.apps.cli.mistakes import Commands
from genzoo.zoo.terminal import Lines, say

__all__ = ["app", "main"]

app = typer.Typer(
    name="genzoo",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    epilog="Example: genzoo train vae --data digits --steps 2000",
)


def _version(wanted: bool) -> bool:
    if wanted:
        say(f"genzoo {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def genzoo(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; allowed after a command too.")] = False,
) -> None:
    """One toolkit for deep generative models: train, sample, score and compare them on your own data."""


PARTS = (
    catalog, training, using, checking, averaging, exporting, posterior, completing, imputing, outlying, solving,
    drawing, editing, quizzing, compressing, chatting, reproduce, lecturing,
    verifying, acting, planning, serving, sharing,
)  # fmt: skip
for part in PARTS:
    for function, example in part.COMMANDS.items():
        app.command(function.__name__.strip("_"), epilog=f"Example: {example}")(function)


looking = typer.Typer(cls=Commands, no_args_is_help=True, help="Look at data before anything is trained on them.")
app.add_typer(looking, name="data")
for function, example in data.COMMANDS.items():
    looking.command(function.__name__, epilog=f"Example: {example}")(function)

walking = typer.Typer(cls=Commands, no_args_is_help=True, help="Walk in the latent of a run of images: pictures out.")
app.add_typer(walking, name="latent")
for function, example in latents.COMMANDS.items():
    walking.command(function.__name__, epilog=f"Example: {example}")(function)


def main() -> None:
    """Runs the command line."""
    if int(os.environ.get("RANK", 0)):  # of several ranks the first one speaks
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (as long as the process)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait do not spin on a busy machine's cores
    said = logging.StreamHandler()
    said.setFormatter(Lines("%(message)s"))
    said.setLevel(logging.INFO)  # where long passes stand is said by whoever waits for them
    logging.getLogger("genzoo").addHandler(said)
    logging.getLogger("genzoo").setLevel(logging.INFO)
    app(prog_name="genzoo")
