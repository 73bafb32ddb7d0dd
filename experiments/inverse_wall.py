"""Nine families on five inverse problems of digits, three of them on clothes, beside total variation.

    python -m experiments.inverse_wall                 trains the priors, solves, measures; goes on where it stopped
    python -m experiments.inverse_wall --cost          what is left to do, in core-minutes, and nothing else
    python -m experiments.inverse_wall --draw          the record and its pictures anew, from the draws that are there

    a pilot:  python -m experiments.inverse_wall --split valid --share 0.1 --images 8 --draws 4 --out runs/wall-pilot

Of each picture a noisy part is seen: 30 % of the pixels anywhere, all but a square of 14 in the middle, the upper
half, means of 4 × 4 pixels, or all of it through a blur of σ = 1.5; with noise of σ = 0.05 on [0, 1]. Families of
two levels (`rbm`, `masked_diffusion`) see digits in black and white. Beside them are `mixture`, one Gaussian for each
class in closed form, and `tv`, of least total variation with the λ that is best on training rows, for both kinds of
digits. Under a blur each pixel is a color of its own to `rbm`, which has a fifth of the sweeps there.
`masked_diffusion` is told pixels without noise, and is left out where means or blurs are seen.

Told are PSNR of the mean of the draws and of single ones, the share of draws that the judge takes for the class of
the truth, their Fréchet distance in its features, how far draws of one question are apart (root mean square), and Δ,
their spread over the error of their mean (1 is right).

It goes on where it stopped: priors are runs under OUT/SET/priors, trained for the minutes in FAMILIES times --share,
and gone on with by `resume`; draws of ten pictures at a time are files under OUT/SET/FAMILY, and those that are there
are not drawn again. A family that fails leaves the others alone, and is tried again by the next call. Call it once at
a time. Choices are made on validation rows (--split valid); the record of test rows goes to
experiments/records/inverse_wall.json, any other beside the draws.
"""

import argparse
import json
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from matplotlib.figure import Figure
from safetensors.torch import load_file, save_file
from torch import Tensor

import genzoo
from experiments.clothes import labels_of
from experiments.drawing import save
from experiments.total_variation import least_variation
from genzoo.core import Batch, GenerativeModel, Space
from genzoo.data import Data
from genzoo.evaluation import coverage, frechet_of_features, judge_made_for, spread_error
from genzoo.evaluation.judge import Judge
from genzoo.models.classical import GaussianMixture
from genzoo.tasks.inverse import (
    AveragePool,
    Blur,
    Channel,
    Exact,
    Gaussian,
    Linear,
    Measurement,
    as_numbers,
    box,
    half,
    hidden,
    measure,
    methods,
    solve,
)  # fmt: skip
from genzoo.zoo import load, resume, store

SHAPE, SIGMA, SEED, CHUNK = (1, 28, 28), 0.05, 0, 10
TASKS: dict[str, Linear] = {
    "random 70 %": hidden(SHAPE, 0.7),
    "box 14": box(SHAPE, 14),
    "lower half": half(SHAPE),
    "pool ×4": AveragePool(SHAPE, 4),
    "blur 1.5": Blur(SHAPE, 1.5),
}
WEIGHTS = (0.001, 0.003, 0.01, 0.03, 0.1)  # λ of total variation, of which training rows choose
RECORD = Path(__file__).parent / "records" / "inverse_wall.json"


class Family(NamedTuple):
    """A prior and how it is solved.

    Attributes:
        minutes: Of training, in core-minutes.
        seconds: What a draw takes, about: told before it begins.
        settings: Of the recipe.
        options: Of `solve`.
        binary: Whether it sees black and white.
        exact: Whether it is told pixels without noise.
        of_task: Options that a task has instead.
    """

    minutes: float
    seconds: float
    settings: dict[str, Any] = {}
    options: dict[str, Any] = {}
    binary: bool = False
    exact: bool = False
    of_task: dict[str, dict[str, Any]] = {}


