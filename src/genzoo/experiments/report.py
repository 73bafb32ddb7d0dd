"""The report of a comparison: one HTML file that needs nothing but itself, neither network nor scripts."""

import base64
import io
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from genzoo.data import Data
from genzoo.experiments.compare import Comparison, Entry, shown_rows
from genzoo.experiments.curves import curves_of, draw_curves
from genzoo.zoo import store
from genzoo.zoo.recipe import recipe_named

__all__ = ["draw_wall", "write_report"]

MEANINGS = {
    "bits/dim": "The length of a lossless code for the test rows, in bits per pixel or entry, by the model's own "
    "probabilities. Lower is better. A model that knows nothing needs log₂ of the number of levels.",
    "−log p": "The negative log-density of the test rows in nats per row, in the data's own units; it may be below "
    "zero. Lower is better. Where the true density is known, its entropy is the floor.",
    "Fréchet": "How far the means and covariances of samples are from those of the test rows, on raw values with no "
    "feature extractor. Lower is better; the floor is what as many real training rows reach. It sees no finer detail.",
}
SIGNS = (
    "≤ marks a bound: the model is at least as good as the number says. ≈ marks an estimate. ± is one standard error, "
    "of bits and nats over test rows, of a Fréchet distance over the draw of the samples. Numbers that cannot be told "
    "from the best by two standard errors are marked alike."
)


def write_report(comparisons: Comparison | Sequence[Comparison], path: Path | None = None, title: str = "") -> Path:
    """Writes the report of one or several comparisons; returns its path.

    Args:
        comparisons: What was compared.
        path: The file; by default `report.html` in the first comparison's folder.
        title: The heading.

    Example:
        >>> import tempfile
        >>> from genzoo.experiments.compare import compare
        >>> found = compare("moons", ["gaussian_mixture"], out=tempfile.mkdtemp() + "/c", steps=30, watch=lambda _: [])
        >>> write_report(found).name
        'report.html'
    """
    parts = [comparisons] if isinstance(comparisons, Comparison) else list(comparisons)
    path = path or parts[0].path / "report.html"
    loader = jinja2.PackageLoader("genzoo.experiments")
    pages = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    said = {name.partition(" (")[0] for part in parts for name in part.columns}
    text = pages.get_template("report.html.j2").render(
        title=title or f"{', '.join(entry.name for entry in parts[0].entries)} on {parts[0].data.name}",
        parts=[_section(part) for part in parts],
        meanings={name: text for name, text in MEANINGS.items() if name in said},
        signs=SIGNS,
        command=shlex.join(store.command()),
        versions=store.versions(),
    )
    path.write_text(text, encoding="utf-8")
    return path


def draw_wall(comparison: Comparison, path: Path) -> Path:
    """Writes one picture of real data beside each recipe's samples; returns its path.

    Args:
        comparison: What was compared.
        path: The PNG file.
    """
    data = comparison.data
    panels = [("real data", real_rows(data)), *((entry.name, entry.samples) for entry in comparison.entries)]
    pictures = [(name, data.codec.picture(x)) for name, x in panels]
    tiles = [(name, picture.convert("RGB")) for name, picture in pictures if picture is not None]
    gap, head = 16, 28
    height = max((picture.height for _, picture in tiles), default=0) + head + gap
    wall = Image.new("RGB", (sum(picture.width + gap for _, picture in tiles) + gap, height), "white")
    pen, font, x = ImageDraw.Draw(wall), ImageFont.load_default(15), gap
    for name, picture in tiles:
        pen.text((x, 7), name, fill="black", font=font)
        wall.paste(picture, (x, head))
        x += picture.width + gap
    wall.save(path, format="PNG")
    return path


def real_rows(data: Data) -> Tensor:
    """Test rows for the picture of the real data, by class where samples are."""
    rows = data.test if len(data.test) else data.train
    n = min(shown_rows(data), len(rows))
    x, given = rows.gather(torch.arange(len(rows)))
    if isinstance(given, Tensor) and given.ndim == 1 and not given.is_floating_point():
        chosen = (torch.arange(n) * len(rows)) // n
        return x[given.argsort(stable=True)[chosen]]
    return x[:n]


def _section(comparison: Comparison) -> dict[str, Any]:
    columns, rows = comparison.table()
    data = comparison.data
    return {
        "name": data.name,
        "facts": [
            ("rows", ", ".join(f"{len(data.split(name)):,} {name}" for name in ("train", "valid", "test"))),
            ("one x", str(data.space)),
            ("given", str(data.given_space or "nothing")),
            ("budget", comparison.budget),
            ("seed", str(comparison.seed)),
            ("fingerprint", data.fingerprint),
        ],
        "columns": columns,
        "rows": [[_cell(cell) for cell in row] for row in rows],
        "real": _shown(data, real_rows(data)),
        "entries": [_entry(comparison, entry) for entry in comparison.entries],
    }


def _entry(comparison: Comparison, entry: Entry) -> dict[str, Any]:
    info = recipe_named(entry.name)
    return {
        "name": entry.name,
        "summary": info.summary,
        "paper": info.paper,
        "likelihood": info.likelihood_on(comparison.data.space),
        "shown": _shown(comparison.data, entry.samples),
        "curves": draw_curves(curves_of(entry.run.metrics)),
        "command": f"genzoo sample {entry.run.path} -n 64 --seed {comparison.seed}",
    }


def _cell(value: Any) -> tuple[str, bool]:
    """A cell's text, and whether it is among the best of its column."""
    if value is None:
        return "–", False
    if isinstance(value, int):
        return f"{value:,}", False
    text = str(value)
    return text.removesuffix(" *"), text.endswith(" *")


def _shown(data: Data, x: Tensor) -> dict[str, Any]:
    """Rows as a picture, or as numbers where they cannot be seen."""
    picture = data.codec.picture(x)
    if picture is None:
        return {"numbers": [[f"{value:.4g}" for value in row[:12].tolist()] for row in x[:8].flatten(1)]}
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return {"png": base64.b64encode(file.getvalue()).decode(), "width": picture.width, "height": picture.height}
