"""Distances between distributions: the numbers that everyone should get, and two figures.

    python -m experiments.divergences

The numbers: the Jensen–Shannon divergence of N(0, 1) from N(θ, 1) three ways, what the best discriminator earns and
what a trained one does, two segments at a distance θ through formulas and through samples, ten stacks of earth whose
cheapest plan, potentials and formula on a line agree, and KL from rows alone in 2 to 20 dimensions. The figures: four
distances and their slopes against θ; the best discriminator beside a trained one. Two minutes on one core.

References:
    Goodfellow et al., 2014, "Generative adversarial nets", arXiv:1406.2661
    Arjovsky, Chintala & Bottou, 2017, "Wasserstein GAN", arXiv:1701.07875
"""

import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Categorical, Laplace, MixtureSameFamily, Normal

import genzoo
from genzoo.core import Noise
from genzoo.distributions import (
    JENSEN_SHANNON,
    KL,
    TOTAL_VARIATION,
    Segment,
    Unknowable,
    Wasserstein,
    adversarial_bound,
    closed_form,
    estimated,
    euclidean,
    integrated,
    kantorovich_bound,
    neighbor_kl,
    optimal_discriminator,
    optimal_plan,
    wasserstein_1d,
)
from genzoo.distributions.draws import draw
from genzoo.distributions.neighbors import neighbor_estimate
from genzoo.distributions.quadrature import line_nodes

RECORD = Path(__file__).parent / "records" / "divergences.json"
IMAGES = Path(__file__).parents[1] / "docs" / "images"
THETAS = (1.0, 2.0, 4.0)
ROWS = 8000
FOUR = {"TV": TOTAL_VARIATION, "KL": KL, "JS": JENSEN_SHANNON, "W1": Wasserstein(1)}


def number(value: float) -> Tensor:
    """In float64."""
    return torch.tensor(value, dtype=torch.float64)


def pair(theta: float) -> tuple[Normal, Normal]:
    """N(0, 1) and N(θ, 1)."""
    return Normal(number(0.0), 1.0), Normal(number(theta), 1.0)


def js_three_ways(theta: float) -> dict[str, float]:
    """By f, by entropies H(m) − ½H(p) − ½H(q), and by KL to the middle."""
    p, q = pair(theta)
    means = torch.stack([p.loc, q.loc])
    m = MixtureSameFamily(Categorical(torch.ones_like(means)), Normal(means, 1.0))
    x, weights = line_nodes(-12.0, 12.0 + theta)
    log_p, log_q, log_m = (d.log_prob(x) for d in (p, q, m))
    by_kl = weights @ (log_p.exp() * (log_p - log_m) + log_q.exp() * (log_q - log_m)) / 2
    by_entropies = -(weights @ (log_m.exp() * log_m)) - p.entropy() / 2 - q.entropy() / 2
    ways = {"f": integrated(JENSEN_SHANNON, p, q), "entropies": by_entropies, "kl": by_kl}
    return {name: round(value.item(), 12) for name, value in ways.items()}


def discriminator(theta: float) -> dict[str, Any]:
    """What D* = p/(p + q) earns, E_p log D + E_q log(1 − D), beside a network trained on rows."""
    p, q = pair(theta)
    x, weights = line_nodes(-12.0, 12.0 + theta)
    log_p, log_q = p.log_prob(x), q.log_prob(x)
    best = optimal_discriminator(log_p - log_q), optimal_discriminator(log_q - log_p)
    earned = weights @ (log_p.exp() * best[0].log() + log_q.exp() * best[1].log())
    found, critic = adversarial_bound(
        JENSEN_SHANNON, *(draw(d, Noise(i), rows=ROWS)[:, None] for i, d in enumerate((p, q)))
    )
    grid = torch.linspace(-3, theta + 3, 200, dtype=torch.float64)
    with torch.no_grad():
        learned = critic(grid[:, None]).sigmoid()
    optimal = optimal_discriminator(p.log_prob(grid) - q.log_prob(grid))
    return {
        "theta": theta,
        "js": js_three_ways(theta),
        "optimal": round(earned.item(), 12),
        "minus_log_4_plus_2_js": round(-math.log(4) + 2 * integrated(JENSEN_SHANNON, p, q).item(), 12),
        "trained": [-math.log(4) + 2 * found.value, 2 * (found.error or 0)],
        "largest_gap": (learned - optimal).abs().max().item(),
        "curves": torch.stack([grid, optimal, learned]).tolist(),
    }


