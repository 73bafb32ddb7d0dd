"""What samplers make of few calls of a network, and what guidance buys, with a trained diffusion of clothes by class.

    python -m experiments.steps RUN [--out FOLDER]

Of a finished run on Fashion-MNIST by class (`python -m experiments.clothes --only edm`) 1,000 samples of the classes
of test rows are drawn by each sampler with 5, 10, 20 and 50 calls of the network, and by weights of guidance with 10.
Of each the Fréchet distance from test rows in the features of the judge that comes with the package is taken, and of
guidance also how many samples are of the class that was asked for. A film shows what one sampler passes on its way.

References:
    Karras et al., 2022, "Elucidating the design space of diffusion-based generative models", arXiv:2206.00364
    Lu et al., 2022, "DPM-Solver++", arXiv:2211.01095
    Ho & Salimans, 2022, "Classifier-free diffusion guidance", arXiv:2207.12598
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

import genzoo
from experiments.clothes import distance, labels_of
from experiments.drawing import COLORS, save
from genzoo.evaluation import conditional_fidelity, judge_made_for
from genzoo.models.diffusion import Passed
from genzoo.zoo import Run, load

CALLS = (5, 10, 20, 50)
SAMPLERS = ("euler", "heun", "multistep", "dpm2", "unipc", "ancestral")
WEIGHTS = (0.0, 0.5, 1.0, 2.0, 4.0)
RULES = ("plain", "projected")
N, STEPS, TICKS = 1000, 10, (2, 3, 5, 10, 20, 40)
RECORD = Path(__file__).parent / "records" / "steps.json"


def measured(run: Run) -> dict[str, Any]:
    """Distances by sampler and calls, and by rule and weight of guidance."""
    data = genzoo.read("fashion-mnist", given="label")
    judge = judge_made_for(data)
    assert judge is not None
    labels, reference = labels_of(data.test)[:N], judge(data.test.x[N:])
    found: dict[str, Any] = {"samplers": {}, "guidance": {}, "n": N, "recipe": run.config.recipe.name}
    found["core_minutes"] = run.config.train.core_minutes

    def drawn(**options: Any) -> tuple[list[float], float]:
        x = run.generative.sample(N, labels, seed=0, **options)
        return distance(judge, x, reference), conditional_fidelity(judge.probabilities(x), labels).overall.value

    for sampler in SAMPLERS:
        found["samplers"][sampler] = {calls: drawn(sampler=sampler, calls=calls)[0] for calls in CALLS}
        print(sampler, found["samplers"][sampler], flush=True)
    for rule in RULES:
        options = {"sampler": "unipc", "calls": 10, "guide": rule}
        each = {weight: drawn(guidance=weight, **options) for weight in WEIGHTS}
        found["guidance"][rule] = {
            weight: {"frechet": apart, "fidelity": round(told, 4)} for weight, (apart, told) in each.items()
        }
        print(rule, found["guidance"][rule], flush=True)
    return found


def draw(found: dict[str, Any], path: Path) -> None:
    """Both curves."""
    figure = Figure(figsize=(9, 3.4))
    left, right = figure.subplots(1, 2)
    for color, (name, by_calls) in zip([*COLORS, "#444444"], found["samplers"].items(), strict=True):
        values = [by_calls[calls][0] for calls in by_calls]
        left.plot([int(calls) for calls in by_calls], values, marker="o", markersize=3, color=color, label=name)
    left.set(xscale="log", yscale="log", xlabel="calls of the network", ylabel="Fréchet distance", xticks=CALLS)
    left.set_xticklabels([str(calls) for calls in CALLS])
    left.minorticks_off()
    left.set_yticks(TICKS, [str(tick) for tick in TICKS])
    left.legend(fontsize=7, frameon=False)
    for color, (rule, by_weight) in zip(COLORS, found["guidance"].items(), strict=False):
        each = list(by_weight.values())
        told, apart = [one["fidelity"] for one in each], [one["frechet"][0] for one in each]
        right.plot(told, apart, marker="o", markersize=3, color=color, label=rule)
    right.set(xlabel="samples of the class that was asked for", ylabel="Fréchet distance")
    right.set_xticks((0.8, 0.85, 0.9, 0.95))
    right.legend(fontsize=7, frameon=False)
    figure.tight_layout()
    save(figure, "diffusion-steps", path)


def film(run: Run, path: Path) -> None:
    """One row a class: the mean of the data at each time that is passed, and the sample."""
    seen: list[Passed] = []
    labels = torch.arange(10)
    x = run.generative.sample(10, labels, seed=3, sampler="unipc", steps=STEPS, watch=seen.append)
    strips = [(127.5 * (passed.mean[:, 0].float() + 1)).clamp(0, 255) for passed in seen] + [x[:, 0].float()]
    figure = Figure(figsize=(0.6 * len(strips), 6))
    axes = figure.add_subplot()
    axes.imshow(torch.stack(strips, 2).flatten(2).flatten(0, 1).numpy(), cmap="gray", vmin=0, vmax=255)
    axes.set(xticks=[], yticks=[], xlabel="from noise to a sample: what the data are taken for")
    save(figure, "diffusion-film", path)


def main() -> None:
    """Measures a run, keeps the record, and draws."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("run", type=Path)
    asked.add_argument("--out", type=Path, help="a folder for the record and figures, rather than the project's")
    given = asked.parse_args()
    path, run = (given.out / RECORD.name if given.out else RECORD), load(given.run)
    found = json.loads(json.dumps(measured(run)))
    path.write_text(json.dumps(found, indent=1) + "\n")
    draw(found, path)
    film(run, path)


if __name__ == "__main__":
    main()
