"""Pictures that are none of the clothes a model knows: six ways to be strange, in which no single trick wins.

Models learn Fashion-MNIST. Held against its test pictures are MNIST's digits, the same clothes upside down, mirrored
and turned by a quarter, and with noise of ten grey levels. The area under the ROC curve of every method that a model
has, `auto` first; beside them stand the length of a file, neighbors among training pictures, and a Gaussian for each
class. What counts of a detector is its worst column. With `--class-out` models learn nine of the classes instead, and
tell the tenth: the mean over all ten, with neighbors among as many pictures beside.

Calibration rows are validation pictures. Runs stay at `--out`, so that a training that was stopped goes on; every
figure is written down at once.

    OMP_NUM_THREADS=1 python -m experiments.outliers_images --recipes pixelcnn edm --core-minutes 10
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import genzoo
from experiments.outliers_tables import by_model as by_model_of
from experiments.tables_mixed import asked_for
from genzoo.core import Noise
from genzoo.data import Data, read
from genzoo.distributions.pairwise import NearestRows
from genzoo.distributions.resampling import chance_below
from genzoo.tasks.outliers import Setting, outliers
from genzoo.tasks.outliers.finding import STATISTICS
from genzoo.tasks.outliers.likelihoods import file_lengths
from genzoo.tasks.outliers.tails import united
from genzoo.zoo import store

RECORD = Path(__file__).parent / "records" / "outliers_images.json"
ROWS, USUAL, LEARNED = 1000, 2000, 10_000
NOISE = 10.0  # grey levels
PLAIN = "plain"  # detectors without a deep model


def suite(data: Data, on: str, rows: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Usual pictures, and six sets of strange ones."""
    x = getattr(data, on).head(rows)[0]
    digits = getattr(read("mnist"), on).head(rows)[0]
    noise = Noise(0, "noise").normal(*x.shape)
    strange = {
        "MNIST": digits,
        "upside down": x.flip(2),
        "mirrored": x.flip(3),
        "turned": x.rot90(1, (2, 3)),
        "noise": (x.float() + NOISE * noise).round().clamp(0, 255).byte(),
    }
    return x, strange


def areas(score: Callable[[Tensor], Tensor], usual: Tensor, strange: dict[str, Tensor]) -> dict[str, float]:
    """The area under the ROC curve for each set of strange pictures."""
    own = score(usual).double()
    return {name: chance_below(own, score(x).double()).value for name, x in strange.items()}


def plain(data: Data, usual: Tensor, strange: dict[str, Tensor]) -> dict[str, dict[str, float]]:
    """Detectors without a deep model."""
    near = NearestRows(data.train.head(10_000)[0].flatten(1).float() / 255)
    return {
        "short file": areas(lambda x: -file_lengths(x), usual, strange),
        "neighbors, 10,000 pictures": areas(
            lambda x: near(x.flatten(1).float() / 255, 5)[0].sqrt().mean(1), usual, strange
        ),
        "a Gaussian for each class": areas(_class_gaussians(data), usual, strange),
    }


def _class_gaussians(data: Data, ridge: float = 1e-3) -> Callable[[Tensor], Tensor]:
    """−log of the mean density of ten Gaussians, one for each class, with a ridge."""
    x, y = data.train.x.flatten(1).double() / 255, data.train.given
    assert isinstance(y, Tensor)
    parts = []
    for label in y.unique():
        rows = x[y == label]
        covariance = rows.T.cov() + ridge * torch.eye(rows.shape[1], dtype=torch.float64)
        parts.append(torch.distributions.MultivariateNormal(rows.mean(0), covariance, validate_args=False))
    return lambda z: -torch.stack([part.log_prob(z.flatten(1).double() / 255) for part in parts]).logsumexp(0)


def by_model(
    spelled: str, minutes: float, data: Data, usual: Tensor, strange: dict[str, Tensor], out: Path
) -> dict[str, Any]:
    """The areas of every method that a model has."""
    name, settings, fields = asked_for(spelled)
    folder = out / f"{spelled.replace(':', '-').replace('=', '-')}-{minutes:g}"
    start = time.process_time()
    if folder.exists():
        genzoo.resume(folder)
    else:
        train = {"device": "cpu", "seed": 0, **fields}
        genzoo.train(name, data, out=folder, settings=settings, core_minutes=minutes, **train)
    model: Any = genzoo.load(folder).generative
    found: dict[str, Any] = {"core_seconds": round(time.process_time() - start, 1)}
    calibration = data.valid.head(USUAL)[0]
    everything = torch.cat([usual, *strange.values()])

    def told(method: str, score: Tensor) -> None:
        own, *others = score.split(len(usual))
        found[method] = {what: chance_below(own, other).value for what, other in zip(strange, others, strict=True)}
        found[method]["seconds"] = round(time.process_time() - start, 1)
        print(spelled, method, found[method], flush=True)

    start = time.process_time()
    told("auto", outliers(model, everything, calibration=calibration, known=data.train.x).score)
    setting, start = Setting(model, data.train.x), time.process_time()
    numbers = {one.name: one.number(setting) for one in STATISTICS if not one.why_not(setting)}
    known = setting.of_each(calibration, numbers)
    for name, values in setting.of_each(everything, numbers).items():
        told(name, united(values, known[name]))
        if name == "likelihood":
            told("typicality", (values[:, 0] - known[name].mean()).abs())
    return found


