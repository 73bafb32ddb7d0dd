"""What a diffusion leaves to be learned of known densities of the plane: its flow beside the truth.

    python -m experiments.planes [--only moons] [--minutes 1.5] [--out runs/planes]

The recipe `edm` is trained on 100,000 rows in batches of 512. Of 2,000 other rows the density under the flow is taken
with the exact trace, in 60 of Heun's steps; the mean of log p − log q over them is what is left, with its standard
error. It is an estimate: the steps and a blur of σ = 0.002 may bring it below zero. A run that was stopped goes on.

References:
    Song et al., 2021, arXiv:2011.13456
"""

import argparse
import json
from pathlib import Path

import genzoo
from genzoo.core import Noise
from genzoo.data.toy import density
from genzoo.models import Standardized
from genzoo.models.diffusion import Diffusion, flow_log_prob
from genzoo.zoo import Run, load, resume, store

NAMES, TRAINED, N = ("moons", "8gaussians", "checkerboard"), 100_000, 2000
RECORD = Path(__file__).parent / "records" / "planes.json"


def run_of(name: str, minutes: float, path: Path) -> Run:
    """The training: made, gone on with, or found finished."""
    data = genzoo.read(density(name).draw(TRAINED, Noise(0)))
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path, data=data)
    return genzoo.train("edm", data, out=path, core_minutes=minutes, batch_size=512, device="cpu")


def left(run: Run, name: str) -> dict[str, float]:
    """What is left to be learned, in nats."""
    truth, model = density(name), run.model
    assert isinstance(model, Standardized)
    assert isinstance(model.model, Diffusion)
    x = truth.draw(N, Noise(7))
    ours = flow_log_prob(model.model, model.inward(x), steps=60).value - model.scale.log().sum()
    off = truth.log_prob(x) - ours
    last = run.metrics[-1]
    return {
        "left": round(off.mean().item(), 4),
        "error": round(off.std().item() / N**0.5, 4),
        "steps": last["step"],
        "core_seconds": round(last["core_seconds"], 1),
    }


def main() -> None:
    """Trains what is asked for, measures it, and keeps the record."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--only", default=",".join(NAMES), help=", ".join(NAMES))
    asked.add_argument("--minutes", type=float, default=1.5, help="of processor time, for each")
    asked.add_argument("--out", type=Path, default=Path("runs/planes"))
    given = asked.parse_args()
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    for name in given.only.split(","):
        record[name] = left(run_of(name, given.minutes, given.out / name), name)
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
        print(name, record[name], flush=True)


if __name__ == "__main__":
    main()
