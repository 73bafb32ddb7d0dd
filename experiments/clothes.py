"""Image recipes of four families on Fashion-MNIST by class, under one distance.

    python -m experiments.clothes [--only vae,cvae] [--minutes 1] [--out runs/clothes]
    python -m experiments.clothes --draw      the pictures alone, from the runs

Each is trained for its processor time with the settings of its recipe, conditioned on the class. Of each the Fréchet
distance in the features of the judge that comes with the package is taken, of 2,000 samples of the classes of test
rows, as the model shows them, from the other 8,000 test rows; of an autoencoder also that of 2,000 reconstructions.
The judge also says how many samples are of the class that was asked for. The floor is the distance of training rows
and the share of test rows. Of codes the share in use stands beside their perplexity; of a generator the same is said
of latents that are cut short. A run that was stopped goes on. Choices are made with `--valid`, by validation rows,
whose record and pictures stay beside the runs.

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
from experiments.drawing import save
from genzoo.data import Data, Rows
from genzoo.evaluation import conditional_fidelity, frechet_of_features, judge_made_for
from genzoo.evaluation.judge import Judge
from genzoo.evaluation.shown import as_shown
from genzoo.zoo import Run, load, resume, store

FAMILIES = {
    "adversarial": {"dcgan": 10, "stylegan": 10, "r3gan": 10, "wgan_gp": 5, "sngan": 5, "biggan": 5},
    "autoencoders": dict.fromkeys(
        ("vae", "cvae", "latent_flow", "latent_diffusion", "vq_vae", "vq_vae2", "vq_gan"), 8
    ),
    "diffusion": dict.fromkeys(("ddpm", "edm", "flow_matching", "dit"), 15),
}
MINUTES = {name: minutes for family in FAMILIES.values() for name, minutes in family.items()}
N, EACH = 2000, 3
TRUNCATIONS = (1.5, 1.0, 0.5)
CLASSES = 10
RECORD = Path(__file__).parent / "records" / "clothes.json"


def run_of(name: str, data: Data, minutes: float, path: Path) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path)
    return genzoo.train(name, data, out=path, core_minutes=minutes, device="cpu")


def labels_of(rows: Rows) -> Tensor:
    """The classes of rows."""
    given = rows.given
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
    with torch.no_grad():
        z = run.generative.encode(x, labels)
    if z.is_floating_point():
        return {}
    levels: int = run.generative.prior.space.levels
    share = torch.bincount(z.flatten(), minlength=levels) / z.numel()
    used, perplexity = int((share > 0).sum()), torch.special.entr(share).sum().exp().item()
    return {"codes": levels, "used": used, "perplexity": round(perplexity, 1)}


def drawn(run: Run, n: int, labels: Tensor, seed: int, **options: Any) -> Tensor:
    """Samples of classes as the model shows them, some at a time."""
    return run.generative.sample(n, labels, seed=seed, **as_shown(run.generative), **options)


def distance(judge: Judge, rows: Tensor, reference: Tensor) -> list[float]:
    """The Fréchet distance of rows from features, with its standard error."""
    found = frechet_of_features(judge(rows), reference)
    return [round(found.value, 3), round(found.error or 0, 3)]


def fidelity(judge: Judge, rows: Tensor, labels: Tensor) -> list[float]:
    """The share of rows that the judge takes for their class, with its standard error."""
    found = conditional_fidelity(judge.probabilities(rows), labels).overall
    return [round(found.value, 4), round(found.error or 0, 4)]


def verdict(judge: Judge, made: Tensor, labels: Tensor, reference: Tensor) -> dict[str, Any]:
    """How far samples are from features of rows, and how many are of the class that was asked for."""
    return {"frechet": distance(judge, made, reference), "fidelity": fidelity(judge, made, labels)}


def figures_of(run: Run, real: Rows, judge: Judge) -> dict[str, Any]:
    """What is measured of a run."""
    x, labels = real.x[:N], labels_of(real)[:N]
    reference, last = judge(real.x[N:]), run.metrics[-1]
    figures = verdict(judge, drawn(run, N, labels, seed=0), labels, reference) | {
        "steps": last["step"],
        "core_seconds": round(last["core_seconds"], 1),
        "settings": run.config.recipe.arguments,
        "data": run.config.data.fingerprint,
        "versions": {name: each for name, each in run.config.versions.items() if name != "platform"},
    }
    if "truncation" in run.generative.options("draw"):
        figures["truncated"] = {
            f"{most:g}": verdict(judge, drawn(run, N, labels, seed=0, truncation=most), labels, reference)
            for most in TRUNCATIONS
        }
    if run.config.recipe.name in FAMILIES["autoencoders"]:
        back = reconstructed(run, x, labels)
        figures["reconstructions"] = distance(judge, back, reference)
        figures["squared_error"] = round(((back.float() - x.float()) / 255).square().mean().item(), 5)
        figures["codes"] = use_of(run, x, labels)
    return figures


def draw(family: str, runs: dict[str, Run], data: Data, path: Path) -> None:
    """Samples of each class by model, below test rows of these classes."""
    labels = torch.arange(CLASSES).repeat(EACH)
    of_tests = labels_of(data.test)
    rows = [data.test.x[(of_tests == label).nonzero()[i, 0]] for i in range(EACH) for label in range(CLASSES)]
    blocks = {"test rows": torch.stack(rows)}
    blocks |= {name: drawn(run, len(labels), labels, seed=1) for name, run in runs.items()}
    figure = Figure(figsize=(0.6 * CLASSES, 0.6 * EACH * len(blocks)))
    for axes, (name, images) in zip(figure.subplots(len(blocks), 1, squeeze=False)[:, 0], blocks.items(), strict=True):
        lines = images[:, 0].unflatten(0, (EACH, CLASSES))
        axes.imshow(lines.permute(0, 2, 1, 3).flatten(2).flatten(0, 1).numpy(), cmap="gray", vmin=0, vmax=255)
        axes.set(xticks=[], yticks=[])
        axes.set_ylabel(name, fontsize=8, rotation=0, ha="right", va="center")
    save(figure, f"clothes-{family}", path)


def main() -> None:
    """Trains what is asked for, measures it, keeps the record, and draws it."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--only", default=",".join(MINUTES), help=", ".join(MINUTES))
    asked.add_argument("--minutes", type=float, help="processor minutes of each, rather than those of the record")
    asked.add_argument("--out", type=Path, default=Path("runs/clothes"))
    asked.add_argument("--valid", action="store_true", help="figures of validation rows, beside the runs")
    asked.add_argument("--draw", action="store_true", help="the pictures alone")
    given = asked.parse_args()
    path = given.out / "clothes.json" if given.valid else RECORD
    record = json.loads(path.read_text()) if path.exists() else {}
    data = genzoo.read("fashion-mnist", given="label")
    judge = judge_made_for(data)
    assert judge is not None
    for name in [] if given.draw else given.only.split(","):
        minutes = given.minutes or MINUTES[name]
        run = run_of(name, data, minutes, given.out / name)
        record["floor"] = {
            "frechet": distance(judge, data.train.x[:N], judge(data.test.x[N:])),
            "fidelity": fidelity(judge, data.test.x[:N], labels_of(data.test)[:N]),
        }
        record[name] = {"minutes": minutes} | figures_of(run, data.valid if given.valid else data.test, judge)
        path.write_text(json.dumps(record, indent=1) + "\n")
        print(name, record[name]["frechet"], record[name]["fidelity"], record[name]["steps"], flush=True)
    for family, names in FAMILIES.items():
        runs = {name: load(given.out / name) for name in names if (given.out / name / store.WEIGHTS).exists()}
        if runs:
            draw(family, runs, data, path)


if __name__ == "__main__":
    main()
