"""Three kinds of steps on the game f = x y, whose saddle is at zero: out, around, and in.

    python -m experiments.saddle

References:
    Korpelevich, 1976, "The extragradient method for finding saddle points and other problems"
"""

import json
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from experiments.drawing import COLORS, IMAGES, save
from genzoo.models.adversarial import alternating, extragradient, fate, path, simultaneous

STEPS, RATE = 200, 0.1
KINDS = {"simultaneous": simultaneous, "alternating": alternating, "extragradient": extragradient}
RECORD = Path(__file__).parent / "records" / "saddle.json"


def game(x: Tensor, y: Tensor) -> Tensor:
    """f = x y."""
    return x * y


def main() -> None:
    """Walks, keeps how far each kind of step ends from the saddle, and draws."""
    start = (torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64))
    figure, record = Figure(figsize=(8.4, 3.4)), {}
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.35})
    for color, (name, step) in zip(COLORS, KINDS.items(), strict=False):
        points = path(game, start, step, rate=RATE, steps=STEPS)
        far = points.square().flatten(1).sum(1).sqrt()
        record[name] = {"rate": RATE, "steps": STEPS, "distance": far[-1].item(), "fate": fate(game, points)}
        left.plot(points[:, 0, 0], points[:, 1, 0], color=color, linewidth=1, label=f"{name}: {fate(game, points)}")
        right.semilogy(far, color=color)
    left.set(aspect="equal", xlabel="x lowers x y", ylabel="y raises it")
    right.set(xlabel="step", ylabel="distance from the saddle")
    figure.legend(*left.get_legend_handles_labels(), loc="upper center", ncols=3, frameon=False)
    save(figure, "saddle", RECORD)
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(RECORD, IMAGES / "saddle.png")


if __name__ == "__main__":
    main()