def segments(theta: float) -> dict[str, list[float]]:
    """The four distances of two segments at a distance θ, each with its slope in θ."""
    found = {}
    for name, divergence in FOUR.items():
        moved = number(theta).requires_grad_()
        value = closed_form(divergence, Segment(number(0.0)), Segment(moved))
        slope = torch.autograd.grad(value, moved)[0].item() + 0.0  # not −0
        found[name] = [value.item(), slope if math.isfinite(value.item()) else math.nan]
    return found


def segments_from_samples(theta: float, n: int = 200) -> dict[str, Any]:
    """The same through 200 rows of each: a number where rows can tell, ∞ or a refusal where they cannot."""
    one, other = Segment(number(0.0)), Segment(number(theta))
    x, y = draw(one, Noise(0), rows=n), draw(other, Noise(1), rows=n)
    on_x, on_y = (one.log_prob(rows) - other.log_prob(rows) for rows in (x, y))
    moved = number(theta).requires_grad_()
    cost = euclidean(x, torch.stack([moved.expand(n), y[:, 1]], dim=1))
    total = (optimal_plan(cost).coupling * cost).sum()
    try:
        neighbors = neighbor_kl(x, y).value
    except Unknowable as refusal:
        neighbors = f"refused: {refusal}"
    return {
        "TV": estimated(TOTAL_VARIATION, on_x, on_y),
        "JS": estimated(JENSEN_SHANNON, on_x, on_y),
        "KL": estimated(KL, on_x),
        "KL by neighbors, densities unknown": neighbors,
        "W1": total.item(),
        "slope of W1": torch.autograd.grad(total, moved)[0].item(),
        "W1 by a critic, at least": kantorovich_bound(x.float(), y.float(), steps=60).bound,
    }


def stacks(seed: int, places: int = 12) -> dict[str, float]:
    """W₁ of two piles of earth by the cheapest plan, by its potentials, by ∫ |F − G| and by quantiles."""
    p, q = (Noise(seed, part).integers(6, places).double() for part in ("from", "to"))
    p, q, x = p / p.sum(), q / q.sum(), torch.arange(float(places), dtype=torch.float64)
    plan = optimal_plan(euclidean(x[:, None], x[:, None]), p, q)
    ways = {
        "plan": plan.cost,
        "potentials": plan.dual,
        "area": (p - q).cumsum(0).abs().sum().item(),
        "quantiles": wasserstein_1d(x, x, weights=(p, q)),
    }
    return ways | {"largest_difference": max(ways.values()) - min(ways.values())}


def neighbor_pairs(dims: int, n: int, seed: int) -> dict[str, tuple[Tensor, Tensor, float]]:
    """Rows of pairs of distributions whose KL is known: two that are normal, two that are not."""
    x, y = (Noise(seed, dims, part).normal(n, dims, dtype=torch.float64) for part in ("x", "y"))
    u, v = (Noise(seed, dims, part).uniform(n, dims, dtype=torch.float64) for part in ("u", "v"))
    laplace = draw(Laplace(torch.zeros(dims).double(), math.sqrt(0.5)), Noise(seed, dims, "l"), rows=n)
    return {
        "normal, moved": (x, y + 1 / math.sqrt(dims), 0.5),
        "normal, 1.2 times as wide": (x, 1.2 * y, dims * (math.log(1.2) - (1 - 1.2**-2) / 2)),
        "Laplace and normal": (laplace, y, dims * (math.log(math.pi) - 1) / 2),
        "cube, 1.2 times as wide": (u, 1.2 * v - 0.1, dims * math.log(1.2)),
    }


def neighbors(dims: int, n: int, rounds: int = 3) -> dict[str, dict[str, float]]:
    """KL from rows alone: the truth, and what nearest neighbors say on average, with either start."""
    found: dict[str, dict[str, float]] = {}
    for seed in range(rounds):
        for name, (x, y, truth) in neighbor_pairs(dims, n, seed).items():
            means = found.setdefault(name, {"truth": truth})
            for start in ("constant", "normal"):
                value = neighbor_estimate(x, y, start=start)
                means[start] = means.get(start, 0.0) + value / rounds
    return found


