"""Rows that are strange to a run."""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.imputing import conditions_of, read_table
from genzoo.apps.cli.using import (
    DataOption,
    RunPath,
    UnseenOption,
    data_of,
    loaded_on,
    refuse_ending,
    refuse_own,
    refuse_way,
    rows_of,
)
from genzoo.apps.cli.words import print_table
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.store import read_config, whole
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.data import Data
    from genzoo.data.holes import Frame, Lines
    from genzoo.tasks.outliers import Outliers
    from genzoo.tasks.outliers.statistic import Told
    from genzoo.zoo.loading import Run

__all__ = ["COMMANDS"]

ADDED = ("score", "p", "flagged", "strange")
SHOWN = 10  # of the strangest rows
EXPLAINED = 2000  # rows of which entries are looked at, at most
UNUSUAL, UNUSUAL_ROW = 0.01, 0.05  # the chance of an entry that is named, and of a row of which entries are
CLEAR, HELD = 1e-4, 200  # the chance of a pixel that is shown in full; calibration pictures that say what is usual
DRAWS = 100  # of an entry, to say where it usually is


def outliers(
    run: RunPath,
    data: DataOption = None,
    fdr: Annotated[float | None, typer.Option(help="Flag rows so that at most this share is false: 0.1.")] = None,
    out: Annotated[Path | None, typer.Option(help="The CSV or Parquet file; by default in the run's folder.")] = None,
    method: Annotated[str, typer.Option(help="auto, or one that --list tells.")] = "auto",
    calibration: Annotated[
        str | None, typer.Option(help="Usual rows that the run has not seen; by default its validation rows.")
    ] = None,
    background: Annotated[Path | None, typer.Option(help="For ratio: a run of what all rows have in common.")] = None,
    unseen: UnseenOption = "error",
    seed: Annotated[int, typer.Option(min=0, help="Names what is drawn.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    only_list: Annotated[bool, typer.Option("--list", help="Tell which methods fit, and why others do not.")] = False,
) -> None:
    """Tell how strange rows are: a score, a p-value among usual rows, a flag, and which columns are strange. A table
    comes back as it was, with these beside it."""
    read_config(run)
    refuse_way(unseen)
    from genzoo.tasks.outliers import methods
    from genzoo.tasks.outliers import outliers as found_in

    refuse_own(out, data)
    if out is not None:
        refuse_ending(out, (".csv", ".parquet"))
    loaded = loaded_on(run, device)
    with Heartbeat("outliers") as beat:
        beat.say("reading the data")
        own = loaded.data()
        behind = None if background is None else loaded_on(background, device).generative
        if only_list:
            choices = methods(loaded.generative, known=own.train, background=behind)
            return print_table(("method", "why not"), [(choice.name, choice.why_not) for choice in choices])
        rows, table = _asked(loaded, own, data, unseen)
        usual = rows_of(own, "valid") if calibration is None else data_of(loaded, calibration, False, unseen).rows()
        beat.say(f"scoring {len(rows):,} rows")
        found = found_in(
            loaded.generative, rows, calibration=usual, known=own.train, background=behind,
            method=method, fdr=fdr, seed=seed,
        )  # fmt: skip
        never = _never_seen(loaded, table)
        found = _least_likely(found, sorted(never), fdr)
        strange = _copies(_strange(loaded, rows, usual, found, seed), rows, own.train)
        strange = ["; ".join(filter(None, (never.get(i), words))) for i, words in enumerate(strange)]
        where = _where(loaded, rows, usual, found, seed)
    path = out or run / f"outliers-{Path(data).stem if data else own.name}.csv"
    _write(path, found, strange, table)
    _tell(found, strange, fdr, path, getattr(loaded.codec, "columns", ()))
    if where is not None:
        heat = path.with_suffix(".png")
        with whole(heat) as draft:
            draft.write_bytes(where)
        say(f"the {SHOWN} strangest pictures above where they are strange, in red: {heat}")
    return None


def _asked(run: "Run", own: "Data", source: str | None, unseen: str) -> "tuple[Told, Lines | Frame | None]":
    """The rows to be scored, and the table that they are in, if they are in one."""
    from genzoo.data import Rows
    from genzoo.data.codecs.table import PointsCodec, TableCodec

    path, model = Path(source or ""), run.generative
    if source is None:
        return rows_of(own, "test"), None
    if not (
        isinstance(run.codec, TableCodec | PointsCodec) and path.is_file() and path.suffix in (".csv", ".parquet")
    ):
        return data_of(run, source, False, unseen).rows(), None
    import torch

    table, x = read_table(run, run.codec, path, unseen)
    if x.isnan().any() and not model.can("missing"):
        holes = int(x.isnan().any(1).sum())
        raise Mistake(
            f"{run.config.recipe.name} takes no missing cells, got {holes:,} rows of {path.name} with some.",
            "Fill them, or train a recipe that marginalizes, as mixture_table.",
        )
    given = conditions_of(run, table, {}, len(x))
    x = x.to(getattr(torch, model.space.dtype)) if model.space.is_discrete else x
    return Rows(x, given, torch.arange(len(x)), model.space, model.given_space or None), table


def _strange(run: "Run", rows: "Told", usual: "Told", found: "Outliers", seed: int) -> list[str]:
    """For the strangest rows of a table the entries that make them so, in words."""
    import math

    import torch

    from genzoo.core.model import Unsupported
    from genzoo.data.codecs.table import PointsCodec, TableCodec
    from genzoo.tasks.outliers import Setting, surprise
    from genzoo.tasks.outliers.statistic import part_of

    told = [""] * len(rows)
    codec = run.codec
    low = found.p <= UNUSUAL_ROW if found.flagged is None else found.flagged | (found.p <= UNUSUAL_ROW)
    chosen = torch.where(low, found.score, -torch.inf).argsort(descending=True)[: min(EXPLAINED, int(low.sum()))]
    if not isinstance(codec, TableCodec | PointsCodec) or not len(chosen):
        return told
    some = part_of(rows, chosen)
    try:
        by = surprise(Setting(run.generative, seed=seed), some, usual).surprise
    except Unsupported:
        return told
    x, given = (some, None) if isinstance(some, torch.Tensor) else some.gather(torch.arange(len(some)))
    where = _usually(run, x, by > -math.log(UNUSUAL), given, seed)
    cells = codec.cells(x)
    for i, row in enumerate(chosen.tolist()):
        entries = [j for j in by[i].argsort(descending=True)[:3].tolist() if by[i, j] > -math.log(UNUSUAL)]
        names = [(codec.columns[j], j) for j in entries]
        told[row] = "; ".join(f"{name}={cells[name][i]}{where.get((i, j), '')}" for name, j in names)
    return told


def _never_seen(run: "Run", table: "Lines | Frame | None") -> dict[int, str]:
    """The rows of a table with words that training lacked, which `--unseen missing` lets through, and these words."""
    from genzoo.data.codecs.table import TableCodec
    from genzoo.data.columns import MISSING

    if table is None or not isinstance(run.codec, TableCodec):
        return {}
    told: dict[int, list[str]] = {}
    for name, words in run.codec.words.items():
        for i, cell in enumerate(table.columns.get(name, [])):
            if cell not in words and cell.strip() not in MISSING:
                told.setdefault(i, []).append(f"{name}={cell} (never seen)")
    return {i: "; ".join(cells) for i, cells in told.items()}


def _least_likely(found: "Outliers", rows: Sequence[int], fdr: float | None) -> "Outliers":
    """The same, with some rows as strange as a row can be: what was never seen, no model has a number for."""
    from dataclasses import replace

    from genzoo.tasks.outliers import benjamini_hochberg

    if not rows:
        return found
    score, p = found.score.clone(), found.p.clone()
    score[rows], p[rows] = score.max(), found.smallest_p
    return replace(found, score=score, p=p, flagged=None if fdr is None else benjamini_hochberg(p, fdr))


def _copies(strange: list[str], rows: "Told", known: "Told") -> list[str]:
    """The same, with rows named that the model has learned: they are too likely, and their p-values say nothing."""
    from genzoo.tasks.outliers.remarks import SEEN, learned

    copies = learned(rows, known)
    if float(copies.double().mean()) <= SEEN:
        return strange
    return [words or ("a training row" if copy else "") for words, copy in zip(strange, copies.tolist(), strict=True)]


def _where(run: "Run", rows: "Told", usual: "Told", found: "Outliers", seed: int) -> bytes | None:
    """The strangest pictures, and beneath each where it is strange, as a PNG; None for what is no picture."""
    import math

    import torch

    from genzoo.core.model import Unsupported
    from genzoo.data.codecs.image import ImageCodec
    from genzoo.data.picture import png, tiles
    from genzoo.tasks.outliers import Setting, surprise
    from genzoo.tasks.outliers.statistic import gathered, part_of

    if not isinstance(run.codec, ImageCodec) or not len(rows):
        return None
    chosen = found.score.argsort(descending=True)[:SHOWN]
    some, known = part_of(rows, chosen), part_of(usual, torch.arange(min(HELD, len(usual))))
    try:
        by = surprise(Setting(run.generative, seed=seed), some, known).surprise
    except Unsupported:
        return None
    seen = run.codec.pixels(gathered(some, 0, len(chosen))[0].cpu())[:, :3].float()
    gray = seen.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    heat = (by.mean(1, keepdim=True) / -math.log(CLEAR)).clamp(0, 1).float()
    red = torch.tensor([255.0, 0.0, 0.0]).reshape(1, 3, 1, 1)
    both = torch.cat([seen.expand(-1, 3, -1, -1), (1 - heat) * gray / 2 + heat * red])
    return png(tiles(both.round().to(torch.uint8), columns=len(chosen), side=64))


def _usually(run: "Run", x: "Tensor", odd: "Tensor", given: Any, seed: int) -> dict[tuple[int, int], str]:
    """Where entries usually are, given the others of their row."""
    import torch

    from genzoo.tasks import impute
    from genzoo.tasks.imputation import imputes

    if imputes(run.generative) is None:
        return {}
    told = {}
    for j in odd.any(0).nonzero().flatten().tolist():
        index = odd[:, j].nonzero().flatten()
        holed = x[index].double() if not x.is_floating_point() else x[index].clone()
        holed[:, j] = torch.nan
        rows = None if not run.generative.given_space else {k: part[index] for k, part in _by_name(run, given).items()}
        draws = impute(run.generative, holed, DRAWS, rows, seed=seed).x[:, :, j]
        words = j in {i for i, c in enumerate(run.generative.space.columns or ()) if c.kind == "categorical"}
        for k, i in enumerate(index.tolist()):
            told[i, j] = _range(run, j, draws[:, k].sort().values, x[i], words)
    return told


def _by_name(run: "Run", given: Any) -> Mapping[str, "Tensor"]:
    return given if isinstance(given, Mapping) else {next(iter(run.generative.given_space)): given}


def _range(run: "Run", j: int, draws: "Tensor", row: "Tensor", words: bool) -> str:
    """The middle nine tenths of draws of an entry as they are written, or the word that is drawn most often."""
    import torch

    codec: Any = run.codec
    values = [draws.mode().values] if words else [draws[DRAWS // 20], draws[-1 - DRAWS // 20]]
    rows = row.repeat(len(values), 1).to(draws.dtype)
    rows[:, j] = torch.stack(values)
    cells = codec.cells(rows)[codec.columns[j]]
    return f" (usually {cells[0]})" if len(set(cells)) == 1 else f" (usually {cells[0]} to {cells[1]})"


def _write(path: Path, found: "Outliers", strange: Sequence[str], table: "Lines | Frame | None") -> None:
    """The rows with what was found beside them, or only that."""
    columns = {
        "score": [f"{value:.6g}" for value in found.score.tolist()],
        "p": [f"{value:.6g}" for value in found.p.tolist()],
    }
    if found.flagged is not None:
        columns["flagged"] = ["yes" if flag else "no" for flag in found.flagged.tolist()]
    if any(strange):
        columns["strange"] = list(strange)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as draft:
        if table is not None:
            taken = set(ADDED) & set(table.columns)
            table.fill(draft, {f"genzoo_{name}" if taken else name: cells for name, cells in columns.items()})
            return
        with draft.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["row", *columns])
            writer.writerows(zip(range(len(found.p)), *columns.values(), strict=True))


def _tell(
    found: "Outliers", strange: Sequence[str], fdr: float | None, path: Path, columns: Sequence[str] = ()
) -> None:
    """The strangest rows, and what was done."""
    order = found.score.argsort(descending=True)[:SHOWN].tolist()
    heads = ["row", "score", "p", *(["flagged"] if found.flagged is not None else []), "strange"]
    rows = []
    for i in order:
        flag = [] if found.flagged is None else ["yes" if found.flagged[i] else "no"]
        rows.append([i, f"{found.score[i]:.4g}", f"{found.p[i]:.3g}", *flag, strange[i]])
    print_table(tuple(heads), [tuple(row) for row in rows])
    by = f", by {', '.join(found.by)}" if found.by else ""
    flags = "" if found.flagged is None else f"{int(found.flagged.sum()):,} flagged (at most {fdr:.0%} falsely), "
    say(f"{len(found.p):,} rows, {flags}{found.calibration:,} calibration rows, {found.method}{by}: {path}")
    for remark in found.remarks:
        say(re.sub(r"column (\d+)", lambda place: f"column {columns[int(place[1])]}" if columns else place[0], remark))


COMMANDS: dict[Callable[..., None], str] = {
    outliers: "genzoo outliers runs/mixture-wine --data new.csv --fdr 0.1 --out scores.csv",
}
