"""What a round of DCGAN and of a Wasserstein GAN costs beside the plain loops of the tutorials.

The plain loops are PyTorch's own tutorial of DCGAN and the usual one of the gradient penalty: data and samples are
judged one after the other, the critic gets gradients in the generator's turn, too, Adam is the default one, and
everything is float32 in PyTorch's layout. Ours are rounds of `genzoo.training.train` on networks of the same
convolutions, in the precision that `auto` takes; and once more by hand, from the players' losses, without the engine.
All alternate in one process on one thread; the figures are ratios of processor time a round. The highest memory is
that of processes of their own.

Usage: python -m benchmarks.adversarial [--blocks N] [--only NAME]
"""

import argparse
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as surprise

from benchmarks import record
from benchmarks.overhead import Enough
from genzoo.core import Batch, GenerativeModel, Noise, Space
from genzoo.data import read
from genzoo.training import TrainConfig, train
from genzoo.training.callbacks import Callback
from genzoo.training.precision import half_on
from genzoo.zoo import recipe_named

BATCH, WARM, COUNTED, ROWS, LATENT, PENALTY = 64, 1, 1, 256, 100, 10.0


class Case(NamedTuple):
    """A recipe beside a plain loop.

    Attributes:
        recipe: The recipe.
        shape: Of one image.
        settings: Of the recipe.
        target: What the ratio should reach.
    """

    recipe: str
    shape: tuple[int, int, int]
    settings: dict[str, Any]
    target: float


CASES = {
    "dcgan, 32 px": Case("dcgan", (3, 32, 32), {"size": "paper", "width": 64, "latent": LATENT}, 1.3),
    "dcgan, 64 px": Case("dcgan", (3, 64, 64), {"size": "paper", "width": 64, "latent": LATENT}, 1.3),
    "wgan_gp, 32 px": Case("wgan_gp", (3, 32, 32), {"net": "conv", "width": 64, "latent": LATENT}, 1.1),
}
PEAK = """
import sys, torch
from pathlib import Path
from benchmarks.adversarial import CASES, rounds_of
torch.set_num_threads(1)
for _ in zip(range(3), rounds_of(CASES[sys.argv[1]], sys.argv[2])):
    pass
lines = Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024)
"""


def plain_networks(shape: tuple[int, ...], normed: bool) -> tuple[nn.Module, nn.Module]:
    """The tutorial's generator and discriminator: 64 channels before the image, twice as many at each halving."""
    stages = shape[1].bit_length() - 3
    widths = [64 * 2**k for k in range(stages)]
    up: list[nn.Module] = []
    for number, width in enumerate(reversed(widths)):
        before = widths[-number] if number else LATENT
        up.append(nn.ConvTranspose2d(before, width, 4, 2 if number else 1, 1 if number else 0, bias=False))
        up += [nn.BatchNorm2d(width), nn.ReLU(True)]
    up += [nn.ConvTranspose2d(64, shape[0], 4, 2, 1, bias=False), nn.Tanh()]
    down: list[nn.Module] = []
    for number, width in enumerate(widths):
        down.append(nn.Conv2d(widths[number - 1] if number else shape[0], width, 4, 2, 1, bias=not normed))
        down += [nn.BatchNorm2d(width)] * bool(normed and number)
        down.append(nn.LeakyReLU(0.2, inplace=True))
    return nn.Sequential(*up), nn.Sequential(*down, nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False), nn.Flatten(0))


def plain_dcgan(x: Tensor) -> Iterator[None]:
    """Rounds of the tutorial's loop."""
    generator, critic = plain_networks(tuple(x.shape[1:]), normed=True)
    moves = [torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999)) for net in (critic, generator)]
    real, fake = torch.ones(BATCH), torch.zeros(BATCH)
    for rows in _batches(x):
        critic.zero_grad()
        surprise(critic(rows), real).backward()
        made = generator(torch.randn(BATCH, LATENT, 1, 1))
        surprise(critic(made.detach()), fake).backward()
        moves[0].step()
        generator.zero_grad()
        surprise(critic(made), real).backward()
        moves[1].step()
        yield


