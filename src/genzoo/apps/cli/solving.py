"""Rows of which a part was seen, drawn whole by a run: pictures, sounds, tables and texts."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.pictures import read_pictures
from genzoo.apps.cli.programming import (
    AllowOption,
    SignatureOption,
    TaskArgument,
    TestOption,
    TriesOption,
    write_programs,
)
from genzoo.apps.cli.solved import Written, calibrations_of, keep_calibrations
from genzoo.apps.cli.using import DataOption, RunPath, SplitOption, data_of, loaded_on, rows_of
from genzoo.apps.cli.words import pairs, print_json, print_table
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.store import read_config
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.core import Given
    from genzoo.tasks.inverse import Channel, Choice, Linear
    from genzoo.zoo.loading import Run

__all__ = ["COMMANDS"]

BATCH = 64  # rows that are solved at a time

Rows = Callable[[int, int], "tuple[Tensor, Given]"]
OperatorOption = Annotated[
    str | None, typer.Option(help="What is seen: mask(0.7), box(14), gray, without(3), decimate(4) …")
]
NoiseOption = Annotated[
    str | None,
    typer.Option(help="A σ, exact, or poisson(1000); by default 0.05 on [0, 1], exact of tables and texts."),
]
CalibrateOption = Annotated[
    bool, typer.Option("--calibrate", help="Measure heuristics on samples of the run: auto then takes the best.")
]


def solve(
    run: RunPath,
    task: TaskArgument = None,
    operator: OperatorOption = None,
    signature: SignatureOption = None,
    tests: TestOption = None,
    n: TriesOption = 10,
    allow_running_code: AllowOption = False,
    noise: NoiseOption = None,
    data: DataOption = None,
    split: SplitOption = "test",
    images: Annotated[list[Path] | None, typer.Option("--image", help="A picture instead; may be repeated.")] = None,
    own: Annotated[bool, typer.Option("--own", help="Samples of the run itself: tests how it is solved.")] = False,
    rows: Annotated[int, typer.Option(min=1, help="Rows, the first of the split.")] = 8,
    draws: Annotated[int, typer.Option(min=1, help="Draws of each.")] = 4,
    method: Annotated[str, typer.Option(help="auto, or one that --list tells.")] = "auto",
    options: Annotated[list[str] | None, typer.Option("--set", help="An option of the method: steps=50.")] = None,
    given: Annotated[list[str] | None, typer.Option(help="The condition: label=3.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Names noise and draws.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="A folder; by default in the run's.")] = None,
    only_list: Annotated[bool, typer.Option("--list", help="Tell which methods fit, and why others do not.")] = False,
    calibrate: CalibrateOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Draw whole rows given what was seen of them: hidden pixels, colors, sharpness, columns, letters, by one call. A
    line of the picture shows what was seen, the draws, their mean, their spread and the truth. Many rows are solved
    some at a time, and the same command goes on where it stopped. A run of programs writes them for a task instead;
    they are run, and judged, only if that is allowed."""
    read_config(run)
    if task is not None or signature is not None:
        said = (task or "", signature or "def f(xs):", tests or ())
        return write_programs(lambda: loaded_on(run, device), said, n, seed, allow_running_code, as_json=as_json)
    if operator is None:
        raise Mistake("What was seen, or what a program must do, must be told, got neither.",
                      "Use --operator 'mask(0.7)', or name a task and --signature 'def f(xs):'.")  # fmt: skip
    loaded = loaded_on(run, device)
    model, noise = loaded.generative, noise or _usual_noise(loaded)
    seen_by = _seen_by(_by_number(operator, loaded), noise, model.space.shape)
    with Heartbeat("solve") as beat:
        beat.say("reading the data")
        n, take = _rows(loaded, (data, split), images, rows, seed if own or calibrate else None)
    take = _with_conditions(loaded, take, pairs("--given", given or (), as_text=True))
    key, ways = f"{operator}, {noise}", pairs("--set", options or ())
    choices = _choices(loaded, seen_by, take)
    if only_list:
        return print_table(("method", "draws", "calls", "why not"), _told(choices))
    if calibrate:
        return _calibrate(loaded, run, seen_by, take, (n, max(draws, 4), seed), choices, key)
    chosen = _chosen(loaded, seen_by, take, (method, ways, seed), (choices, calibrations_of(run, key)))
    name = "".join(c if c.isalnum() or c in ".-" else "-" for c in operator).strip("-")
    asked = {"operator": operator, "noise": noise, "seed": seed, "rows": n, "own": own, "draws": draws, "split": split}
    asked |= {"data": data or [str(path) for path in images or ()], "asked for": method, "options": ways}
    asked["given"] = given or []
    written = Written(loaded, out or run / "solved" / name, asked)
    _tell_cost(chosen, draws, n, written.done)
    ways = {"method": chosen.name, **ways}
    record = _solve_all(loaded, seen_by, take, (n, draws, seed), ways, written)
    if as_json:
        return print_json(record)
    lines = [(name, f"{one['value']:.3g}") for name, one in record["figures"].items()]
    return print_table(("what", "value"), lines)