def draw_segments(path: Path) -> None:
    """Four distances and their slopes against θ."""
    import matplotlib.pyplot as plt

    thetas = [i / 50 for i in range(-100, 101)]
    values = {theta: segments(theta) for theta in thetas}
    figure, axes = plt.subplots(2, 4, figsize=(10, 4), sharex=True, constrained_layout=True)
    for column, name in enumerate(FOUR):
        for row, (axis, what) in enumerate(zip(axes[:, column], (name, f"slope of {name}"), strict=True)):
            y = [values[theta][name][row] for theta in thetas]
            apart = [float("nan") if theta == 0 or math.isinf(v) else v for theta, v in zip(thetas, y, strict=True)]
            axis.plot(thetas, apart, color="C0")
            if row == 0:
                axis.plot([0], [0], "o", color="C0", markersize=4)
            if name == "KL":
                axis.text(0.5, 0.6, "∞ but at θ = 0" if row == 0 else "none", transform=axis.transAxes, ha="center")
            axis.set_title(what, fontsize=10)
            axis.set_ylim(*((-0.15, 2.15) if row == 0 else (-1.4, 1.4)))
    for axis in axes[1]:
        axis.set_xlabel("θ")
    figure.savefig(path, dpi=110)


def draw_discriminators(path: Path, found: list[dict[str, Any]]) -> None:
    """The best discriminator and a trained one, over both densities."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(found), figsize=(10, 2.8), sharey=True, constrained_layout=True)
    for axis, each in zip(axes, found, strict=True):
        x, optimal, learned = map(torch.tensor, each["curves"])
        p, q = pair(each["theta"])
        for density, color in ((p, "C7"), (q, "C8")):
            axis.fill_between(x, density.log_prob(x).exp(), alpha=0.3, color=color, linewidth=0)
        axis.plot(x, optimal, color="C0", label="D* = p / (p + q)")
        axis.plot(x, learned, "--", color="C1", label="trained")
        axis.set_title(f"θ = {each['theta']:g}: {each['optimal']:.5f}, trained {each['trained'][0]:.3f}", fontsize=10)
    axes[0].legend(fontsize=8, loc="lower left")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Computes everything, prints it, draws the figures and keeps the record."""
    torch.set_num_threads(1)
    discriminators = [discriminator(theta) for theta in THETAS]
    draw_discriminators(IMAGES / "discriminators.png", discriminators)
    draw_segments(IMAGES / "segments.png")
    figures = {
        "discriminators": [{k: v for k, v in each.items() if k != "curves"} for each in discriminators],
        "segments": {str(theta): segments(theta) for theta in (-1.0, 0.0, 0.5)},
        "segments_from_samples": {str(theta): segments_from_samples(theta) for theta in (-1.0, 0.5)},
        "stacks": [stacks(seed) for seed in range(10)],
        "neighbors": {f"{dims} × {n}": neighbors(dims, n) for dims in (2, 5, 10, 20) for n in (1000, 5000)},
    }
    for each in figures["discriminators"]:
        print(
            f"θ = {each['theta']:g}: JS {each['js']['f']:.5f}, best {each['optimal']:.5f}, trained {each['trained']}"
        )
    for theta, distances in figures["segments"].items():
        print(f"segments at θ = {theta}, values and slopes:", distances)
    for theta, distances in figures["segments_from_samples"].items():
        print(f"the same through samples, θ = {theta}:", distances)
    worst = max(each["largest_difference"] for each in figures["stacks"])
    print(f"ten stacks: plan, potentials, area and quantiles differ by at most {worst:.1e}")
    for size, pairs in figures["neighbors"].items():
        print(f"KL from neighbors, dimensions × rows = {size}:", pairs)
    record = {
        "experiment": "distances between distributions",
        "versions": {"genzoo": genzoo.__version__, "torch": torch.__version__},
        "figures": spoken(figures),
    }
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(RECORD)


def spoken(value: Any) -> Any:
    """JSON has neither infinity nor NaN: they are written as words."""
    if isinstance(value, dict):
        return {key: spoken(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [spoken(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "none" if math.isnan(value) else "infinite"
    return value


if __name__ == "__main__":
    main()
