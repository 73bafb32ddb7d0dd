"""Runs as policies: they act in an environment."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.using import RunPath, loaded_on, sampling_options
from genzoo.apps.cli.words import pairs, print_json, print_table
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.store import read_config
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from genzoo.core.model import GenerativeModel
    from genzoo.data import Data
    from genzoo.tasks.rollouts import Rollouts
    from genzoo.zoo.loading import Run

__all__ = ["COMMANDS", "act_all", "refuse_unfit"]

SHOWN = 4  # episodes of a film


def rollout(
    run: RunPath,
    env: Annotated[str, typer.Option(help="The environment, as fork.")],
    n: Annotated[int, typer.Option("-n", "--n", min=1, help="How many episodes.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Names first states and noise.")] = 0,
    execute: Annotated[
        int | None, typer.Option(min=1, help="Actions carried out of those drawn; by default half, at most 8.")
    ] = None,
    options: Annotated[list[str] | None, typer.Option("--set", help="How actions are drawn: steps=10.")] = None,
    control: Annotated[
        bool, typer.Option("--control", help="Beside it, what was done at the nearest observations of training.")
    ] = False,
    film: Annotated[Path | None, typer.Option(help="Film the first episodes into this GIF.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")] = False,
) -> None:
    """Let a run of actions given observations act in an environment, and tell how it fares."""
    read_config(run)
    if film is not None and film.suffix.lower() != ".gif":
        raise Mistake(f"A film is a GIF, got {film.name!r}.", f"Use --film {film.with_suffix('.gif')}")
    from genzoo.environments import environment
    from genzoo.tasks import NearestNeighbor, Policy
    from genzoo.tasks import rollout as act

    where, loaded = environment(env), loaded_on(run, device)
    wanted = sampling_options(loaded, pairs("--set", options or ()))
    policy = Policy(loaded.generative, where, execute=execute, options=wanted)
    with Heartbeat("rollout") as beat:
        beat.say(f"acting in {n:,} episodes of {env}")
        found = act(policy, n, seed=seed, film=0 if film is None else SHOWN)
    told = {run.name: _told(found, where.ways)}
    if control:
        rows = loaded.data().train
        nearest = Policy(NearestNeighbor(rows.x, rows.given), where, execute=policy.execute)
        told["nearest neighbor"] = _told(act(nearest, n, seed=seed), where.ways)
    if film is not None and found.film is not None:
        from genzoo.data.codecs.clips import ClipCodec

        film.parent.mkdir(parents=True, exist_ok=True)
        say(f"film: {ClipCodec(256, where.rate).save(found.film, film)}", err=True)
    if as_json:
        about = {"env": env, "version": where.version, "n": n, "seed": seed, "execute": policy.execute}
        return print_json(about | {"found": told})
    _print(told)
    if found.clipped:
        say(f"{100 * found.clipped:.2g} % of the actions lay outside {where.acted} and were moved into it.")
    return None


def _told(found: "Rollouts", ways: tuple[str, ...]) -> dict[str, object]:
    """The findings by name: a mean and its standard error, or a number."""
    names = {"best": "largest reward", "total": "return", "success": "success rate", "steps": "steps"}
    means: dict[str, object] = {word: list(found.mean(name)) for name, word in names.items()}
    shares = {f"share {way}": share for way, share in found.ways(ways).items()}
    costs: dict[str, object] = {
        "calls a decision": found.calls,
        "ms a decision of a block": found.milliseconds,
        "ms a decision alone": found.alone,
        "clipped actions": found.clipped,
    }
    return means | shares | costs


def refuse_unfit(data: "Data", env: str | None) -> None:
    """Refuses an environment that is unknown, or data that are no demonstrations of it, before anything is trained.

    Args:
        data: The data.
        env: The environment, if there is to be one.

    Raises:
        DataError: If it is unknown.
        ValueError: If the spaces differ.
    """
    from genzoo.core.given import as_given_space
    from genzoo.environments import environment
    from genzoo.tasks.rollouts import refuse_other_spaces

    if env is not None:
        refuse_other_spaces(data.space, as_given_space(data.given_space), environment(env))


def act_all(runs: Mapping[str, "Run"], env: str | None, n: int, seed: int) -> None:
    """Lets several runs act in the same episodes, and prints one table of them and of the nearest neighbor.

    Args:
        runs: The runs by name.
        env: The environment; None: nothing is done.
        n: How many episodes.
        seed: Names first states and noise.
    """
    from genzoo.environments import environment
    from genzoo.tasks import NearestNeighbor, Policy
    from genzoo.tasks import rollout as act

    if env is None or not runs:
        return
    rows = next(iter(runs.values())).data().train
    models: dict[str, GenerativeModel] = {name: run.generative for name, run in runs.items()}
    models |= {"nearest neighbor": NearestNeighbor(rows.x, rows.given)}
    where = environment(env)
    with Heartbeat("rollout") as beat:
        beat.say(f"acting in {n:,} episodes of {env} each")
        found = {name: act(Policy(model, where), n, seed=seed) for name, model in models.items()}
    _print({name: _told(each, where.ways) for name, each in found.items()})


def _print(told: Mapping[str, Mapping[str, object]]) -> None:
    """A table, a column for each policy."""
    names = next(iter(told.values()))
    print_table(("what", *told), [(name, *(_cell(part[name]) for part in told.values())) for name in names])


def _cell(value: object) -> object:
    """A mean with its error, or a number."""
    return f"{value[0]:.4g} ± {value[1]:.2g}" if isinstance(value, list) else value


COMMANDS: dict[Callable[..., None], str] = {rollout: "genzoo rollout runs/flow-fork --env fork -n 200 --film fork.gif"}
