"""U-Nets of denoisers beside diffusers': training steps and calls for samples, on images of 28×28.

Both sides have about as many parameters, see the same rows, the time and no condition, and are trained by fused AdamW
with channels last, in turns, in one process, on one thread. diffusers has heads of 8 channels by default; it is also
asked for one head as wide as the layer, beside genzoo's net without its folding of pixels. A ratio is the peer's
processor time over genzoo's: more than 1 means that genzoo is faster. The peer is not among the tools of this package:
pip install diffusers==0.36.0.

Usage: OMP_NUM_THREADS=1 python -m benchmarks.unets [--rounds N]
"""

import argparse
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import record
from benchmarks.small_steps import Figures, fused
from benchmarks.tables import compared
from genzoo.core.noise import seeded
from genzoo.nn import Timed, UNet

ROWS, SIDE, WIDTHS, THEIRS = 16, 28, (48, 96), (40, 80)


def ours(patch: int) -> nn.Module:
    """The U-Net of the recipes, with its folding or without."""
    with seeded(0):
        return Timed(UNet((1, SIDE, SIDE), given=2 * WIDTHS[0], widths=WIDTHS, blocks=2, patch=patch), 2 * WIDTHS[0])


def theirs(head: int) -> nn.Module:
    """diffusers' of about as many parameters, with attention at its coarsest level."""
    from diffusers import UNet2DModel

    kinds: dict[str, Any] = {
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
        "norm_num_groups": 8,
        "attention_head_dim": head,
    }
    shape = {"sample_size": SIDE, "in_channels": 1, "out_channels": 1, "layers_per_block": 2}
    with seeded(0):
        model: nn.Module = UNet2DModel(block_out_channels=THEIRS, **shape, **kinds)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def said(net: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    """What a network answers."""
    found = net(x, t)
    return found if isinstance(found, Tensor) else found.sample


def step(net: nn.Module, x: Tensor, t: Tensor, half: bool) -> Callable[[], None]:
    """A step of training."""
    optimizer = fused(net)

    def run() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = (said(net, x, t).float() - x).square().mean()
        loss.backward()
        optimizer.step()

    return run


def call(net: nn.Module, x: Tensor, t: Tensor, half: bool) -> Callable[[], None]:
    """One call of a sampler."""

    def run() -> None:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            said(net, x, t)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how many turns")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    x, t = torch.zeros(ROWS, 1, SIDE, SIDE), torch.full((ROWS,), 0.5)
    pairs = {
        "": (ours(2), theirs(8), False),
        ", bf16 beside float32": (ours(2), theirs(8), True),
        ", equal heads and no folding": (ours(1), theirs(THEIRS[1]), False),
    }
    figures: Figures = {}
    for name, (mine, other, half) in pairs.items():
        for what, made in (("step", step), ("call", call)):
            figures[f"U-Net{name}: {what}, diffusers"] = compared(
                made(mine, x, t, half), made(other, x, t, False), rounds
            )
    sizes = {
        name: sum(part.numel() for part in net.parameters())
        for name, net in (("genzoo", pairs[""][0]), ("diffusers", pairs[""][1]))
    }
    for name, values in figures.items():
        print(f"{name:52}", *(f"{what} {value:.4g}" for what, value in values.items()))
    print("written to", record.write("unets", {"rows": ROWS, "parameters": sizes, "figures": figures}))


if __name__ == "__main__":
    main()
