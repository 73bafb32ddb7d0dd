"""Molecules asked for by what they should be like, and what RDKit says of those that come.

    python -m experiments.molecules --unit atoms [--minutes 40]
    python -m experiments.molecules --unit selfies
    python -m experiments.molecules --draw

`gpt` learns ZINC 250k, given logP and QED, as SMILES cut into atoms or as SELFIES. Drawn without a wish its molecules
are held against held-out ones; floors are training molecules in their place. Then it is asked for each of a grid of
wishes near which there are training molecules. Beside the errors stand those of the same molecules with their wishes
shuffled, and of the training molecule that is nearest to a wish, which no model need learn. A run that was stopped
goes on.

References:
    Bagal, Aggarwal, Vinod & Priyakumar, 2022, "MolGPT: molecular generation using a transformer-decoder model",
    J. Chem. Inf. Model. 62 (gpt given properties)
    Polykovskiy et al., 2020, "Molecular Sets (MOSES): a benchmarking platform …", arXiv:1811.12823
"""

import argparse
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

import genzoo
from genzoo.core.noise import Noise
from genzoo.data import Data
from genzoo.data.chemistry import properties_of, rdkit, read_molecule
from genzoo.data.structures import as_svg
from genzoo.evaluation.molecules import (
    Canonical,
    canonical,
    molecule_metrics,
    novel,
    property_distances,
    unique_at,
    valid,
)
from genzoo.zoo import Run, load, resume, store

RECORDS, IMAGES = Path(__file__).parent / "records", Path(__file__).parents[1] / "docs" / "images"
ASKED = ("logP", "QED")
LOGP, QED = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0), (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
NEAR, ENOUGH = (0.5, 0.05), 200  # how far around a wish training molecules count, and how many there must be
FAR = {"logP": 8.0, "QED": 0.9}
PIECE = 1000  # molecules that are drawn together
FEW = 2000  # molecules whose properties and diversity are told
TEMPERATURES = (1.0, 0.8)  # at which wishes are asked for
SCAFFOLD = "c1ccc2[nH]ccc2c1"  # indole, as molecules begin with it
WITHIN = (3.0, 0.8)  # the wish that goes with it
SHOWN = ((0.0, 0.6), (2.0, 0.9), (5.0, 0.5))  # wishes that are drawn, a row each


def data_of(unit: str) -> Data:
    """The molecules, as a run reads them."""
    return genzoo.read("zinc250k", unit=unit, given=list(ASKED))


def run_of(path: Path, data: Data, minutes: float) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path)
    return genzoo.train("gpt", data, out=path, core_minutes=minutes, batch_size=64, seed=0, device="cpu")


def drawn(run: Run, wishes: Float[Tensor, "n 2"] | None, n: int, seed: int, **options: Any) -> list[str]:
    """Molecules as text, those of a wish or of none."""
    texts = list[str]()
    for first in range(0, n, PIECE):
        part = slice(first, min(n, first + PIECE))
        given = None if wishes is None else dict(zip(ASKED, wishes[part].T, strict=True))
        x = run.generative.sample(part.stop - first, given, seed=seed, start=first, **options)
        texts += run.codec.texts(x)
    return texts


def freely(run: Run, data: Data, train: Canonical, n: int) -> dict[str, Any]:
    """What molecules without a wish are like, floors, and how likely test molecules are."""
    made, few = drawn(run, None, n, 0), min(n, FEW)
    real, learned = (texts_of(data, split, few) for split in ("test", "train"))
    found = molecule_metrics(made[:few], real, train)
    with torch.no_grad():
        nats = -run.generative.log_prob(*data.test.gather(torch.arange(few))).double()
    there = sum(text is not None for text in canonical(made))
    return {
        "samples": n, "valid": _told(valid(made)), f"unique@{there}": _told(unique_at(made, there)),
        "novel": _told(novel(made, train)), "looked at": few, "diversity": _told(found.diversity),
        "distances": {name: _told(each) for name, each in found.distances.items()},
        "floors": {name: _told(each) for name, each in property_distances(learned, real).items()},
        "nats a test molecule, given": [round(nats.mean().item(), 3), round(nats.std().item() / few**0.5, 3)],
    }  # fmt: skip


