"""What energy matching knows of densities: its energy beside the truth, on four toys; digits for later.

    python -m experiments.energies toys [--minutes 2] [--only moons]
    python -m experiments.energies digits [--minutes 30]

*Toys.* The recipe `energy_matching` learns from 50,000 rows of a toy whose density is known. Of 4,000 other rows,
−V/ε is held against log p: their correlation, and the deviation of the difference in nats. Of as many samples the mean
log p under the truth stands beside that of true rows.

*Digits.* MNIST without classes: how sure the judge that comes with the package is of 2,000 samples (the share whose
likeliest class has 95 % or more, beside that of test rows), and their Fréchet distance from test rows. A run that was
stopped goes on.

References:
    Balcerak et al., 2025, "Energy matching: unifying flow matching and energy-based models for generative modeling",
    arXiv:2504.10612
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import genzoo
from experiments.clothes import distance
from genzoo.core import Noise
from genzoo.data.toy import density
from genzoo.evaluation import judge_made_for
from genzoo.zoo import Run, load, resume, store

RECORD = Path(__file__).parent / "records" / "energies.json"
TOYS = ("8gaussians", "moons", "rings", "spirals")
TRAINED, N, DIGITS, SURE = 50_000, 4000, 2000, 0.95


def run_of(data: Any, minutes: float, path: Path, **settings: Any) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path, data=data)
    return genzoo.train(
        "energy_matching", data, out=path, core_minutes=minutes, device="cpu", seed=0, settings=settings
    )


def toy(name: str, run: Run) -> dict[str, Any]:
    """The energy beside the truth, and samples under it."""
    law = density(name)
    x = law.draw(N, Noise(1, "test"))
    true, said = law.log_prob(x).double(), run.generative.log_prob(x).detach().double()
    drawn = law.log_prob(run.generative.sample(N, seed=1)).double()
    return {
        "correlation": round(torch.corrcoef(torch.stack([true, said]))[0, 1].item(), 4),
        "deviation": round((said - true).std().item(), 4),
        "deviation of log p": round(true.std().item(), 4),
        "log p of samples": round(drawn.clamp_min(-50).mean().item(), 4),
        "log p of rows": round(true.mean().item(), 4),
    }


def digits(run: Run) -> dict[str, Any]:
    """What the judge says of samples and of test rows."""
    data = genzoo.read("mnist")
    judge = judge_made_for(data)
    assert judge is not None

    def sure(x: Tensor) -> float:
        return round((judge.probabilities(x).amax(1) >= SURE).double().mean().item(), 4)

    x, reference = run.generative.sample(DIGITS, seed=0), judge(data.test.x[DIGITS:])
    return {
        "sure": sure(x),
        "sure of rows": sure(data.test.x[:DIGITS]),
        "frechet": distance(judge, x, reference),
        "frechet of rows": distance(judge, data.test.x[:DIGITS], reference),
    }


def main() -> None:
    """Trains what is missing, measures it, and keeps the record."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("part", choices=("toys", "digits"))
    asked.add_argument("--minutes", type=float, help="of processor time, for each")
    asked.add_argument("--only", choices=TOYS)
    asked.add_argument("--out", type=Path, default=Path("runs/energies"))
    given = asked.parse_args()
    names = ("digits",) if given.part == "digits" else (given.only,) if given.only else TOYS
    for name in names:
        minutes = given.minutes or (30.0 if name == "digits" else 2.0)
        data = genzoo.read("mnist" if name == "digits" else density(name).draw(TRAINED, Noise(0, "train")))
        run = run_of(data, minutes, given.out / name)
        found, last = digits(run) if name == "digits" else toy(name, run), run.metrics[-1]
        found |= {"steps": last["step"], "core_seconds": round(last["core_seconds"], 1)}
        found |= {"settings": run.config.recipe.arguments, "data": run.config.data.fingerprint}
        found["versions"] = {key: each for key, each in run.config.versions.items() if key != "platform"}
        known: dict[str, Any] = json.loads(RECORD.read_text()) if RECORD.exists() else {}
        RECORD.write_text(json.dumps(known | {name: found}, indent=1) + "\n")
        print(name, found, flush=True)


if __name__ == "__main__":
    main()
