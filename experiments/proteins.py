"""Proteins: the likelihood of sequences of antibodies, and backbones by flow matching of their frames.

    python -m experiments.proteins --sequences [--minutes 20]
    python -m experiments.proteins --windows [--minutes 60] [--samples 1000]

`gpt` learns heavy chains letter by letter; beside its nats a residue stand those of single letters and of an
interpolated 5-gram, whose discount is chosen on validation chains. `se3_flow_matching` learns windows of 32 residues,
cut from these chains and from 50 varied proteins; how fast rotations are settled is chosen by the bonds and clashes of
a few samples, and its samples are measured beside test windows, and beside test
windows whose atoms are put back from their frames. A run that was stopped goes on.

References:
    Jin et al., 2022, "Iterative refinement graph neural network for antibody sequence-structure co-design",
        arXiv:2110.04624 (the chains)
    Kneser & Ney, 1995, "Improved backing-off for M-gram language modeling" (interpolated, with one discount)
"""

import argparse
import collections
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

import genzoo
from genzoo.core import GenerativeModel, Sequential
from genzoo.data import Data
from genzoo.data.proteins.drawing import ramachandran_svg, ribbons_svg
from genzoo.distributions.estimate import Estimate, mean_of
from genzoo.distributions.resampling import share_of
from genzoo.evaluation import backbone_geometry, clusters_of, nearest_backbones, ramachandran_distance
from genzoo.models.stepping import entry_log_probs
from genzoo.nn.rigid import atoms_of, bend_of, frames_of
from genzoo.zoo import Run, load, recipe_named, resume, store

RECORDS, IMAGES = Path(__file__).parent / "records", Path(__file__).parents[1] / "docs" / "images"
ORDER, DISCOUNTS = 5, (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
REGIONS = ("framework", "CDR-H1", "CDR-H2", "CDR-H3")
LENGTH, COMPARED, SHOWN, CLOSE = 32, 200, 6, 0.5  # residues; windows whose neighbors are sought; drawn; Å of a copy
RATES, TRIED, STEPS = (0.0, 3.0, 10.0), 64, 50  # how fast rotations are settled, chosen beside validation windows
Law = Callable[[Sequence[int], int], float]


def run_of(path: Path, recipe: str, data: Data, minutes: float, **settings: Any) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path)
    return genzoo.train(recipe, data, out=path, core_minutes=minutes, seed=0, device="cpu", **settings)


def keep(**found: Any) -> None:
    """Adds to the record."""
    record = RECORDS / "proteins.json"
    kept = json.loads(record.read_text()) if record.exists() else {}
    record.write_text(json.dumps(kept | found, indent=1) + "\n")
    print(json.dumps(found, indent=1), flush=True)


def costs(run: Run) -> dict[str, Any]:
    """What a training took."""
    last = run.metrics[-1]
    return {"steps": last["step"], "core_seconds": round(last["core_seconds"], 1), "data": run.config.data.fingerprint,
            "parameters": sum(each.numel() for each in run.model.parameters())}  # fmt: skip


# --- sequences ------------------------------------------------------------------------------------------------------


def counted(rows: Sequence[Sequence[int]], order: int) -> dict[tuple[int, ...], collections.Counter[int]]:
    """How often each symbol follows each of the up to order − 1 symbols before it."""
    found: dict[tuple[int, ...], collections.Counter[int]] = collections.defaultdict(collections.Counter)
    for row in rows:
        for t, symbol in enumerate(row):
            for k in range(order):
                if k <= t:
                    found[tuple(row[t - k : t])][symbol] += 1
    return found


def n_gram(rows: Sequence[Sequence[int]], symbols: int, order: int, discount: float) -> Law:
    """p(symbol | before), each order less a discount and the rest by the next lower one; the lowest is uniform."""
    counts = counted(rows, order)

    def law(before: Sequence[int], symbol: int) -> float:
        p = 1 / symbols
        for k in range(min(order - 1, len(before)) + 1):
            seen = counts.get(tuple(before[len(before) - k :]))
            if seen:
                total = seen.total()
                p = max(seen[symbol] - discount, 0) / total + discount * len(seen) / total * p
        return p

    return law


