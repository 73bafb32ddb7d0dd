"""Densities of three tables: test log-likelihood over five fixed splits, nothing chosen by test rows.

Dropped before anything is split are rows with a missing number, rows at a cap (an end of a column that ten rows or
more share, ten times as many as share the value beside it) and duplicates. What was rounded is made continuous once:
uniform noise of a column's smallest gap between values, the same rows for every model. Each split has 80 % of the rows
to train, 10 % to choose by (the number of components, the rank) and 10 % to test. Columns are standardized by training
rows; densities are in raw units, which the spread between splits of a few outliers belongs to.

Every fit is written down as soon as it is done, so that the command goes on where it stopped. The files are those of
the folder that GENZOO_DATA names.

    python -m experiments.tables [--models gaussian kde] [--data magic-gamma] [--splits 5] [--rows 2000] [--deep]
"""

import argparse
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from genzoo.core import Noise
from genzoo.data.columns import is_missing, is_number, read_columns
from genzoo.data.data import fingerprint
from genzoo.sklearn_api import Estimator
from genzoo.zoo import store

RECORD = Path(__file__).parent / "records" / "tables.json"
DATA = ("magic-gamma", "california-housing", "uci-wine-quality")


class Contestant(NamedTuple):
    """A recipe with its settings, among which the validation rows choose."""

    recipe: str
    settings: list[dict[str, Any]]
    train: dict[str, Any] | None = None
    aside: float = 0.0  # of the rows to train, by which the best model of a training is kept


COUNTS, RANKS = (1, 2, 4, 8, 16, 32, 64), (1, 2, 3, 4, 6, 8)
SMOOTH = {"bins": 64, "smoothing": 100.0, "smoothing_edges": 1.0}
CHEAP = {
    "gaussian": Contestant("gaussian", [{}]),
    "gaussian_diagonal": Contestant("gaussian", [{"covariance": "diag"}]),
    "gaussian_low_rank": Contestant("gaussian", [{"covariance": "low_rank", "rank": k} for k in RANKS]),
    "ppca": Contestant("ppca", [{"rank": k} for k in RANKS]),
    "factor_analysis": Contestant("factor_analysis", [{"rank": k} for k in RANKS]),
    "gaussian_mixture": Contestant("gaussian_mixture", [{"components": k} for k in COUNTS]),
    "kde_scott": Contestant("kde", [{}]),
    "kde": Contestant("kde", [{"bandwidth": "likelihood"}]),
    "gaussian_copula": Contestant("gaussian_copula", [{}]),
    "mixture_table": Contestant("mixture_table", [{"components": k, "smoothing": 500.0} for k in (100, 300)]),
    "circuit": Contestant("circuit", [{"trees": 6}]),
}
DEEP = {
    "realnvp": Contestant("realnvp", [{}], {"core_minutes": 2.0}, 0.1),
    "nsf": Contestant("nsf", [{}], {"core_minutes": 2.0}, 0.1),
}