def class_out(spelled: str, minutes: float, data: Data, on: str, rows: int, label: int) -> dict[str, float]:
    """The areas of every method of a model of all classes but one, whose pictures are to be told."""
    x, y = data.train.head(LEARNED)
    asked, of = getattr(data, on).head(rows)
    known, odd = x[y != label], of == label
    if spelled == PLAIN:
        near = NearestRows(known.flatten(1).float() / 255)(asked.flatten(1).float() / 255, 5)[0].sqrt().mean(1)
        return {"neighbors": chance_below(near[~odd].double(), near[odd].double()).value}
    found = by_model_of(spelled, minutes, known, asked, odd, label, data.space)
    return {name: value if name == "core_seconds" else value / 100 for name, value in found.items()}


def markdown(record: dict[str, Any]) -> str:
    """A line for each detector and method, the worst column last."""
    heads: list[str] = []
    lines = []
    for name, row in record["figures"].items():
        for method, told in row.items():
            if not isinstance(told, dict):
                continue
            found = {what: value for what, value in told.items() if what != "seconds"}
            heads = heads or list(found)
            label = method if name == PLAIN else f"`{name}` {method}"
            lines.append(
                "| "
                + " | ".join([label, *(f"{found[what]:.3f}" for what in heads), f"{min(found.values()):.3f}"])
                + " |"
            )
    for name, row in record.get("class_out", {}).items():
        for method in sorted(set(next(iter(row.values()), {})) - {"core_seconds"}):
            every = [told[method] for told in row.values() if method in told]
            mean = sum(every) / len(every)
            lines.append(f"\n{name} {method}, one class out: {mean:.3f} over {len(every)}, worst {min(every):.3f}")
    top = ["| " + " | ".join(["detector", *heads, "worst"]) + " |", "|---|" + "---:|" * (len(heads) + 1)]
    return "\n".join([*top, *lines]) + "\n"


def main() -> None:
    """Trains what the record lacks, and prints the table."""
    said = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    said.add_argument("--recipes", nargs="*", default=["pixelcnn", "edm"])
    said.add_argument("--class-out", nargs="*", default=[], help="recipes that learn nine classes")
    said.add_argument("--core-minutes", type=float, default=10.0, help="of a training")
    said.add_argument("--on", choices=("valid", "test"), default="test")
    said.add_argument("--rows", type=int, default=ROWS)
    said.add_argument("--out", type=Path, default=Path("runs/outliers"))
    said.add_argument("--record", type=Path, default=RECORD)
    asked = said.parse_args()
    torch.set_num_threads(1)
    record = json.loads(asked.record.read_text()) if asked.record.exists() else {"figures": {}}
    record |= {"experiment": (__doc__ or "").split("\n")[0], "versions": store.versions(), "rows": asked.rows}
    labelled = read("fashion-mnist", given="label")
    usual, strange = suite(labelled, asked.on, asked.rows)
    figures = record["figures"]
    if PLAIN not in figures:
        figures[PLAIN] = plain(labelled, usual, strange)
        asked.record.write_text(json.dumps(record, indent=1) + "\n")
    for spelled in asked.class_out and [PLAIN, *asked.class_out]:
        row = record.setdefault("class_out", {}).setdefault(spelled, {})
        for label in range(10):
            if str(label) not in row:
                row[str(label)] = class_out(spelled, asked.core_minutes, labelled, asked.on, asked.rows, label)
                asked.record.write_text(json.dumps(record, indent=1) + "\n")
                print(spelled, label, row[str(label)], flush=True)
    data = read("fashion-mnist")
    for spelled in asked.recipes:
        if spelled not in figures:
            figures[spelled] = by_model(spelled, asked.core_minutes, data, usual, strange, asked.out)
            asked.record.write_text(json.dumps(record, indent=1) + "\n")
    print(markdown(record))


if __name__ == "__main__":
    main()
