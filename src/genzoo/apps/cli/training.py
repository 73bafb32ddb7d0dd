"""Training a recipe, or going on with a training."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from genzoo.apps.cli.words import (
    ColorOption,
    GivenOption,
    GroupOption,
    HoldOutOption,
    ReadOption,
    SizeOption,
    SkipOption,
    XOption,
    pairs,
    read_words,
    with_none,
)
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import recipe_named, recipes
from genzoo.zoo.store import read_config
from genzoo.zoo.terminal import say

__all__ = ["COMMANDS"]


def _recipe_names(incomplete: str) -> list[str]:
    return [name for name in recipes() if name.startswith(incomplete)]


def _there(**words: Any) -> dict[str, Any]:
    """What was said."""
    return {name: value for name, value in words.items() if value is not None}


def train(
    recipe: Annotated[str | None, typer.Argument(help="What to train.", autocompletion=_recipe_names)] = None,
    data: Annotated[str | None, typer.Option(help="A name (digits, moons …), a file or a folder.")] = None,
    given: GivenOption = None,
    binarize: Annotated[str | None, typer.Option(help="Binary pixels: static, dynamic or threshold.")] = None,
    x: XOption = None,
    size: SizeOption = None,
    color: ColorOption = None,
    skip_bad: SkipOption = False,
    group: GroupOption = None,
    hold_out: HoldOutOption = None,
    how_read: ReadOption = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="A setting of the model, as depth=3.")] = None,
    how: Annotated[list[str] | None, typer.Option("--train", help="A setting of training: lr=1e-4, ema=none.")] = None,
    steps: Annotated[int | None, typer.Option(help="Budget: rounds; for direct fits, batches.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Budget: wall time.")] = None,
    core_minutes: Annotated[float | None, typer.Option(help="Budget: processor time.")] = None,
    seed: Annotated[int | None, typer.Option(help="Names every random draw; 0 by default.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; by default a new one under runs.")] = None,
    start: Annotated[
        Path | None, typer.Option("--from", help="Start from the weights of this finished run of the recipe.")
    ] = None,
    auto_batch: Annotated[bool, typer.Option("--auto-batch", help="Halve the batch until it fits in memory.")] = False,
    shard: Annotated[bool, typer.Option("--shard", help="Shard networks over torchrun's ranks (FSDP).")] = False,
    resume: Annotated[Path | None, typer.Option(help="Go on with this run, for more --steps if given.")] = None,
    online: Annotated[bool, typer.Option("--online", help="Let --resume fetch data from the hub.")] = False,
) -> None:
    """Train a recipe on data into a run's folder, or go on with one that stopped."""
    asked = _there(
        steps=steps, minutes=minutes, core_minutes=core_minutes, seed=seed, device=device,
        auto_batch=auto_batch or None, shard=shard or None,
    )  # fmt: skip
    seen = _there(binarize=binarize, size=size, color=color, skip_bad=skip_bad or None, group=group, hold_out=hold_out)
    if resume is not None:
        others = {name: value for name, value in asked.items() if name != "steps"}
        if any((recipe, data, given, x, any(seen.values()), how_read, settings, how, out, start, others)):
            raise Mistake(
                "--resume keeps all settings of the run, got others beside it.",
                f"Use genzoo train --resume {resume}, with more --steps to make it longer.",
            )
        return _resume(resume, steps, online)
    if recipe is None:
        raise Mistake("A recipe must be named, got none.", f"Choose one of: {', '.join(recipes())}.")
    recipe_named(recipe).checked(**pairs("--set", settings or ()))  # typos are told before torch is loaded
    if not data:
        raise Mistake("Data must be named, got none.", f"Try genzoo train {recipe} --data digits")
    wanted = with_none(pairs("--train", how or ())) | asked | ({} if start is None else {"start": start})
    from genzoo.zoo.progress import Watch
    from genzoo.zoo.run import train as run_recipe

    run = run_recipe(
        recipe,
        read_words(data, given, x, how_read, **seen),
        out=out,
        settings=pairs("--set", settings or ()),
        callbacks=[Watch(recipe)],
        **wanted,
    )
    return _done(run.path)


def demo(
    out: Annotated[Path, typer.Option(help="Where the runs and the report go.")] = Path("runs/demo"),
    steps: Annotated[int | None, typer.Option(help="Rounds for each, for a quick look.")] = None,
) -> None:
    """Train some families on the embedded data, compare them, and write a report."""
    from genzoo.experiments.demo import demonstrate

    demonstrate(out, steps=steps)


