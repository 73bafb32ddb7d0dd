"""Holes of a table, filled by draws."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.statements import table_codec
from genzoo.apps.cli.using import RunPath, UnseenOption, loaded_on, refuse_ending, refuse_own, refuse_way
from genzoo.apps.cli.words import pairs, print_table
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.store import read_config, whole
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.data.codecs.table import PointsCodec, TableCodec
    from genzoo.data.holes import Frame, Lines
    from genzoo.zoo.loading import Run

__all__ = ["COMMANDS", "conditions_of", "read_table"]

MOST = 10_000  # tables of one call


def impute(
    run: RunPath,
    data: Annotated[Path, typer.Option(help="A table with holes, in CSV or Parquet.")],
    out: Annotated[Path | None, typer.Option(help="The filled table; by default in the run's folder.")] = None,
    n: Annotated[int, typer.Option("-n", min=1, max=MOST, help="How many tables, each with draws of its own.")] = 1,
    given: Annotated[list[str] | None, typer.Option(help="The condition: label=3, where no column says it.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Names the draws.")] = 0,
    unseen: UnseenOption = "error",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
) -> None:
    """Fill what is missing in a table by draws given what is there; all else comes back byte for byte. Several tables,
    filled-1.csv, filled-2.csv …, show how sure the draws are; a column that the table lacks comes after its own."""
    read_config(run)
    refuse_way(unseen)
    refuse_own(out, data)
    if out is not None:
        refuse_ending(out, (data.suffix, *(() if data.suffix == ".parquet" else (".csv", ".tsv", ".txt"))))
    import genzoo.tasks as tasks
    from genzoo.tasks.imputation import imputes

    loaded = loaded_on(run, device)
    codec = table_codec(loaded)
    if imputes(loaded.generative) is None:
        raise _unable(loaded, "impute", "knows its entries given others")
    holed, x = read_table(loaded, codec, data, unseen)
    rows = conditions_of(loaded, holed, pairs("--given", given or (), as_text=True), len(x))
    with Heartbeat("impute") as beat:
        beat.say(f"drawing {int(x.isnan().sum()):,} cells {n} times")
        found = tasks.impute(loaded.generative, x.to(loaded.generative.device), n, rows, seed=seed)
    place = out or run / "samples" / f"filled-seed{seed}{data.suffix}"
    place.parent.mkdir(parents=True, exist_ok=True)
    paths = [place] if n == 1 else [place.with_name(f"{place.stem}-{k + 1}{place.suffix}") for k in range(n)]
    for path, draw in zip(paths, found.x, strict=True):
        with whole(path) as draft:
            holed.fill(draft, codec.cells(_of_the_space(loaded, draw.cpu())))
    gaps = {name: sum(not cell for cell in holed.columns.get(name, [""] * len(x))) for name in codec.columns}
    print_table(("column", "filled"), [(name, count) for name, count in gaps.items() if count])
    kept = int(found.missing.sum()) - sum(gaps.values())
    if kept:
        say(f"{kept:,} cells hold words that training lacked: they stay, and nothing is concluded from them")
    for name in loaded.config.data.given or ():
        if empty := sum(not cell.strip() for cell in holed.columns.get(name, ())):
            say(f"{empty:,} cells of {name} stay empty: the run is told it, and draws all else without it there")
    how = "exact draws" if found.exact else "draws, levels and whole numbers seen somewhere in their cells"
    how = how if found.consistent else "draws by conditionals that were learned one by one"
    say(f"{sum(gaps.values()):,} cells of {len(x):,} rows filled ({how}, seed {seed}): {', '.join(map(str, paths))}")


def _unable(run: "Run", what: str, ability: str) -> Mistake:
    """The mistake of a model that cannot, with the recipes that can."""
    from genzoo.zoo import recipes

    able = ", ".join(name for name, info in recipes().items() if what in info.knows)
    return Mistake(
        f"The model of a run must be one that {ability}, got {run.config.recipe.name}.", f"Train one of: {able}."
    )


def read_table(
    run: "Run", codec: "TableCodec | PointsCodec", path: Path, unseen: str
) -> "tuple[Lines | Frame, Tensor]":
    """A table with holes, and its rows."""
    from genzoo.data.codecs.table import TableCodec
    from genzoo.data.columns import MISSING
    from genzoo.data.holes import read_holes

    na = run.config.data.asked().get("na")
    gone = MISSING if na is None else {"", *(word.strip() for word in str(na).split(","))}
    holed = read_holes(path, [*codec.columns, *(run.config.data.given or [])], gone)
    count = len(next(iter(holed.columns.values())))
    lacking = [name for name in codec.columns if name not in holed.columns]
    if lacking:
        say(f"{path.name} lacks {', '.join(lacking)}: every row gets a draw, in columns after its own")
    told = {name: holed.columns.get(name, [""] * count) for name in codec.columns}
    if unseen == "missing" and isinstance(codec, TableCodec):
        told |= {name: [cell if cell in words else "" for cell in told[name]] for name, words in codec.words.items()}
    return holed, codec.holed(told)


def _of_the_space(run: "Run", x: "Tensor") -> "Tensor":
    import torch

    space = run.generative.space
    return x.to(getattr(torch, space.dtype)) if space.is_discrete else x


def conditions_of(run: "Run", holed: "Lines | Frame", words: Mapping[str, str], n: int) -> Any:
    """The condition of each row: from the columns of the table, or from words."""
    from genzoo.core.given import null_rows
    from genzoo.zoo.conditions import conditions, spelled

    model, data = run.generative, run.config.data
    if words or not model.given_space:
        return conditions(model, data, words, n, run.given_codecs)
    found = {}
    for name, own in zip(data.given or model.given_space, model.given_space, strict=False):
        if name not in holed.columns:
            continue
        cells = [cell.strip() for cell in holed.columns[name]]
        there = [i for i, cell in enumerate(cells) if cell]
        rows = null_rows(model.given_space[own], n)
        if there:
            words_of = {name: [cells[i] for i in there]}
            told: Any = spelled(model.given_space, data, run.given_codecs, words_of, len(there))
            rows[there] = told[own].to(rows)
        found[own] = rows
    return found or None


COMMANDS: dict[Callable[..., None], str] = {
    impute: "genzoo impute runs/mixture-wine --data holes.csv --out filled.csv -n 5",
}
