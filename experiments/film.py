"""Film strips of EM and of k-means on stretched blobs: what each pass makes of the same rows.

The upper strip is a mixture of full Gaussians (rows colored by responsibility, ellipses at two standard deviations),
the lower one k-means. Both go from the same random starts, three rows each; shown is the start from which each comes
lowest in what it lowers, which is how either would choose without knowing the blobs. Beneath each picture stands what
its pass lowers, and the share of rows that are with the blob they were drawn from.

A second picture goes from one to the other: round blobs that overlap, a mixture of equal weights whose one variance σ²
is held, and how far its means end from the centers of k-means as σ falls.

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

FRAMES = (0, 1, 2, 4, 8, 60)
STARTS = 20
RECORD = Path(__file__).parent / "records" / "film.json"
SIGMAS = (2.0, 1.5, 1.0, 0.7, 0.5, 0.3, 0.2, 0.1, 0.07, 0.05, 0.03, 0.02)
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
            shares = model.responsibilities(x)
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


def mixture(x: Tensor, start: Tensor) -> GaussianMixture:
    """Round Gaussians at the start, of equal weight."""
    model = GaussianMixture(Space((2,)), components=3, tol=0.0)
    model.prepare([Batch(x)])
    model.gaussians.start(start, torch.eye(2, dtype=torch.float64))
    model.weights.fill_(1 / 3)
    return model


def k_means(x: Tensor, start: Tensor) -> KMeans:
    """Centers at the start."""
    model = KMeans(Space((2,)), clusters=3, tol=0.0)
    model.prepare([Batch(x)])
    model.centers.copy_(start)
    return model


MAKERS = {"mixture": mixture, "k-means": k_means}


def limit(n: int = 900) -> list[dict[str, float]]:
    """How far the means of a mixture with a held σ end from the centers of k-means, from the same start."""
    noise = Noise(0, "limit")
    places = torch.tensor([[0.0, 0.0], [3.0, 0.0], [1.5, 2.5]], dtype=torch.float64)
    x = places[noise.integers(3, n)] + noise.normal(n, 2, dtype=torch.float64)
    hard, found = k_means(x, places), []
    for _ in range(FRAMES[-1]):
        one_pass(hard, x)
    for sigma in SIGMAS:
        soft = GaussianMixture(Space((2,)), components=3, covariance="spherical", tol=0.0)
        soft.prepare([Batch(x)])
        soft.gaussians.means.copy_(places)
        for _ in range(10 * FRAMES[-1]):
            soft.gaussians.variances.fill_(sigma**2)
            soft.weights.fill_(1 / 3)
            one_pass(soft, x)
        gap = (soft.gaussians.means - hard.centers).norm(dim=1).max().item()
        soft.gaussians.variances.fill_(sigma**2)
        sure = soft.responsibilities(x).amax(1).mean().item()
        found.append({"sigma": sigma, "gap": gap, "sure": sure})
    return found


def one_pass(model: GaussianMixture | KMeans, x: Tensor) -> None:
    """One look at all rows."""
    model.begin()
    model.accumulate(Batch(x))
    model.finish()


def draw_limit(found: list[dict[str, float]], path: Path) -> None:
    """The gap and how sure the mixture is, against σ."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.6), layout="constrained")
    for axes, key, said in zip(
        figure.subplots(1, 2),
        ("gap", "sure"),
        ("farthest mean from its center", "largest responsibility, mean"),
        strict=True,
    ):
        axes.plot([each["sigma"] for each in found], [each[key] for each in found], "o-", color=COLORS[0])
        axes.set(xscale="log", xlabel="σ", title=said)
        axes.invert_xaxis()
    figure.axes[0].set_yscale("log")
    figure.savefig(path, dpi=110)


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
    starts = [x[Noise(start, "start").permutation(len(x))[:3]] for start in range(STARTS)]
    tried = {name: [frames_of(make(x, start), x, which) for start in starts] for name, make in MAKERS.items()}
    strips = {name: min(each, key=lambda frames: frames[-1]["loss"]) for name, each in tried.items()}
    draw(strips, x, out)
    figures = {name: [told(frame) for frame in frames] for name, frames in strips.items()}
    ends = {name: [told(frames[-1]) for frames in each] for name, each in tried.items()}
    said: dict[str, Any] = {
        "experiment": "EM and k-means on stretched blobs",
        "shown": figures,
        "ends_of_all_starts": ends,
    }
    said["limit"] = limit()
    draw_limit(said["limit"], out.with_name("limit.png"))
    RECORD.write_text(json.dumps(said, indent=1) + "\n")
    for name, each in ends.items():
        print(name, "shown:", figures[name][-1], "all starts:", sorted(round(end["agreement"], 2) for end in each))


def told(frame: dict[str, Any]) -> dict[str, Any]:
    """A frame's figures."""
    return {key: frame[key] for key in ("pass", "loss", "agreement")}


if __name__ == "__main__":
    main()
