"""What a step led by a measurement costs beside the bare calls of the network that it needs.

    python -m benchmarks.inverse [--rows 16] [--steps 5] [--rounds 5]

A U-Net of flow matching sees 28 × 28 pixels, of which 70 % are hidden. A step of `dps`, `pigdm` and `twisted` needs
one mean and one derivative of it, `mmps` with k conjugate gradients k derivatives of one mean. Told is the median
over rounds of processor time, led over bare, the two in turn; and how often the network was called a step.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from benchmarks.record import write
from genzoo.core import Denoiser, GenerativeModel, Noise, Space
from genzoo.core.model import evaluating
from genzoo.tasks.inverse import Gaussian, Measurement, hidden, measure, solve
from genzoo.tasks.inverse.guided import ITERATIONS
from genzoo.zoo import recipe_named

SHAPE = (1, 28, 28)
DERIVATIVES = {"dps": 1, "pigdm": 1, "twisted": 1, "mmps": ITERATIONS}


def seconds(work: Callable[[], object]) -> float:
    """Processor time."""
    start = time.process_time()
    work()
    return time.process_time() - start


def bare(model: GenerativeModel, rows: int, steps: int, derivatives: int) -> None:
    """The calls alone."""
    denoiser = model.able(Denoiser)
    start, v = denoiser.start(rows, Noise(0)), Noise(1).normal(rows, *SHAPE)
    with evaluating(model):
        for k in range(steps):
            with torch.enable_grad():
                x = start.detach().requires_grad_()
                mean = denoiser.denoise(x, torch.tensor(0.9 - 0.8 * k / steps))
            for _ in range(derivatives):
                torch.autograd.grad(mean, x, v, retain_graph=True)


def led(model: GenerativeModel, seen: Measurement, method: str, rows: int, steps: int) -> None:
    """As many steps of a method on as many rows."""
    options = {"particles": rows, "allow_collapse": True} if method == "twisted" else {}
    n = 1 if method == "twisted" else rows
    solve(model, seen, n=n, seed=0, method=method, steps=steps, **options)


def calls(model: GenerativeModel, seen: Measurement, method: str) -> float:
    """Of the network, a step."""
    count = 0
    network = next(part for part in model.modules() if type(part).__name__ == "UNet")

    def counted(*_: object) -> None:
        nonlocal count
        count += 1

    with_count = network.register_forward_pre_hook(counted)
    led(model, seen, method, 2, 3)
    with_count.remove()
    return count / 3


def main() -> None:
    """Measures, prints and writes."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--rows", type=int, default=16)
    asked.add_argument("--steps", type=int, default=5)
    asked.add_argument("--rounds", type=int, default=5)
    told = asked.parse_args()
    torch.set_num_threads(1)
    model = recipe_named("flow_matching")(Space(SHAPE, levels=256)).model
    seen = measure(hidden(SHAPE, 0.7), torch.full((1, *SHAPE), 0.5), Gaussian(0.05), seed=0)
    found = {}
    for method, derivatives in DERIVATIVES.items():
        led(model, seen, method, 2, 2)
        ratios = [
            seconds(lambda method=method: led(model, seen, method, told.rows, told.steps))  # type: ignore[misc]
            / seconds(lambda d=derivatives: bare(model, told.rows, told.steps, d))  # type: ignore[misc]
            for _ in range(told.rounds)
        ]
        found[method] = {"led over bare": round(statistics.median(ratios), 3), "calls": calls(model, seen, method)}
        print(method, found[method], [round(ratio, 3) for ratio in ratios], flush=True)
    print(write("inverse", {"rows": told.rows, "steps": told.steps, "rounds": told.rounds, "methods": found}))


if __name__ == "__main__":
    main()
