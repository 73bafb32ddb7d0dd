"""A page that asks which of two pictures is real."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.pictures import codec_of
from genzoo.apps.cli.using import DataOption, RunPath, data_of, loaded_on, sampling_options
from genzoo.apps.cli.words import pairs as words_of
from genzoo.zoo.store import read_config
from genzoo.zoo.terminal import say

__all__ = ["COMMANDS"]

TEACHING = 400  # samples beside those that are shown, which a classifier learns from


def quiz(
    run: RunPath,
    data: DataOption = None,
    pairs: Annotated[int, typer.Option(min=10, help="Pairs, of which a tenth are both real.")] = 40,
    options: Annotated[list[str] | None, typer.Option("--set", help="An option of the model's sampling.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Names samples, order and sides.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="The page; by default in the run's folder.")] = None,
) -> None:
    """Write a page that asks which of two pictures is real, and tells how often one was right beside a classifier: a
    file that needs no network, for keyboard and phone."""
    read_config(run)
    from genzoo.evaluation.shown import as_shown
    from genzoo.experiments.quiz import quiz_of, write_quiz
    from genzoo.zoo.conditions import grid_conditions

    loaded = loaded_on(run, device)
    codec, model, asked = codec_of(loaded), loaded.generative, data_of(loaded, data, online=False)
    wanted = as_shown(model) | sampling_options(loaded, words_of("--set", options or ()))
    n = pairs + TEACHING
    with Heartbeat("quiz") as beat:
        beat.say(f"drawing {n:,} samples")
        given = grid_conditions(asked, n) if model.given_space else None
        made = model.sample(n, given, seed=seed, **wanted).cpu()
        beat.say("teaching a classifier")
        found = quiz_of(made, asked, pairs=pairs, seed=seed)
    path = write_quiz(found, codec, out or run / "quiz.html")
    say(f"{pairs} pairs, {found.classifier:.0%} told by a classifier: {path}")


COMMANDS: dict[Callable[..., None], str] = {quiz: "genzoo quiz runs/edm --pairs 40"}
