"""Pictures of which a part was seen, drawn whole by a run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.pictures import codec_of, read_pictures, save_pictures
from genzoo.apps.cli.using import DataOption, RunPath, SplitOption, data_of, loaded_on, rows_of
from genzoo.apps.cli.words import pairs, print_json, print_table
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.store import read_config, whole
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.core import Given
    from genzoo.tasks.inverse import Channel, Linear
    from genzoo.zoo.loading import Run

__all__ = ["COMMANDS"]


def solve(
    run: RunPath,
    operator: Annotated[str, typer.Option(help="What is seen: mask(0.7), box(14), half, gray, pool(4) @ blur(1) …")],
    noise: Annotated[str, typer.Option(help="A σ on [0, 1], exact, or poisson(1000).")] = "0.05",
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
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Draw whole pictures given what was seen of them: hidden pixels, colors, sharpness, all by one call. A line of
    the picture shows what was seen, the draws, their mean, their spread and the truth."""
    read_config(run)
    from genzoo.tasks.inverse import as_numbers, measure, methods
    from genzoo.zoo.restoring import restored

    loaded = loaded_on(run, device)
    model, codec = loaded.generative, codec_of(loaded)
    with Heartbeat("solve") as beat:
        beat.say("reading the data")
        x, told = _rows(loaded, (data, split), images, rows, seed if own else None)
    words = pairs("--given", given or (), as_text=True)
    told = _conditions(loaded, len(x), words) if words else told
    seen_by, channel = _seen_by(operator, noise, model.space.shape)
    asked = measure(seen_by, as_numbers(model.space, x, model.dtype)[:1], channel, seed=seed)
    choices = methods(model, asked, {name: part[:1] for name, part in told.items()})
    if only_list:
        return print_table(("method", "draws", "calls", "why not"), _told(choices))
    fits = next((choice for choice in choices if not choice.why_not and choice.name == method), None)
    if fits is not None:
        say(f"{method}: {fits.calls * draws * len(x):,} calls of the network for {draws} draws of {len(x)} rows")
    with Heartbeat("solve") as beat:
        beat.say(f"drawing {draws} times each of {len(x)} rows")
        ways = {"method": method, **pairs("--set", options or ())}
        found = restored(model, x, seen_by, channel, draws=draws, given=told, seed=seed, options=ways)
    place = out or run / "solved" / "".join(c if c.isalnum() or c in ".-" else "-" for c in operator).strip("-")
    save_pictures((found.wall() * 255).round().byte().cpu(), found.columns, place / "wall.png", str(found.posterior))
    codec.save_each(found.posterior.x.transpose(0, 1).flatten(0, 1).cpu(), place / "draws")
    record = _record(found, {"operator": operator, "noise": noise, "seed": seed, "rows": len(x), "own": own})
    with whole(place / "posterior.json") as draft:
        draft.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    if as_json:
        return print_json(record)
    print_table(("what", "value"), [(name, f"{each.value:.3g}") for name, each in found.figures.items()])
    return None


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
) -> "tuple[Tensor, Given]":
    """The rows that are measured, and what the model must know of them."""
    import torch

    from genzoo.core import map_given

    model, (data, split) = loaded.generative, source
    if images:
        return read_pictures(loaded, images).to(model.device), {}
    read = data_of(loaded, data, online=False)
    found = read.rows() if data is not None and split == "test" else rows_of(read, split)
    x, given = found.gather(torch.arange(min(n, len(found))))
    needs = bool(model.given_space) and not model.takes_null()
    told = model.checked_given(map_given(lambda part: part.to(model.device), given), len(x)) if needs else {}
    return (x.to(model.device) if seed is None else model.sample(len(x), told or None, seed=seed)), told


def _conditions(loaded: "Run", n: int, words: dict[str, Any]) -> "Given":
    from genzoo.zoo.conditions import conditions

    model = loaded.generative
    return model.checked_given(conditions(model, loaded.config.data, words, n, loaded.given_codecs), n)


def _told(choices: Any) -> list[tuple[Any, ...]]:
    return [(c.name, c.exactness.value, "" if c.why_not else f"{c.calls:,}", c.why_not) for c in choices]


def _record(found: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """What was found as plain JSON."""
    import torch

    posterior = found.posterior
    told = {
        name: value.tolist() if isinstance(value, torch.Tensor) else value
        for name, value in posterior.diagnostics.items()
    }
    evidence = None if posterior.log_evidence is None else posterior.log_evidence.tolist()
    figures = {name: {"value": each.value, "error": each.error} for name, each in found.figures.items()}
    kept = {"method": posterior.method, "exactness": posterior.exactness.value, "calls": posterior.calls}
    return {**asked, **kept, "log_evidence": evidence, "diagnostics": told, "figures": figures}


COMMANDS: dict[Callable[..., None], str] = {
    solve: "genzoo solve runs/ddpm-mnist --data photographs --operator 'mask(0.7)'"
}
