"""Diffusions of symbols: binarized digits, and letters beside an autoregressive model of equal size and time.

    python -m experiments.symbols digits [--minutes 25]      masked diffusion of digits binarized anew
    python -m experiments.symbols text [--minutes 5]         gpt, blocks of 1, 4 and 16, masked diffusion
    python -m experiments.symbols draw                       the pictures and texts alone, from the runs

Of each model the bound of log p is taken on rows, with its standard error over rows: of samples that are drawn one
entry at a time, and of digits also in 100 and in 25 steps. Of a few rows log p is bounded from both sides (`bracket`).
Letters are told in nats per letter, from windows of 64; the autoregressive model's log p is exact. A run that was
stopped goes on. Choices are made with `--valid`, by validation rows, whose record stays beside the runs.

References:
    Sahoo et al., 2024, "Simple and effective masked diffusion language models", arXiv:2406.07524
    Arriola et al., 2025, "Block diffusion", arXiv:2503.09573
    Ivanov et al., 2026, "TUBE: tangent upper bound on evidence", arXiv:2605.24292
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

import genzoo
from experiments.drawing import save
from genzoo.data import Data
from genzoo.models.diffusion import bracket
from genzoo.tasks import impute
from genzoo.zoo import Run, load, resume, store

TEXT: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt": ("gpt", {}),
    "block 1": ("block_diffusion", {"length": 1}),
    "block 4": ("block_diffusion", {"length": 4}),
    "block 16": ("block_diffusion", {"length": 16}),
    "masked_diffusion": ("masked_diffusion", {}),
}
DIGITS: dict[str, tuple[str, dict[str, Any]]] = {"digits": ("masked_diffusion", {})}
MINUTES = {"digits": 25.0, "text": 5.0}
STEPS = {"digits": (None, 100, 25), "text": (None,)}
ROWS, DRAWS, FEW, PATHS = 1000, 16, 8, {"digits": 16, "text": 64}
RECORD = Path(__file__).parent / "records" / "symbols.json"


def data_of(what: str) -> Data:
    """Digits binarized anew in every epoch, or windows of 64 letters."""
    if what == "digits":
        return genzoo.read("mnist", binarize="dynamic")
    return genzoo.read("tinyshakespeare", window=64)


def run_of(recipe: str, settings: dict[str, Any], data: Data, minutes: float, path: Path) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path)
    return genzoo.train(recipe, data, settings=settings, out=path, core_minutes=minutes, device="cpu")


def mean_of(nats: Tensor) -> list[float]:
    """The mean over rows, and its standard error."""
    return [round(nats.double().mean().item(), 4), round(nats.double().std().item() / len(nats) ** 0.5, 4)]


def figures_of(run: Run, x: Tensor, what: str) -> dict[str, Any]:
    """What is measured of a run: nats per row of digits, per letter of text."""
    model, last, per = run.generative, run.metrics[-1], 1 if what == "digits" else x.shape[1]
    figures: dict[str, Any] = {
        "steps": last["step"],
        "core_seconds": round(last["core_seconds"], 1),
        "parameters": model.parameter_count,
        "settings": run.config.recipe.arguments,
        "data": run.config.data.fingerprint,
        "versions": {name: each for name, each in run.config.versions.items() if name != "platform"},
    }
    with torch.no_grad():
        if run.config.recipe.name == "gpt":
            return figures | {"nats": mean_of(-model.log_prob(x) / per)}
        for steps in STEPS[what]:
            found = model.log_prob(x, samples=DRAWS, steps=steps)
            figures["nats" if steps is None else f"nats in {steps}"] = mean_of(-found / per)
    steps = 25 if what == "digits" else None
    found = bracket(model, x[:FEW], paths=PATHS[what], steps=steps)
    signs = {"lower": -1, "upper": -1, "error": 1}  # nats are −log p
    sides = {name: round(sign * getattr(found, name).mean().item() / per, 4) for name, sign in signs.items()}
    return figures | {"bracket": {"rows": FEW, "paths": PATHS[what], "in": steps, **sides}}


def draw(runs: dict[str, Run], path: Path) -> None:
    """Digits whose lower halves, and other parts, are drawn anew; letters that are missing."""
    if "digits" in runs:
        x = data_of("digits").test.x[:10]
        holed = x.float()
        holed[:5, :, 14:] = holed[5:, :, 8:20, 8:20] = torch.nan
        filled = impute(runs["digits"].generative, holed, 3, seed=0).x
        shown = torch.stack([x.float(), holed.nan_to_num(0.5), *filled.float()])[:, :, 0]
        figure = Figure(figsize=(6, 3))
        axes = figure.subplots()
        axes.imshow(shown.permute(0, 2, 1, 3).flatten(2).flatten(0, 1).numpy(), cmap="gray", vmin=0, vmax=1)
        axes.set_axis_off()
        save(figure, "infilled", path)
    if "masked_diffusion" in runs:
        run, x = runs["masked_diffusion"], data_of("text").test.x[:3]
        holed = x.float()
        holed[:, 24:40] = torch.nan
        codec: Any = run.codec
        for row, filled in zip(x, impute(run.generative, holed, 1, seed=0).x[0].to(x.dtype), strict=True):
            print(*map(repr, codec.texts(torch.stack([row, filled]))), sep="\n", end="\n\n")


def main() -> None:
    """Trains what is asked for, measures it, keeps the record, and draws it."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("what", choices=("digits", "text", "draw"))
    asked.add_argument("--only", help="of text: some of the models, by a comma")
    asked.add_argument("--minutes", type=float, help="processor minutes of each, rather than those of the record")
    asked.add_argument("--rows", type=int, default=ROWS)
    asked.add_argument("--out", type=Path, default=Path("runs/symbols"))
    asked.add_argument("--valid", action="store_true", help="figures of validation rows, beside the runs")
    given = asked.parse_args()
    path = given.out / "symbols.json" if given.valid else RECORD
    if given.what == "draw":
        made = {name: given.out / name for name in (*DIGITS, *TEXT) if (given.out / name / store.WEIGHTS).exists()}
        draw({name: load(folder) for name, folder in made.items()}, path)
        return
    models, data = DIGITS if given.what == "digits" else TEXT, data_of(given.what)
    x = (data.valid if given.valid else data.test).x[: given.rows]
    for name in given.only.split(",") if given.only else models:
        recipe, settings = models[name]
        minutes = given.minutes or MINUTES[given.what]
        run = run_of(recipe, settings, data, minutes, given.out / name)
        record = json.loads(path.read_text()) if path.exists() else {}
        record[name] = {"minutes": minutes, "rows": len(x)} | figures_of(run, x, given.what)
        path.write_text(json.dumps(record, indent=1) + "\n")
        print(name, {key: each for key, each in record[name].items() if "nats" in key or key == "bracket"}, flush=True)


if __name__ == "__main__":
    main()
