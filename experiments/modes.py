"""Which modes a model loses: the ring of 8 and the grid of 25 by the metrics of VEEGAN and PacGAN, and their picture.

Every model has a generator and a critic of perceptrons with three layers of 128, two latents, batches of 256 and a
minute of one core; its settings are those of its recipe but for the rates, which are for hundreds of thousands of
rounds. The points are fresh ones, 100,000 of each density; 2,500 samples are judged. What has a name with a number of
minutes behind it, r3gan or drifting, has its recipe's own settings, and steps of its latents.

    python -m experiments.modes [--only r3gan,gan] [--data ring grid] [--minutes 1]
    python -m experiments.modes --only r3gan:2 --data ring      the GAN to begin with, two minutes
    python -m experiments.modes --draw                          the picture alone, from the record

A run that was stopped goes on; what stands in the record is not made again.

References:
    Srivastava et al., 2017, "VEEGAN: reducing mode collapse in GANs", arXiv:1705.07761
    Lin et al., 2018, "PacGAN: the power of two samples in generative adversarial networks", arXiv:1712.04086
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from experiments.drawing import COLORS, IMAGES, save
from genzoo.core import Noise
from genzoo.data import toy
from genzoo.evaluation import mode_coverage
from genzoo.zoo import load, resume, store, train
from genzoo.zoo.progress import Watch
from genzoo.zoo.run import Run

POINTS, SAMPLES, SHOWN = 100_000, 2_500, 400
OWN, LONGER = {"latent": 2, "latent_octaves": 4}, ("r3gan", "drifting")
DENSITIES = ("ring", "grid")
NETS = {"latent": 2, "hidden": 128, "depth": 3}
FIELD: dict[str, tuple[str, dict[str, Any]]] = {
    "gan": ("gan", {"lr": 5e-4}),
    "ali": ("ali", {"lr": 5e-4}),
    "unrolled_gan": ("unrolled_gan", {"lr": 5e-4}),
    "veegan": ("veegan", {"lr": 5e-4}),
    "pacgan": ("gan", {"lr": 5e-4, "pack": 4}),
    "wgan": ("wgan", {"lr": 5e-4, "clip": 0.1}),
    "wgan_gp": ("wgan_gp", {"lr": 5e-4, "penalty": 0.1}),
    "r3gan": ("r3gan", {}),
    "drifting": ("drifting", {}),
}
RECORD = Path(__file__).parent / "records" / "modes.json"


def run_of(name: str, data: str, minutes: float, seed: int, path: Path) -> Run:
    """The training of a model on a density: made, gone on with, or found finished."""
    points = toy.density(data).draw(POINTS, Noise(0, data))
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path, data=points, callbacks=[Watch(path.name)])
    kind, _, own = name.partition(":")
    recipe, settings = FIELD[kind]
    settings, rows = (OWN, {}) if own else (NETS | settings, {"batch_size": 256})
    options: dict[str, Any] = {"core_minutes": minutes, "seed": seed, "device": "cpu", **rows}
    return train(recipe, points, out=path, settings=settings, callbacks=[Watch(path.name)], **options)


def figures_of(run: Run, data: str, seed: int) -> dict[str, Any]:
    """What is measured of a run, with some of its samples."""
    density = toy.density(data)
    x = run.model.sample(SAMPLES, seed=seed)
    found = mode_coverage(x, density.means.float(), density.scale)
    last = run.metrics[-1]
    return {
        "modes": found.captured,
        "high_quality": list(found.quality),
        "reverse_kl": list(found.divergence),
        "spread": list(found.spread),
        "floors": {"high_quality": found.quality_floor, "reverse_kl": found.divergence_floor},
        "rounds": last["step"],
        "core_seconds": round(last["core_seconds"], 1),
        "settings": run.config.recipe.arguments,
        "data": run.config.data.fingerprint,
        "versions": {name: each for name, each in run.config.versions.items() if name != "platform"},
        "shown": [[round(value, 2) for value in row] for row in x[:SHOWN].tolist()],
    }


def kept(record: Path) -> dict[str, Any]:
    """The record so far."""
    return json.loads(record.read_text()) if record.exists() else {}


def keep(record: Path, name: str, figures: dict[str, Any]) -> None:
    """Adds to the record."""
    entries = kept(record) | {name: figures}
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in sorted(entries.items())]
    record.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def draw(record: dict[str, Any]) -> None:
    """Samples of every model beside the data, a row for each density, with what each of them reaches."""
    columns = {name: [_of(record, name, data) for data in DENSITIES] for name in (*FIELD, *(f"{n}:" for n in LONGER))}
    columns = {name: found for name, found in columns.items() if any(found)}
    figure = Figure(figsize=(1.75 * (len(columns) + 1), 4.1))
    rows = figure.subplots(2, len(columns) + 1, squeeze=False)
    for number, data in enumerate(DENSITIES):
        density = toy.density(data)
        shown = [density.draw(SHOWN, Noise(0, data)).tolist()]
        shown += [found[number]["shown"] if found[number] else [] for found in columns.values()]
        for place, name, points in zip(rows[number], ["data", *columns], shown, strict=True):
            x = torch.tensor(points).reshape(-1, 2)
            place.scatter(x[:, 0], x[:, 1], s=2, color=COLORS[0 if name == "data" else 1], linewidths=0)
            place.set(xticks=[], yticks=[], aspect="equal", xlim=_limits(density, 0), ylim=_limits(density, 1))
            place.set_title("" if number else name.replace(":", ", longer"), fontsize=9)
            if name != "data" and (found := columns[name][number]):
                share = found["high_quality"][0]
                place.set_xlabel(f"{found['modes']} of {len(density.means)}, {share:.1%}", fontsize=8)
    save(figure, "modes", RECORD)


def _of(record: dict[str, Any], name: str, data: str) -> dict[str, Any] | None:
    """What stands of a model's first seed; of a name with a colon, after whatever number of minutes."""
    titles = [
        key for key in record if key.endswith(f" on {data}") and key.startswith(name if ":" in name else f"{name} ")
    ]
    return record[titles[0]] if titles else None


