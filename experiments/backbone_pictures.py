"""Backbones as SVG: where their torsions lie, and ribbons through their CA, colored from the first to the last."""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.evaluation.backbones import ramachandran

__all__ = ["ramachandran_svg", "ribbons_svg"]

SIDE, EDGE, TOP, TILE, BINS = 260, 46, 28, 150, 72
FINE = 8  # points of a spline between two CA
PAPER, INK, GRID = "#ffffff", "#222222", "#d0d0d0"


def ramachandran_svg(rows: Mapping[str, Float[Tensor, "n T 3 3"]]) -> str:
    """φ against ψ of several sets of backbones, side by side: the darker a square, the more residues, by logarithms.

    Args:
        rows: Backbones by name.
    """
    parts = []
    for k, (name, x) in enumerate(rows.items()):
        left = EDGE + k * (SIDE + EDGE)
        parts.append(_text(left + SIDE / 2, TOP - 10, name))
        place = ((ramachandran(x).flatten(0, 1) + 180) / 360 * BINS).long().clamp(0, BINS - 1)
        counts = (place[:, 0] * BINS + place[:, 1]).bincount(minlength=BINS * BINS).reshape(BINS, BINS)
        size, most = SIDE / BINS, math.log1p(counts.max().item())
        for i, j in counts.nonzero().tolist():
            dark = math.log1p(counts[i, j].item()) / most
            parts.append(f'<rect x="{left + i * size:.1f}" y="{TOP + SIDE - (j + 1) * size:.1f}" width="{size:.2f}" '
                         f'height="{size:.2f}" fill="{_mixed(dark)}"/>')  # fmt: skip
        for degrees in (-180, -90, 0, 90, 180):
            at = (degrees + 180) / 360 * SIDE
            parts.append(_line(left + at, TOP, left + at, TOP + SIDE) + _line(left, TOP + at, left + SIDE, TOP + at))
            parts.append(_text(left + at, TOP + SIDE + 14, str(degrees)))
            parts.append(_text(left - 6, TOP + SIDE - at + 4, str(degrees), "end"))
        parts.append(_text(left + SIDE / 2, TOP + SIDE + 30, "φ") + _text(left - 34, TOP + SIDE / 2, "ψ"))
    return _page(EDGE + len(rows) * (SIDE + EDGE), TOP + SIDE + 40, parts)


def ribbons_svg(rows: Mapping[str, Float[Tensor, "n T 3 3"]]) -> str:
    """Ribbons through CA, each turned so that it lies flat; a row of tiles for each name, far parts drawn first.

    Args:
        rows: Backbones by name, as many of each.
    """
    parts = []
    for k, (name, x) in enumerate(rows.items()):
        top = TOP + k * (TILE + TOP)
        parts.append(_text(10, top - 8, name, "start"))
        for i, atoms in enumerate(x):
            parts += _ribbon(atoms[:, 1].double(), i * TILE, top)
    return _page(TILE * max(len(x) for x in rows.values()), TOP + len(rows) * (TILE + TOP), parts)


def _ribbon(places: Float[Tensor, "T 3"], left: float, top: float) -> list[str]:
    """One trace as short strokes, in the order of their depth."""
    flat = places - places.mean(0)
    flat = flat @ torch.linalg.svd(flat, full_matrices=False)[2].T  # the longest way across, the shortest away
    if torch.linalg.det(torch.linalg.svd(places - places.mean(0), full_matrices=False)[2]) < 0:
        flat[:, 2] = -flat[:, 2]  # a turn, no mirror
    curve = _spline(flat)
    scale = (TILE - 20) / max(1e-9, (curve.amax(0) - curve.amin(0))[:2].max().item())
    shown = (curve - (curve.amax(0) + curve.amin(0)) / 2) * scale
    strokes = []
    for k, (a, b) in enumerate(zip(shown[:-1].tolist(), shown[1:].tolist(), strict=True)):
        x1, y1, x2, y2 = (left + TILE / 2 + a[0], top + TILE / 2 - a[1], left + TILE / 2 + b[0], top + TILE / 2 - b[1])
        line = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke-linecap="round"'
        hue = _rainbow(k / (len(shown) - 2))
        strokes.append((a[2] + b[2], f'<line {line} stroke="{PAPER}" stroke-width="7"/>'
                                     f'<line {line} stroke="{hue}" stroke-width="4"/>'))  # fmt: skip
    return [stroke for _, stroke in sorted(strokes)]


def _spline(points: Float[Tensor, "T 3"]) -> Float[Tensor, "S 3"]:
    """A curve through points whose slope at each is half of the way from the one before to the next."""
    ends = torch.cat([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    a, b, c, d = (ends[k : len(ends) - 3 + k, None] for k in range(4))
    t = (torch.arange(FINE) / FINE)[:, None].double()
    curve = b + (c - a) * t / 2 + (a - 2.5 * b + 2 * c - d / 2) * t**2 + (1.5 * (b - c) + (d - a) / 2) * t**3
    return torch.cat([curve.flatten(0, 1), points[-1:]])


def _rainbow(share: float) -> str:
    """From blue, the first residue, over green to red."""
    return f"hsl({240 * (1 - share):.0f} 75% 45%)"


def _mixed(share: float) -> str:
    """From pale to dark blue."""
    ends = ((222, 235, 247), (8, 48, 107))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(*ends, strict=True))


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{GRID}" stroke-width="0.7"/>'


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'


def _page(width: float, height: float, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" font-family="sans-serif" font-size="11" fill="{INK}">'
        f'<rect width="100%" height="100%" fill="{PAPER}"/>{"".join(parts)}</svg>\n'
    )
