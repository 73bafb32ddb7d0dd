"""Curves of a training as SVG, drawn without a plotting library so that a report needs nothing but itself."""

import math
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from genzoo.training.journal import CLOCK

__all__ = ["Curve", "curves_of", "draw_curves"]

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 480, 230, 52, 8, 10, 26
SHOWN = 4  # curves of one figure
SPLITS = ("train", "valid")

Curve = tuple[str, list[tuple[float, float]]]


def curves_of(rows: Sequence[Mapping[str, Any]]) -> list[Curve]:
    """The logged values of a training by name, those of validation apart; without the sizes of gradients, which are
    not on the scale of a loss, and without what was seen or happened besides.

    Args:
        rows: The rows of metrics.

    Example:
        >>> curves_of([{"step": 1, "split": "train", "loss": 2.0, "gradient": 30.0, "seconds": 0.1}])
        [('loss', [(1.0, 2.0)])]
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row["split"] not in SPLITS:
            continue
        prefix = "" if row["split"] == "train" else f"{row['split']} "
        for name, value in row.items():
            if isinstance(value, float) and name not in CLOCK and name.rpartition("/")[2] != "gradient":
                found.setdefault(prefix + name, []).append((float(row["step"]), value))
    order = sorted(found, key=lambda name: not name.endswith("loss"))  # losses first, parts after them
    return [(name, found[name]) for name in order[:SHOWN]]


def draw_curves(curves: Sequence[Curve]) -> str:
    """An SVG figure of curves over steps, in the colors --c0, --c1 … of the page.

    The range is that of the values after the first twentieth of the run, so that a steep start does not flatten the
    rest; what lies outside is cut off.

    Args:
        curves: Names with their points.
    """
    curves = [(name, points) for name, points in curves if points]
    if not curves:
        return ""
    last = max(points[-1][0] for _, points in curves)
    settled = [y for _, points in curves for x, y in points if x >= 0.05 * last] or [
        y for _, p in curves for _, y in p
    ]
    low, high = min(settled), max(settled)
    margin = 0.05 * (high - low) or 0.5 + abs(high) * 0.01
    low, high = low - margin, high + margin

    def place(x: float, y: float) -> tuple[float, float]:
        across = LEFT + (WIDTH - LEFT - RIGHT) * x / max(last, 1.0)
        return across, HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y - low) / (high - low)

    parts = [*_grid(low, high, last, place)]
    for i, (_, points) in enumerate(curves):
        path = " ".join(f"{x:.1f},{_within(y):.1f}" for x, y in (place(*point) for point in points))
        dash = ' stroke-dasharray="5 3"' if curves[i][0].startswith("valid") else ""
        if len(points) < 3:  # too few for a line to be seen
            marks = ((x, _within(y)) for x, y in (place(*point) for point in points))
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="var(--c{i})"/>' for x, y in marks]
        parts.append(f'<polyline points="{path}" fill="none" stroke="var(--c{i})" stroke-width="1.8"{dash}/>')
    names = escape(", ".join(name for name, _ in curves))
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{names} over steps">'
    return f"{head}{''.join(parts)}</svg>{_legend(curves)}"


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round numbers in a range, about as many as asked for.

    Example:
        >>> ticks(0.3, 9.7)
        [2.0, 4.0, 6.0, 8.0]
    """
    rough = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(rough))
    step = min((factor * unit for factor in (1, 2, 5, 10)), key=lambda size: abs(size - rough))
    first = math.ceil(low / step)
    return [round(i * step, 12) for i in range(first, math.floor(high / step) + 1)]


def _grid(low: float, high: float, last: float, place: Any) -> list[str]:
    parts = []
    for y in ticks(low, high):
        _, at = place(0.0, y)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{y:g}</text>')
    for x in ticks(0.0, last) if last else []:
        at, _ = place(x, low)
        anchor = "end" if at > WIDTH - 24 else "middle"
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{x:g}</text>')
    return parts


def _within(y: float) -> float:
    return min(max(y, TOP), HEIGHT - BOTTOM)


def _legend(curves: Sequence[Curve]) -> str:
    keys = (
        f'<li><span class="key" style="background:var(--c{i})"></span>{escape(name)}: {points[-1][1]:.4g}</li>'
        for i, (name, points) in enumerate(curves)
    )
    return f'<ul class="legend">{"".join(keys)}</ul>'
