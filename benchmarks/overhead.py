"""What the loop costs over a bare PyTorch loop, on the training step of an MLP VAE.

The bare loop is what one would write by hand: shuffle, index, `torch.randn`, loss, backward, fused AdamW. Ours is
`genzoo.training.train` on the same networks and the same loss, with its keyed noise, exact data order, global
randomness guarded, finite check, rows of metrics and callbacks. Both alternate in one process on one thread; the
figure is the ratio of CPU time per step.

Usage: python -m benchmarks.overhead
"""

import contextlib
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks import record
from genzoo.core import Batch, Trainable
from genzoo.data import read
from genzoo.training import TrainConfig, train
from genzoo.training.callbacks import Callback

ROWS, BATCH, HIDDEN, LATENT = 20_000, 128, 400, 20
BLOCKS, WARM, COUNTED = 15, 40, 160


class PlainVAE(nn.Module):
    """784 – 400 – 20 – 400 – 784 with Bernoulli pixels, as in the tutorials."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * LATENT))
        self.decoder = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 784))

    def negative_elbo(self, x: Tensor, draw: Callable[..., Tensor]) -> Tensor:
        x = x.float()
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        z = mean + (0.5 * log_var).exp() * draw(len(x), LATENT)
        pixels = functional.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum")
        divergence = 0.5 * (log_var.exp() + mean.square() - 1 - log_var).sum()
        return (pixels + divergence) / len(x)


class OursVAE(Trainable):
    """The same networks and loss, as the engine sees a model."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = PlainVAE()

    def loss(self, batch: Batch) -> Tensor:
        return self.plain.negative_elbo(batch.x, batch.noise.normal)


class Enough(Exception):
    """The counted steps of a longer run are made."""


class Clock(Callback):
    """CPU time of the counted steps, after which the run is left."""

    def on_step(self, state) -> None:
        if state.step == WARM:
            self.start = time.process_time()
        if state.step == WARM + COUNTED:
            self.seconds = time.process_time() - self.start
            raise Enough


def bare(x: Tensor) -> float:
    """Seconds per step of the loop one would write."""
    model = PlainVAE()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0, fused=True)
    order = torch.randperm(len(x))
    for step in range(WARM + COUNTED):
        if step == WARM:
            start = time.process_time()
        place = step * BATCH % (len(x) - BATCH)
        loss = model.negative_elbo(x[order[place : place + BATCH]], torch.randn)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return (time.process_time() - start) / COUNTED


def ours(rows, **settings) -> float:
    """Seconds per step of the engine, in a run of 20,000 steps with the intervals that it has by default."""
    clock = Clock()
    config = TrainConfig(steps=20_000, batch_size=BATCH, device="cpu", **settings)
    with contextlib.suppress(Enough):
        train(OursVAE(), rows, config, callbacks=[clock])
    return clock.seconds / COUNTED


def main() -> None:
    torch.set_num_threads(1)
    x = torch.randint(0, 2, (ROWS, 784), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    rows = read(x).train
    variants = {
        "bare": lambda: bare(x),
        "ours": lambda: ours(rows),
        "ours with a weight average": lambda: ours(rows, ema=0.1),
    }
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(BLOCKS):
        for name, run in variants.items():
            times[name].append(run())
    figures = {}
    for name, values in times.items():
        ratios = [value / other for value, other in zip(values, times["bare"], strict=True)]
        figures[name] = {
            "ms_per_step_best": round(1e3 * min(values), 3),
            "ratio_of_best": round(min(values) / min(times["bare"]), 4),
            "ratio_median": round(statistics.median(ratios), 4),
        }
        print(
            f"{name:28} best {1e3 * min(values):7.3f} ms a step   "
            f"ratio of best {figures[name]['ratio_of_best']:.3f}   median {figures[name]['ratio_median']:.3f}"
        )
    print(
        "target: ours ≤ 1.03; written to",
        record.write("overhead", {"batch": BATCH, "blocks": BLOCKS, "loops": figures}),
    )


if __name__ == "__main__":
    main()
