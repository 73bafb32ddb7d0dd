"""The 2 × 3 table of representations on digits: what six cells make of held-out rows from codes of one length.

{linear, nonlinear} × {autoencoder, factorization, sparse coding}, each trained by its recipe as `genzoo train` would,
and a sparse autoencoder beside them. The picture shows test rows, what each cell makes of their codes, and the atoms
of the linear dictionary.

    python -m experiments.representations [--data digits] [--code 16] [--steps 1500]

References:
    Sun, 2020, lecture "Generative models: GAN, VAE, flows" (the table of autoencoders and variants)
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.data import Data
from genzoo.data.picture import grid
from genzoo.evaluation.reconstruction import reconstruction_error
from genzoo.models.representation import SparseCoding
from genzoo.zoo import Run, load, store, train
from genzoo.zoo.progress import Watch

CELLS = {
    "linear_autoencoder": "linear, an encoder",
    "matrix_factorization": "linear, free codes",
    "sparse_coding": "linear, sparse codes",
    "autoencoder": "nonlinear, an encoder",
    "nonlinear_factorization": "nonlinear, free codes",
    "nonlinear_sparse_coding": "nonlinear, sparse codes",
    "sparse_autoencoder": "linear, a sparse encoder",
}
PASSES, SHOWN = ("matrix_factorization", "sparse_coding"), 16
RECORDS = Path(__file__).parent / "records"


def run_of(name: str, data: Data, code: int, steps: int, path: Path) -> Run:
    """A cell trained, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    settings: dict[str, Any] = {"code": code}
    if name == "sparse_autoencoder":
        settings["active"] = max(1, code // 4)
    budget = {} if name in PASSES else {"steps": steps}  # passes end by themselves
    return train(name, data, out=path, settings=settings, callbacks=[Watch(name)], **budget)


def figures_of(name: str, run: Run, data: Data) -> dict[str, Any]:
    """What is measured of a cell: the error on test rows, and how many entries of a code are not zero."""
    found = reconstruction_error(run.model, data.test)
    x, _ = data.test.gather(torch.arange(min(500, len(data.test))))
    with torch.no_grad():
        active = (run.model.encode(x) != 0).sum(1).double().mean().item()
    return {
        "cell": CELLS[name],
        "error": found.value,
        "standard_error": found.error,
        "active": active,
        "steps": run.metrics[-1]["step"],
        "core_seconds": run.metrics[-1]["core_seconds"],
    }


def picture_of(runs: Mapping[str, Run], data: Data, path: Path) -> Path:
    """Test rows, a line of reconstructions for each cell, and the atoms."""
    x, _ = data.test.gather(torch.arange(SHOWN))
    with torch.no_grad():
        lines = [x, *(run.model.decode(run.model.encode(x)) for run in runs.values())]
    highest = (data.space.levels or 256) - 1
    tiles = [(line.double() * (255 / highest)).round().to(torch.uint8) for line in lines]
    dictionary = runs["sparse_coding"].model
    if isinstance(dictionary, SparseCoding):
        tiles.append(_grey(dictionary.atoms[:SHOWN].reshape(-1, *data.space.shape)))
    grid(torch.cat([_filled(line) for line in tiles]), columns=SHOWN).save(path)
    return path


def _grey(atoms: Tensor) -> Tensor:
    """Atoms with zero at middle grey."""
    largest = atoms.abs().flatten(1).amax(1)[:, None, None, None]
    return (127.5 * (1 + atoms / largest)).round().to(torch.uint8)


def _filled(line: Tensor) -> Tensor:
    return torch.cat([line, line.new_zeros(SHOWN - len(line), *line.shape[1:])])


def main() -> None:
    """Trains the cells, measures them, and keeps the record and the picture."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--data", default="digits")
    asked.add_argument("--code", type=int, default=16)
    asked.add_argument("--steps", type=int, default=1500)
    asked.add_argument("--out", type=Path, default=Path("runs/representations"))
    asked.add_argument("--records", type=Path, default=RECORDS)
    given = asked.parse_args()
    data = genzoo.read(given.data)
    runs = {name: run_of(name, data, given.code, given.steps, given.out / name) for name in CELLS}
    figures = {name: figures_of(name, run, data) for name, run in runs.items()}
    for name, each in figures.items():
        print(f"{name:24} {each['error']:.4f} ± {each['standard_error']:.4f}  {each['active']:.1f} entries not zero")
    config = next(iter(runs.values())).config
    record = {
        "experiment": f"the 2 × 3 table of representations on {given.data}, codes of {given.code}",
        "data": config.data.fingerprint,
        "versions": config.versions,
        "figures": figures,
    }
    given.records.mkdir(parents=True, exist_ok=True)
    path = given.records / f"representations-{given.data}.json"
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    print(path, picture_of(runs, data, given.out / "representations.png"))


if __name__ == "__main__":
    main()
