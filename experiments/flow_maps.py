"""What flow maps make of one call of a network and of a few, beside the flow that they were learned with.

    python -m experiments.flow_maps board [--minutes 10]       samples of a checkerboard
    python -m experiments.flow_maps density [--minutes 3]      densities of eight Gaussians
    python -m experiments.flow_maps clothes [--minutes 15] [--valid]      Fashion-MNIST by class

*Board.* The recipe `flow_map` learns the checkerboard from 100,000 rows. 50,000 samples by 1, 2, 4, 8 and 16 calls are
counted in 50 × 50 boxes, a quarter wider each way than the board, and KL(p ‖ q) is taken from the true masses of the
boxes to the shares of the samples; as published, 10⁻⁸ is added to the densities of boxes. Beside stand samples by 50
calls along the flow of the same network, and as many true rows.

*Density.* With `divergence`, log p of 2,000 test rows by 1 to 16 jumps, beside that of the flow of the same network by
200 of Heun's steps with the exact trace, and beside the truth.

*Clothes.* 2,000 samples of the classes of test rows by 1, 2 and 4 calls, and by 50 along the flow of the same network:
the Fréchet distance from the other test rows in the judge's features. With `--valid` all is measured on validation
rows, and the record stays beside the run. A run that was stopped goes on.

References:
    Boffi, Albergo & Vanden-Eijnden, 2025, "How to build a consistency model: learning flow maps via
    self-distillation", arXiv:2505.18825 (the board)
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import genzoo
from experiments.clothes import labels_of, verdict
from genzoo.core import Noise
from genzoo.data.toy import density
from genzoo.evaluation import judge_made_for
from genzoo.models import Standardized
from genzoo.models.diffusion import FlowMap, flow_log_prob
from genzoo.zoo import Run, load, resume, store

RECORD = Path(__file__).parent / "records" / "flow_maps.json"
TRAINED, N, BOXES, WIDE, FLOW = 100_000, 50_000, 50, 5.0, {"sampler": "heun", "steps": 25}
POINTS = {"pairs": "nearest", "width": 192}
OPTIONS = {
    "board": {"settings": POINTS, "batch_size": 256, "lr": 3e-3},
    "density": {"settings": POINTS | {"divergence": True}, "batch_size": 256, "lr": 3e-3},
    "clothes": {},
}
MINUTES = {"board": 10.0, "density": 3.0, "clothes": 15.0}
TOYS = {"board": "checkerboard", "density": "8gaussians"}


def run_of(part: str, data: Any, minutes: float, path: Path) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path, **({"data": data} if part in TOYS else {}))
    options: dict[str, Any] = {"core_minutes": minutes, "device": "cpu", "seed": 0} | OPTIONS[part]
    return genzoo.train("flow_map", data, out=path, **options)


def divergence(x: Tensor) -> float:
    """KL from the board's masses of boxes to the shares of samples."""
    cell = 2 * WIDE / BOXES
    centers = (torch.arange(BOXES) + 0.5) * cell - WIDE
    true = density("checkerboard").log_prob(torch.cartesian_prod(centers, centers)).double().exp()
    counts = torch.histogramdd(x.double(), [BOXES, BOXES], range=[-WIDE, WIDE, -WIDE, WIDE]).hist.flatten()
    p, q = true * cell**2, counts / len(x) + 1e-8 * cell**2
    return round(torch.where(p > 0, p * (p / q).log(), 0.0).sum().item(), 4)


def board(run: Run, _: bool) -> dict[str, Any]:
    """Divergences by calls."""

    def drawn(**options: Any) -> float:
        return divergence(run.generative.sample(N, seed=1, **options))

    true = density("checkerboard").draw(N, Noise(1, "floor"))
    found = {"calls": {calls: drawn(steps=calls) for calls in (1, 2, 4, 8, 16)}}
    return found | {"flow, 50 calls": drawn(**FLOW), "true rows": divergence(true)}


def densities(run: Run, _: bool) -> dict[str, Any]:
    """By how much log p by jumps misses that of the flow, and both the truth, in nats."""
    model, law = run.generative, density("8gaussians")
    assert isinstance(model, Standardized)
    inner = model.model
    assert isinstance(inner, FlowMap)
    x = law.draw(2000, Noise(1, "test"))
    unit = model.log_prob(x) - inner.log_prob(model.within(x, {})[0])
    flow = flow_log_prob(inner.flow, model.within(x, {})[0], steps=200).value + unit
    with torch.no_grad():
        jumps = {steps: model.log_prob(x, steps=steps) for steps in (1, 2, 4, 8, 16)}
    means = {steps: round((each - flow).mean().item(), 4) for steps, each in jumps.items()}
    spread = {steps: round((each - flow).abs().mean().item(), 4) for steps, each in jumps.items()}
    return {
        "less the flow's, the mean": means,
        "less the flow's, the mean size": spread,
        "the flow's": round(flow.mean().item(), 4),
        "the truth": round(law.log_prob(x).mean().item(), 4),
    }


def clothes(run: Run, valid: bool) -> dict[str, Any]:
    """Distances and fidelity by calls."""
    data = genzoo.read("fashion-mnist", given="label")
    judge, rows = judge_made_for(data), data.valid if valid else data.test
    assert judge is not None
    n = min(2000, len(rows.x) // 3)
    labels, reference = labels_of(rows)[:n], judge(rows.x[n:])

    def drawn(**options: Any) -> dict[str, Any]:
        return verdict(judge, run.generative.sample(n, labels, seed=0, **options), labels, reference)

    floor = verdict(judge, rows.x[:n], labels, reference)
    found = {"calls": {calls: drawn(steps=calls) for calls in (1, 2, 4)}}
    return found | {"flow, 50 calls": drawn(**FLOW), "rows": floor, "n": n}


def main() -> None:
    """Trains what is missing, measures it, and keeps the record."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("part", choices=MINUTES)
    asked.add_argument("--minutes", type=float, help="of processor time")
    asked.add_argument("--out", type=Path, default=Path("runs/flow_maps"))
    asked.add_argument("--valid", action="store_true", help="on validation rows, the record beside the run")
    given = asked.parse_args()
    part, minutes = given.part, given.minutes or MINUTES[given.part]
    path, record = given.out / part, given.out / "valid.json" if given.valid else RECORD
    if part in TOYS:
        data = genzoo.read(density(TOYS[part]).draw(TRAINED, Noise(0, "train")))
    else:
        data = genzoo.read("fashion-mnist", given="label")
    run = run_of(part, data, minutes, path)
    found = {"board": board, "density": densities, "clothes": clothes}[part](run, given.valid)
    last = run.metrics[-1]
    found |= {"steps": last["step"], "core_seconds": round(last["core_seconds"], 1)}
    found |= {"settings": run.config.recipe.arguments, "data": run.config.data.fingerprint}
    found["versions"] = {name: each for name, each in run.config.versions.items() if name != "platform"}
    known: dict[str, Any] = json.loads(record.read_text()) if record.exists() else {}
    record.write_text(json.dumps(known | {part: found}, indent=1) + "\n")
    print(part, found)


if __name__ == "__main__":
    main()