def texts_of(data: Data, split: str, n: int) -> list[str]:
    """The first molecules of a split."""
    return data.codec.texts(data.split(split).gather(torch.arange(n))[0])


def wishes_near(given: Float[Tensor, "n 2"]) -> Float[Tensor, "w 2"]:
    """The wishes of the grid that enough molecules are near."""
    grid = torch.tensor(list(itertools.product(LOGP, QED)))
    near = (given[:, None] - grid).abs() <= torch.tensor(NEAR)
    return grid[near.all(2).sum(0) >= ENOUGH]


def asked_for(run: Run, train: Float[Tensor, "n 2"], each: int, temperature: float) -> dict[str, Any]:
    """How far molecules are from what was wished, and the same with wishes shuffled, and by looking up."""
    wishes = wishes_near(train)
    wanted = wishes.repeat_interleave(each, 0)
    got = properties_as_rows(drawn(run, wanted, len(wanted), 1, temperature=temperature))
    there = ~got.isnan().any(1)
    shuffled = wanted[there][Noise(0, "shuffled").permutation(int(there.sum()))]
    unit = train.std(0)
    best = torch.stack([train[((train - wish) / unit).square().sum(1).argmin()] for wish in wishes])
    errors = (got - wanted)[there].abs()
    by_wish = [
        {"wish": _rounded(wish), "error": _rounded(part[~part.isnan().any(1)].sub(wish).abs().mean(0))}
        for wish, part in zip(wishes, got.split(each), strict=True)
    ]
    return {
        "wishes": len(wishes), "molecules": len(wanted), "valid": round(there.double().mean().item(), 4),
        "error": _by_name(errors.mean(0)), "standard error": _by_name(errors.std(0) / len(errors) ** 0.5),
        "bias": _by_name((got - wanted)[there].mean(0)),
        "rank correlation": _by_name(_ranks(got[there]), _ranks(wanted[there])),
        "shuffled": _by_name((got[there] - shuffled).abs().mean(0)),
        "looked up": _by_name((best - wishes).abs().mean(0)),
        "spread of training molecules": _by_name(unit), "by wish": by_wish,
    }  # fmt: skip


def properties_as_rows(smiles: Sequence[str]) -> Float[Tensor, "n 2"]:
    """logP and QED of molecules, NaN of what is none."""
    found = properties_of(smiles, ASKED)
    return torch.from_numpy(np.stack([found[name] for name in ASKED], axis=1)).float()


def beyond(run: Run, n: int) -> dict[str, Any]:
    """What comes of a wish that no data are near, and of a scaffold that molecules begin with."""
    wish = torch.tensor([[FAR[name] for name in ASKED]]).expand(n, 2)
    got = properties_as_rows(drawn(run, wish, n, 2))
    there = ~got.isnan().any(1)
    found: dict[str, Any] = {"far": {"wish": FAR, "valid": round(there.double().mean().item(), 4),
                                     "mean": _by_name(got[there].mean(0))}}  # fmt: skip
    prefix = run.codec.ids(SCAFFOLD[:-1])
    begun = drawn(run, torch.tensor([WITHIN]).expand(n, 2), n, 3, prefix=prefix)
    pattern = rdkit().MolFromSmarts(SCAFFOLD)
    molecules = [molecule for text in begun if (molecule := read_molecule(text)) is not None]
    holds = sum(molecule.HasSubstructMatch(pattern) for molecule in molecules)
    got = properties_as_rows(begun)
    error = (got - torch.tensor(WITHIN))[~got.isnan().any(1)].abs().mean(0)
    scaffold = {"begins": SCAFFOLD[:-1], "valid": round(len(molecules) / n, 4), "error": _by_name(error)}
    return found | {"scaffold": scaffold | {"holds it": round(holds / max(1, len(molecules)), 4)}}