def _tell_cost(chosen: "Choice", draws: int, n: int, done: int) -> None:
    """Says before it begins what is left to do."""
    there = f", {done} being there" if done else ""
    cost = f"{chosen.calls * draws * (n - done):,} calls of the network for {draws} draws of {n - done} rows{there}"
    say(f"{chosen.name} ({chosen.exactness.value}): {cost}")


def _solve_all(
    loaded: "Run",
    seen_by: "tuple[Linear, Channel]",
    take: Rows,
    how: tuple[int, int, int],
    ways: dict[str, Any],
    written: Written,
) -> dict[str, Any]:
    """Solves for what is left to do, some rows at a time, and tells all."""
    n, draws, seed = how
    with Heartbeat("solve") as beat:
        for start in range(written.done, n, BATCH):
            last = min(start + BATCH, n)
            beat.say(f"drawing {draws} times each of rows {start} to {last - 1}")
            written.add(_solved(loaded, seen_by, take(start, last), start, (draws, seed), ways), start, n)
    return written.finish()


def _solved(
    loaded: "Run",
    seen_by: "tuple[Linear, Channel]",
    rows: "tuple[Tensor, Given]",
    start: int,
    how: tuple[int, int],
    ways: dict[str, Any],
) -> Any:
    """Some rows, solved for."""
    from genzoo.zoo.restoring import restored

    (x, told), (draws, seed) = rows, how
    return restored(loaded.generative, x, seen_by, draws=draws, given=told, seed=seed, start=start, options=ways)


def _choices(loaded: "Run", seen_by: "tuple[Linear, Channel]", take: Rows) -> "list[Choice]":
    """What fits the first row."""
    from genzoo.tasks.inverse import as_numbers, measure, methods

    model, (x, told) = loaded.generative, take(0, 1)
    asked = measure(seen_by[0], as_numbers(model.space, x, _kind(loaded)), seen_by[1], seed=0)
    return methods(model, asked, told)


def _kind(loaded: "Run") -> Any:
    """The precision that rows are measured in: that of reals, columns keeping their digits."""
    import torch

    return torch.float64 if loaded.generative.space.columns is not None else loaded.generative.dtype


def _chosen(
    loaded: "Run",
    seen_by: "tuple[Linear, Channel]",
    take: Rows,
    asked: tuple[str, dict[str, Any], int],
    known: "tuple[list[Choice], dict[str, float]]",
) -> "Choice":
    """The method that was asked for, or what a pilot of the first row takes."""
    from genzoo.tasks.inverse import as_numbers, choose, measure

    (method, ways, seed), (choices, recorded) = asked, known
    if method != "auto":
        found = next((choice for choice in choices if choice.name == method), None)
        if found is None or found.why_not:
            why = f"there is no {method}" if found is None else f"{method} cannot: {found.why_not}"
            able = ", ".join(choice.name for choice in choices if not choice.why_not) or "none"
            raise Mistake(f"A method must fit the model and the measurement; {why}.", f"Of those that do: {able}.")
        return found
    model, (x, told) = loaded.generative, take(0, 1)
    seen = measure(seen_by[0], as_numbers(model.space, x, _kind(loaded)), seen_by[1], seed=seed)
    return choose(model, seen, given=told, seed=seed, calibrations=recorded, **ways)


