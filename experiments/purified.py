"""PixelDefend's figure and what it leaves out: what attacked clothes look like to a model, and to a classifier once
they are purified, under an attack that knows of it as well.

The classifier is the judge of Fashion-MNIST that comes with the package. Attacks move every pixel by at most ε of
255: `fgsm` once along the sign of the slope of the loss, `bim` and `pgd` in ten steps, the latter from a random start;
`random` moves each by ±ε. p-values are those of a model's likelihood among validation pictures. Purified by an order
of pixels within the radius ε, or by noise and back; the adaptive attack takes the slope at the purified picture, a
mean over draws where these differ, for that of the picture itself (Athalye et al., 2018, arXiv:1802.00420).

Attacked pictures are told from others; nothing is defended.

    OMP_NUM_THREADS=1 python -m experiments.purified --run runs/outliers/pixelcnn-10 [--rows 100]
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

import genzoo
from experiments.drawing import COLORS, save
from genzoo.core import Noise
from genzoo.data import read
from genzoo.distributions.resampling import chance_below
from genzoo.evaluation.judge import Judge, shipped_judge
from genzoo.tasks.outliers import outliers, purify
from genzoo.zoo import store

RECORD = Path(__file__).parent / "records" / "purified.json"
STEPS, DRAWS = 10, 4  # of an attack; of an adaptive one at each
PIXELS = 28 * 28
LOG_SNR = {8: 3.0, 25: 2.0}  # up to which what denoises buries pictures, by ε: the best on validation pictures
Purify = Callable[[Tensor, int], Tensor]


def logits(judge: Judge, x: Tensor) -> Tensor:
    """log p of the classes up to a constant, differentiable in pictures of 0 to 255."""
    return judge.head(judge.seen(judge.features(x)))  # type: ignore[no-any-return]


def loss_slope(judge: Judge, x: Tensor, y: Tensor) -> Tensor:
    """The slope of −log p(y | x) in pictures of 0 to 255."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        loss = torch.nn.functional.cross_entropy(logits(judge, x), y, reduction="sum")
        return torch.autograd.grad(loss, x)[0]


def attacked(
    slope: Callable[[Tensor], Tensor], x: Tensor, epsilon: float, steps: int, noise: Noise | None = None
) -> Tensor:
    """Pictures at most ε away, whole levels, that climb along signs of slopes."""
    start = x.float() + (0 if noise is None else (2 * noise.uniform(*x.shape) - 1) * epsilon)
    low, high = (x.float() - epsilon).clamp_min(0), (x.float() + epsilon).clamp_max(255)
    size, y = (epsilon if steps == 1 else 2.5 * epsilon / steps), start.clamp(low, high)
    for _ in range(steps):
        y = (y + size * slope(y).sign()).clamp(low, high)
    return y.round().byte()


def attacks(judge: Judge, x: Tensor, y: Tensor, epsilon: int) -> dict[str, Tensor]:
    """Pictures as they are, with noise, and attacked in three ways."""

    def slope(z: Tensor) -> Tensor:
        return loss_slope(judge, z, y)

    signs = 2 * Noise(0, "signs").integers(2, *x.shape) - 1
    return {
        "clean": x,
        "random": (x.int() + epsilon * signs).clamp(0, 255).byte(),
        "fgsm": attacked(slope, x, epsilon, 1),
        "bim": attacked(slope, x, epsilon, STEPS),
        "pgd": attacked(slope, x, epsilon, STEPS, Noise(0, "start")),
    }


def adaptive(
    judge: Judge, clean: Callable[[Tensor, int], Tensor], x: Tensor, y: Tensor, epsilon: int, n: int
) -> Tensor:
    """Attacked with the slope at purified pictures, the mean over n draws."""

    def slope(z: Tensor) -> Tensor:
        seen = [clean(z.round().byte(), k).float() for k in range(n)]
        return torch.stack([loss_slope(judge, part, y) for part in seen]).mean(0)

    return attacked(slope, x, epsilon, STEPS, Noise(0, "start"))


def accuracy(judge: Judge, x: Tensor, y: Tensor) -> float:
    """The share of pictures that the judge recognizes."""
    with torch.no_grad():
        return (logits(judge, x.float()).argmax(1) == y).double().mean().item()


