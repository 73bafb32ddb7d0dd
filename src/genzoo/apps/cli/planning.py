"""Ways from a start to a goal, drawn by a run and gone in an environment."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.using import RunPath, loaded_on
from genzoo.apps.cli.words import pairs, print_json, print_table
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.store import read_config
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from genzoo.environments.maze import Maze, Walks
    from genzoo.tasks.planning import Cost

__all__ = ["COMMANDS"]

SIDE = 640  # of the picture
INK = ((40, 70, 160), (150, 150, 150), (160, 40, 40))  # of ways that arrive, of others, of what is avoided
AVOID = "Keep away from a place: 0.5,0.5,0.1 is x, y and how far; may be repeated."


def plan(
    run: RunPath,
    start: Annotated[str, typer.Option(help="Where ways begin: 0.1,0.1.")],
    goal: Annotated[str, typer.Option(help="Where they end: 0.9,0.8.")],
    env: Annotated[str, typer.Option(help="The environment in which they are gone: maze.")] = "maze",
    n: Annotated[int, typer.Option("-n", "--n", min=1, max=1000, help="How many ways.")] = 16,
    avoid: Annotated[list[str] | None, typer.Option(help=AVOID)] = None,
    options: Annotated[list[str] | None, typer.Option("--set", help="How ways are drawn: steps=100.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Names the ways.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="The picture; by default plan.png in the run.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")] = False,
) -> None:
    """Draw ways from a start to a goal by a run of trajectories, go them, and draw them into a picture."""
    read_config(run)
    ends = [_numbers(name, words, 2) for name, words in (("--start", start), ("--goal", goal))]
    away = [_numbers("--avoid", words, 3) for words in avoid or ()]
    import torch

    from genzoo.tasks.planning import plan as planned

    where = _maze(env)
    first, last = (torch.tensor([place], dtype=torch.float64) for place in ends)
    where.placed(first, last)
    loaded = loaded_on(run, device)
    with Heartbeat("plan") as beat:
        beat.say(f"drawing {n:,} ways")
        ways = pairs("--set", options or ())
        found = planned(loaded.generative, first, last, n, cost=_cost(away), seed=seed, **ways)
    x = found.x[:, 0].double().cpu()
    x[:, 0] = first  # to all digits
    gone = where.walked(x, last.expand(n, -1))
    picture = out or run / "plan.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    _drawn(where, x, gone, away).save(picture)
    nearest = [_nearest(x, place) for place in away]
    if as_json:
        told = [{"arrives": bool(gone.reached[k]), "touches a wall": bool(gone.touched[k]),
                 "length": float(gone.length[k]), "nearest to what it avoids": [float(each[k]) for each in nearest],
                 "way": x[k].tolist()} for k in range(n)]  # fmt: skip
        return print_json({"env": env, "version": where.version, "seed": seed, "picture": str(picture), "ways": told})
    came = gone.reached & ~gone.touched
    lines = [("ways that arrive", f"{int(came.sum())} of {n}"), ("that touch a wall", f"{int(gone.touched.sum())}")]
    if bool(came.any()):
        length = gone.length[came]
        lines.append(("length of those that arrive", f"{length.min():.2f} to {length.max():.2f}"))
    kept = [f"{int((each >= place[2]).sum())} of {n}" for each, place in zip(nearest, away, strict=True)]
    names = [f"that keep {far:g} away from {x:g},{y:g}" for x, y, far in away]
    lines += list(zip(names, kept, strict=True))
    print_table(("what", "value"), lines)
    return say(f"picture: {picture}", err=True)


def _numbers(option: str, words: str, n: int) -> tuple[float, ...]:
    """Numbers that stand between commas."""
    try:
        found = tuple(float(word) for word in words.split(","))
    except ValueError:
        found = ()
    if len(found) != n or not all(map(math.isfinite, found)) or (n == 3 and found[2] <= 0):
        wanted, like = ("x,y", "0.1,0.9") if n == 2 else ("x,y and a distance above 0", "0.5,0.5,0.1")
        raise Mistake(f"{option} must be {wanted}, got {words!r}.", f"Write {option} {like}")
    return found


def _maze(name: str) -> "Maze":
    """The environment, if one may be put to a place and told a goal in it."""
    from genzoo.environments import Maze, environment

    found = environment(name)
    if not isinstance(found, Maze):
        raise Mistake(f"Ways are planned where there are places and a goal, got {name}.", "Use --env maze")
    return found


def _cost(away: list[tuple[float, ...]]) -> "Cost | None":
    """The sum over what is to be kept away from, a little further than was said."""
    from genzoo.tasks.planning import Away

    parts = [Away(place[:2], 1.3 * place[2]) for place in away]
    return (lambda x: sum(part(x) for part in parts)) if parts else None  # type: ignore[return-value]


def _nearest(x: "Tensor", place: tuple[float, ...]) -> "Tensor":
    """How near each way comes to a place."""
    return (x - x.new_tensor(place[:2])).square().sum(-1).sqrt().amin(1)


def _drawn(maze: "Maze", x: "Tensor", gone: "Walks", away: list[tuple[float, ...]]) -> "Image":
    """The walls, what is avoided, and the ways."""
    canvas = maze.drawn(SIDE)
    for place in away:
        canvas.disc((place[0], place[1]), place[2], INK[2], hollow=True)
    for k in gone.reached.long().argsort().tolist():
        canvas.line([(a, b) for a, b in x[k].tolist()], INK[0] if gone.reached[k] else INK[1], 2)
    for end in (x[0, 0].tolist(), x[0, -1].tolist()):
        canvas.disc((end[0], end[1]), 0.012, INK[2])
    return canvas.image


COMMANDS: dict[Callable[..., None], str] = {plan: "genzoo plan runs/maze --start 0.05,0.95 --goal 0.95,0.05"}
