"""Images made of other images, held against what no translation and one color reach, on pairs that were withheld.

    python -m experiments.translation [--only facades,emoji] [--recipe cyclegan] [--minutes 1]
    python -m experiments.translation --draw      the picture alone, from the runs

Facades are photographs made of plans, emoji the twemoji of a noto, both at 32×32 pixels; the settings are those of the
recipe. `pix2pix` learns from pairs, `cyclegan` from the same images as two sets; both are measured on pairs, and of
the latter how far an image is from itself after there and back. Of each withheld pair the distance of what is made
from the truth is taken, the mean of absolute differences of pixels in [0, 1], beside that of the other image as it is,
and of the mean image of training. A pair is matched if what is made is nearer to its own truth than to any other
withheld one. A run that was stopped goes on.

References:
    Isola, Zhu, Zhou & Efros, 2017, "Image-to-image translation with conditional adversarial networks",
    arXiv:1611.07004
    Zhu, Park, Isola & Efros, 2017, "Unpaired image-to-image translation using cycle-consistent adversarial networks",
    arXiv:1703.10593
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
from genzoo.evaluation import frechet_of_features, shipped_judge
from genzoo.experiments.linked_zoo import packed
from genzoo.models.adversarial import CycleGAN
from genzoo.zoo import load, resume, store
from genzoo.zoo.run import Run

FIELD: dict[str, dict[str, Any]] = {
    "facades": {"x": "photo", "given": "label", "size": 32},
    "emoji": {"x": "twemoji", "given": "noto", "size": 32, "color": "rgb"},
}
SHOWN = 8
RECORD = Path(__file__).parent / "records" / "translation.json"


def run_of(recipe: str, name: str, minutes: float, path: Path) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path)
    data = genzoo.read(name, **FIELD[name], paired=recipe == "pix2pix")
    return genzoo.train(recipe, data, out=path, core_minutes=minutes, device="cpu")


def withheld(data: Data) -> tuple[Tensor, Tensor]:
    """The images of the test split and those that they are made of."""
    given = data.test.given
    assert given is not None
    return data.test.x, given if isinstance(given, Tensor) else next(iter(given.values()))


def figures_of(run: Run, data: Data) -> dict[str, Any]:
    """What is measured of a run on the pairs that were withheld."""
    x, y = withheld(data)
    made, mean = run.generative.sample(len(x), y, seed=0), data.train.x.float().mean(0, keepdim=True)
    truth = [part.flatten(1).float() / 255 for part in (x, made, y, mean)]
    far = torch.cdist(truth[1], truth[0], p=1)
    ways = {"made": truth[1], "as it is": truth[2], "mean image": truth[3]}
    last, model = run.metrics[-1], run.generative
    again = model.undone(made) if isinstance(model, CycleGAN) else None
    cycle = (
        {} if again is None else {"there and back": round((again.float() - y.float()).abs().mean().item() / 255, 4)}
    )
    rows = {"given": y, "made": made, "truth": x} if again is None else {"made": made, "there and back": again}
    return cycle | {
        "frechet": frechet(data, {"made": made, "as it is": y}, x),
        "shown": {name: packed(each[:SHOWN].to(torch.uint8) // 16 * 17) for name, each in rows.items()},  # few levels
        "distance": {name: round((each - truth[0]).abs().mean().item(), 4) for name, each in ways.items()},
        "matched": round((far.argmin(1) == torch.arange(len(x))).float().mean().item(), 4),
        "matched_as_it_is": round(
            (torch.cdist(truth[2], truth[0], p=1).argmin(1) == torch.arange(len(x))).float().mean().item(), 4
        ),
        "pairs": len(x),
        "rounds": last["step"],
        "core_seconds": round(last["core_seconds"], 1),
        "settings": run.config.recipe.arguments,
        "data": run.config.data.fingerprint,
        "versions": {name: each for name, each in run.config.versions.items() if name != "platform"},
    }


def frechet(data: Data, ways: dict[str, Tensor], truth: Tensor) -> dict[str, list[float]]:
    """The Fréchet distance from withheld images in a judge's features, with its standard error; and that of as many
    training images, which few rows keep from zero."""
    judge = shipped_judge("natural").on(data.space)
    others = data.train.x[: len(truth)]
    found = {name: frechet_of_features(judge(x), judge(truth)) for name, x in (ways | {"real ones": others}).items()}
    return {name: [round(each.value, 3), round(each.error or 0.0, 3)] for name, each in found.items()}


def draw(found: dict[str, tuple[Run, Data]]) -> None:
    """Of the first withheld pairs what an image was made of, what was made, and the truth."""
    figure = Figure(figsize=(1.05 * SHOWN, 3.3 * len(found)))
    rows = figure.subplots(3 * len(found), SHOWN, squeeze=False, gridspec_kw={"wspace": 0.05, "hspace": 0.05})
    for k, (run, data) in enumerate(found.values()):
        x, y = (part[:SHOWN] for part in withheld(data))
        made = run.generative.sample(SHOWN, y, seed=0)
        for line, images, word in zip(rows[3 * k :], (y, made, x), ("given", "made", "truth"), strict=False):
            for axes, image in zip(line, images, strict=True):
                axes.imshow(image.permute(1, 2, 0).numpy())
                axes.set(xticks=[], yticks=[])
            line[0].set_ylabel(word, fontsize=8)
    save(figure, "translation", RECORD)


def main() -> None:
    """Trains what is asked for, measures it, keeps the record, and draws it."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--only", default=",".join(FIELD), help="facades, emoji")
    asked.add_argument("--recipe", choices=["pix2pix", "cyclegan"], default="pix2pix")
    asked.add_argument("--minutes", type=float, default=1.0)
    asked.add_argument("--out", type=Path, default=Path("runs/translation"))
    asked.add_argument("--draw", action="store_true")
    asked.add_argument("--record", type=Path, default=RECORD, help="where figures go; of another, nothing is drawn")
    given = asked.parse_args()
    record = json.loads(given.record.read_text()) if given.record.exists() else {}
    found = {}
    for name in given.only.split(","):
        data = genzoo.read(name, **FIELD[name])
        path = given.out / (name if given.recipe == "pix2pix" else f"{name}-{given.recipe}")
        run = load(path) if given.draw else run_of(given.recipe, name, given.minutes, path)
        found[name] = run, data
        if not given.draw:
            paired, told = given.recipe == "pix2pix", figures_of(run, data)
            unpaired = {"unpaired": record[name]["unpaired"]} if "unpaired" in record.get(name, {}) else {}
            record[name] = told | unpaired if paired else record[name] | {"unpaired": told}
        print(name, record[name])
    given.record.write_text(json.dumps(record, indent=1) + "\n")
    if given.recipe == "pix2pix" and given.record == RECORD:
        draw(found)
        print(IMAGES / "translation.png")
    print(given.record)


if __name__ == "__main__":
    main()
