"""What orthogonal rows save of latents that are cut short.

    python -m experiments.truncation [--minutes 0.6] [--out runs/truncation]

`biggan` on digits by class, its matrices held to orthogonal rows not at all, as published, and a hundred times as
much, the same core-minutes each. Of 1,500 samples whose latents are cut to |z| ≤ τ the judge's score, which is of the
form of the inception score, and the Fréchet distance from test rows. A run that was stopped goes on.

References:
    Brock, Donahue & Simonyan, 2019, "Large scale GAN training for high fidelity natural image synthesis",
    arXiv:1809.11096
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch

import genzoo
from genzoo.data import Data, read
from genzoo.evaluation import frechet_of_features, judge_score, shipped_judge
from genzoo.zoo import load, resume, store
from genzoo.zoo.run import Run

RECORD = Path(__file__).parent / "records" / "truncation.json"
TAUS = (0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
ORTHOGONAL = (0.0, 1e-4, 1e-2)


def trained(orthogonal: float, data: Data, minutes: float, path: Path) -> Run:
    """A training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path)
    asked: dict[str, Any] = {"core_minutes": minutes, "device": "cpu", "settings": {"orthogonal": orthogonal}}
    return genzoo.train("biggan", data, out=path, **asked)


def truncation(minutes: float, out: Path) -> dict[str, Any]:
    """Scores and distances by τ, of each strength."""
    data, judge, found = read("digits", given="label"), shipped_judge("digits"), dict[str, Any]()
    reference = judge(data.test.x[:])
    label = torch.arange(1500) % 10
    found["real"] = {"score": [round(each or 0, 4) for each in judge_score(judge.probabilities(data.train.x[:]))]}
    for strength in ORTHOGONAL:
        run = trained(strength, data, minutes, out / f"orthogonal {strength:g}")
        rows = []
        for tau in TAUS:
            made = run.generative.sample(len(label), label, seed=0, truncation=tau)
            score, far = judge_score(judge.probabilities(made)), frechet_of_features(judge(made), reference)
            rows.append([tau, *(round(each or 0, 4) for each in (*score, far.value, far.error))])
        found[f"{strength:g}"] = {"rows": rows, "steps": run.metrics[-1]["step"]}
        print(strength, [[round(each or 0, 3) for each in row] for row in rows], flush=True)
    return found


def main() -> None:
    """Trains, measures, and keeps the record."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--minutes", type=float, default=0.6, help="of processor time, each")
    asked.add_argument("--out", type=Path, default=Path("runs/truncation"))
    asked.add_argument("--record", type=Path, default=RECORD)
    given = asked.parse_args()
    versions = {name: each for name, each in store.versions().items() if name != "platform"}
    found = {"minutes": given.minutes, "versions": versions} | truncation(given.minutes, given.out)
    given.record.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
