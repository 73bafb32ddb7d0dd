"""A restricted Boltzmann machine on binarized MNIST: filters, samples, and the test likelihood with an interval.

Persistent contrastive divergence on pixels binarized anew in every epoch; log Z by annealed importance sampling, with
an interval; the test rows, binarized once, are scored with it. A machine whose log Ẑ is too low looks too good, so two
lengths of annealing stand side by side. The published machine of this size (500 hidden units, CD with 25 steps and far
longer training) reaches −86.34 nats on another binarization.

    python -m experiments.rbm [--core-minutes 5] [--hidden 500] [--temperatures 1000 10000]

References:
    Salakhutdinov & Murray, 2008, "On the quantitative analysis of deep belief networks" (table 1)
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any

from PIL import Image

from genzoo.data.picture import grid
from genzoo.evaluation.likelihood import score
from genzoo.models.graphical import RBM
from genzoo.zoo import load, resume, store, train
from genzoo.zoo.loading import Run
from genzoo.zoo.progress import Watch

RECORD = Path(__file__).parent / "records" / "rbm.json"
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "rbm.png"
SHOWN, CHAINS = 64, 100


def run_of(path: Path, core_minutes: float, hidden: int) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path, callbacks=[Watch(path.name)])
    return train(
        "rbm",
        "mnist",
        binarize="dynamic",
        out=path,
        settings={"hidden": hidden},
        callbacks=[Watch(path.name)],
        core_minutes=core_minutes,
        seed=0,
    )


def machine(run: Run) -> RBM:
    """The run's model."""
    if not isinstance(run.model, RBM):
        raise SystemExit(f"{run.path} must hold an RBM, got {type(run.model).__name__}. Name another folder.")
    return run.model


def likelihoods(model: RBM, run: Run, temperatures: list[int]) -> list[dict[str, Any]]:
    """Test log-probabilities under each estimate of log Z, the errors of rows and of log Ẑ apart."""
    rows, found = run.data().test, []
    for count in temperatures:
        annealed = model.estimate_log_z(chains=CHAINS, temperatures=count)[0]
        nats = score(model, rows)
        low, high = annealed.interval
        mean = nats.mean().item()
        found.append(
            {
                "temperatures": count,
                "chains": CHAINS,
                "log_z": annealed.log_z,
                "log_z_interval": [low, high],
                "ess_of_the_weights": annealed.ess,
                "trouble": annealed.trouble,
                "test_rows": len(nats),
                "test_log_prob": mean,
                "error_over_rows": (nats.std() / math.sqrt(len(nats))).item(),
                "interval_of_log_z": [mean + annealed.log_z - high, mean + annealed.log_z - low],
            }
        )
        print(found[-1])
    return found


def picture(model: RBM) -> Image.Image:
    """Filters on the left, samples on the right."""
    strongest = model.weight.detach().square().sum(1).argsort(descending=True)[:SHOWN]
    filters = model.filters()[strongest]
    samples = 255 * model.sample(SHOWN, seed=0, sweeps=1000)
    left, right = (grid(pixels, columns=8) for pixels in (filters, samples))
    both = Image.new("L", (left.width + right.width + 12, max(left.height, right.height)), 255)
    both.paste(left, (0, 0))
    both.paste(right, (left.width + 12, 0))
    return both


def main() -> None:
    """Trains, measures, draws, and keeps the record."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--core-minutes", type=float, default=5.0)
    asked.add_argument("--hidden", type=int, default=500)
    asked.add_argument("--temperatures", type=int, nargs="+", default=[1000, 10_000])
    asked.add_argument("--out", type=Path, default=Path("runs/rbm-mnist"))
    asked.add_argument("--trial", action="store_true", help="print, and keep no record")
    given = asked.parse_args()
    run = run_of(given.out, given.core_minutes, given.hidden)
    model = machine(run)
    figures = likelihoods(model, run, given.temperatures)
    drawn = picture(model)
    if given.trial:
        drawn.save(given.out / "filters-and-samples.png")
        return
    drawn.save(PICTURE)
    record = {
        "experiment": "RBM on binarized MNIST by persistent contrastive divergence",
        "settings": run.config.recipe.arguments,
        "train": run.config.train.model_dump(mode="json"),
        "steps": run.metrics[-1]["step"],
        "core_seconds": run.metrics[-1]["core_seconds"],
        "data": run.config.data.fingerprint,
        "versions": run.config.versions,
        "figures": figures,
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(RECORD, PICTURE)


if __name__ == "__main__":
    main()