GUIDED = {"method": "mmps", "steps": 40, "iterations": 2}
WALKED = {"method": "latent", "steps": 20, "after": 20, "allow_collapse": True}
DRAWN = {"method": "ancestral", "particles": 4, "allow_collapse": True}
FAMILIES: dict[str, Family] = {
    "mixture": Family(0, 0.01, options={"method": "closed"}),
    "tv": Family(0, 0.08),
    "made": Family(8, 0.1, options=DRAWN),
    "vae": Family(4, 0.4, options=WALKED),
    "realnvp": Family(6, 0.2, {"net": "mlp"}, WALKED),
    "dcgan": Family(6, 0.06, options=WALKED),
    "ddpm": Family(8, 0.3, options=GUIDED),
    "flow_matching": Family(8, 0.3, options=GUIDED),
    "mixture, two levels": Family(0, 0.01, options={"method": "closed"}, binary=True),
    "tv, two levels": Family(0, 0.08, binary=True),
    "rbm": Family(3, 0.6, options={"method": "gibbs"}, binary=True, of_task={"blur 1.5": {"sweeps": 60}}),
    "masked_diffusion": Family(5, 0.24, {"width": 64, "depth": 2}, {"method": "impute"}, binary=True, exact=True),
}
SETS: dict[str, tuple[str, ...]] = {
    "mnist": tuple(FAMILIES),
    "fashion-mnist": ("mixture", "tv", "vae", "flow_matching"),
}


