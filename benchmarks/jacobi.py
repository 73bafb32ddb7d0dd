"""Ways back through causal maps of patches: by Jacobi's iteration, and place by place, with and without a cache.

A flow of four causal maps over 196 patches of MNIST is trained for half a core-minute, since what an iteration takes
depends on what it solves. Then rows of noise are brought back in turns, in one process, on one thread. A ratio is the
processor time of going place by place over that of Jacobi's iteration in the best window:

- *whole passes*: a pass over all places for each next one, as masked flows are usually drawn;
- *without a cache*: a pass over the places known so far for each next one;
- *with a cache*: a pass over one place, the keys and values of those before being kept.

Usage: OMP_NUM_THREADS=1 python -m benchmarks.jacobi [--rounds N] [--seconds S]
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

import genzoo
from benchmarks import record
from genzoo.core import Batch, Noise, Space
from genzoo.core.noise import seeded
from genzoo.models import Dequantized
from genzoo.models.flows import Causal, Flow, Transformers, causal_flow

WINDOWS, ROWS, BATCH = (14, 48, 196), (1, 2, 16), 16


def trained(seconds: float) -> Flow:
    """A flow that knows digits a little."""
    x, space = genzoo.read("mnist").train.x, Space((1, 28, 28))
    with seeded(0):
        flow = causal_flow(space, nets=Transformers(64, 2, 2), depth=4, patch=2, high=256)
    model = Dequantized(flow, 256)
    model.prepare([Batch(x[:500], None, Noise(0))])
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.95), fused=True)
    began, step = time.process_time(), 0
    while time.process_time() - began < seconds:
        loss = model.loss(Batch(x[BATCH * step : BATCH * (step + 1)], None, Noise(0).tick(step)))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
    print(f"{step} steps: {space.dims} entries, {loss.item() / space.dims / 0.6931:.3f} bits each")
    return flow.eval()


def windowed(flow: Flow, window: int) -> Callable[[Tensor], Tensor]:
    def back(z: Tensor) -> Tensor:
        for part in flow.modules():
            if isinstance(part, Causal):
                part.window = window
        return flow.decode(z)

    return back


def by_passes(flow: Flow, *, whole: bool) -> Callable[[Tensor], Tensor]:
    """A pass for each next place, over all of them or over those that are known."""

    def layer(part: Causal, z: Tensor) -> Tensor:
        z = z.flip(1) if part.reverse else z
        x = z.clone()
        for t in range(z.shape[1]):
            raw = part._told(x, slice(0, z.shape[1] if whole else t + 1), None)[:, :, t : t + 1]
            x[:, t : t + 1] = part.transform.inverse(z[:, t : t + 1], raw)
        return x.flip(1) if part.reverse else x

    def back(z: Tensor) -> Tensor:
        for part in reversed(flow.bijection.parts):
            z = layer(part, z) if isinstance(part, Causal) else part.inverse(z)
        return z

    return back


def turns(ways: dict[str, Callable[[], Tensor]], rounds: int) -> dict[str, float]:
    """The median processor time of each, in turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.process_time()
            way()
            times[name].append(time.process_time() - began)
    return {name: sorted(seconds)[len(seconds) // 2] for name, seconds in times.items()}


@torch.no_grad()
def measured(flow: Flow, n: int, rounds: int) -> dict[str, object]:
    """Times, ratios and errors of n rows."""
    z = Noise(1, "z").normal(n, *flow.latent)
    sequential = {
        "whole passes": by_passes(flow, whole=True),
        "without a cache": by_passes(flow, whole=False),
        "with a cache": windowed(flow, 1),
    }
    jacobi = {f"window {window}": windowed(flow, window) for window in WINDOWS}
    ways = sequential | jacobi
    exact = windowed(flow.double(), 1)(z.double()) / 256
    flow.float()
    errors = {name: (way(z) / 256 - exact).abs().max().item() for name, way in ways.items()}
    seconds = turns({name: lambda way=way: way(z) for name, way in ways.items()}, rounds)
    best = min(jacobi, key=lambda name: seconds[name])
    ratios = {name: round(seconds[name] / seconds[best], 2) for name in sequential}
    return {
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "largest error, of pixels in [0, 1], beside double precision": errors,
        "best window": best,
        "times the best window's time": ratios,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="how many turns")
    parser.add_argument("--seconds", type=float, default=30, help="processor time of the training")
    said = parser.parse_args()
    torch.set_num_threads(1)
    flow = trained(said.seconds)
    figures = {f"{n} rows": measured(flow, n, said.rounds) for n in ROWS}
    for name, values in figures.items():
        print(name, *(f"\n  {what}: {value}" for what, value in values.items()))
    print("written to", record.write("jacobi", {"training seconds": said.seconds, "figures": figures}))


if __name__ == "__main__":
    main()