def plain_wgan_gp(x: Tensor) -> Iterator[None]:
    """Rounds of five steps of the critic, and one of the generator."""
    generator, critic = plain_networks(tuple(x.shape[1:]), normed=False)
    moves = [torch.optim.Adam(net.parameters(), lr=1e-4, betas=(0.0, 0.9)) for net in (critic, generator)]
    batches = _batches(x)
    while True:
        for _ in range(5):
            rows, made = next(batches), generator(torch.randn(BATCH, LATENT, 1, 1)).detach()
            share = torch.rand(BATCH, 1, 1, 1)
            between = (share * rows + (1 - share) * made).requires_grad_()
            (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
            penalty = PENALTY * (slope.flatten(1).norm(dim=1) - 1).square().mean()
            critic.zero_grad()
            (critic(made).mean() - critic(rows).mean() + penalty).backward()
            moves[0].step()
        generator.zero_grad()
        (-critic(generator(torch.randn(BATCH, LATENT, 1, 1))).mean()).backward()
        moves[1].step()
        yield


def _batches(x: Tensor) -> Iterator[Tensor]:
    while True:
        for rows in x[torch.randperm(len(x))].split(BATCH):
            yield rows.float() / 127.5 - 1


def model_of(case: Case) -> GenerativeModel:
    """The recipe's model."""
    model: GenerativeModel = recipe_named(case.recipe)(Space(case.shape, levels=256), None, **case.settings).model
    return model


def by_hand(case: Case, x: Tensor) -> Iterator[None]:
    """Rounds of the players' losses, as one would write them."""
    model, pages = model_of(case).train(), iter(range(1 << 30))
    half, players = half_on(x.device).quick, model.players()
    moves = [torch.optim.AdamW(p.parameters(), weight_decay=0.0, fused=True, **p.optimizer) for p in players]
    everything = list(model.parameters())
    while True:
        for player, move in zip(players, moves, strict=True):
            own = {id(weight) for weight in player.parameters()}
            for weight in everything:
                weight.requires_grad_(id(weight) in own)
            for _ in range(player.steps):
                move.zero_grad(set_to_none=True)
                batch = Batch(x[torch.randperm(len(x))[:BATCH]], {}, Noise(0, player.name).tick(next(pages)))
                with torch.autocast("cpu", torch.bfloat16, enabled=half):
                    losses = player.loss(batch)
                (losses["loss"] if isinstance(losses, dict) else losses).backward()
                move.step()
        yield


def rounds_of(case: Case, way: str) -> Iterator[None]:
    """Rounds of one way but the engine's, one after another."""
    x = images(case)
    if way == "plain":
        return plain_dcgan(x) if case.recipe == "dcgan" else plain_wgan_gp(x)
    return by_hand(case, x)


def images(case: Case) -> Tensor:
    """Rows."""
    return Noise(0, "images").integers(256, ROWS, *case.shape).to(torch.uint8)


class Clock(Callback):
    """Processor time of the counted rounds, after which the run is left."""

    def on_step(self, state: Any) -> None:
        if state.step == WARM:
            self.start = time.process_time()
        if state.step == WARM + COUNTED:
            self.seconds = time.process_time() - self.start
            raise Enough


def by_engine(case: Case) -> float:
    """Seconds a round of the engine."""
    clock, rows = Clock(), read(images(case)).train
    config = TrainConfig(steps=20_000, batch_size=BATCH, device="cpu", precision="auto")
    with contextlib.suppress(Enough):
        train(model_of(case), rows, config, callbacks=[clock], say=lambda _: None)
    return clock.seconds / COUNTED


def timed(rounds: Iterator[None]) -> float:
    """Seconds a round."""
    for _ in range(WARM):
        next(rounds)
    start = time.process_time()
    for _ in range(COUNTED):
        next(rounds)
    return (time.process_time() - start) / COUNTED


def peak(name: str, way: str) -> float:
    """The highest memory in MiB of a process of its own that plays three rounds."""
    found = subprocess.run([sys.executable, "-c", PEAK, name, way], check=True, capture_output=True)
    return round(float(found.stdout))


def measured(name: str, blocks: int) -> dict[str, float]:
    """All ways in turn."""
    case = CASES[name]
    ways: dict[str, Callable[[], float]] = {
        "plain": lambda: timed(rounds_of(case, "plain")),
        "by_hand": lambda: timed(rounds_of(case, "by hand")),
        "engine": lambda: by_engine(case),
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(blocks):
        for way, run in ways.items():
            times[way].append(run())
    best = {way: min(values) for way, values in times.items()}
    ratios = [plain / ours for plain, ours in zip(times["plain"], times["engine"], strict=True)]
    return {
        **{f"{way}_ms_best": round(1e3 * seconds, 1) for way, seconds in best.items()},
        "ratio_of_best": round(best["plain"] / best["engine"], 3),
        "ratio_median": round(statistics.median(ratios), 3),
        "engine_over_by_hand": round(best["engine"] / best["by_hand"], 3),
        "target": case.target,
        "plain_mib": peak(name, "plain"),
        "by_hand_mib": peak(name, "by hand"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--blocks", type=int, default=5, help="how many turns")
    parser.add_argument("--only", choices=list(CASES), help="one case, nothing recorded")
    said = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    for name in [said.only] if said.only else CASES:
        found[name] = measured(name, said.blocks)
        print(f"{name:16}", *(f"{what} {value}" for what, value in found[name].items()), flush=True)
    if not said.only:
        print("written to", record.write("adversarial", {"batch": BATCH, "blocks": said.blocks, "cases": found}))


if __name__ == "__main__":
    main()