class Cell(NamedTuple):
    """One family on one data set, and what was asked for."""

    data: str
    family: str
    asked: argparse.Namespace

    @property
    def how(self) -> Family:
        """How it is solved."""
        return FAMILIES[self.family]

    @property
    def path(self) -> Path:
        """Where its draws are."""
        return Path(self.asked.out) / self.data / self.family.replace(", ", "-").replace(" ", "-")

    def part(self, task: str, k: int) -> Path:
        """A file of draws of ten pictures."""
        word = task.replace(" ", "-").replace("%", "percent").replace("×", "x")
        return self.path / f"{self.asked.split}-{word}-{k}.safetensors"

    def parts(self) -> int:
        """How many such files a task has."""
        return -(-int(self.asked.images) // CHUNK)

    def rows(self) -> Data:
        """The data, in black and white if it sees them so."""
        return genzoo.read(self.data, binarize="threshold" if self.how.binary else None)

    def labels(self, split: str) -> Tensor:
        """The classes of a split."""
        return labels_of(getattr(genzoo.read(self.data, given="label"), split))

    def channel(self) -> Channel:
        """What lies between A(x) and y."""
        return Exact() if self.how.exact else Gaussian(SIGMA)

    def measured(self, task: str, x: Tensor, first: int) -> Measurement:
        """What is seen of pictures in [0, 1], the first of that number."""
        return measure(TASKS[task], x, self.channel(), seed=SEED, start=first)


def prior(cell: Cell) -> GenerativeModel:
    """The model: fitted, trained, gone on with, or found finished."""
    data = cell.rows()
    if cell.family.startswith("mixture"):
        return mixture(data, cell.labels("train"))
    path = Path(cell.asked.out) / cell.data / "priors" / cell.family
    if (path / store.WEIGHTS).exists():
        return load(path).generative
    if (path / store.CONFIG).exists():
        return resume(path).generative
    minutes = cell.how.minutes * cell.asked.share
    run = genzoo.train(
        cell.family, data, settings=cell.how.settings, out=path, core_minutes=minutes, device="cpu", seed=SEED
    )
    return run.generative


def mixture(data: Data, labels: Tensor) -> GaussianMixture:
    """One Gaussian for each class of the training rows, in closed form."""
    x = as_numbers(data.space, data.train.x, torch.float64).flatten(1)
    model = GaussianMixture(Space((x.shape[1],)), Space((), levels=10), components=1, covariance="full", floor=2e-3)
    batch = Batch(x, {"given": labels})
    model.double().prepare([batch])
    model.begin()
    model.accumulate(batch)
    model.finish()
    return model


def drawn(cell: Cell, model: GenerativeModel | None, task: str, seen: Measurement, first: int) -> Tensor:
    """Draws as numbers, (n, B, *shape); of total variation one."""
    if model is None:
        return least_variation(seen, best_weight(cell, task))[None]
    if isinstance(model, GaussianMixture):
        flat = Measurement(Flat(TASKS[task]), seen.y.flatten(1).double(), seen.noise)
        found = solve(model, flat, n=cell.asked.draws, seed=SEED, start=first, **cell.how.options)
        return found.x.unflatten(2, SHAPE).float()
    options = cell.how.options | cell.how.of_task.get(task, {})
    found = solve(model, seen, n=cell.asked.draws, seed=SEED, start=first, **options)
    print("   ", found, flush=True)
    return as_numbers(model.space, found.x, torch.float32)


class Flat(Linear):
    """An operator on pictures laid flat."""

    def __init__(self, inner: Linear) -> None:
        super().__init__((784,), (inner(torch.zeros(1, *SHAPE)).numel(),))
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.inner(x.unflatten(1, SHAPE)).flatten(1)
        return found

    @property
    def counted(self) -> Tensor | None:
        found = self.inner.counted
        return None if found is None else found.flatten()


CHOSEN: dict[tuple[str, str, str], float] = {}


def best_weight(cell: Cell, task: str) -> float:
    """The λ whose pictures of twenty training rows are nearest."""
    key = (cell.data, cell.family, task)
    if key not in CHOSEN:
        data = cell.rows()
        x = as_numbers(data.space, data.train.x[:20], torch.float32)
        seen = cell.measured(task, x, 10_000)
        CHOSEN[key] = min(WEIGHTS, key=lambda w: (least_variation(seen, w) - x).square().sum().item())
    return CHOSEN[key]


def why_not(model: GenerativeModel | None, cell: Cell, task: str, x: Tensor) -> str:
    """Why the family's method cannot solve a task; empty if it can."""
    if model is None or isinstance(model, GaussianMixture):
        return ""
    found = methods(model, cell.measured(task, x[:1], 0))
    return next(choice.why_not for choice in found if choice.name == cell.how.options["method"])


def solved(cell: Cell) -> None:
    """All tasks of a family, but for what is there."""
    left = [(task, k) for task in TASKS for k in range(cell.parts()) if not cell.part(task, k).exists()]
    if not left:
        return
    data = cell.rows()
    model = None if cell.family.startswith("tv") else prior(cell)
    x = as_numbers(data.space, split_of(data, cell.asked).x[: cell.asked.images], torch.float32)
    cell.path.mkdir(parents=True, exist_ok=True)
    for task, k in left:
        start, first = time.process_time(), k * CHUNK
        if why := why_not(model, cell, task, x):
            print(f"{cell.data} {cell.family} {task}: {why}", flush=True)
            save_file({"draws": torch.zeros(0)}, cell.part(task, k), {"why_not": why})
            continue
        seen = cell.measured(task, x[first : first + CHUNK], first)
        draws = drawn(cell, model, task, seen, first)
        seconds = time.process_time() - start
        draft = cell.part(task, k).with_suffix(".draft")
        save_file({"draws": draws.contiguous(), "seconds": torch.tensor(seconds)}, draft)
        draft.rename(cell.part(task, k))
        print(f"{cell.data} {cell.family} {task} {k}: {seconds:.1f} core-seconds", flush=True)


def split_of(data: Data, asked: argparse.Namespace) -> Any:
    """The rows that are scored."""
    return data.test if asked.split == "test" else data.valid


def gathered(cell: Cell, task: str) -> tuple[Tensor, float] | None:
    """All draws of a task, and what they took; None where there are none."""
    files = [cell.part(task, k) for k in range(cell.parts())]
    if not all(file.exists() for file in files):
        return None
    found = [load_file(file) for file in files]
    if any(part["draws"].numel() == 0 for part in found):
        return None
    return torch.cat([part["draws"] for part in found], 1), sum(part["seconds"].item() for part in found)


def figures_of(draws: Tensor, truth: Tensor, labels: Tensor, judge: Judge, reference: Tensor) -> dict[str, Any]:
    """What is told of draws."""
    n = len(draws)
    rows = (draws.clamp(0, 1) * (judge.space.levels - 1)).round().to(torch.uint8).flatten(0, 1)
    right = (judge.probabilities(rows).argmax(1) == labels.repeat(n)).float().mean().item()
    found = {
        "psnr of the mean": psnr(draws.mean(0)[None], truth),
        "psnr of a draw": psnr(draws, truth),
        "judge": right,
        "frechet": frechet_of_features(judge(rows), reference).value if len(rows) > reference.shape[1] else None,
    }
    if n > 1:
        found["apart"] = (2 * draws.var(0).mean()).sqrt().item()
        found["spread over error"] = spread_error(draws, truth).value
        found["coverage of 90 %"] = coverage(draws, truth).value
    return {name: None if value is None else round(value, 4) for name, value in found.items()}


def psnr(found: Tensor, truth: Tensor) -> float:
    """The mean over rows of 10 log₁₀ of 1 over the squared error."""
    error = (found.clamp(0, 1) - truth).double().square().flatten(2).mean(2).clamp_min(1e-12)
    return float((-10 * error.log10()).mean())


class Scored(NamedTuple):
    """The rows that are scored, and what they are held against."""

    truth: Tensor
    labels: Tensor
    judge: Judge
    reference: Tensor
    figures: dict[str, Any]

    @classmethod
    def of(cls, cell: Cell) -> "Scored":
        """Those of a data set in gray, or in black and white."""
        asked, data = cell.asked, cell.rows()
        judge, rows, n = judge_made_for(data), split_of(data, asked), asked.images
        assert judge is not None
        labels, reference = cell.labels(asked.split)[:n], judge(rows.x[n : n + 4000])
        clean = (judge.probabilities(rows.x[:n]).argmax(1) == labels).float().mean().item()
        others = judge(rows.x[5000 : 5000 + n * asked.draws])
        floor = frechet_of_features(others, reference).value if len(others) > reference.shape[1] else None
        truth = as_numbers(data.space, rows.x[:n], torch.float32)
        return cls(truth, labels, judge, reference, {"judge": clean, "frechet": floor})


def measured_of(name: str, asked: argparse.Namespace) -> dict[str, Any]:
    """The figures of all families of a data set that have draws, by task."""
    found: dict[str, Any] = {}
    scored: dict[bool, Scored] = {}
    for family in SETS[name]:
        cell = Cell(name, family, asked)
        draws = {task: one for task in TASKS if (one := gathered(cell, task)) is not None}
        if not draws:
            continue
        if cell.how.binary not in scored:
            scored[cell.how.binary] = Scored.of(cell)
        rows = scored[cell.how.binary]
        found[family] = {"of rows": rows.figures}
        for task, (x, seconds) in draws.items():
            found[family][task] = figures_of(x, rows.truth, rows.labels, rows.judge, rows.reference)
            found[family][task]["core-seconds"] = round(seconds, 1)
    return found


def verdicts(found: dict[str, Any]) -> dict[str, Any]:
    """The best deep family on each task, by the PSNR of its mean, beside the better of mixture and total variation."""
    told, bars = {}, ("mixture", "tv")
    deep = [name for name in found if not FAMILIES[name].binary and name not in bars]
    for task in TASKS:
        able = {name: found[name][task]["psnr of the mean"] for name in deep if task in found[name]}
        known = [found[name][task]["psnr of the mean"] for name in bars if task in found.get(name, {})]
        if able and known:
            best = max(able, key=lambda name: able[name])
            told[task] = {
                "best": best,
                "gain in dB": round(able[best] - max(known), 2),
                "judge below clean": round(found[best]["of rows"]["judge"] - found[best][task]["judge"], 3),
            }
    return told


def wall(name: str, asked: argparse.Namespace, record: Path) -> None:
    """Four pictures of each task: the truth, what was seen, and a draw of each family above its mean."""
    many, lines = min(4, asked.images), {}
    for family in SETS[name]:
        cell = Cell(name, family, asked)
        data = cell.rows()
        x = as_numbers(data.space, split_of(data, asked).x[:many], torch.float32)
        if family in ("mixture", "mixture, two levels"):
            lines[f"truth{family[7:]}"] = torch.cat([x] * len(TASKS))
            lines[f"seen{family[7:]}"] = torch.cat([shown(cell.measured(task, x, 0)) for task in TASKS])
        found = [gathered(cell, task) for task in TASKS]
        blank = torch.full_like(x, 0.5)
        lines[family] = torch.cat([blank if one is None else one[0][0, :many] for one in found])
        if not family.startswith("tv"):
            lines[f"{family}, mean"] = torch.cat([blank if one is None else one[0].mean(0)[:many] for one in found])
    figure = Figure(figsize=(0.5 * many * len(TASKS), 0.5 * len(lines)))
    for axes, (label, rows) in zip(figure.subplots(len(lines), 1), lines.items(), strict=True):
        axes.imshow(torch.cat(list(rows[:, 0].clamp(0, 1)), 1).numpy(), cmap="gray", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        axes.set_ylabel(label, fontsize=7, rotation=0, ha="right", va="center")
    save(figure, f"inverse-wall-{name}", record)


def shown(seen: Measurement) -> Tensor:
    """A measurement as a picture."""
    operator = seen.operator
    assert isinstance(operator, Linear)
    if isinstance(operator, Blur):
        return seen.y
    back, counted = operator.pinv(seen.y), operator.counted
    return back if counted is None else torch.where(counted, back, 0.5)


def cells(asked: argparse.Namespace) -> Iterator[Cell]:
    """What is to be done, the quickest first."""
    for name in SETS:
        if asked.data in (None, name):
            yield from (Cell(name, family, asked) for family in SETS[name] if asked.only in (None, family))


def cost(cell: Cell) -> float:
    """What is left of a cell, in core-minutes, about."""
    left = sum(not cell.part(task, k).exists() for task in TASKS for k in range(cell.parts()))
    path = Path(cell.asked.out) / cell.data / "priors" / cell.family / store.WEIGHTS
    training = 0 if path.exists() else cell.how.minutes * cell.asked.share
    return (training if left else 0) + left * min(CHUNK, cell.asked.images) * cell.asked.draws * cell.how.seconds / 60


def main() -> None:
    """Solves what is left, and tells."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--split", choices=("test", "valid"), default="test")
    asked.add_argument("--images", type=int, default=50)
    asked.add_argument("--draws", type=int, default=8)
    asked.add_argument("--share", type=float, default=1.0, help="of the minutes of training")
    asked.add_argument("--data", choices=tuple(SETS))
    asked.add_argument("--only", choices=tuple(FAMILIES))
    asked.add_argument("--out", default="runs/inverse-wall")
    asked.add_argument("--cost", action="store_true")
    asked.add_argument("--draw", action="store_true")
    told = asked.parse_args()
    todo = list(cells(told))
    for cell in todo:
        print(f"{cell.data:14} {cell.family:20} {cost(cell):6.1f} core-minutes", flush=True)
    print(f"{'together':35} {sum(map(cost, todo)):6.1f} core-minutes", flush=True)
    if told.cost:
        return
    for cell in todo:
        if not told.draw:
            try:
                solved(cell)
            except Exception:  # the other families go on; what is left is tried again by the next call
                traceback.print_exc()
    record: dict[str, Any] = {"split": told.split, "images": told.images, "draws": told.draws, "sigma": SIGMA}
    path = RECORD if told.split == "test" and told.images == 50 else Path(told.out) / "record.json"
    for name in dict.fromkeys(cell.data for cell in todo):
        found = measured_of(name, told)
        record[name] = {"families": found, "beside mixture and tv": verdicts(found)}
        print(json.dumps(record[name], indent=1, ensure_ascii=False), flush=True)
        wall(name, told, path)
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
