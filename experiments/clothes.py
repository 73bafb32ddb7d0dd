"""Seven autoencoders on Fashion-MNIST by class, under one distance: what they reconstruct, and what they draw.

    python -m experiments.clothes [--only vae,cvae] [--minutes 8] [--out runs/clothes]
    python -m experiments.clothes --draw      the picture alone, from the runs

All are trained for the same processor time with the settings of their recipes, conditioned on the class. Of each the
Fréchet distance in the features of the judge that comes with the package is taken, of 2,000 reconstructions of test
rows and of 2,000 samples of their classes, both the means of the decoder's distribution, from the other test rows; the
floor is training rows. The judge also says how many samples are of the class that was asked for. Of codes the share in
use on the test rows stands beside their perplexity. Nothing is chosen by test rows. A run that was stopped goes on.

References:
    Heusel et al., 2017, "GANs trained by a two time-scale update rule converge to a local Nash equilibrium",
    arXiv:1706.08500
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

import genzoo
from experiments.drawing import IMAGES, save
from genzoo.data import Data
from genzoo.evaluation import conditional_fidelity, frechet_of_features, judge_made_for
from genzoo.evaluation.judge import Judge
from genzoo.evaluation.shown import as_shown
from genzoo.zoo import load, resume, store
from genzoo.zoo.run import Run

RECIPES = ("vae", "cvae", "latent_flow", "latent_diffusion", "vq_vae", "vq_vae2", "vq_gan")
N, SHOWN = 2000, 10
RECORD = Path(__file__).parent / "records" / "clothes.json"


def run_of(name: str, data: Data, minutes: float, path: Path) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path)
    return genzoo.train(name, data, out=path, core_minutes=minutes, device="cpu")


def labels_of(data: Data) -> Tensor:
    """The classes of the test rows."""
    given = data.test.given
    assert given is not None
    return given if isinstance(given, Tensor) else next(iter(given.values()))


def reconstructed(run: Run, x: Tensor, labels: Tensor) -> Tensor:
    """What an autoencoder makes of rows, some at a time."""
    model = run.generative
    with torch.no_grad():
        parts = zip(x.split(500), labels.split(500), strict=True)
        return torch.cat([model.decode(model.encode(rows, given), given) for rows, given in parts])


def use_of(run: Run, x: Tensor, labels: Tensor) -> dict[str, Any]:
    """How many codes are in use, and their perplexity, where an encoder makes codes."""
    z = run.generative.encode(x, labels)
    if z.is_floating_point():
        return {}
    levels = run.generative.prior.space.levels  # type: ignore[union-attr]
    share = torch.bincount(z.flatten(), minlength=levels) / z.numel()
    used, perplexity = int((share > 0).sum()), torch.special.entr(share).sum().exp().item()
    return {"codes": levels, "used": used, "perplexity": round(perplexity, 1)}


def figures_of(run: Run, data: Data, judge: Judge) -> dict[str, Any]:
    """What is measured of a run."""
    x, labels = data.test.x[:N], labels_of(data)[:N]
    reference = judge(data.test.x[N:])
    made = run.generative.sample(N, labels, seed=0, **as_shown(run.generative))
    back = reconstructed(run, x, labels)
    distances = {
        name: frechet_of_features(judge(rows), reference)
        for name, rows in (("samples", made), ("reconstructions", back))
    }
    asked, last = conditional_fidelity(judge.probabilities(made), labels).overall, run.metrics[-1]
    return {
        "frechet": {name: [round(each.value, 3), round(each.error or 0, 3)] for name, each in distances.items()},
        "fidelity": [round(asked.value, 4), round(asked.error or 0, 4)],
        "squared_error": round(((back.float() - x.float()) / 255).square().mean().item(), 5),
        "codes": use_of(run, x, labels),
        "steps": last["step"],
        "core_seconds": round(last["core_seconds"], 1),
        "settings": run.config.recipe.arguments,
        "data": run.config.data.fingerprint,
        "versions": {name: each for name, each in run.config.versions.items() if name != "platform"},
    }


def draw(runs: dict[str, Run], data: Data) -> None:
    """One sample of each class, and test rows with what becomes of them, by model."""
    x, labels = data.test.x[:SHOWN], labels_of(data)[:SHOWN]
    lines = [("test rows", x)]
    for name, run in runs.items():
        lines.append((f"{name}\nback", reconstructed(run, x, labels)))
        made = run.generative.sample(SHOWN, torch.arange(SHOWN), seed=1, **as_shown(run.generative))
        lines.append((f"{name}\nsamples", made))
    figure = Figure(figsize=(0.7 * SHOWN, 0.7 * len(lines)))
    grid = figure.subplots(len(lines), SHOWN, gridspec_kw={"wspace": 0.05, "hspace": 0.05})
    for axes_of_line, (name, images) in zip(grid, lines, strict=True):
        for axes, image in zip(axes_of_line, images, strict=True):
            axes.imshow(image[0].numpy(), cmap="gray", vmin=0, vmax=255)
            axes.set(xticks=[], yticks=[])
        axes_of_line[0].set_ylabel(name, fontsize=6, rotation=0, ha="right", va="center")
    save(figure, "clothes", RECORD)


def main() -> None:
    """Trains what is asked for, measures it, keeps the record, and draws it."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--only", default=",".join(RECIPES), help=", ".join(RECIPES))
    asked.add_argument("--minutes", type=float, default=8.0)
    asked.add_argument("--out", type=Path, default=Path("runs/clothes"))
    asked.add_argument("--draw", action="store_true")
    given = asked.parse_args()
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    data = genzoo.read("fashion-mnist", given="label")
    judge = judge_made_for(data)
    assert judge is not None
    if not given.draw:
        record["floor"] = round(frechet_of_features(judge(data.train.x[:N]), judge(data.test.x[N:])).value, 3)
    for name in given.only.split(","):
        if not given.draw:
            run = run_of(name, data, given.minutes, given.out / name)
            record[name] = {"minutes": given.minutes} | figures_of(run, data, judge)
            RECORD.write_text(json.dumps(record, indent=1) + "\n")
            print(name, record[name]["frechet"], record[name]["fidelity"], record[name]["codes"], flush=True)
    runs = {name: load(given.out / name) for name in RECIPES if (given.out / name / store.WEIGHTS).exists()}
    draw(runs, data)
    print(RECORD, IMAGES / "clothes.png")


if __name__ == "__main__":
    main()
