"""How the judges that come with the package are trained: each a small classifier, by the engine that trains all else.

Settings were chosen on validation rows; the test rows were looked at once, for the record.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genzoo.core import Trainable, seeded
from genzoo.data import Data, Rows, read
from genzoo.evaluation.judge import Judge, JudgeSettings, judges, read_judge, shipped_judge, write_judge
from genzoo.experiments.contrast import whiten
from genzoo.experiments.outcome import Outcome
from genzoo.training import TrainConfig, Trained, train

__all__ = [
    "SCHOOLS",
    "School",
    "accuracy_of",
    "finish",
    "record_of",
    "taught",
    "train_judge",
]

VERSIONED = ("torch", "numpy", "genzoo")
PATCHED = 256  # images whose patches a first convolution starts from


@dataclasses.dataclass(frozen=True)
class School:
    """How one judge is trained.

    Attributes:
        given: The name of the labels.
        widths: The channels of each stage of the network.
        config: How it is trained.
        augment: How training images vary.
        stride: Of the first convolution.
        rate: Samples a second, of sounds.
        length: Samples that are listened to, of sounds.
        data: The name of the data, where the judge has another.
        from_patches: Whether the first convolution starts from whitened patches.
    """

    given: str
    widths: tuple[int, ...]
    config: Mapping[str, Any]
    augment: str | None = None
    stride: int = 2
    rate: int | None = None
    length: int | None = None
    data: str | None = None
    from_patches: bool = False


SCHOOLS = {
    "digits": School("label", (16, 32, 48), {"steps": 1500, "lr": 3e-3, "weight_decay": 0.05}, "shift=1", stride=1),
    "mnist": School(
        "label", (16, 32, 64), {"steps": 5000, "lr": 4e-3, "weight_decay": 0.05, "precision": "bf16"}, "shift=2"
    ),
    "fashion-mnist": School(
        "label",
        (24, 48, 96),
        {"steps": 3700, "lr": 4e-3, "weight_decay": 0.05, "precision": "bf16"},
        "flip",
    ),
    "fsdd": School(
        "digit",
        (16, 32, 64),
        {"steps": 1500, "batch_size": 64, "lr": 3e-3, "weight_decay": 0.05, "precision": "bf16"},
        rate=8000,
        length=8000,
    ),
    "fsdd-speakers": School(
        "speaker",
        (16, 32, 64),
        {"steps": 1500, "batch_size": 64, "lr": 3e-3, "weight_decay": 0.05, "precision": "auto"},
        rate=8000,
        length=8000,
        data="fsdd",
    ),
    "natural": School(
        "label",
        (32, 64, 96),
        {"steps": 4800, "lr": 4e-3, "weight_decay": 0.05, "precision": "bf16"},
        "flip, shift=3:reflect",
        data="cifar10-subset",
        from_patches=True,
    ),
}


def train_judge(
    name: str, out: Path, *, split: str = "test", say: Callable[[str], None] = print, **changes: Any
) -> Outcome:
    """Trains the judge of a data set, writes `judge.safetensors` and `record.json`, and measures it on held-out rows.

    Args:
        name: One of `SCHOOLS`.
        out: The folder to write to.
        split: The rows that it is measured on; "valid" while settings are chosen.
        say: Where remarks go.
        changes: Settings of the training instead of the school's.
    """
    school = SCHOOLS[name]
    config = TrainConfig(**{**school.config, **changes})
    data = read(school.data or name, given=school.given, augment=school.augment)
    with seeded(config.seed):
        judge = Judge(settings_of(name, school, data)).on(data.space)
    if school.from_patches:
        whiten(judge, data.train.head(PATCHED)[0])
    trained = taught(judge, data, config, out, say)
    return finish(trained.model, data, split, out, record_of(trained, data, config))


def taught(model: Trainable, data: Data, config: TrainConfig, out: Path, say: Callable[[str], None]) -> Trained:
    """A training in a folder, gone on with if one was interrupted there.

    Args:
        model: What is trained.
        data: On what.
        config: How.
        out: The folder.
        say: Where remarks go.
    """
    begun = (out / "checkpoints").is_dir() and not (out / "model.safetensors").is_file()
    return train(model, data.train, config, valid=data.valid, run=out, begin="resumed" if begun else "new", say=say)


def finish(judge: Judge, data: Data, split: str, out: Path, record: Mapping[str, Any]) -> Outcome:
    """Writes a trained judge and its record, its accuracy measured as it is shipped: in half precision.

    Args:
        judge: The judge.
        data: Data whose one condition is the label.
        split: The rows that it is measured on.
        out: The folder to write to.
        record: What is known of the training.
    """
    judge = read_judge(write_judge(judge, out / "judge.safetensors")).on(data.space)
    rows = data.split(split)
    accuracy = accuracy_of(judge, rows)
    judge.record = {
        **record,
        "split": split,
        "rows": len(rows),
        "accuracy": accuracy,
        "fingerprint": judge.fingerprint,
    }
    path = write_judge(judge, out / "judge.safetensors")
    (out / "record.json").write_text(json.dumps(judge.record, indent=1) + "\n", encoding="utf-8")
    name = judge.settings.data
    recorded = shipped_judge(name).accuracy if name in judges() else None
    return Outcome(accuracy, recorded, path, judge.record)


def accuracy_of(judge: Judge, rows: Rows) -> float:
    """The share of rows that a judge names rightly.

    Args:
        judge: The judge.
        rows: Rows whose one condition is the label.
    """
    return (judge.probabilities(rows.x).argmax(1) == _labels(rows)).double().mean().item()


def settings_of(name: str, school: School, data: Data) -> JudgeSettings:
    """What the judge of a data set is made of.

    Args:
        name: One of `SCHOOLS`.
        school: How it is trained.
        data: Its data, with labels.
    """
    shape = data.space.shape if school.length is None else (school.length,)
    classes, levels = tuple(data.classes[""]), data.space.levels
    return JudgeSettings(name, shape, classes, school.widths, levels, school.stride, school.rate)


def record_of(trained: Trained, data: Data, config: TrainConfig) -> dict[str, Any]:
    """What is known of a training, as plain JSON.

    Args:
        trained: Its end.
        data: What it was trained on.
        config: How.
    """
    return {
        "data": data.name,
        "fingerprint_of_data": data.fingerprint,
        "augment": None if data.view is None else data.view.name,
        "config": config.model_dump(mode="json", exclude_none=True),
        "steps": trained.steps,
        "seconds": round(trained.seconds, 1),
        "core_seconds": round(trained.core_seconds, 1),
        "threads": torch.get_num_threads(),
        "versions": {package: metadata.version(package) for package in VERSIONED},
    }


def _labels(rows: Rows) -> Tensor:
    if not isinstance(rows.given, Tensor):
        raise ValueError("Rows must have one label each, got none or several. Read the data with given='label'.")
    return rows.given
