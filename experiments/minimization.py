"""Divergence minimization: one Gaussian to two modes by four measures, then flows to four modes by both KLs.

The target ½N(−3, 1) + ½N(3, 1) is one that a Gaussian cannot be; what it becomes instead is known by quadrature. The
target of the plane is the product of two such. A flow of splines can be it, so both divergences fall to zero; one of
affine couplings leaves filaments between the modes.

    python -m experiments.minimization [--steps 4000]

References:
    Rezende & Mohamed, 2015, "Variational inference with normalizing flows", arXiv:1505.05770
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import optimize, stats
from torch import Tensor

from genzoo.core import GenerativeModel, Noise, Space, Trainable, seeded
from genzoo.core.given import Given
from genzoo.models.flows import ActNorm, Affine, Chain, Elementwise, Flow, Nets, Spline, coupling_flow
from genzoo.nn import MLP
from genzoo.tasks import ForwardKLFit, JensenShannonFit, NoRows, ReverseKLFit, WassersteinFit, log_normalizer
from genzoo.tasks.intervals import of_mean
from genzoo.training import TrainConfig, train

RECORD = Path(__file__).parent / "records" / "minimization.json"
GRID = np.linspace(-30, 30, 6001)
STEP = GRID[1] - GRID[0]
MODES = (-3.0, 3.0)
ROWS = 200_000
# What couplings do to an entry, their networks' width, and how many there are.
FLOWS: dict[str, tuple[Elementwise, int, int]] = {"spline": (Spline(16), 32, 2), "affine": (Affine(), 64, 8)}


def log_target(x: Tensor) -> Tensor:
    """The log-density of rows whose entries are independent, each ½N(−3, 1) + ½N(3, 1)."""
    each = torch.stack([-(x - mode).square() / 2 for mode in MODES]).logsumexp(0)
    return (each - math.log(2) - math.log(2 * math.pi) / 2).sum(1)


class Rows:
    """Samples of the target.

    Args:
        dims: The entries of a row.
        n: How many.
        seed: Names them.
    """

    def __init__(self, dims: int, n: int = ROWS, seed: int = 0) -> None:
        noise = Noise(seed, "target")
        self.x = noise.normal(n, dims) + 6.0 * noise.at("mode").integers(2, n, dims) - 3.0

    def __len__(self) -> int:
        return len(self.x)

    def gather(self, index: Tensor, *, seed: int = 0, epoch: int = 0) -> tuple[Tensor, Given]:
        """The rows of an index."""
        return self.x[index], None


# --- by quadrature ------------------------------------------------------------------------------------------------


def _forward(p: np.ndarray, q: np.ndarray) -> float:
    return float(STEP * (p * (np.log(p + 1e-300) - np.log(q + 1e-300))).sum())


def _jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    middle = (p + q) / 2
    return (_forward(p, middle) + _forward(q, middle)) / 2


MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "forward KL": _forward,
    "reverse KL": lambda p, q: _forward(q, p),
    "JS": _jensen_shannon,
    "W1": lambda p, q: float(np.abs(np.cumsum(p - q)).sum() * STEP**2),
}


def measured(name: str, mean: float, scale: float) -> float:
    """A divergence of the target and a Gaussian, by quadrature."""
    p = sum(stats.norm.pdf(GRID, mode, 1) for mode in MODES) / 2
    return MEASURES[name](p, stats.norm.pdf(GRID, mean, scale))


def best(name: str, start: tuple[float, float]) -> dict[str, float]:
    """The Gaussian of the least divergence, from a start."""
    found = optimize.minimize(
        lambda theta: measured(name, theta[0], math.exp(theta[1])),
        (start[0], math.log(start[1])),
        method="Nelder-Mead",
        options={"xatol": 1e-6, "fatol": 1e-10},
    )
    return {"mean": float(found.x[0]), "scale": math.exp(found.x[1]), "divergence": float(found.fun)}


# --- by training --------------------------------------------------------------------------------------------------


def gaussian(mean: float, scale: float, dims: int = 1) -> Flow:
    """A Gaussian of independent entries whose mean and scale are parameters."""
    model = Flow(Space((dims,)), None, Chain(ActNorm(dims)))
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, ActNorm):
                part.mean.fill_(mean)
                part.log_scale.fill_(math.log(scale))
                part.started.fill_(True)
    return model


def one_gaussian(steps: int) -> dict[str, dict[str, float]]:
    """What training makes of a Gaussian that starts at the right mode, by each measure; one starts between them."""
    with seeded(0):
        critics = [MLP(1, [32, 32], 1), MLP(1, [32, 32], 1)]
    rows, start = Rows(1), (2.0, 1.5)
    fits: dict[str, tuple[Trainable, Any]] = {
        "forward KL": (ForwardKLFit(gaussian(*start), log_target, proposal=gaussian(0.0, 4.0)), NoRows()),
        "reverse KL": (ReverseKLFit(gaussian(*start), log_target), NoRows()),
        "JS": (JensenShannonFit(gaussian(*start), critics[0]), rows),
        "W1": (WassersteinFit(gaussian(*start), critics[1]), rows),
        "reverse KL between the modes": (ReverseKLFit(gaussian(0.0, 2.0), log_target), NoRows()),
    }
    found = {}
    for name, (fit, source) in fits.items():
        rate = 0.01 if isinstance(source, Rows) else 0.03  # a critic must keep up
        config = TrainConfig(steps=steps, batch_size=500, lr=rate, ema=0.1, device="cpu")
        model = train(fit, source, config).model.model
        with torch.no_grad():
            z = torch.tensor([[0.0], [1.0]])
            mean, above = model.decode(z)[:, 0].tolist()
        found[name] = {
            "mean": mean,
            "scale": above - mean,
            "divergence": measured(name.removesuffix(" between the modes"), mean, above - mean),
        }
        print(name, found[name])
    return found


def flow(transform: Elementwise, width: int, depth: int) -> Flow:
    """A flow of couplings over the plane that starts as wide as the target."""
    with seeded(0):
        model = coupling_flow(Space((2,)), None, transform, Nets(width=width), depth=depth)
    first = next(part for part in model.modules() if isinstance(part, ActNorm))
    with torch.no_grad():
        first.log_scale.fill_(math.log(3.0))
    return model


def both_divergences(model: GenerativeModel, n: int = 100_000) -> dict[str, Any]:
    """KL(p‖q) by samples of the target and KL(q‖p) by the model's, in nats with 95 % intervals."""
    x = Rows(2, n, seed=1).x
    with torch.no_grad():
        forward = of_mean((log_target(x) - model.log_prob(x)).double())
    reverse = log_normalizer(model, log_target, n, seed=2)
    return {"forward": list(forward), "reverse": list(reverse.divergence), "log Z": list(reverse.log)}


