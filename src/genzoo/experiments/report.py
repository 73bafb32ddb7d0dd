"""The report of a comparison: one HTML file that needs nothing but itself, and the same as Markdown and JSON."""

import base64
import io
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import torch
from markupsafe import Markup, escape
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from genzoo.data import Data, TableCodec
from genzoo.evaluation import Measurement
from genzoo.evaluation.measurement import BESIDE
from genzoo.experiments.advice import advise, kinds_in_words, main_column
from genzoo.experiments.compare import SHARE, Comparison, Entry, shown_rows
from genzoo.experiments.curves import curves_of, draw_curves
from genzoo.experiments.figures import Dot, draw_dots, in_words
from genzoo.experiments.glossary import meaning_of
from genzoo.training.journal import loss_words
from genzoo.zoo import store

__all__ = ["draw_wall", "write_report"]

SIGNS = (
    "≤ marks a bound: the model is at least as good as the number says. ≈ marks an estimate. ± is one standard error. "
    "∝ compares with nothing. Green numbers cannot be told from the best by two standard errors. The floor is what as "
    "many real rows reach in "
    "the model's place; a model beyond it is within chance, or a few outlying rows rule that number. Shuffled columns "
    "are as many real rows of a table with every column in an order of its own: what a number is worth that is blind "
    "to what columns say of each other."
)
SHARES = {"%": (100.0, "%")}


