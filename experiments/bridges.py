"""From two moons to eight Gaussians: what paths cost beyond the cheapest, and how near 20 of Euler's steps come.

    python -m experiments.bridges [--minutes 0.6] [--seeds 5] [--out runs/bridges]
    python -m experiments.bridges --draw      the picture alone, from the runs

The recipe `bridge` is trained on 20,000 rows of each side, moons of three times their size, from other seeds each
time. 2,000 other rows of the moons are carried over by 20 of Euler's steps. The energy of a path is ∫ ‖dx/dt‖² dt, at
least the squared distance of both laws, W²; its excess over that of these rows and 2,000 true ones is told as a share
of it. What arrives is held against the true rows, and the floor is their distance from 2,000 more. Beside the nearest
pairs of each batch stand any pairs, and the Schrödinger bridge by its flow. A run that was stopped goes on.

References:
    Tong et al., 2024, "Improving and generalizing flow-based generative models with minibatch optimal transport",
    arXiv:2302.00482
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
from genzoo.data import Data
from genzoo.data.toy import density
from genzoo.distributions.transport import optimal_cost
from genzoo.zoo import Run, load, resume, store

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "nearest": ("bridge", {}),
    "given": ("bridge", {"pairs": "given"}),
    "schrodinger": ("schrodinger_bridge", {}),
}
NET = {"width": 128, "depth": 3}
TRAINED, N, STEPS, DRAWN = 20_000, 2000, 20, 300
RECORD = Path(__file__).parent / "records" / "bridges.json"


def both(n: int, name: str, seed: int) -> tuple[Tensor, Tensor]:
    """Rows of the Gaussians and of the moons."""
    noise = Noise(seed, name)
    return density("8gaussians").draw(n, noise.at("x")), 3 * density("moons").draw(n, noise.at("y")) - 1


def run_of(kind: str, seed: int, minutes: float, path: Path) -> Run:
    """The training: made, gone on with, or found finished."""
    data: Data = genzoo.read(both(TRAINED, "train", seed))
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path, data=data)
    recipe, settings = KINDS[kind]
    options = {"core_minutes": minutes, "lr": 3e-3, "ema": 0.1, "seed": seed, "device": "cpu"}
    return genzoo.train(recipe, data, settings=NET | settings, out=path, **options)


def squared(a: Tensor, b: Tensor) -> float:
    """W₂² of two samples."""
    return optimal_cost(torch.cdist(a.double(), b.double()).square().numpy())


def carried(run: Run, y: Tensor, steps: int = STEPS) -> Tensor:
    """Where rows are at each time of the flow."""
    seen: list[Tensor] = []
    run.generative.sample(len(y), y, seed=0, steps=steps, fresh=0.0, watch=lambda t, x: seen.append(x.clone()))
    return torch.stack(seen)


def figures_of(run: Run, seed: int) -> dict[str, Any]:
    """What is measured of a run."""
    (x, y), (more, _) = both(N, "test", seed), both(N, "floor", seed)
    path, cheapest = carried(run, y), squared(x, y)
    energy = ((path[1:] - path[:-1]).square().sum(2) * STEPS).sum(0).mean().item()
    last = run.metrics[-1]
    return {
        "w2": round(squared(path[-1], x) ** 0.5, 4),
        "floor": round(squared(more, x) ** 0.5, 4),
        "energy": round(energy, 4),
        "cheapest": round(cheapest, 4),
        "excess": round(energy / cheapest - 1, 4),
        "steps": last["step"],
        "core_seconds": round(last["core_seconds"], 1),
    }


def draw(runs: dict[str, Run]) -> None:
    """Paths from the moons to the Gaussians, by the pairs of training."""
    _, y = both(DRAWN, "drawn", 0)
    figure = Figure(figsize=(3 * len(runs), 3))
    for axes, (kind, run) in zip(figure.subplots(1, len(runs), squeeze=False)[0], runs.items(), strict=True):
        path = carried(run, y, 50)
        axes.plot(*path.unbind(2), color="0.75", linewidth=0.4)
        axes.scatter(*path[0].T, s=2, color="tab:blue")
        axes.scatter(*path[-1].T, s=2, color="tab:red")
        axes.set(title=f"pairs: {kind}", aspect="equal", xticks=[], yticks=[])
    save(figure, "bridges", RECORD)


def main() -> None:
    """Trains what is missing, measures it, keeps the record, and draws it."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--minutes", type=float, default=0.6, help="of processor time, for each")
    asked.add_argument("--seeds", type=int, default=5, help="of the nearest pairs; the others have one")
    asked.add_argument("--out", type=Path, default=Path("runs/bridges"))
    asked.add_argument("--draw", action="store_true", help="the picture alone")
    given = asked.parse_args()
    record: dict[str, Any] = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    wanted = [("nearest", seed) for seed in range(given.seeds)] + [("schrodinger", 0), ("given", 0)]
    for kind, seed in [] if given.draw else wanted:
        run = run_of(kind, seed, given.minutes, given.out / f"{kind}-{seed}")
        record.setdefault(kind, {})[str(seed)] = figures_of(run, seed)
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
        print(kind, seed, record[kind][str(seed)], flush=True)
    paths = {kind: given.out / f"{kind}-0" for kind in KINDS}
    draw({kind: load(path) for kind, path in paths.items() if (path / store.WEIGHTS).exists()})


if __name__ == "__main__":
    main()