def _limits(density: Any, axis: int) -> tuple[float, float]:
    low, high = density.low[axis], density.high[axis]
    return 1.25 * low, 1.25 * high


def main() -> None:
    """Trains what is asked for, measures it, keeps the record, and draws it."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--only", default=",".join(FIELD), help="models by name, with :MINUTES for their own settings")
    asked.add_argument("--data", nargs="+", default=list(DENSITIES))
    asked.add_argument("--minutes", type=float, default=1.0)
    asked.add_argument("--seeds", type=int, nargs="+", default=[0])
    asked.add_argument("--out", type=Path, default=Path("runs/modes"))
    asked.add_argument("--draw", action="store_true")
    asked.add_argument("--record", type=Path, default=RECORD, help="where figures go; of another, nothing is drawn")
    given = asked.parse_args()
    jobs = [(n, d, s) for s in given.seeds for n in given.only.split(",") for d in given.data] * (not given.draw)
    for name, data, seed in jobs:
        title = f"{name} on {data}" + (f", seed {seed}" if seed else "")
        if title not in kept(given.record):
            minutes = float(name.partition(":")[2] or given.minutes)
            run = run_of(name, data, minutes, seed, given.out / title.replace(" ", "-").replace(":", "-"))
            keep(given.record, title, figures_of(run, data, seed))
        found = kept(given.record)[title]
        print(f"{title}: {found['modes']} modes, {found['high_quality'][0]:.3f} of high quality,", end=" ")
        print(f"KL {found['reverse_kl'][0]:.4f}, spread {found['spread'][0]:.3f}, {found['rounds']:,} rounds")
    if given.record == RECORD:
        draw(kept(RECORD))
        print(IMAGES / "modes.png")
    print(given.record)


if __name__ == "__main__":
    main()