def draw(path: Path) -> None:
    """Four molecules for each of some wishes, the first that come."""
    run = load(path)
    wishes = torch.tensor(SHOWN).repeat_interleave(4, 0)
    smiles = drawn(run, wishes, len(wishes), 4)
    got = properties_as_rows(smiles)
    captions = [
        f"asked {wish[0]:g}, {wish[1]:g} · got " + ("none" if row.isnan().any() else f"{row[0]:.2f}, {row[1]:.2f}")
        for wish, row in zip(wishes.tolist(), got, strict=True)
    ]
    (IMAGES / "molecules.svg").write_text(as_svg(smiles, captions, columns=4), encoding="utf-8")


def molecules(path: Path, unit: str, minutes: float, n: int, each: int) -> None:
    """Trains what is missing, measures it, and keeps the record."""
    data = data_of(unit)
    run = run_of(path, data, minutes)
    last, kept = run.metrics[-1], RECORDS / "molecules.json"
    given = torch.stack([data.train.given[name] for name in ASKED], 1)
    train = Canonical(text for text in canonical(texts_of(data, "train", len(data.train))) if text is not None)
    found = {
        "steps": last["step"], "core_seconds": round(last["core_seconds"], 1), "data": run.config.data.fingerprint,
        "parameters": sum(each.numel() for each in run.model.parameters()),
        "splits": {name: len(rows) for name, rows in data.splits.items()}, "training molecules": len(train),
        "freely": freely(run, data, train, n),
        "asked for": {str(t): asked_for(run, given, each, t) for t in TEMPERATURES},
    }  # fmt: skip
    if unit == "atoms":
        found |= beyond(run, 500)
    whole = json.loads(kept.read_text()) if kept.exists() else {}
    kept.write_text(json.dumps(whole | {unit: found}, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(found, indent=1, ensure_ascii=False))


def _told(estimate: Any) -> list[float | None]:
    value, error = estimate
    return [round(value, 4), None if error is None else round(error, 4)]


def _rounded(row: Tensor) -> list[float]:
    return [round(value, 4) for value in row.tolist()]


def _by_name(row: Tensor, other: Tensor | None = None) -> dict[str, float]:
    """Numbers by property; of ranks, how they go with others."""
    if other is not None:
        row = torch.stack([torch.corrcoef(torch.stack([a, b]))[0, 1] for a, b in zip(row.T, other.T, strict=True)])
    return dict(zip(ASKED, _rounded(row), strict=True))


def _ranks(rows: Float[Tensor, "n 2"]) -> Float[Tensor, "n 2"]:
    """The mean rank of each value in its column."""
    found = []
    for column in rows.T:
        _, place, counts = column.unique(return_inverse=True, return_counts=True)
        found.append((counts.cumsum(0) - (counts - 1) / 2)[place])
    return torch.stack(found, 1)


def main() -> None:
    """Measures molecules, or draws some."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--unit", choices=("atoms", "selfies"), default="atoms", help="what molecules are cut into")
    asked.add_argument("--minutes", type=float, default=40.0, help="of processor time")
    asked.add_argument("--samples", type=int, default=10_000, help="without a wish")
    asked.add_argument("--each", type=int, default=100, help="of each wish")
    asked.add_argument("--out", type=Path, default=None)
    asked.add_argument("--draw", action="store_true", help="draw molecules of some wishes instead")
    given = asked.parse_args()
    torch.set_num_threads(1)
    path = given.out or Path("runs") / f"molecules-{given.unit}"
    if given.draw:
        draw(path)
    else:
        molecules(path, given.unit, given.minutes, given.samples, given.each)


if __name__ == "__main__":
    main()