def flows(steps: int) -> tuple[dict[str, Any], dict[str, GenerativeModel]]:
    """Flows to the target of the plane, by reverse KL and by forward KL on samples."""
    config = TrainConfig(steps=steps, batch_size=512, lr=2e-3, clip_norm=1.0, warmup=100, ema=0.05, device="cpu")
    found: dict[str, Any] = {}
    models: dict[str, GenerativeModel] = {}
    for kind, made in FLOWS.items():
        for name in ("reverse KL", "forward KL"):
            start, model = time.process_time(), flow(*made)
            if name == "reverse KL":
                model = train(ReverseKLFit(model, log_target), NoRows(), config).model.model
            else:
                model = train(model, Rows(2), config).model
            spent = round(time.process_time() - start, 1)
            found[f"{kind}, {name}"] = both_divergences(model) | {"core_seconds": spent}
            models[f"{kind}, {name}"] = model
            print(kind, name, found[f"{kind}, {name}"])
    return found, models


def draw(gaussians: dict[str, dict[str, float]], models: dict[str, GenerativeModel], record: Path) -> None:
    """The Gaussians over their target, and samples of the flows."""
    from matplotlib.figure import Figure

    from experiments import drawing

    figure = Figure(figsize=(10, 4.6), layout="constrained")
    grid = figure.add_gridspec(2, 4)
    axes = [figure.add_subplot(grid[:, :2]), *(figure.add_subplot(grid[k // 2, 2 + k % 2]) for k in range(4))]
    x = np.linspace(-9, 9, 500)
    axes[0].fill_between(x, sum(stats.norm.pdf(x, mode, 1) for mode in MODES) / 2, color="#dddddd")
    for color, (name, found) in zip(drawing.COLORS, gaussians.items(), strict=False):
        axes[0].plot(x, stats.norm.pdf(x, found["mean"], found["scale"]), color=color, label=name)
    axes[0].legend(frameon=False, fontsize=8)
    for place, (name, model) in zip(axes[1:], models.items(), strict=True):
        points = model.sample(3000, seed=0)
        place.scatter(points[:, 0], points[:, 1], s=1, color=drawing.COLORS[0])
        place.set_title(name, fontsize=9)
        place.set_aspect("equal")
    drawing.save(figure, "minimization", record)


def main() -> None:
    """Fits, measures, draws, and keeps the record."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--steps", type=int, default=4000, help="of the flows; half of it for the Gaussians")
    asked.add_argument("--record", type=Path, default=RECORD)
    given = asked.parse_args()
    exact = {name: best(name, (2.5, 1.2) if name == "reverse KL" else (0.5, 2.0)) for name in MEASURES}
    trained = one_gaussian(max(1, given.steps // 2))
    figures, models = flows(given.steps)
    record = {
        "experiment": "divergence minimization: mode covering against mode seeking",
        "settings": {"steps": given.steps, "flows": {name: str(made) for name, made in FLOWS.items()}},
        "torch": torch.__version__,
        "quadrature": exact | {"reverse KL between the modes": best("reverse KL", (0.0, 2.0))},
        "trained": trained,
        "flows": figures,
    }
    given.record.write_text(json.dumps(record, indent=1) + "\n")
    draw(trained, models, given.record)
    print(given.record)


if __name__ == "__main__":
    main()