def compare(
    runs: Annotated[list[Path] | None, typer.Argument(metavar="RUN...", help="Finished runs, trained before.")] = None,
    models: Annotated[
        str | None, typer.Option(help="Recipes to train: vae,realnvp or, with settings, gpt,gpt:width=64.")
    ] = None,
    data: Annotated[str, typer.Option(help="A name, a file or a folder.")] = "digits",
    given: GivenOption = None,
    binarize: Annotated[str | None, typer.Option(help="Binary pixels: static, dynamic or threshold.")] = None,
    x: XOption = None,
    size: SizeOption = None,
    color: ColorOption = None,
    group: GroupOption = None,
    how_read: ReadOption = None,
    how: Annotated[list[str] | None, typer.Option("--train", help="A setting of all trainings, as lr=1e-4.")] = None,
    steps: Annotated[int | None, typer.Option(help="Budget of each: rounds.")] = None,
    minutes: Annotated[float | None, typer.Option("--minutes-each", help="Budget of each: wall time.")] = None,
    core_minutes: Annotated[
        float | None, typer.Option("--core-minutes-each", help="Budget of each: processor time.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each, with seeds from --seed on.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Names every random draw.")] = 0,
    samples: Annotated[int, typer.Option(min=2, help="Samples that are measured, at most.")] = 2000,
    rows: Annotated[int, typer.Option(min=2, help="Test rows that are scored, at most.")] = 1000,
    env: Annotated[str | None, typer.Option(help="Let all act in this environment, too, as fork.")] = None,
    episodes: Annotated[int, typer.Option(min=1, help="In so many episodes.")] = 200,
    out: Annotated[Path | None, typer.Option(help="Where the runs and the report go; what is there goes on.")] = None,
    online: Annotated[bool, typer.Option("--online", help="Fetch data of finished runs from the hub.")] = False,
) -> None:
    """Train several recipes alike, or take finished runs, measure them by one protocol, and write a report."""
    if bool(runs) == bool(models):
        raise Mistake("Either --models or finished runs must be named, not both.", "Try --models vae,gaussian_mixture")
    asked: dict[str, Any] = {"steps": steps, "minutes": minutes, "core_minutes": core_minutes}
    said = {name: value for name, value in asked.items() if value is not None}
    asked = with_none(pairs("--train", how or ())) | said
    names = [name for name in (models or "").split(",") if name]
    if taken := [str(run) for run in runs or () if str(run) in recipes() and not run.is_dir()]:
        raise Mistake(
            f"Finished runs are named by their folders, got the recipe {taken[0]!r}.",
            f"Write --models {','.join(taken)}",
        )
    for name in names:
        recipe_named(name.partition(":")[0])  # typos are told before torch is loaded
    from genzoo.apps.cli.acting import act_all, refuse_unfit
    from genzoo.evaluation import Protocol
    from genzoo.experiments.compare import compare as run_all
    from genzoo.experiments.compare import compare_runs
    from genzoo.experiments.demo import print_leaderboard
    from genzoo.experiments.report import write_report

    protocol = Protocol(rows=rows, samples=samples, seed=seed)
    if runs:
        found = compare_runs(runs, out=out, protocol=protocol, online=online)
    else:
        read = read_words(data, given, x, how_read, binarize=binarize, size=size, color=color, group=group)
        refuse_unfit(read, env)
        found = run_all(read, names, seeds=seeds, out=out, protocol=protocol, **asked)
    print_leaderboard(found)
    act_all({entry.name: entry.runs[0] for entry in found.entries if entry.runs}, env, episodes, seed)
    say(f"report: {write_report(found)}")


def _resume(path: Path, steps: int | None, online: bool) -> None:
    config = read_config(path)
    from genzoo.zoo.progress import Watch
    from genzoo.zoo.run import resume as go_on

    go_on(
        path,
        steps=steps,
        online=online,
        callbacks=[Watch(config.recipe.name)],
    )
    _done(path)


def _done(path: Path) -> None:
    said = read_config(path).recipe
    sample = f"genzoo sample {path} -n 64 · " if recipe_named(said.name).samples(said.arguments) else ""
    say(f"run: {path}\nnext: {sample}genzoo evaluate {path}")


COMMANDS: dict[Callable[..., None], str] = {
    train: "genzoo train vae --data digits --given label --steps 2000 --set latent=8 --train lr=1e-3",
    compare: "genzoo compare --models gaussian_mixture,vae --data digits --steps 500",
    demo: "genzoo demo",
}
