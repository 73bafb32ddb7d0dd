"""Averages of weights of any length, made after training, beside the last weights: clothes by class.

    python -m experiments.averages [--minutes 3] [--rate constant] [--out runs/averages]

The recipe `edm` is trained once on Fashion-MNIST with averages=true. Of each length that is rebuilt from what was
saved the loss is taken on validation rows, by which one is chosen, and on test rows, of which nothing is chosen; the
length 0 is the last weights. The rate of learning ends at zero, as the recipe has it, or stays. A run that was stopped
goes on.

References:
    Karras et al., 2024, "Analyzing and improving the training dynamics of diffusion models", arXiv:2312.02696
"""

import argparse
import json
from pathlib import Path

import genzoo
from genzoo.zoo import load, resume, store
from genzoo.zoo.averaging import best_average

RECORD = Path(__file__).parent / "records" / "averages.json"


def main() -> None:
    """Trains, tries lengths, and keeps the record."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--minutes", type=float, default=3.0, help="of processor time")
    asked.add_argument("--rate", default="cosine", choices=("cosine", "constant"))
    asked.add_argument("--out", type=Path, default=Path("runs/averages"))
    given = asked.parse_args()
    data, name = genzoo.read("fashion-mnist", given="label"), f"{given.rate}-{given.minutes:g}"
    path = given.out / name
    if (path / store.WEIGHTS).exists():
        run = load(path)
    elif (path / store.CONFIG).exists():
        run = resume(path)
    else:
        options = {"core_minutes": given.minutes, "averages": True, "schedule": given.rate, "device": "cpu"}
        run = genzoo.train("edm", data, out=path, **options)
    lasts = run.metrics[-1]
    chosen = best_average(run, data.valid)
    losses = {each.length: each.loss for each in best_average(run, data.test)}
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    record[name] = {
        "steps": lasts["step"],
        "core_seconds": round(lasts["core_seconds"], 1),
        "chosen": chosen[0].length,
        "valid": {f"{each.length:g}": round(each.loss, 5) for each in sorted(chosen)},
        "test": {f"{length:g}": round(loss, 5) for length, loss in sorted(losses.items())},
        "data": run.config.data.fingerprint,
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(record[name])


if __name__ == "__main__":
    main()