def nats(rows: Sequence[Sequence[int]], law: Law) -> list[list[float]]:
    """−log p of every symbol of rows."""
    return [[-math.log(law(row[:t], symbol)) for t, symbol in enumerate(row)] for row in rows]


def shared(row: Sequence[int], others: Sequence[Sequence[int]]) -> list[float]:
    """The longest common subsequence of a row with each of others, as a share of the longer of both."""
    longest = max(map(len, others))
    table = torch.tensor([[*other, *[-1] * (longest - len(other))] for other in others])
    best = torch.zeros(len(others), longest + 1, dtype=torch.int16)
    for symbol in row:
        best[:, 1:] = torch.maximum(best[:, 1:], best[:, :-1] + (table == symbol))
        best = best.cummax(1).values
    return [k / max(len(row), len(other)) for k, other in zip(best[:, -1].tolist(), others, strict=True)]


def told(losses: list[list[float]], regions: list[list[int]]) -> dict[str, Any]:
    """Nats a residue, the end of a chain counted with it, with the error over chains; those of regions, and the
    perplexity of CDR-H3."""
    each = torch.tensor([sum(row) / len(region) for row, region in zip(losses, regions, strict=True)])
    length = sum(map(len, regions))
    found: dict[str, Any] = {"nats": round(sum(map(sum, losses)) / length, 4), "error": _told(mean_of(each))[1]}
    for number, name in enumerate(REGIONS):
        inside = [x for row, region in zip(losses, regions, strict=True)
                  for x, kind in zip(row, region, strict=False) if kind == number]  # fmt: skip
        found[name] = round(sum(inside) / len(inside), 4)
    return found | {"perplexity of CDR-H3": round(math.exp(found["CDR-H3"]), 2)}


def sequences(path: Path, minutes: float) -> None:
    """Trains what is missing, and measures it beside letters and 5-grams."""
    data = genzoo.read("antibody-vh/vh.npz", x="seq", given="cdr")
    levels, ends = data.space.levels or 0, data.space.dims
    rows = {split: [[*(s for s in row if s < levels), levels][:ends] for row in data.x[index].tolist()]
            for split, index in data.splits.items()}  # fmt: skip
    assert isinstance(data.given, Tensor)
    regions = {split: [[k for k in row if k < len(REGIONS)] for row in data.given[index].tolist()]
               for split, index in data.splits.items()}  # fmt: skip
    best = min(DISCOUNTS, key=lambda d: told(nats(rows["valid"], n_gram(rows["train"], levels + 1, ORDER, d)),
                                             regions["valid"])["nats"])  # fmt: skip
    laws = {
        "letters": n_gram(rows["train"], levels + 1, 1, 0.0),
        "5-gram": n_gram(rows["train"], levels + 1, ORDER, best),
    }
    found: dict[str, Any] = {name: told(nats(rows["test"], law), regions["test"]) for name, law in laws.items()}
    plain = genzoo.read("antibody-vh/vh.npz", x="seq")
    run = run_of(path, "gpt", plain, minutes, batch_size=32, **{"dropout": 0.3})
    chain = run.generative.able(Sequential)
    for split in ("valid", "test"):
        with torch.no_grad():
            scores = entry_log_probs(chain, data.x[data.splits[split]].long())
        losses = [(-scores[k, : len(row)]).tolist() for k, row in enumerate(rows[split])]
        found[f"gpt, {split}"] = told(losses, regions[split])
    alike = torch.tensor([max(shared(row, rows["train"])) for row in rows["test"]])
    keep(sequences=found | {"discount": best, "identity": round(alike.median().item(), 3)} | costs(run))


# --- windows --------------------------------------------------------------------------------------------------------


def measured(x: Tensor, real: Tensor, known: Tensor) -> dict[str, Any]:
    """Everything that is told of backbones: geometry, torsions beside real ones, variety, what they are near to."""
    geometry = backbone_geometry(x)
    far, _ = nearest_backbones(x[:COMPARED], known)
    return {name: _told(value) for name, value in geometry._asdict().items()} | {
        "windows": len(x), "ramachandran": round(ramachandran_distance(x, real), 4),
        "clusters": clusters_of(x[:COMPARED]), "of": min(COMPARED, len(x)),
        "nearest": round(far.median().item(), 3), "close": _told(share_of(far < CLOSE)),
    }  # fmt: skip


