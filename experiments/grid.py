"""A Wasserstein GAN on 25 Gaussians in a grid: how many modes it covers, how cleanly, and how evenly.

The data and the metric are PacGAN's: 100,000 points of the grid {−4, −2, 0, 2, 4}² with σ = 0.05, 2,500 samples, high
quality within 3 σ of a mode. The networks are perceptrons of our own, so the figures reproduce nobody's.

    python -m experiments.grid [--rounds 20000] [--seeds 0 1 2]

References:
    Lin et al., 2018, "PacGAN: the power of two samples in generative adversarial networks", arXiv:1712.04086
"""

import argparse
import json
from pathlib import Path
from typing import Any

from genzoo.core import Noise
from genzoo.data import toy
from genzoo.evaluation import mode_coverage
from genzoo.zoo import load, resume, store, train
from genzoo.zoo.loading import Run
from genzoo.zoo.progress import Watch

POINTS, SAMPLES = 100_000, 2_500
SETTINGS = {"latent": 2, "hidden": 128, "depth": 3, "penalty": 0.1, "lr": 5e-4}
TRAIN = {"batch_size": 100}
RECORD = Path(__file__).parent / "records" / "grid.json"


def run_of(seed: int, rounds: int, path: Path) -> Run:
    """The training of a seed: made, gone on with, or found finished."""
    points = toy.density("grid").draw(POINTS, Noise(0, "grid"))
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path, data=points, callbacks=[Watch(path.name)])
    return train(
        "wgan_gp", points, out=path, settings=SETTINGS, callbacks=[Watch(path.name)], steps=rounds, seed=seed, **TRAIN
    )


def figures_of(run: Run, seed: int) -> dict[str, Any]:
    """What is measured of a run."""
    density = toy.density("grid")
    found = mode_coverage(run.model.sample(SAMPLES, seed=seed), density.means.float(), 0.05)
    return {
        "seed": seed,
        "modes": found.captured,
        "high_quality": list(found.quality),
        "reverse_kl": list(found.divergence),
        "floors": {"high_quality": found.quality_floor, "reverse_kl": found.divergence_floor},
        "rounds": run.metrics[-1]["step"],
        "core_seconds": run.metrics[-1]["core_seconds"],
    }


def main() -> None:
    """Trains what is asked for, measures it, and keeps the record."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--rounds", type=int, default=20_000)
    asked.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked.add_argument("--out", type=Path, default=Path("runs/grid"))
    given = asked.parse_args()
    runs = {seed: run_of(seed, given.rounds, given.out / f"seed-{seed}") for seed in given.seeds}
    figures = [figures_of(run, seed) for seed, run in runs.items()]
    for each in figures:
        print(each)
    config = next(iter(runs.values())).config
    record = {
        "experiment": "WGAN-GP on the grid of 25 Gaussians",
        "settings": SETTINGS,
        "data": config.data.fingerprint,
        "versions": config.versions,
        "figures": figures,
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(RECORD)


if __name__ == "__main__":
    main()
