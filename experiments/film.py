"""Film strips of EM and of k-means on stretched blobs: what each pass makes of the same rows.

The upper strip is a mixture of full Gaussians (rows colored by responsibility, ellipses at two standard deviations),
the lower one k-means, from the same centers. Beneath each picture stands what its pass lowers, and the share of rows
that are with the blob they were drawn from.

    python -m experiments.film [--out docs/images/film.png]
"""

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genzoo.core import Batch, Noise, Space
from genzoo.models.classical import GaussianMixture, KMeans

FRAMES = (0, 1, 2, 4, 8, 30)
RECORD = Path(__file__).parent / "records" / "film.json"
COLORS = np.array([[0.12, 0.47, 0.71], [0.89, 0.47, 0.13], [0.17, 0.63, 0.17]])


def blobs(n: int = 900) -> tuple[Tensor, Tensor]:
    """Three blobs side by side, eight times as long as they are wide."""
    noise = Noise(0, "film")
    which = noise.integers(3, n)
    rows = noise.normal(n, 2, dtype=torch.float64) * torch.tensor([4.0, 0.5])
    rows[:, 1] += 2.5 * which
    turn = torch.tensor([[0.9, -0.44], [0.44, 0.9]], dtype=torch.float64)
    return rows @ turn.T, which


def agreement(found: Tensor, which: Tensor) -> float:
    """The share of rows with their own, under the best naming of the parts."""
    orders = itertools.permutations(range(3))
    return max(float((torch.tensor(order)[found] == which).double().mean()) for order in orders)


def frames_of(model: GaussianMixture | KMeans, x: Tensor, which: Tensor) -> list[dict[str, Any]]:
    """What each of the passes shown finds."""
    frames = []
    for number in range(FRAMES[-1] + 1):
        soft = isinstance(model, GaussianMixture)
        if soft:
            shares = (model.gaussians.log_density(x) + model.weights[0].log()).softmax(1)
            centers, scales = model.gaussians.means.clone(), model.gaussians.scale.clone()
        else:
            shares = torch.nn.functional.one_hot(model.encode(x), 3).double()
            centers, scales = model.centers.clone(), None
        model.begin()
        model.accumulate(Batch(x))
        loss = model.finish()["loss"]
        if number in FRAMES:
            agreed = agreement(shares.argmax(1), which)
            frames.append(
                {"pass": number, "loss": loss, "agreement": agreed, "drawn": (shares, centers, scales)}
            )  # fmt: skip
    return frames


def draw(strips: dict[str, list[dict[str, Any]]], x: Tensor, path: Path) -> None:
    """Both strips in one picture."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(strips), len(FRAMES), figsize=(2.2 * len(FRAMES), 2.5 * len(strips)))
    circle = torch.linspace(0, 2 * torch.pi, 100, dtype=torch.float64)
    circle = 2 * torch.stack([circle.cos(), circle.sin()])
    for row, (name, frames) in zip(axes, strips.items(), strict=True):
        for axis, frame in zip(row, frames, strict=True):
            shares, centers, scales = frame["drawn"]
            axis.scatter(*x.T, s=2, c=shares.numpy() @ COLORS, linewidths=0)
            axis.scatter(*centers.T, marker="x", c="black", s=25)
            for k in range(3 if scales is not None else 0):
                axis.plot(*(centers[k][:, None] + scales[k] @ circle), c=COLORS[k] * 0.7, lw=1)
            axis.set(xticks=[], yticks=[], aspect="equal", title=f"pass {frame['pass']}")
            axis.set_xlabel(f"{frame['loss']:.2f} nats, {frame['agreement']:.0%}", fontsize=8)
        row[0].set_ylabel(name)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Makes the strips, and keeps the figures."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--out", type=Path, default=Path("docs/images/film.png"))
    out = asked.parse_args().out
    x, which = blobs()
    soft, hard = GaussianMixture(Space((2,)), components=3, tol=0.0), KMeans(Space((2,)), clusters=3, tol=0.0)
    for model in (soft, hard):
        model.prepare([Batch(x)])
    start = x[[3, 7, 11]]  # one that EM comes home from; from others it stops at lower maxima
    soft.gaussians.start(start, torch.eye(2, dtype=torch.float64))
    soft.weights.fill_(1 / 3)
    hard.centers.copy_(start)
    strips = {"mixture": frames_of(soft, x, which), "k-means": frames_of(hard, x, which)}
    draw(strips, x, out)
    figures = {
        name: [{key: frame[key] for key in ("pass", "loss", "agreement")} for frame in frames]
        for name, frames in strips.items()
    }
    RECORD.write_text(
        json.dumps({"experiment": "EM and k-means on stretched blobs", "figures": figures}, indent=1) + "\n"
    )
    print(out, {name: rows[-1] for name, rows in figures.items()})


if __name__ == "__main__":
    main()
