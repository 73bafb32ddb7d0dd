"""Runs that are shared by the Hugging Face hub."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from genzoo.apps.cli.using import RunPath
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.store import read_config
from genzoo.zoo.terminal import say

__all__ = ["COMMANDS"]

Revision = Annotated[str | None, typer.Option(help="A branch, a tag or a commit of the repository.")]


def push(
    run: RunPath,
    name: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The repository; it is made if there is none.")],
    private: Annotated[
        bool | None, typer.Option("--private/--public", help="Whether a new one is seen by you alone.")
    ] = None,
    revision: Revision = None,
    license: Annotated[str | None, typer.Option(help="Of the weights, as the hub names it: apache-2.0.")] = None,
    only_write: Annotated[
        Path | None, typer.Option("--only-write", help="Write its files into a folder, and send nothing.")
    ] = None,
) -> None:
    """Put a run on the Hugging Face hub: weights, record, card and what was measured."""
    read_config(run)
    from genzoo.zoo.hub import push_to_hub, save_pretrained
    from genzoo.zoo.loading import load

    loaded = load(run)
    if only_write is not None:
        return say(f"written: {save_pretrained(loaded, only_write, name=name, license=license)}")
    return say(push_to_hub(loaded, name, private=private, revision=revision, license=license))


def pull(
    name: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The repository.")],
    revision: Revision = None,
    out: Annotated[Path | None, typer.Option(help="The new folder; by default runs/NAME.")] = None,
) -> None:
    """Fetch a run from the Hugging Face hub into a folder of its own. Nothing in it is run or unpickled."""
    from genzoo.zoo.hub import from_pretrained

    folder = out or Path("runs") / name.rpartition("/")[2]
    if folder.exists():
        raise Mistake(
            f"The folder of a run must be new, got {str(folder)!r}, which is there.", "Name another by --out."
        )
    found = from_pretrained(name, revision=revision)
    shutil.copytree(found.path, folder)
    say(f"{found.config.recipe.name} on {found.data_name}: {folder}")


COMMANDS: dict[Callable[..., None], str] = {
    push: "genzoo push runs/vae-digits me/vae-digits --license apache-2.0",
    pull: "genzoo pull me/vae-digits",
}
