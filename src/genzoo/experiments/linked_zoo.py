"""Nine models that lectures link, as their counterparts here: one set of pictures, one budget, one table and one wall.

All are drawn by class, and a judge that knows none of them reads the class: the distance of its features, the share of
samples that it takes for what was asked for, both with intervals, and what real pictures reach beside them.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from genzoo.data import read
from genzoo.evaluation import Protocol
from genzoo.evaluation.protocol import STANDARD
from genzoo.experiments.compare import Comparison, compare
from genzoo.experiments.outcome import Outcome
from genzoo.experiments.report import draw_wall, write_report
from genzoo.training.checkpoint import write_json

__all__ = ["COUNTERPARTS", "linked_zoo"]

READ = "conditional fidelity"
COUNTERPARTS: dict[
    str, dict[str, Any]
] = {  # VAE, VQ-VAE and its prior, GAN, VQGAN, flow, DDPM, flow matching, DiT, VAR
    name: {} for name in ("vae", "vq_vae", "dcgan", "vq_gan", "glow", "ddpm", "flow_matching", "dit", "var")
}


def linked_zoo(
    out: Path,
    *,
    data: Any = "fashion-mnist",
    core_minutes: float | None = 5.0,
    models: Mapping[str, Mapping[str, Any]] = COUNTERPARTS,
    protocol: Protocol = STANDARD,
    say: Callable[[str], None] = print,
    **train_settings: Any,
) -> Outcome:
    """Trains the nine alike and tells them in one table; what is there goes on.

    Args:
        out: The folder of the runs, of `report.html`, `wall.png` and `record.json`.
        data: The pictures, with a label.
        core_minutes: Processor time of each; None: as `train_settings` says.
        models: Recipes with their settings.
        protocol: How much is measured at most.
        say: Where its lines go.
        train_settings: Fields of `TrainConfig` for all.
    """
    budget: dict[str, Any] = {} if core_minutes is None else {"core_minutes": core_minutes}
    found = compare(read(data, given="label"), models, out=out, protocol=protocol, **budget, **train_settings)
    report, record = write_report(found, title="Nine linked models"), found.to_json()
    draw_wall(found, out / "wall.png")
    write_json(out / "record.json", record)
    for line in _lines(found):
        say(line)
    shares = [told.value for entry in found.entries if (told := entry.measured(READ)) is not None]
    return Outcome(max(shares, default=0.0), None, report, record)


def _lines(found: Comparison) -> list[str]:
    """A line for each, with the first distance and the share that is read as asked, and intervals of 95 %."""
    names, lines = [*found.columns[:1], *(name for name in ("Fréchet", READ) if name in found.columns)], list[str]()
    for entry in found.entries:
        told = [entry.measured(name) for name in names]
        cells = ["–" if each is None else f"{each.value:.4g} ± {1.96 * (each.error or 0):.2g}" for each in told]
        parts = (f"{name} {cell}" for name, cell in zip(names, cells, strict=True))
        lines.append(f"{entry.name}: {', '.join(parts)}, {entry.core_minutes:.2g} core-minutes")
    floors = [(name, found.floor(name)) for name in names]
    lines.append("real pictures: " + ", ".join(f"{name} {floor:.4g}" for name, floor in floors if floor is not None))
    return lines + [f"{name} is left out: {why}" for name, why in found.failed.items()]
