"""What a critic makes of the Wasserstein distance: its value beside the exact one, with weights cut or a penalty.

Two densities of the line, one of two modes and one of a single mode, whose distance is known from their distribution
functions. A critic of three layers of 64 is trained between them, held by cutting its weights to [−c, c], by the
gradient penalty on both sides of one or on one side, or by spectral normalization. Its value E f(x) − E f(x̃) over its
largest slope is a lower bound on the distance, by duality; over one it is what the critic itself takes it for.

    python -m experiments.critic

References:
    Arjovsky, Chintala & Bottou, 2017, "Wasserstein GAN", arXiv:1701.07875 (section 3, on clipping)
    Gulrajani et al., 2017, "Improved training of Wasserstein GANs", arXiv:1704.00028 (figure 1)
"""

import json
import math
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from experiments.drawing import COLORS, IMAGES, save
from genzoo.core import Batch, Instant, Noise, Space, seeded
from genzoo.models.adversarial import GAN, GradientPenalty, Rules, Wasserstein, spectral
from genzoo.nn import MLP, Conditioned
from genzoo.testing.training import Game

ROUNDS, RATE, BATCH, WIDTH, POINTS = 1000, 1e-3, 256, 64, 100_000
CUTS, SCALES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0), (0.1, 1.0, 10.0)
RECORD = Path(__file__).parent / "records" / "critic.json"


def data(n: int, noise: Noise) -> Tensor:
    """Half N(−2, 0.3²), half N(2, 0.6²)."""
    z, left = noise.normal(n, 1), noise.uniform(n, 1) < 0.5
    return torch.where(left, -2 + 0.3 * z, 2 + 0.6 * z)


class Fixed(nn.Module):
    """A generator of N(0.5, 0.8²) that does not move."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.8))

    def forward(self, z: Tensor) -> Tensor:
        return 0.5 + self.scale * z


def exact() -> float:
    """∫ |F(x) − G(x)| dx, by the two distribution functions on a fine grid."""
    x = torch.linspace(-8, 8, 200_001, dtype=torch.float64)
    first = (torch.special.ndtr((x + 2) / 0.3) + torch.special.ndtr((x - 2) / 0.6)) / 2
    return torch.trapezoid((first - torch.special.ndtr((x - 0.5) / 0.8)).abs(), x).item()


def critic_of(held: str, amount: float) -> GAN:
    """A critic between the two densities, held in a way."""
    penalties = [GradientPenalty(amount, one_sided=held == "one side")] if held in ("two sides", "one side") else []
    clip = amount if held == "cut" else None
    rules = Rules(Wasserstein(), penalties, clip=clip, critic_lr=RATE, betas=(0.0, 0.9))
    with seeded(0):
        net = MLP(1, [WIDTH] * 3, 1, activation=nn.ReLU)
    generator = Conditioned(Fixed())
    critic = Conditioned(spectral(net) if held == "spectral" else net)
    return GAN(Space((1,)), None, generator, critic, rules, latent=1)


def figures_of(model: GAN, held: str, amount: float, distance: float) -> dict[str, Any]:
    """What the critic says after its training, with a curve for the picture."""
    x, noise = data(POINTS, Noise(9)), Noise(10)
    samples = 0.5 + 0.8 * noise.normal(POINTS, 1)
    grid = torch.linspace(-5, 5, 401)[:, None].requires_grad_()
    said = model.critic(grid)
    (slope,) = torch.autograd.grad(said.sum(), grid)
    with torch.no_grad():
        value = (model.critic(x).mean() - model.critic(samples).mean()).item()
    steepest = slope.abs().max().item()
    weights = torch.cat([p.detach().flatten() for p in model.critic.parameters()])
    layers = model.critic.net.layers
    game = model.critic_loss(Batch(x[:BATCH], noise=Noise(11)))["loss"]
    slopes = torch.autograd.grad(game, [each for each in model.critic.parameters() if each.ndim == 2])
    return {
        "held": held,
        "amount": amount,
        "value": float(f"{value:.4g}"),
        "slope": float(f"{steepest:.4g}"),
        "bound": round(value / max(steepest, 1e-12), 4),
        "exact": round(distance, 4),
        "at_the_edge": round((weights.abs() >= 0.99 * amount).float().mean().item(), 3) if held == "cut" else None,
        "gradients": [float(f"{each.norm().item():.3g}") for each in slopes][: len(layers) + 1],
        "curve": [round(each, 4) for each in ((said - said.mean()) / max(steepest, 1e-12)).flatten().tolist()[::8]],
    }


def trained(held: str, amount: float, distance: float) -> dict[str, Any]:
    """A critic's training."""
    model = critic_of(held, amount)
    game = Game.of(model, only="critic")
    player, optimizer = game.players[0], game.optimizers[0]
    for step in range(ROUNDS):
        noise = Noise(1).tick(step)
        optimizer.param_groups[0]["lr"] = RATE * (1 + math.cos(math.pi * step / ROUNDS)) / 2
        optimizer.zero_grad()
        loss = player.loss(Batch(data(BATCH, noise.at("data")), noise=noise))
        loss["loss"].backward()
        optimizer.step()
        player.after(Instant(step))
    return figures_of(model.eval(), held, amount, distance)


def draw(record: list[dict[str, Any]]) -> None:
    """What critics say, each divided by its largest slope, and what they take the distance for."""
    figure = Figure(figsize=(9.2, 3.4))
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.3})
    places = torch.linspace(-5, 5, 401)[::8].tolist()
    shown = [("cut", 0.01), ("cut", 1.0), ("two sides", 10.0), ("one side", 10.0), ("spectral", 1.0)]
    for color, (held, amount) in zip(COLORS, shown, strict=True):
        entry = next(each for each in record if (each["held"], each["amount"]) == (held, amount))
        name = f"{held} {amount:g}" if held != "spectral" else held
        left.plot(places, entry["curve"], color=color, linewidth=1.2, label=name)
    left.set(xlabel="x", ylabel="the critic, its largest slope being one")
    left.legend(frameon=False, fontsize=8)
    cut = [each for each in record if each["held"] == "cut"]
    distance = record[0]["exact"]
    places_of_c, values, bounds = ([each[name] for each in cut] for name in ("amount", "value", "bound"))
    right.loglog(places_of_c, values, "o-", color=COLORS[1], label="value, weights cut to c")
    right.loglog(places_of_c, bounds, "o-", color=COLORS[0], label="value over slope")
    right.axhline(distance, color="black", linewidth=0.8, label=f"exact, {distance:.3f}")
    right.set(xlabel="c")
    right.legend(frameon=False, fontsize=8)
    save(figure, "critic", RECORD)


def main() -> None:
    """Trains every critic, keeps what they say, and draws it."""
    distance, record = exact(), []
    ways = [
        *(("cut", c) for c in CUTS),
        *((side, scale) for side in ("two sides", "one side") for scale in SCALES),
        ("spectral", 1.0),
    ]
    for held, amount in ways:
        record.append(trained(held, amount, distance))
        print({name: value for name, value in record[-1].items() if name != "curve"})
    RECORD.write_text("[\n" + ",\n".join(f" {json.dumps(entry)}" for entry in record) + "\n]\n")
    draw(record)
    print(RECORD, IMAGES / "critic.png")


if __name__ == "__main__":
    main()
