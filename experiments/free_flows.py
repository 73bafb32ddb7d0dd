"""What flows without masks or splits leave to be learned of known densities of the plane.

    python -m experiments.free_flows [--only residual_flow] [--data 8gaussians] [--minutes 3] [--out runs/free-flows]

Each recipe is trained on 100,000 rows with its own settings. Of 10,000 other rows the mean of log p − log q is what is
left, with its standard error; and x is brought back from z, from data and from ten times as far out. A run that was
stopped goes on; what stands in the record is not made again.

References:
    Grathwohl et al., 2019, arXiv:1810.01367; Chen et al., 2019, arXiv:1906.02735
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch

import genzoo
from genzoo.core import Noise
from genzoo.data.toy import density
from genzoo.zoo import Run, load, resume, store
from genzoo.zoo.progress import Watch

RECIPES, DATA = ("residual_flow", "ffjord"), ("8gaussians", "grid", "checkerboard")
TRAINED, N = 100_000, 10_000
RECORD = Path(__file__).parent / "records" / "free-flows.json"


def run_of(recipe: str, name: str, minutes: float, path: Path) -> Run:
    """The training: made, gone on with, or found finished."""
    data = genzoo.read(density(name).draw(TRAINED, Noise(0)))
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path, data=data, callbacks=[Watch(path.name)])
    return genzoo.train(recipe, data, out=path, core_minutes=minutes, device="cpu", callbacks=[Watch(path.name)])


def left(run: Run, name: str) -> dict[str, Any]:
    """What is left to be learned, in nats, and how well the way back is found."""
    truth, model = density(name), run.model
    x = truth.draw(N, Noise(7))
    with torch.no_grad():
        off = truth.log_prob(x) - model.log_prob(x)
        near = (model.decode(model.encode(x[:1000])) - x[:1000]).abs().max()
        far = (model.decode(model.encode(10 * x[:1000])) - 10 * x[:1000]).abs().max()
    last = run.metrics[-1]
    return {
        "left": round(off.mean().item(), 4),
        "error": round(off.std().item() / N**0.5, 4),
        "x comes back": {"of data": float(f"{near:.2g}"), "ten times as far": float(f"{far:.2g}")},
        "steps": last["step"],
        "core_seconds": round(last["core_seconds"], 1),
        "settings": run.config.recipe.arguments,
        "versions": {name: each for name, each in run.config.versions.items() if name != "platform"},
    }


def main() -> None:
    """Trains what is asked for, measures it, and keeps the record."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--only", nargs="+", default=list(RECIPES), help=", ".join(RECIPES))
    asked.add_argument("--data", nargs="+", default=list(DATA), help=", ".join(DATA))
    asked.add_argument("--minutes", type=float, default=3, help="of processor time, for each")
    asked.add_argument("--out", type=Path, default=Path("runs/free-flows"))
    given = asked.parse_args()
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    for name in given.data:
        for recipe in given.only:
            title = f"{recipe} on {name}"
            if title not in record:
                record[title] = left(run_of(recipe, name, given.minutes, given.out / title.replace(" ", "-")), name)
                RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
            print(title, record[title], flush=True)


if __name__ == "__main__":
    main()
