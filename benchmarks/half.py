"""What half precision buys: training steps of convolutional networks, and samples of a diffusion.

Before: float32, images and weights as PyTorch lays them out by default. Now: bfloat16, channels last, which is what
`precision=auto` takes where the processor has products in bfloat16. Networks and rows are those of the recipes on
28 × 28 bytes. Both sides alternate in one process on one thread; the figure is the ratio of CPU time. Of the samples
the difference from those of float32 is told, in levels of 255.

Usage: OMP_NUM_THREADS=1 python -m benchmarks.half [--small]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks import record
from genzoo.core import GenerativeModel, Space
from genzoo.experiments.speed import step_of
from genzoo.training.precision import half_on
from genzoo.zoo import recipe_named

SPACE, BATCH, ROUNDS, STIR = Space((1, 28, 28), levels=256), 64, 7, 0.02
TARGETS = {"vae, 16 channels": 1.9, "vae, 64 channels": 1.9, "wgan_gp, critic": 1.8, "flow_matching, samples": 1.6}


def model_of(recipe: str, **settings: Any) -> GenerativeModel:
    """A recipe's model, its silent layers stirred so that it says something."""
    torch.manual_seed(0)
    model: GenerativeModel = recipe_named(recipe)(SPACE, None, **settings).model
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(STIR * torch.randn_like(parameter))
    return model


def as_before(model: GenerativeModel) -> GenerativeModel:
    """The model with weights and images in PyTorch's default layout."""
    model.to(memory_format=torch.contiguous_format)
    for part in model.modules():
        if isinstance(part, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            part.register_forward_pre_hook(lambda _, given: (given[0].contiguous(),))
    return model


def rows() -> torch.Tensor:
    return torch.randint(0, 256, (BATCH, *SPACE.shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def compared(name: str, before: Callable[[], Any], now: Callable[[], Any], rounds: int) -> dict[str, float]:
    """Milliseconds of both sides in turn, and their ratios."""
    times: list[tuple[float, float]] = []
    for k in range(rounds + 1):
        clock = [time.process_time()]
        for run in (before, now):
            run()
            clock.append(time.process_time())
        if k:  # the first is warm-up
            times.append((clock[1] - clock[0], clock[2] - clock[1]))
    best = [1e3 * min(side) for side in zip(*times, strict=True)]
    ratio, median = best[0] / best[1], statistics.median(a / b for a, b in times)
    print(
        f"{name:24} {best[0]:9.1f} ms → {best[1]:9.1f} ms: {ratio:.2f} ×, median {median:.2f} (target {TARGETS[name]})"
    )
    return {
        "before_ms": round(best[0], 2),
        "now_ms": round(best[1], 2),
        "ratio_of_best": round(ratio, 3),
        "ratio_median": round(median, 3),
        "target": TARGETS[name],
    }


def samples(rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """Samples of flow matching, eight rows; and how far they lie from those of float32."""
    before, now = as_before(model_of("flow_matching")), model_of("flow_matching")
    now.in_half = True  # type: ignore[assignment]
    drawn = [model.sample(8, seed=0, steps=5).int() for model in (before, now)]
    apart = (drawn[0] - drawn[1]).abs().float()
    figures = compared(
        "flow_matching, samples",
        lambda: before.sample(8, seed=0, steps=5),
        lambda: now.sample(8, seed=0, steps=5),
        rounds,
    )
    return figures, {"mean_levels": round(apart.mean().item(), 4), "most_levels": apart.max().item()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", action="store_true", help="one round, nothing recorded: does it run?")
    small = parser.parse_args().small
    torch.set_num_threads(1)
    half, rounds, found = half_on(torch.device("cpu")), 1 if small else ROUNDS, {}
    print(f"{half.why}: auto is {'bf16' if half.quick else 'float32'}")
    for name, recipe, settings in (
        ("vae, 16 channels", "vae", {"width": 16}),
        ("vae, 64 channels", "vae", {"width": 64}),
        ("wgan_gp, critic", "wgan_gp", {}),
    ):
        before = step_of(as_before(model_of(recipe, **settings)), rows(), half=False)
        found[name] = compared(name, before, step_of(model_of(recipe, **settings), rows(), half=True), rounds)
    found["flow_matching, samples"], apart = samples(rounds)
    print(f"samples differ by {apart['mean_levels']} levels of 255 on average, at most {apart['most_levels']:g}")
    if not small:
        figures = {"batch": BATCH, "rounds": rounds, "why": half.why, "rows": found, "samples_apart": apart}
        print("written to", record.write("half", figures))


if __name__ == "__main__":
    main()
