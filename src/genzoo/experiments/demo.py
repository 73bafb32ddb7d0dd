"""The demonstration: some families on the embedded digits and on a toy density, compared in a few minutes."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from genzoo.evaluation import Protocol
from genzoo.evaluation.measurement import BY_TREES
from genzoo.experiments.compare import Comparison, compare
from genzoo.experiments.report import draw_wall, leaderboard, write_report
from genzoo.zoo.terminal import Screen, visible

__all__ = ["demonstrate", "print_leaderboard"]

RECIPES: dict[str, dict[str, dict[str, Any]]] = {
    "digits": {"gaussian_mixture": {}, "vae": {}, "wgan_gp": {"lr": 1e-3}, "realnvp": {}},
    "8gaussians": {"gaussian_mixture": {}, "vae": {}, "realnvp": {}},
}
OF_TABLES = ("column shapes", BY_TREES)
FEW = 3  # measurements in the leaderboard of a terminal, which is narrow; the report has them all
SHOWN = ("model", "samples/s", "core-minutes")
MINUTES = {"digits": 0.5, "8gaussians": 0.2}  # of each recipe


def demonstrate(out: Path = Path("runs/demo"), *, steps: int | None = None) -> list[Comparison]:
    """Trains and compares the families, writes `report.html` and `wall.png`, prints the leaderboards.

    Args:
        out: The folder of the runs and the report.
        steps: Steps of each recipe instead of minutes, for a quick look: fewer rows are examined as well.
    """
    console, found = Screen(), []
    protocol = Protocol() if steps is None else Protocol(rows=200, samples=500)
    for name, minutes in MINUTES.items():
        budget: dict[str, Any] = {"minutes": minutes} if steps is None else {"steps": steps}
        names = ", ".join(RECIPES[name])
        console.rule(f"{name}: {names}, {next(iter(budget.values()))} {next(iter(budget))} each")
        found.append(compare(name, RECIPES[name], out=out / name, protocol=protocol, **budget))
    report = write_report(found, out / "report.html", "Families side by side")
    wall = draw_wall(found[0], out / "wall.png")
    for comparison in found:
        print_leaderboard(comparison, console)
    console.print(f"report: {report}\npicture: {wall}", highlight=False)
    return found


def print_leaderboard(comparison: Comparison, console: Console | None = None) -> None:
    """Prints what a comparison found; a star marks what cannot be told from the best, and the first columns.

    Args:
        comparison: What was compared.
        console: Where to.
    """
    console = console or Screen()
    if not console.is_terminal:
        console.width = 120  # a pipe has no width; lines stay whole
    columns, rows = leaderboard(comparison)
    table = Table(title=f"{comparison.data.name}, {comparison.budget}", title_justify="left", box=None, pad_edge=False)
    few = _few(comparison)
    shown = [i for i, column in enumerate(columns) if column["name"] in few or column["name"] in SHOWN]
    for i in shown:
        table.add_column(Text(visible(columns[i]["name"])), justify="right" if i else "left", no_wrap=True)
    for row in rows:
        if not any(row[i]["text"] for i in shown[1:]):
            continue  # a floor of none of the numbers that are shown
        table.add_row(*(Text(visible(row[i]["text"] + (" *" if row[i]["best"] else ""))) for i in shown))
    console.print(table)


def _few(comparison: Comparison) -> list[str]:
    """The numbers that a narrow terminal shows: the first, or of a table those that a control is worth most beside."""
    told = [name for name in OF_TABLES if name in comparison.columns]
    return [*comparison.columns[: FEW - len(told)], *told]
