"""A Wasserstein GAN on 25 Gaussians in a grid: how many modes it covers, and how cleanly.

The data and the metric are PacGAN's: 100,000 points of the grid {−4, −2, 0, 2, 4}² with σ = 0.05, 2,500 samples, high
quality within 3 σ of a mode. The networks are perceptrons of our own, so the figures are no reproduction of theirs.

    python -m experiments.grid [--rounds 20000] [--seeds 3]

References:
    Lin et al., 2018, "PacGAN: the power of two samples in generative adversarial networks", arXiv:1712.04086
"""

import argparse
from pathlib import Path

from benchmarks.record import write_record
from genzoo.core import Noise
from genzoo.data import read, toy
from genzoo.evaluation import mode_coverage
from genzoo.zoo import load, train

POINTS, SAMPLES = 100_000, 2_500
SETTINGS = {"latent": 2, "hidden": 400, "depth": 3, "penalty": 0.1, "lr": 5e-4}
TRAIN = {"batch_size": 100}
HOME = Path(__file__).parent


def run_of(seed: int, rounds: int, home: Path) -> Run:
    """The training of a seed: made, gone on with, or found finished."""
    path = home / f"seed-{seed}"
    points = toy.density("grid").draw(POINTS, Noise(0, "grid"))
    data = read(points)
    if (path / "model.safetensors").exists():
        return load(path)
    if (path / "config.json").exists():
        return resume(path, data=data, callbacks=[Watch(path.name)])
    return train("wgan_gp", data, out=path, settings=SETTINGS, callbacks=[Watch(path.name)], steps=rounds, seed=seed, **TRAIN)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--rounds", type=int, default=20_000)
    asked.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked.add_argument("--out", type=Path, default=Path("runs/grid"))
    given = asked.parse_args()
    density, figures = toy.density("grid"), []
    for seed in given.seeds:
        run = run_of(seed, given.rounds, given.out)
        found = mode_coverage(run.model.sample(SAMPLES, seed=seed), density.means, 0.05)
        figures.append({"seed": seed, "core_seconds": run.metrics[-1]["core_seconds"], "found": str(found)})
        print(figures[-1])
    print(write("grid", {"settings": SETTINGS, "train": TRAIN, "rounds": given.rounds, "figures": figures}))