def _calibrate(
    loaded: "Run",
    run: Path,
    seen_by: "tuple[Linear, Channel]",
    take: Rows,
    how: tuple[int, int, int],
    choices: "list[Choice]",
    key: str,
) -> None:
    """Every heuristic on samples of the run itself: its spread over its error, 1 being right, is kept in the run."""
    from genzoo.tasks.inverse import Exactness

    n, draws, seed = how
    kept, lines = {}, []
    for choice in choices:
        if choice.why_not or choice.exactness is not Exactness.APPROXIMATE:
            continue
        say(f"{choice.name}: {choice.calls * draws * n:,} calls of the network")
        try:
            found = _solved(loaded, seen_by, take(0, n), 0, (draws, seed), {"method": choice.name})
        except ValueError as error:
            lines.append((choice.name, "", "", str(error)))
            continue
        figures = found.figures
        kept[choice.name] = figures["spread over error"].value
        lines.append((
            choice.name, f"{kept[choice.name]:.3g}", f"{figures['coverage of 90 %'].value:.3g}", ""
        ))  # fmt: skip
    if not lines:
        say("no heuristic fits: exact draws or particles answer, and need no calibration")
        return
    print_table(("method", "spread over error", "coverage of 90 %", "why not"), lines)
    say(f"kept in {keep_calibrations(run, key, kept)}: auto takes the heuristic that is nearest to 1")


def _usual_noise(loaded: "Run") -> str:
    """0.05 of what is on [0, 1] or heard, nothing of symbols and columns."""
    space = loaded.generative.space
    return "exact" if space.columns is not None or (space.is_discrete and not _is_shown(loaded)) else "0.05"


def _is_shown(loaded: "Run") -> bool:
    """Whether rows are seen or heard, so that their levels are amounts."""
    from genzoo.data.codecs.audio import SoundCodec
    from genzoo.data.codecs.image import ImageCodec

    return isinstance(loaded.codec, ImageCodec | SoundCodec)


def _by_number(operator: str, loaded: "Run") -> str:
    """An operator whose columns are named, by their numbers."""
    columns = list(getattr(loaded.codec, "columns", ()))
    name, bracket, inside = operator.partition("(")
    if name.strip() != "without" or not bracket or not columns:
        return operator
    words = [word.strip() for word in inside.rstrip().removesuffix(")").split(",")]
    if unknown := [word for word in words if word not in columns and not word.isdigit()]:
        raise Mistake(f"There is no column {unknown[0]!r}.", f"Choose from {', '.join(columns)}.")
    return f"without({','.join(str(columns.index(word)) if word in columns else word for word in words)})"


def _seen_by(operator: str, noise: str, shape: tuple[int, ...]) -> "tuple[Linear, Channel]":
    """The operator and the channel that were named."""
    from genzoo.tasks.inverse import channel_named, operator_named

    try:
        made, own = operator_named(operator, shape)
        return made, own or channel_named(noise)
    except ValueError as error:
        what, _, fix = str(error).rpartition(". ") if str(error).count(". ") else (str(error), "", "")
        raise Mistake(f"{what}.", fix or "Write it as genzoo solve --help shows.") from None


def _rows(
    loaded: "Run", source: tuple[str | None, str], images: list[Path] | None, n: int, seed: int | None
) -> tuple[int, Rows]:
    """How many rows are measured, and some of them with what the model must know of them."""
    import torch

    from genzoo.core import map_given

    model, (data, split) = loaded.generative, source
    if images:
        pictures = read_pictures(loaded, images).to(model.device)
        return len(pictures), lambda first, last: (pictures[first:last], {})
    read = data_of(loaded, data, online=False)
    found = read.rows() if data is not None and split == "test" else rows_of(read, split)
    needs = bool(model.given_space) and not model.takes_null()
    if data is not None and n < len(found):
        say(f"the first {n:,} of {len(found):,} rows: --rows takes more")

    def take(first: int, last: int) -> "tuple[Tensor, Given]":
        x, given = found.gather(torch.arange(first, last))
        told = model.checked_given(map_given(lambda part: part.to(model.device), given), len(x)) if needs else {}
        if seed is not None:
            return model.sample(len(x), told or None, seed=seed, start=first), told
        return x.to(model.device), told

    return (n if seed is not None and not needs else min(n, len(found))), take


def _with_conditions(loaded: "Run", take: Rows, words: dict[str, Any]) -> Rows:
    """Rows with a condition in words instead of their own."""
    if not words:
        return take
    from genzoo.zoo.conditions import conditions

    model = loaded.generative

    def told(first: int, last: int) -> "tuple[Tensor, Given]":
        x, _ = take(first, last)
        found = conditions(model, loaded.config.data, words, len(x), loaded.given_codecs)
        return x, model.checked_given(found, len(x))

    return told


def _told(choices: Any) -> list[tuple[Any, ...]]:
    return [(c.name, c.exactness.value, "" if c.why_not else f"{c.calls:,}", c.why_not) for c in choices]


COMMANDS: dict[Callable[..., None], str] = {
    solve: "genzoo solve runs/ddpm-mnist --data photographs --operator 'mask(0.7)'"
}
