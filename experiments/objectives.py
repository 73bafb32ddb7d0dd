"""What the generator lowers by each objective, and how steep it is, against what the critic thinks of a sample.

    python -m experiments.objectives

References:
    Goodfellow et al., 2014, "Generative adversarial networks", arXiv:1406.2661
"""

import json
from pathlib import Path

import torch
from matplotlib.figure import Figure

from experiments.drawing import COLORS, IMAGES, save
from genzoo.models.adversarial import Hinge, LeastSquares, Minimax, NonSaturating, Objective, Relativistic

SURE = (0.01, 0.5, 0.99)  # D(G(z)) that the record tells
OBJECTIVES = (Minimax(), NonSaturating(), LeastSquares(), Hinge(), Relativistic())
RECORD = Path(__file__).parent / "records" / "objectives.json"


def toward(objective: Objective, share: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The generator's loss and its slope by the critic's number, where the critic holds a sample to be data with some
    probability; a relativistic critic beside a row of which it says zero."""
    said = share.logit().requires_grad_()
    losses = torch.stack([objective.toward(one[None, None], torch.zeros(1, 1).to(one)) for one in said])
    (slope,) = torch.autograd.grad(losses.sum(), said)
    return losses.detach(), slope


def main() -> None:
    """Finds losses and slopes, keeps those where the critic is sure or in doubt, and draws."""
    share = torch.linspace(0.005, 0.995, 199, dtype=torch.float64)
    figure, record = Figure(figsize=(8.4, 3.2)), {}
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.35})
    for color, objective in zip(COLORS, OBJECTIVES, strict=True):
        name, style = type(objective).__name__, ":" if objective.paired else "-"
        losses, slopes = toward(objective, share)
        left.plot(share, losses, style, color=color, label=name)
        right.plot(share, slopes, style, color=color)
        _, slopes = toward(objective, torch.tensor(SURE, dtype=torch.float64))
        record[name] = {f"slope where D(G(z)) = {at}": value for at, value in zip(SURE, slopes.tolist(), strict=True)}
    left.set(xlabel="D(G(z))", ylabel="what the generator lowers", ylim=(-5, 6))
    right.set(xlabel="D(G(z))", ylabel="its slope by the critic's number", ylim=(-1.6, 0.4))
    figure.legend(*left.get_legend_handles_labels(), loc="upper center", ncols=5, frameon=False, fontsize=8)
    save(figure, "objectives", RECORD)
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(RECORD, IMAGES / "objectives.png")


if __name__ == "__main__":
    main()
