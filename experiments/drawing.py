"""Figures of the experiments, for the documentation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

__all__ = ["coverage", "gradients", "naive", "save"]

IMAGES = Path(__file__).parents[1] / "docs" / "images"
RECORDS = Path(__file__).parent / "records"
COLORS = ("#1b6ca8", "#d1495b", "#2e8b57", "#8d6a9f", "#edae49")


def save(figure: Figure, name: str, record: Path) -> None:
    """Writes a figure into the documentation, or beside a record that is kept elsewhere.

    Args:
        figure: The figure.
        name: Its name.
        record: The record that it shows.
    """
    folder = IMAGES if record.parent == RECORDS else record.parent
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(folder / f"{name}.png", dpi=100, bbox_inches="tight", metadata={"Software": None})


def coverage(found: Mapping[str, float], replications: int, record: Path) -> None:
    """How often each interval held the truth.

    Args:
        found: The shares by question.
        replications: Of how many.
        record: The record that it shows.
    """
    figure = Figure(figsize=(6.4, 3.2))
    axes = figure.add_subplot()
    names, error = list(found)[::-1], 1.96 * (0.95 * 0.05 / replications) ** 0.5
    axes.axvspan(0.94, 0.96, color="#eeeeee")
    axes.axvline(0.95, color="black", linewidth=0.8)
    axes.errorbar([found[name] for name in names], names, xerr=error, fmt="o", color=COLORS[0], capsize=2)
    axes.set_xlim(0.925, 0.975)
    axes.set_xlabel(f"share of {replications:,} intervals that hold the truth")
    save(figure, "coverage", record)


def gradients(figures: Sequence[Mapping[str, Any]], record: Path) -> None:
    """The variance of one row's gradient over μ.

    Args:
        figures: What was measured at each μ.
        record: The record that it shows.
    """
    figure = Figure(figsize=(6.4, 3.2))
    axes = figure.add_subplot()
    names = {"none": "score, no baseline", "mean": "score, mean", "optimal": "score, optimal", "reparametrized": ""}
    for color, (name, label) in zip(COLORS, names.items(), strict=False):
        mu, variance = [each["mu"] for each in figures], [each[name]["variance"] for each in figures]
        axes.semilogy(mu, variance, "o-", color=color, label=label or name, markersize=4)
    axes.set_xlabel("μ")
    axes.set_ylabel("variance of one draw")
    axes.legend(frameon=False)
    save(figure, "gradients", record)


def naive(figures: Sequence[Mapping[str, Any]], record: Path) -> None:
    """The relative error of a likelihood by draws of the prior, and by draws near the posterior.

    Args:
        figures: What was measured at each dimension and number of draws.
        record: The record that it shows.
    """
    figure = Figure(figsize=(8.4, 3.2))
    left, right = figure.subplots(1, 2)
    for color, d in zip(COLORS, sorted({each["d"] for each in figures}), strict=False):
        some = [each for each in figures if each["d"] == d]
        draws = [each["draws"] for each in some]
        left.loglog(draws, [each["prior error"] for each in some], "o-", color=color, label=f"d = {d}", markersize=4)
        left.loglog(draws, [each["posterior error"] for each in some], ":", color=color)
        right.loglog(draws, [each["prior worth"] for each in some], "o-", color=color, markersize=4)
        right.loglog(draws, [each["posterior worth"] for each in some], ":", color=color)
    left.axhline(1, color="black", linewidth=0.8)
    left.set_ylabel("relative error of p(x)")
    right.set_ylabel("share that the draws are worth")
    for axes in (left, right):
        axes.set_xlabel("draws (dotted: by an encoder)")
    left.legend(frameon=False, fontsize=8)
    save(figure, "naive", record)
