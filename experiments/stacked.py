"""Stacked MNIST: three digits in three channels, a thousand modes, and how many of them a model has.

    python -m experiments.stacked [--recipe r3gan] [--minutes 25] [--out runs/stacked]

128,000 triples of training digits, drawn once, without their classes, at 28 × 28. The judge of digits that comes with
the package reads each channel of 26,000 samples; the modes are the numbers of three digits that are read at least
once, and the divergence is that of their histogram from an even one. What a perfect sampler reaches is that of 26,000
other triples of training digits. A run that was stopped goes on.

References:
    Metz et al., 2017, "Unrolled generative adversarial networks", arXiv:1611.02163
    Srivastava et al., 2017, "VEEGAN: reducing mode collapse in GANs", arXiv:1705.07761
    Lin et al., 2018, "PacGAN: the power of two samples in generative adversarial networks", arXiv:1712.04086
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

import genzoo
from experiments.drawing import save
from genzoo.core import Noise
from genzoo.evaluation import histogram_divergence, judge_made_for
from genzoo.evaluation.judge import Judge
from genzoo.zoo import Run, load, resume, store

TRIPLES, SAMPLES, SHOWN, MODES = 128_000, 26_000, 40, 1000
RECORD = Path(__file__).parent / "records" / "stacked.json"


def stacked(digits: Tensor, n: int, name: str) -> Tensor:
    """n triples of digits, each in a channel of its own."""
    return digits[Noise(0, "stacked", name).integers(len(digits), n, 3)][:, :, 0]


def run_of(recipe: str, x: Tensor, minutes: float, path: Path) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path, data=x)
    return genzoo.train(recipe, x, out=path, core_minutes=minutes, device="cpu")


def numbers(judge: Judge, x: Tensor) -> Tensor:
    """The number of three digits that each triple is read as."""
    read = torch.stack([judge.probabilities(x[:, k : k + 1]).argmax(1) for k in range(3)], dim=1)
    return read @ torch.tensor([100, 10, 1])


def found(judge: Judge, x: Tensor) -> dict[str, Any]:
    """The modes that are there, and how far their histogram is from an even one."""
    counts = torch.bincount(numbers(judge, x), minlength=MODES)
    divergence = histogram_divergence(counts, torch.full((MODES,), 1 / MODES))
    return {"modes": int((counts > 0).sum()), "kl": [round(value, 4) for value in divergence]}


def draw(x: Tensor, real: Tensor) -> None:
    """Samples below triples of digits, the channels as colors."""
    figure = Figure(figsize=(8.4, 2.0))
    for axes, (title, rows) in zip(figure.subplots(2, 1), {"digits": real, "samples": x}.items(), strict=True):
        lines = rows[:SHOWN].unflatten(0, (2, SHOWN // 2))
        axes.imshow(lines.permute(0, 3, 1, 4, 2).flatten(1, 2).reshape(-1, 28 * SHOWN // 2, 3).numpy())
        axes.set(xticks=[], yticks=[])
        axes.set_ylabel(title, fontsize=8)
    save(figure, "stacked", RECORD)


def main() -> None:
    """Trains, counts, keeps the record, and draws."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--recipe", default="r3gan")
    asked.add_argument("--minutes", type=float, default=25.0)
    asked.add_argument("--out", type=Path, default=Path("runs/stacked"))
    given = asked.parse_args()
    data = genzoo.read("mnist")
    judge, digits = judge_made_for(data), data.train.x
    assert judge is not None
    x = stacked(digits, TRIPLES, "train")
    run = run_of(given.recipe, x, given.minutes, given.out / given.recipe)
    made, last = run.model.sample(SAMPLES, seed=0), run.metrics[-1]
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    record["floor"] = found(judge, stacked(digits, SAMPLES, "floor"))
    record[given.recipe] = found(judge, made) | {
        "minutes": given.minutes,
        "rounds": last["step"],
        "core_seconds": round(last["core_seconds"], 1),
        "settings": run.config.recipe.arguments,
        "data": run.config.data.fingerprint,
        "versions": {name: each for name, each in run.config.versions.items() if name != "platform"},
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(given.recipe, record[given.recipe]["modes"], record[given.recipe]["kl"], "floor", record["floor"])
    draw(made, stacked(data.test.x, SHOWN, "shown"))


if __name__ == "__main__":
    main()
