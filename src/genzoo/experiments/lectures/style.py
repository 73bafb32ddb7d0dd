"""How figures look: one palette, letters that a phone shows, light or dark as the reader's page is.

Figures are written as vectors. What is ink, grid or paper in them is left to a style sheet inside the file, so that
one file serves both a light page and a dark one. The colors of data are near those of Okabe and Ito, which people of
every color vision tell apart, and such that they are seen on both papers.
"""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

__all__ = ["COLORS", "GRID", "INK", "PAPER", "SHADES", "new_figure", "styled", "to_svg", "wall"]

COLORS = ("#0083c4", "#e06c00", "#009e73", "#cc79a7", "#b79a00", "#8a63d2", "#7f8790")
INK, GRID, PAPER = "#010203", "#010204", "#010205"  # that no figure has otherwise: names for the style sheet
SHADES = "viridis"  # of densities and other quantities
SHEET = (
    "<style>svg{--ink:#1f2328;--grid:#d8dee4;--paper:#ffffff}"
    "@media (prefers-color-scheme:dark){svg{--ink:#e6edf3;--grid:#363c44;--paper:#131519}}</style>"
)
SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "genzoo", "font.family": "sans-serif", "font.size": 13,
    "axes.titlesize": 13, "axes.labelsize": 13, "xtick.labelsize": 12, "ytick.labelsize": 12, "legend.fontsize": 12,
    "axes.edgecolor": INK, "axes.labelcolor": INK, "axes.titlecolor": INK, "text.color": INK, "xtick.color": INK,
    "ytick.color": INK, "grid.color": GRID, "axes.facecolor": PAPER, "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    "lines.linewidth": 2.0, "axes.grid": False, "figure.constrained_layout.use": True, "image.cmap": SHADES,
    "axes.titlelocation": "left", "legend.labelcolor": INK, "patch.edgecolor": PAPER,
}  # fmt: skip


@contextmanager
def styled() -> Iterator[None]:
    """The look of all figures that are made within.

    Raises:
        ImportError: If matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.rcsetup import cycler
    except ImportError:
        raise ImportError("Figures need matplotlib, got none. Run: pip install 'genzoo[lectures]'") from None
    look: Any = SETTINGS | {"axes.prop_cycle": cycler(color=COLORS)}
    with matplotlib.rc_context(look):
        yield


def new_figure(rows: int = 1, columns: int = 1, *, size: tuple[float, float] | None = None, **how: Any) -> Any:
    """A figure and its axes, as `plt.subplots` gives them, without a window.

    Args:
        rows: Of axes.
        columns: Of axes.
        size: Width and height in inches; by default as wide as a page of text.
        how: As of `Figure.subplots`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=size or (6.0, 1.2 + 2.4 * rows))
    return figure, figure.subplots(rows, columns, **how)


def wall(axis: Any, images: "Tensor", columns: int, title: str = "", lines: Sequence[str] = ()) -> None:
    """Images side by side on an axis, pixel by pixel, with gaps that are the paper.

    Args:
        axis: Where.
        images: n × channels × height × width, one channel or three; numbers in [0, 1], or bytes of 255.
        columns: How many stand in a line.
        title: What stands above them.
        lines: What stands before each line of them.
    """
    import numpy as np

    pixels = images.clamp(0, 1).mul(255).round() if images.is_floating_point() else images
    n, _, height, width = pixels.shape
    down = -(-n // columns)
    canvas = np.zeros((down * (height + 1) - 1, columns * (width + 1) - 1, 4), dtype=np.uint8)
    for place, image in enumerate(pixels.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).byte().numpy()):
        top, left = place // columns * (height + 1), place % columns * (width + 1)
        canvas[top : top + height, left : left + width, :3] = image
        canvas[top : top + height, left : left + width, 3] = 255
    axis.imshow(canvas, interpolation="none")
    for place, name in enumerate(lines):
        axis.text(-2, place * (height + 1) + height / 2, name, ha="right", va="center", fontsize=11)
    axis.set_title(title)
    axis.axis("off")


def to_svg(figure: "Figure", alt: str) -> str:
    """A figure as SVG with a text for those who cannot see it, in the colors of the reader's page.

    Args:
        figure: The figure.
        alt: What it shows.
    """
    file = io.StringIO()
    with styled():
        tight: Any = {"bbox_inches": "tight", "pad_inches": 0.06}  # no name of a line is cut, and no margin is idle
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None}, **tight)
    text = file.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    for color, name in ((INK, "ink"), (GRID, "grid"), (PAPER, "paper")):
        text = text.replace(color, f"var(--{name})")
    head, _, rest = text[text.index("<svg") :].partition(">")
    return (
        f'{head} role="img" aria-label="{escape(alt, {chr(34): "&quot;"})}"><title>{escape(alt)}</title>{SHEET}{rest}'
    )