def write_report(comparisons: Comparison | Sequence[Comparison], path: Path | None = None, title: str = "") -> Path:
    """Writes the report of one or several comparisons as HTML, and as Markdown beside it; returns the HTML's path.

    Args:
        comparisons: What was compared.
        path: The file; by default `report.html` in the first comparison's folder.
        title: The heading.

    Example:
        >>> import tempfile
        >>> from genzoo.evaluation import Protocol
        >>> from genzoo.experiments.compare import compare
        >>> options = {"steps": 30, "protocol": Protocol(rows=100, samples=200), "watch": lambda name: []}
        >>> found = compare("moons", ["gaussian_mixture"], out=tempfile.mkdtemp() + "/c", **options)
        >>> write_report(found).name
        'report.html'
    """
    parts = [comparisons] if isinstance(comparisons, Comparison) else list(comparisons)
    path = path or parts[0].path / "report.html"
    loader = jinja2.PackageLoader("genzoo.experiments")
    pages = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    pages.filters["wrappable"] = _wrappable
    said = {
        "title": title or f"{', '.join(entry.name for entry in parts[0].entries)} on {parts[0].data.name}",
        "parts": [_section(part) for part in parts],
        "meanings": _meanings(parts),
        "signs": SIGNS,
        "command": shlex.join(store.command()),
        "versions": store.versions(),
    }
    path.write_text(pages.get_template("report.html.j2").render(said), encoding="utf-8")
    words = jinja2.Environment(loader=loader, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # no HTML
    path.with_suffix(".md").write_text(words.get_template("report.md.j2").render(said), encoding="utf-8")
    return path


def leaderboard(comparison: Comparison) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """The columns of the leaderboard, and its rows of cells; the last are the floor and the control, where known.

    Args:
        comparison: What was compared.
    """
    names = comparison.columns
    first = {name: next(iter(comparison.measured(name).values())) for name in names}
    columns = [{"name": "model", "unit": "", "better": "", "meaning": "", "kind": "text"}]
    columns += [_column(first[name]) for name in names]
    columns += [
        {"name": name, "unit": unit, "better": better, "meaning": "", "kind": "cost"}
        for name, unit, better in (
            ("samples/s", "", "higher"),
            ("parameters", "", ""),
            ("steps", "", ""),
            ("core-minutes", "", ""),
        )
    ]
    best = {name: comparison.best(name) for name in names}
    rows = []
    for entry in comparison.entries:
        cells = [_plain(entry.name, entry.name)]
        cells += [_cell(entry.measured(name), entry.name in best[name]) for name in names]
        costs = (entry.rate, entry.run.config.parameters, entry.steps, entry.core_minutes)
        texts = (in_words(entry.rate), f"{costs[1]:,}", f"{entry.steps:,}", f"{entry.core_minutes:.2g}")
        cells += [_plain(text, value) for text, value in zip(texts, costs, strict=True)]
        rows.append(cells)
    for called, value in (("floor", comparison.floor), ("shuffled columns", comparison.control)):
        found = [value(name) for name in names]
        if any(each is not None for each in found):
            shown = [_plain("", None) if each is None else _plain(_number(each), each) for each in found]
            rows.append([_plain(called, called), *shown, *(_plain("", None) for _ in range(4))])
    return columns, rows


def draw_wall(comparison: Comparison, path: Path) -> Path:
    """Writes one picture of real data beside each contestant's samples; returns its path.

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
    """Test rows for the picture of the real data, evenly spread, and by class where samples are."""
    rows = data.test if len(data.test) else data.train
    n = min(shown_rows(data), len(rows))
    x, given = rows.gather(torch.arange(len(rows)))
    chosen = (torch.arange(n) * len(rows)) // max(1, n)
    if isinstance(given, Tensor) and given.ndim == 1 and not given.is_floating_point():
        chosen = given.argsort(stable=True)[chosen]
    return x[chosen]


def _section(comparison: Comparison) -> dict[str, Any]:
    columns, rows = leaderboard(comparison)
    data, protocol = comparison.data, comparison.protocol
    held = min(protocol.rows or len(data.test), len(data.test))
    return {
        "name": data.name,
        "facts": [
            ("rows", ", ".join(f"{len(data.split(name)):,} {name}" for name in ("train", "valid", "test"))),
            ("one x", str(data.space)),
            ("given", str(data.given_space or "nothing")),
            ("budget", comparison.budget),
            ("measured on", f"{held:,} test rows, {protocol.samples:,} samples"),
            ("seen by", f"{comparison.extractor}. {comparison.why}".removesuffix(". ")),
            ("examination", _examination(comparison.share, f"{held:,} test rows and {protocol.samples:,} samples")),
            ("seed", str(comparison.seed)),
            ("fingerprint", data.fingerprint),
            *([("in reading", "; ".join(data.notes))] if data.notes else []),
        ],
        "columns": columns,
        "rows": rows,
        "advice": advise(comparison),
        "kinds": kinds_in_words(comparison),
        "left_out": _left_out(comparison),
        "dots": _dots(comparison),
        "main": main_column(comparison),
        "classes": _classes(comparison),
        "real": _shown(data, real_rows(data)),
        "entries": [_entry(comparison, entry) for entry in comparison.entries],
    }


def _examination(share: float, looked_at: str) -> str:
    """What the examination took, and why where that is more than it is held to."""
    said = f"{100 * share:.0f} % of the budget"
    if share <= 1.5 * SHARE:
        return said
    return f"{said}, not {100 * SHARE:.0f} %: it looks at {looked_at}, since fewer tell too little"


def _left_out(comparison: Comparison) -> list[tuple[str, str]]:
    """What could not be trained or measured, and why."""
    found = dict(comparison.failed)
    for entry in comparison.entries:
        for name, reason in entry.findings[0].omitted.items():
            found.setdefault(name if len(comparison.entries) == 1 else f"{name} of {entry.name}", reason)
    reasons: dict[str, list[str]] = {}
    for name, reason in found.items():
        reasons.setdefault(reason, []).append(name)
    return [(", ".join(names), reason) for reason, names in reasons.items()]


def _entry(comparison: Comparison, entry: Entry) -> dict[str, Any]:
    found, count = entry.findings[0], min(8, len(entry.findings[0].neighbors))
    near = torch.cat([found.samples[:count], found.neighbors[:count]]) if count else found.samples[:0]
    return {
        "name": entry.name,
        "summary": entry.recipe.summary,
        "paper": entry.recipe.paper,
        "likelihood": entry.recipe.likelihood_on(comparison.data.space),
        "shown": _shown(comparison.data, entry.samples),
        "noisy": None if entry.noisy is None else _shown(comparison.data, entry.noisy),
        "numbers": _with_and_without_noise(entry),
        "near": _strip(comparison.data, near, count),
        "curves": draw_curves(curves_of(entry.run.metrics)),
        "loss": loss_words(entry.run.metrics),
        "command": f"genzoo sample {entry.run.path} -n 64 --seed {comparison.seed}",
    }


def _with_and_without_noise(entry: Entry) -> tuple[str, str]:
    """One distance of pictures without and with the noise of their decoder, each to stand beside its picture."""
    drawn = entry.with_noise
    shown = None if drawn is None else entry.measured(drawn.name)
    return ("", "") if drawn is None or shown is None else (f": {drawn.name} {shown}", f": {drawn.name} {drawn}")


def _dots(comparison: Comparison) -> str:
    name = main_column(comparison)
    if name is None:
        return ""
    dots = [Dot(e.name, e.rate, m.value, m.error) for e in comparison.entries if (m := e.measured(name)) is not None]
    return draw_dots(dots, name, comparison.floor(name))


def _classes(comparison: Comparison) -> dict[str, Any] | None:
    """The share of each class that came out as asked, for each contestant."""
    found = {entry.name: entry.findings[0].by_class for entry in comparison.entries if entry.findings[0].by_class}
    if not found:
        return None
    names = list(next(iter(found.values())))
    rows = [(name, [_share(by_class.get(label)) for label in names]) for name, by_class in found.items()]
    return {"names": names, "rows": rows}


def _share(estimate: Any) -> tuple[str, float]:
    return ("", 0.0) if estimate is None else (f"{100 * estimate.value:.0f}", float(estimate.value))


def _column(measurement: Measurement) -> dict[str, Any]:
    unit = "" if measurement.unit in measurement.name else measurement.unit
    return {
        "name": measurement.name,
        "unit": unit,
        "better": measurement.better,
        "meaning": meaning_of(measurement.name),
        "kind": "number",
    }


def _cell(measurement: Measurement | None, best: bool) -> dict[str, Any]:
    if measurement is None:
        return _plain("–", None)
    ends = measurement.interval
    around = "" if ends is None else f"95 %: {ends[0]:.4g} to {ends[1]:.4g}; "
    note = f"{around}{measurement.kind.value}, n = {measurement.n:,}, protocol {measurement.fingerprint}"
    return {"text": str(measurement), "value": measurement.value, "best": best, "note": note}


def _plain(text: str, value: Any) -> dict[str, Any]:
    return {"text": text, "value": value, "best": False, "note": ""}


def _wrappable(name: str) -> Markup:
    """A name that may break after its marks, not within its words."""
    return Markup(re.sub(r"([_:=])", r"\1<wbr>", str(escape(name))))


def _number(value: float) -> str:
    return f"{value:.3g}"


def _meanings(parts: Sequence[Comparison]) -> dict[str, str]:
    names = dict.fromkeys(
        name if name.endswith(BESIDE) else name.partition(" (")[0] for part in parts for name in part.columns
    )
    return {name: meaning_of(name) for name in names if meaning_of(name)}


def _shown(data: Data, x: Tensor) -> dict[str, Any]:
    """Rows as a picture, as text, or as numbers where they cannot be seen."""
    picture = data.codec.picture(x)
    if picture is not None:
        return _png(picture)
    texts = getattr(data.codec, "texts", None)
    if texts is not None:
        return {"texts": [text[:400] for text in texts(x[:6])]}
    if isinstance(data.codec, TableCodec):
        return _listed(data.codec, x[:8])
    cells = [[f"{value:.4g}" for value in row[:12].tolist()] for row in x[:8].flatten(1)]
    return {"heads": list(getattr(data.codec, "columns", ()))[:12], "numbers": cells}


def _listed(codec: TableCodec, x: Tensor) -> dict[str, Any]:
    """Rows of a table as they are written, but for the last digits of real numbers."""
    columns = dict(list(codec.cells(x).items())[:12])
    for name, cells in columns.items():
        if not any(name in known for known in (codec.words, codec.whole, codec.forms, codec.places)):
            columns[name] = [cell and f"{float(cell):.4g}" for cell in cells]
    numbers = [list(row) for row in zip(*columns.values(), strict=True)]
    more = len(codec.columns) - len(columns)
    return {"heads": [*columns, *([f"and {more} more"] if more else [])], "numbers": numbers}


def _strip(data: Data, x: Tensor, across: int) -> dict[str, Any] | None:
    """Samples above their nearest training rows, where they can be seen as images."""
    if len(data.space.shape) != 3 or not across:
        return None
    pictures = [data.codec.picture(row[None]) for row in x]
    tiles = [picture.convert("RGB") for picture in pictures if picture is not None]
    if not tiles:
        return None
    wide, high = tiles[0].size
    strip = Image.new("RGB", (across * (wide + 2), 2 * (high + 2)), "white")
    for i, tile in enumerate(tiles):
        strip.paste(tile, ((i % across) * (wide + 2), (i // across) * (high + 2)))
    return _png(strip)


def _png(picture: Image.Image) -> dict[str, Any]:
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return {"png": base64.b64encode(file.getvalue()).decode(), "width": picture.width, "height": picture.height}