class Split(NamedTuple):
    """Rows in standard units, and Σ log s, which brings their densities back to raw ones."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    log_scale: float


def columns_of(name: str, root: Path) -> np.ndarray:
    """The numeric columns of a table in float64, those that are no label."""
    if name == "magic-gamma":
        with np.load(root / name / "22_magic.gamma.npz", allow_pickle=False) as arrays:
            return arrays["X"].astype(np.float64)
    if name == "california-housing":
        columns = read_columns(root / name / "housing.csv.gz")
        return _numbers([column for name, column in columns.items() if name != "ocean_proximity"])
    kinds = [read_columns(root / name / f"winequality-{kind}.csv", header=False) for kind in ("red", "white")]
    return np.concatenate([_numbers(list(columns.values())[:-1]) for columns in kinds])  # the last is the grade


def _numbers(columns: list[list[str]]) -> np.ndarray:
    """Columns of text as numbers, without the rows in which one is missing."""
    assert all(is_number(cell) or is_missing(cell) for column in columns for cell in column)
    table = np.array([[math.nan if is_missing(cell) else float(cell) for cell in column] for column in columns]).T
    return table[~np.isnan(table).any(axis=1)]


def without_caps(x: np.ndarray) -> np.ndarray:
    """Rows none of whose numbers is at a cap."""
    keep = np.ones(len(x), dtype=bool)
    for column in x.T:
        values, counts = np.unique(column, return_counts=True)
        for end, beside in ((0, 1), (-1, -2)):
            if counts[end] >= max(10, 10 * counts[beside]):
                keep &= column != values[end]
    return x[keep]


def prepared(name: str, root: Path) -> np.ndarray:
    """The rows that every model sees: whole, below the caps, once each, and continuous."""
    x = np.unique(without_caps(columns_of(name, root)), axis=0)
    gaps = np.array([np.diff(np.unique(column)).min() for column in x.T])
    order = Noise(0, "tables", name).permutation(len(x)).numpy()
    return x[order] + gaps * Noise(0, "tables", name, "gap").uniform(*x.shape, dtype=torch.float64).numpy()


def split_of(x: np.ndarray, number: int) -> Split:
    """The split of a number: the same for every model."""
    x = x[Noise(number, "tables", "split").permutation(len(x)).numpy()]
    tenth = len(x) // 10
    train, valid, test = x[2 * tenth :], x[:tenth], x[tenth : 2 * tenth]
    mean, std = train.mean(0), train.std(0)
    return Split(*((part - mean) / std for part in (train, valid, test)), float(np.log(std).sum()))


def contest(contestant: Contestant, split: Split) -> dict[str, Any]:
    """Fits every setting, keeps the one of the highest validation likelihood, and scores its test rows."""
    start, best = time.process_time(), (-math.inf, None, {})
    for settings in contestant.settings:
        estimator = Estimator(
            contestant.recipe, train=contestant.train, validation_fraction=contestant.aside, **settings
        ).fit(split.train)
        best = max(best, (estimator.score(split.valid), estimator, settings), key=lambda found: found[0])
    valid, estimator, settings = best
    test = estimator.score_samples(split.test) - split.log_scale
    return {
        "test": float(test.mean()),
        "error": float(test.std(ddof=1) / math.sqrt(len(test))),
        "valid": valid - split.log_scale,
        "settings": settings,
        "core_seconds": round(time.process_time() - start, 2),
    }


def known(contestant: Contestant) -> bool:
    """Whether the recipe takes these settings here."""
    from genzoo.zoo import recipe_named

    try:
        return bool(recipe_named(contestant.recipe).checked(**contestant.settings[0]))
    except ValueError:
        return False


def markdown(record: dict[str, Any]) -> str:
    """The mean over splits with the standard error between them, or of one split's rows; a column's best is bold."""
    tables, rows = record["tables"], {}
    for name, table in tables.items():
        for model, figures in table["figures"].items():
            values = np.array([figure["test"] for figure in figures.values()])
            between = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else None
            error = next(iter(figures.values()))["error"] if between is None else between
            rows.setdefault(model, {})[name] = (values.mean(), error)
    best = {name: max(row[name][0] for row in rows.values() if name in row) for name in tables}
    lines = ["| model | " + " | ".join(f"{name} ({table['columns']})" for name, table in tables.items()) + " |"]
    lines.append("|---|" + "---:|" * len(tables))
    for model, row in rows.items():
        cells = []
        for name in tables:
            value, error = row.get(name, (math.nan, math.nan))
            text = f"{value:.2f} ± {error:.2f}" if name in row else "–"
            cells.append(f"**{text}**" if value == best[name] else text)
        lines.append(f"| `{model}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def run(asked: argparse.Namespace, root: Path) -> dict[str, Any]:
    """All fits that the record does not hold yet."""
    record = json.loads(asked.record.read_text()) if asked.record.exists() else {"experiment": __doc__.split("\n")[0]}
    record |= {"versions": store.versions(), "tables": record.get("tables", {})}
    contestants = CHEAP | DEEP
    for name in asked.data:
        x = prepared(name, root)[: asked.rows]
        shown = fingerprint(torch.from_numpy(x))
        table = record["tables"].setdefault(
            name, {"rows": len(x), "columns": x.shape[1], "data": shown, "figures": {}}
        )
        if table["data"] != shown:
            raise SystemExit(
                f"{asked.record} is of other rows of {name} ({table['data']}, not {shown}): move it away."
            )
        for model in asked.models or (contestants if asked.deep else CHEAP):
            for number in range(asked.splits):
                figures = table["figures"].setdefault(model, {})
                if str(number) not in figures and known(contestants[model]):
                    figures[str(number)] = contest(contestants[model], split_of(x, number))
                    asked.record.write_text(json.dumps(record, indent=1) + "\n")
                    print(name, model, number, figures[str(number)], flush=True)
            if not table["figures"][model]:
                del table["figures"][model]
    return record


def asking(about: str | None, models: Sequence[str], record: Path) -> argparse.ArgumentParser:
    """What the command line of an experiment on these tables and splits takes."""
    said = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    said.add_argument("--models", nargs="+", choices=models)
    said.add_argument("--data", nargs="+", choices=DATA, default=DATA)
    said.add_argument("--splits", type=int, default=5)
    said.add_argument("--rows", type=int, help="so many rows only, for a look")
    said.add_argument("--record", type=Path, default=record)
    return said


def told(asked: argparse.Namespace, run: Callable[[argparse.Namespace, Path], dict[str, Any]]) -> None:
    """Fits what is asked for, keeps the record, and prints it as a table."""
    torch.set_num_threads(1)
    record = run(asked, Path(os.environ.get("GENZOO_DATA", ".")))
    print(f"\nlog p of test rows, nats, mean ± standard error over splits\n\n{markdown(record)}\n{asked.record}")


def main() -> None:
    """Fits what is asked for, keeps the record, and prints it as a table."""
    said = asking(__doc__, [*CHEAP, *DEEP], RECORD)
    said.add_argument("--deep", action="store_true", help="flows as well")
    told(said.parse_args(), run)


if __name__ == "__main__":
    main()