def figures(model: Any, data: Any, epsilon: int, rows: int) -> dict[str, Any]:
    """Everything at one ε."""
    judge = shipped_judge("fashion-mnist").eval()
    x, y = data.test.head(rows)
    y, is_order = y.long(), model.can("step")
    level = LOG_SNR[min(LOG_SNR, key=lambda known: abs(known - epsilon))]

    def clean(z: Tensor, seed: int) -> Tensor:
        return purify(model, z, radius=epsilon) if is_order else purify(model, z, log_snr=level, seed=seed)

    found: dict[str, Any] = {}
    known = data.valid.head(1000)[0]
    for name, z in attacks(judge, x, y, epsilon).items():
        row: dict[str, Any] = {"accuracy": accuracy(judge, z, y), "purified": accuracy(judge, clean(z, 0), y)}
        if model.can("log_prob"):
            told = outliers(model, z, calibration=known, method="likelihood")
            row |= {"bits_per_dim": (told.score.mean() / model.space.dims / 0.6931471805599453).item()}
            row |= {"p": told.p.tolist(), "median_p": told.p.median().item(), "score": told.score.tolist()}
            if name != "clean":
                usual = torch.tensor(found["clean"]["score"])
                row["area"] = chance_below(usual, told.score).value
        found[name] = row
        print(epsilon, name, {key: value for key, value in row.items() if key not in ("p", "score")}, flush=True)
    z = adaptive(judge, clean, x, y, epsilon, 1 if is_order else DRAWS)
    found["adaptive"] = {"accuracy": accuracy(judge, z, y), "purified": accuracy(judge, clean(z, 99), y)}
    print(epsilon, "adaptive", found["adaptive"], flush=True)
    return found


def drawn(row: dict[str, Any]) -> Figure:
    """Bits per dimension of pictures as they are, with noise and attacked, and how many have a p-value up to p."""
    figure = Figure(figsize=(8, 2.8 * len(row)))
    axes = figure.subplots(len(row), 2, squeeze=False)
    for (left, right), (epsilon, found) in zip(axes, row.items(), strict=True):
        told = {name: one for name, one in found.items() if "score" in one}
        for color, (name, one) in zip(COLORS, told.items(), strict=False):
            bits = np.asarray(one["score"]) / (PIXELS * np.log(2))
            left.hist(bits, bins=20, density=True, histtype="step", label=name, color=color)
            p = np.sort(one["p"])
            right.plot(p, np.arange(1, len(p) + 1) / len(p), label=name, color=color)
        right.plot([0, 1], [0, 1], "k:", label="uniform")
        left.set(xlabel="bits/dim", ylabel=f"ε = {epsilon}")
        right.set(xlabel="p", ylabel="share of pictures", xlim=(0, 1), ylim=(0, 1.02))
        left.legend(fontsize=7)
    figure.tight_layout()
    return figure


def main() -> None:
    """Attacks, purifies and prints."""
    said = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    said.add_argument(
        "--run", type=Path, required=True, help="of fashion-mnist: a model over an order, or one that denoises"
    )
    said.add_argument("--epsilon", type=int, nargs="+", default=[8, 25])
    said.add_argument("--rows", type=int, default=100)
    said.add_argument("--record", type=Path, default=RECORD)
    asked = said.parse_args()
    torch.set_num_threads(1)
    run = genzoo.load(asked.run)
    data = read("fashion-mnist", given="label")
    record = json.loads(asked.record.read_text()) if asked.record.exists() else {"runs": {}}
    record |= {"experiment": (__doc__ or "").split("\n")[0], "versions": store.versions()}
    row = record["runs"].setdefault(run.config.recipe.name, {})
    for epsilon in asked.epsilon:
        if str(epsilon) not in row:
            row[str(epsilon)] = figures(run.generative, data, epsilon, asked.rows)
            asked.record.write_text(json.dumps(record, indent=1) + "\n")
    if run.generative.can("step"):  # whose likelihood is exact
        save(drawn(row), "purified", asked.record)


if __name__ == "__main__":
    main()
