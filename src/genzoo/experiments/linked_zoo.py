"""Ten models that lectures link, as their counterparts here: one set of pictures, one budget, one table and one wall.

All are drawn by class, and a judge that knows none of them reads the class: the distance of its features, the share of
samples that it takes for what was asked for, both with intervals, and what real pictures reach beside them. Guidance
without a classifier, which the link counts as one more, is the diffusion drawn in another way, and measured alike.
"""

import base64
import dataclasses
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genzoo.data import read
from genzoo.evaluation import Examiner, Measurement, Protocol
from genzoo.evaluation.protocol import STANDARD
from genzoo.experiments.compare import Comparison, compare
from genzoo.experiments.eyes import eye_for
from genzoo.experiments.outcome import Outcome
from genzoo.experiments.report import draw_wall, write_report
from genzoo.training.checkpoint import write_json

__all__ = ["COUNTERPARTS", "linked_zoo", "unpacked"]

READ = "conditional fidelity"
SHOWN = 10  # samples of each that the record keeps
GUIDED, SCALE = "ddpm", 1.0  # what is drawn once more with guidance, and how much of it
COUNTERPARTS: dict[str, dict[str, Any]] = {
    name: {"net": "mlp"} if name == "wgan_gp" else {}  # rounds of convolutions under a penalty are few in minutes
    for name in ("vae", "vq_vae", "dcgan", "wgan_gp", "vq_gan", "glow", "ddpm", "flow_matching", "dit", "var")
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
    """Trains the ten alike and tells them in one table; what is there goes on.

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
    report, record, guided = write_report(found, title="Ten linked models"), found.to_json(), _guided(found)
    record["guided"] = {"of": GUIDED, "guidance": SCALE, "measurements": [each.to_json() for each in guided.values()]}
    record["shown"] = {entry.name: packed(few(entry.samples)) for entry in found.entries}
    draw_wall(found, out / "wall.png")
    write_json(out / "record.json", record)
    for line in _lines(found, guided):
        say(line)
    shares = [told.value for entry in found.entries if (told := entry.measured(READ)) is not None]
    return Outcome(max(shares, default=0.0), None, report, record)


def few(x: Tensor) -> Tensor:
    """Some of the samples, by class where they are."""
    return x[torch.arange(SHOWN) * len(x) // SHOWN].to(torch.uint8)


def packed(x: Tensor) -> dict[str, Any]:
    """Pictures as a record shows them: bytes, deflated, as text.

    Args:
        x: Of bytes.
    """
    return {"shape": list(x.shape), "bytes": base64.b64encode(zlib.compress(x.numpy().tobytes(), 9)).decode()}


def unpacked(shown: Mapping[str, Any]) -> Tensor:
    """Pictures that a record shows.

    Args:
        shown: Of one model.
    """
    content = bytearray(zlib.decompress(base64.b64decode(shown["bytes"])))
    return torch.frombuffer(content, dtype=torch.uint8).reshape(shown["shape"])


def _guided(found: Comparison) -> dict[str, Measurement]:
    """What is measured of the diffusion's samples with guidance, as that of all was; nothing if it is not there."""
    runs = [entry.run for entry in found.entries if entry.name == GUIDED]
    if not runs:
        return {}
    sampling = {**found.protocol.sampling, "guidance": SCALE}
    protocol = dataclasses.replace(found.protocol, sampling=sampling)
    examiner = Examiner(found.data, protocol, eye_for(found.data, 0.0).extractor)
    return {each.name: each for each in examiner(runs[0].generative).measurements}


def _lines(found: Comparison, guided: Mapping[str, Measurement]) -> list[str]:
    """A line for each, with the first distance and the share that is read as asked, and intervals of 95 %."""
    names, lines = [*found.columns[:1], *(name for name in ("Fréchet", READ) if name in found.columns)], list[str]()
    for entry in found.entries:
        told = {name: entry.measured(name) for name in names}
        lines.append(f"{entry.name}: {_told(told)}, {entry.core_minutes:.2g} core-minutes")
    if guided:
        lines.append(f"{GUIDED} with guidance {SCALE:g}: {_told({name: guided.get(name) for name in names})}")
    floors = [(name, found.floor(name)) for name in names]
    lines.append("real pictures: " + ", ".join(f"{name} {floor:.4g}" for name, floor in floors if floor is not None))
    return lines + [f"{name} is left out: {why}" for name, why in found.failed.items()]


def _told(measured: Mapping[str, Measurement | None]) -> str:
    cells = {
        name: "–" if each is None else f"{each.value:.4g} ± {1.96 * (each.error or 0):.2g}"
        for name, each in measured.items()
    }
    return ", ".join(f"{name} {cell}" for name, cell in cells.items())
