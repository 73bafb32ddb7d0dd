"""Backbones as SVG: ribbons through their CA, colored from the first residue to the last, and where torsions lie."""

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.data.proteins.chain import torsions

__all__ = ["ramachandran_svg", "ribbons_svg"]

SIDE, EDGE, TOP, TILE, BELOW, BINS = 260, 46, 28, 150, 22, 72
FINE = 5  # parts of the way between two CA
PAPER, INK, GRID, PALE, DARK = "#ffffff", "#222222", "#d0d0d0", (222, 235, 247), (8, 48, 107)


def ramachandran_svg(rows: Mapping[str, Float[Tensor, "n T 3 3"]]) -> str:
    """φ against ψ of several sets of backbones, side by side: the darker a square, the more residues, by logarithms.

    Args:
        rows: Backbones by name, N, CA and C of each residue.

    Example:
        >>> ramachandran_svg({"none": torch.randn(2, 5, 3, 3)})[:4]
        '<svg'
    """
    parts = []
    for k, (name, x) in enumerate(rows.items()):
        left = EDGE + k * (SIDE + EDGE)
        parts += [_text(left + SIDE / 2, TOP - 10, name), *_squares(x, left)]
        for degrees in (-180, -90, 0, 90, 180):
            at = (degrees + 180) / 360 * SIDE
            parts += [_line(left + at, TOP, left + at, TOP + SIDE), _line(left, TOP + at, left + SIDE, TOP + at)]
            parts.append(_text(left + at, TOP + SIDE + 14, str(degrees)))
            parts.append(_text(left - 6, TOP + SIDE - at + 4, str(degrees), "end"))
        parts += [_text(left + SIDE / 2, TOP + SIDE + 30, "φ"), _text(left - 34, TOP + SIDE / 2, "ψ")]
    return _page(EDGE + len(rows) * (SIDE + EDGE), TOP + SIDE + 40, parts)


def ribbons_svg(backbones: Sequence[Float[Tensor, "T 3 3"]], captions: Sequence[str] = (), columns: int = 4) -> str:
    """Ribbons through CA, each turned so that it lies flat, from blue, the first residue, to red; what is near covers
    what is far.

    Args:
        backbones: N, CA and C of each residue, two residues or more; their lengths may differ.
        captions: What stands below each, if anything.
        columns: How many stand side by side.

    Example:
        >>> ribbons_svg([torch.randn(9, 3, 3)], ["a"])[-15:-1]
        'a</text></svg>'
    """
    parts = []
    for k, atoms in enumerate(backbones):
        left, top = k % columns * TILE, k // columns * (TILE + BELOW)
        parts += _ribbon(atoms[:, 1].double(), left, top)
        if k < len(captions):
            parts.append(_text(left + TILE / 2, top + TILE + 12, captions[k]))
    rows = -(-len(backbones) // columns)
    return _page(TILE * min(columns, len(backbones)), rows * (TILE + BELOW), parts)


def _squares(x: Float[Tensor, "n T 3 3"], left: float) -> list[str]:
    """The squares of a plot that hold torsions."""
    angles = torch.from_numpy(torsions(x.detach().cpu().double().numpy())[:, 1:-1]).rad2deg().flatten(0, 1)
    place = ((angles + 180) / 360 * BINS).long().clamp(0, BINS - 1)
    counts = (place[:, 0] * BINS + place[:, 1]).bincount(minlength=BINS * BINS).reshape(BINS, BINS)
    size, most = SIDE / BINS, math.log1p(counts.max().item())
    return [
        f'<rect x="{left + i * size:.1f}" y="{TOP + SIDE - (j + 1) * size:.1f}" width="{size:.2f}" '
        f'height="{size:.2f}" fill="{_mixed(math.log1p(counts[i, j].item()) / most)}"/>'
        for i, j in counts.nonzero().tolist()
    ]


def _ribbon(places: Float[Tensor, "T 3"], left: float, top: float) -> list[str]:
    """One trace as a stroke for each residue, in the order of their depth."""
    flat = places - places.mean(0)
    axes = torch.linalg.svd(flat, full_matrices=False)[2]  # the longest way across, the shortest away
    flat = flat @ (axes * torch.linalg.det(axes)).T  # a turn, no mirror
    curve = _spline(flat)
    scale = (TILE - 20) / max(1e-9, (curve.amax(0) - curve.amin(0))[:2].max().item())
    shown = (curve - (curve.amax(0) + curve.amin(0)) / 2) * scale
    strokes = []
    for k in range(len(places) - 1):
        part = shown[k * FINE : (k + 1) * FINE + 1]
        points = " ".join(f"{left + TILE / 2 + x:.1f},{top + TILE / 2 - y:.1f}" for x, y in part[:, :2].tolist())
        line = f'polyline points="{points}" fill="none"'
        around = f'<{line} stroke="{PAPER}" stroke-width="8"/>'  # which ends where the stroke does, to cover no other
        color = f"hsl({240 * (1 - k / max(1, len(places) - 2)):.0f} 75% 45%)"
        stroke = f'<{line} stroke="{color}" stroke-width="4" stroke-linecap="round"/>'
        strokes.append((part[:, 2].mean().item(), around + stroke))
    return [stroke for _, stroke in sorted(strokes)]


def _spline(points: Float[Tensor, "T 3"]) -> Float[Tensor, "S 3"]:
    """A curve through points whose slope at each is half of the way from the one before to the next.

    Catmull & Rom, 1974, "A class of local interpolating splines".
    """
    ends = torch.cat([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    a, b, c, d = (ends[k : len(ends) - 3 + k, None] for k in range(4))
    t = (torch.arange(FINE) / FINE)[:, None].double()
    curve = b + (c - a) * t / 2 + (a - 2.5 * b + 2 * c - d / 2) * t**2 + (1.5 * (b - c) + (d - a) / 2) * t**3
    return torch.cat([curve.flatten(0, 1), points[-1:]])


def _mixed(share: float) -> str:
    """From pale to dark blue."""
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(PALE, DARK, strict=True))


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{GRID}" stroke-width="0.7"/>'


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _page(width: float, height: float, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" font-family="sans-serif" font-size="11" fill="{INK}">'
        f'<rect width="100%" height="100%" fill="{PAPER}"/>{"".join(parts)}</svg>\n'
    )
