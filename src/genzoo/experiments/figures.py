"""Quality against sampling speed as SVG, in the colors of the page."""

import math
from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from genzoo.experiments.curves import ticks

__all__ = ["Dot", "draw_dots", "in_words"]

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 340, 62, 24, 14, 44
LINE = 15  # the height of a label
LETTER = 7.2  # its width, for each letter


class Dot(NamedTuple):
    """A contestant in the figure.

    Attributes:
        name: Its label.
        x: Samples in a second.
        y: The value.
        error: Its standard error.
    """

    name: str
    x: float
    y: float
    error: float | None = None


def draw_dots(dots: Sequence[Dot], title: str, floor: float | None = None) -> str:
    """An SVG figure of values over samples per second (logarithmic); whiskers are 95 % intervals.

    Args:
        dots: The contestants.
        title: What y is.
        floor: What real data reach, as a dashed line.

    Example:
        >>> draw_dots([Dot("vae", 900.0, 3.1, 0.1), Dot("ddpm", 12.0, 1.2)], "Fréchet")[:4]
        '<svg'
    """
    if not dots:
        return ""
    left, right = math.floor(math.log10(min(d.x for d in dots))), math.ceil(math.log10(max(d.x for d in dots)))
    right = max(right, left + 1)
    whiskers = [(d.y - 1.96 * (d.error or 0), d.y + 1.96 * (d.error or 0)) for d in dots]
    ends = [y for pair in whiskers for y in pair] + ([] if floor is None else [floor])
    margin = 0.06 * (max(ends) - min(ends)) or 0.5
    low, high = min(ends) - margin, max(ends) + margin

    def across(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log10(x) - left) / (right - left)

    def down(y: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y - low) / (high - low)

    parts = []
    for y in ticks(low, high):
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down(y):.1f}" y2="{down(y):.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{down(y) + 4:.1f}" text-anchor="end">{y:g}</text>')
    for power in range(left, right + 1):
        at = across(10.0**power)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" class="grid"/>')
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{10.0**power:g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">samples per second</text>')
    if floor is not None:
        at = down(floor)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" class="floor"/>')
        parts.append(f'<text x="{WIDTH - RIGHT}" y="{at - 5:.1f}" text-anchor="end">real data</text>')
    for dot, (bottom, top) in zip(dots, whiskers, strict=True):
        x = across(dot.x)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{down(top):.1f}" y2="{down(bottom):.1f}" class="whisker"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{down(dot.y):.1f}" r="5" class="dot"/>')
    parts += _labels([(dot.name, across(dot.x), down(dot.y)) for dot in dots])
    said = escape(f"{title} over samples per second: " + ", ".join(d.name for d in dots))
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}">{"".join(parts)}</svg>'


def in_words(rate: float) -> str:
    """A rate with three figures, written out.

    Args:
        rate: Something in a second.

    Example:
        >>> in_words(165_912.0), in_words(2.3456)
        ('166,000', '2.35')
    """
    return f"{float(f'{rate:.3g}'):,.0f}" if rate >= 100 else f"{rate:.3g}"


def _labels(places: Sequence[tuple[str, float, float]]) -> list[str]:
    """Names beside their dots, moved up or down where they would lie on each other."""
    taken: list[tuple[float, float, float]] = []
    parts = []
    for name, x, y in sorted(places, key=lambda place: place[2]):
        width = LETTER * len(name)
        ends = x + 10 + width > WIDTH - RIGHT
        start = x - 10 - width if ends else x + 10
        at = y
        while any(abs(at - other) < LINE and start < right and left < start + width for left, right, other in taken):
            at += 3
        taken.append((start, start + width, at))
        anchor = "end" if ends else "start"
        text = f'<text x="{x - 10 if ends else x + 10:.1f}" y="{at + 4:.1f}" text-anchor="{anchor}" class="name">'
        parts.append(f"{text}{escape(name)}</text>")
    return parts