def unfinished(path: Path, data: Data) -> tuple[GenerativeModel, dict[str, Any]]:
    """The averaged weights of a training that has stopped before its end, and how far it came."""
    config = store.read_config(path)
    newest = max((path / "checkpoints").iterdir())
    model = recipe_named(config.recipe.name)(data.space, None, **config.recipe.arguments).model
    average = load_file(newest / "average.safetensors")
    model.load_state_dict({name: average[f"module.{name}"] for name in model.state_dict()})
    step = int(newest.name.partition("-")[2])
    rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    spent = max(row["core_seconds"] for row in rows if row["step"] <= step)
    found = {"steps": step, "of steps": config.train.steps, "data": config.data.fingerprint}
    found |= {"core_seconds": spent, "parameters": sum(each.numel() for each in model.parameters())}
    assert isinstance(model, GenerativeModel)
    return model, found


def windows(path: Path, minutes: float, n: int, *, interim: bool) -> None:
    """Trains what is missing, draws samples, and measures them beside windows that were never seen."""
    data = genzoo.read("antibody-vh", x="xyz", window=LENGTH)
    if interim:
        model, cost = unfinished(path, data)
    else:
        run = run_of(path, "se3_flow_matching", data, minutes)
        model, cost = run.generative, costs(run)
    train, test = (data.x[data.splits[split]] for split in ("train", "test"))
    order = (
        torch.arange(len(test)) * 7919 % len(test)
    )  # windows of a chain apart, so that those taken are of all chains
    real, rest = test[order[:n]], test[order[n:]]
    put_back = atoms_of(*frames_of(real), bend_of(real))
    valid = data.x[data.splits["valid"]][:: len(data.splits["valid"]) // n]
    tried = {c: model.sample(TRIED, seed=1, steps=STEPS, rate=c) for c in RATES}
    off = {c: round(ramachandran_distance(x, valid), 4) for c, x in tried.items()}
    bonds = {c: [round(part.value, 4) for part in backbone_geometry(x)[:3]] for c, x in tried.items()}
    best = max(RATES, key=lambda c: (sum(bonds[c]), -off[c]))
    drawn = model.sample(n, seed=0, steps=STEPS, rate=best)
    data.codec.save(drawn[:100], path / "drawn.pdb")
    rows = {"test windows": real, "put back from frames": put_back, "samples": drawn}
    found = {name: measured(x, rest, train) for name, x in rows.items()}
    floors = {"train against test": ramachandran_distance(train[:: len(train) // n], rest),
              "bonds with the ideal angle": backbone_geometry(atoms_of(*frames_of(real))).bond.value}  # fmt: skip
    rates = {"torsions": off, "geometry": bonds, "chosen": best}
    keep(
        windows=found
        | {"rates": rates, "steps of a sample": STEPS}
        | {"floors": {name: round(value, 4) for name, value in floors.items()}}
        | cost
    )
    (IMAGES / "ramachandran.svg").write_text(ramachandran_svg({"test windows": real, "samples": drawn}))
    captions = [*["test window"] * SHOWN, *["sample"] * SHOWN]
    (IMAGES / "backbones.svg").write_text(ribbons_svg([*real[:SHOWN], *drawn[:SHOWN]], captions, columns=SHOWN))


def _told(estimate: Estimate) -> list[float | None]:
    value, error = estimate
    return [round(value, 4), None if error is None else round(error, 4)]


def main() -> None:
    """Measures sequences, or windows."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--sequences", action="store_true", help="letters of heavy chains")
    asked.add_argument("--windows", action="store_true", help="backbones of 32 residues")
    asked.add_argument("--minutes", type=float, help="of processor time; by default 20 and 60")
    asked.add_argument("--interim", action="store_true", help="measure a training of windows that has not ended")
    asked.add_argument("--samples", type=int, default=1000)
    asked.add_argument("--out", type=Path, default=Path("runs/proteins"))
    given = asked.parse_args()
    torch.set_num_threads(1)
    if given.sequences:
        sequences(given.out / "sequences", given.minutes or 20)
    if given.windows:
        windows(given.out / "windows", given.minutes or 60, given.samples, interim=given.interim)


if __name__ == "__main__":
    main()
