"""What it gains to draw and score rows block by block, which `sample` and `log_prob` do, beside all at once.

The same bits in less memory: ratios of processor time in turns, in one process, and the highest memory of processes of
their own that draw images from a convolutional network.

Usage: python -m benchmarks.blocks [--rounds N] [--images N]
"""

import argparse
import subprocess
import sys
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks import record
from benchmarks.tables import compared
from genzoo.core import GenerativeModel, Space
from genzoo.zoo.adversarial.wasserstein import wgan_gp
from genzoo.zoo.autoencoders import vae
from genzoo.zoo.flows.maps import realnvp

IMAGES = Space((1, 28, 28), levels=256)
PEAK = """
import sys, torch
from pathlib import Path
from benchmarks.blocks import IMAGES, built, wgan_gp
def highest():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
torch.set_num_threads(1)
n, at_once = int(sys.argv[1]), sys.argv[2] == "True"
model = built(wgan_gp, IMAGES, net="conv")
if at_once:
    model.block = None
model.sample(1, seed=0)
before = highest()
model.sample(n, seed=0)
print(highest() - before)
"""


def built(recipe: Callable[..., object], space: Space, **options: object) -> GenerativeModel:
    """A recipe's model, not trained."""
    model: GenerativeModel = recipe(space, **options).model  # type: ignore[attr-defined]
    return model.eval()


def by_block(model: GenerativeModel, make: Callable[[], Tensor], rounds: int) -> dict[str, float]:
    """Block by block beside all at once."""
    parts = [part for part in model.modules() if isinstance(part, GenerativeModel) and part.block is not None]
    blocks = [part.block for part in parts]

    def at_once() -> Tensor:
        for part in parts:
            part.block = None
        x = make()
        for part, block in zip(parts, blocks, strict=True):
            part.block = block
        return x

    largest = float((make().double() - at_once().double()).abs().max())
    return {**compared(make, at_once, rounds), "largest_difference": largest}


def peak(n: int, at_once: bool) -> float:
    """The memory in MiB that drawing n images takes beyond the model."""
    found = subprocess.run([sys.executable, "-c", PEAK, str(n), str(at_once)], check=True, capture_output=True)
    return round(float(found.stdout), 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how many turns")
    parser.add_argument("--images", type=int, default=8000, help="how many images are drawn for the memory")
    said = parser.parse_args()
    torch.set_num_threads(1)
    cases = {
        "realnvp, D = 8": (built(realnvp, Space((8,))), 100_000),
        "realnvp, D = 63": (built(realnvp, Space((63,))), 50_000),
        "vae, 28 × 28": (built(vae, IMAGES), 1500),
        "wgan_gp, 28 × 28": (built(wgan_gp, IMAGES), 1500),
    }
    figures: dict[str, dict[str, float]] = {}
    for name, (model, n) in cases.items():
        figures[f"{name}: sample {n:,}"] = by_block(
            model, lambda model=model, n=n: model.sample(n, seed=0), said.rounds
        )
        if model.can("log_prob"):
            x = model.sample(n, seed=0)
            with torch.no_grad():
                scored = by_block(model, lambda model=model, x=x: model.log_prob(x), said.rounds)
            figures[f"{name}: log_prob {n:,}"] = scored
    figures["wgan_gp, convolutions, memory"] = {
        "mib": peak(said.images, False),
        "mib_of_a_fourth": peak(said.images // 4, False),
        "mib_at_once_of_a_fourth": peak(said.images // 4, True),
    }
    for name, values in figures.items():
        print(f"{name:36}", *(f"{what} {value}" for what, value in values.items()))
    print("written to", record.write("blocks", {"images": said.images, "figures": figures}))


if __name__ == "__main__":
    main()
