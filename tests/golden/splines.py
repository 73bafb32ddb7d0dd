"""Spline flows as nflows has them, random weights: z and ladj of some rows, some of them out in the tails.

nflows wants packages that torch's build here cannot have: pip install --no-deps nflows.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

DIMS, WIDTH, BINS, BOUND = 5, 8, 4, 2.0
NUMBERS = 3 * BINS - 1
FLIPS = (False, True)


class Said(nn.Module):
    """A function as a network that takes a condition it never gets."""

    def __init__(self, said: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.said = said

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return self.said(x)


def answers() -> dict[str, Tensor]:
    from nflows.transforms.autoregressive import MaskedPiecewiseRationalQuadraticAutoregressiveTransform
    from nflows.transforms.coupling import PiecewiseRationalQuadraticCouplingTransform

    found = {"x": 2 * torch.randn(40, DIMS, generator=torch.Generator().manual_seed(0)).double()}
    z, ladj = found["x"], torch.zeros(40).double()
    options = {"num_bins": BINS, "tails": "linear", "tail_bound": BOUND}
    with torch.no_grad():
        for i, flip in enumerate(FLIPS):
            mask = torch.arange(DIMS) < (DIMS + 1) // 2
            a, b = (2, 3) if flip else (3, 2)
            weights = random(i, first=(WIDTH, a), last=(b * NUMBERS, WIDTH))
            said = perceptron(weights)
            layer = PiecewiseRationalQuadraticCouplingTransform(
                (mask if flip else ~mask).int(), lambda inputs, outputs, said=said: Said(said), **options
            )
            z, change = layer(z)
            ladj = ladj + change
            found |= {f"coupling/{i}/{name}": weight for name, weight in weights.items()}
        found |= {"coupling/z": z, "coupling/ladj": ladj}
        weights = masked(random(9, first=(WIDTH, DIMS), last=(DIMS * NUMBERS, WIDTH)), NUMBERS)
        layer = MaskedPiecewiseRationalQuadraticAutoregressiveTransform(DIMS, 4, **options)
        layer.autoregressive_net = Said(perceptron(weights))
        z, ladj = layer(found["x"])
    return (
        found | {f"masked/{name}": weight for name, weight in weights.items()} | {"masked/z": z, "masked/ladj": ladj}
    )


def random(seed: int, **shapes: tuple[int, int]) -> dict[str, Tensor]:
    """Weights and biases of some layers."""
    generator, found = torch.Generator().manual_seed(seed), {}
    for name, (outputs, inputs) in shapes.items():
        found[f"{name}.weight"] = torch.randn(outputs, inputs, generator=generator).double()
        found[f"{name}.bias"] = torch.randn(outputs, generator=generator).double()
    return found


def masked(weights: dict[str, Tensor], numbers: int) -> dict[str, Tensor]:
    """The same with zeros where an entry would see itself or those after it."""
    width, dims = weights["first.weight"].shape
    degrees, each = torch.arange(width) * (dims - 1) // width, torch.arange(dims)
    weights["first.weight"] *= degrees[:, None] >= each
    weights["last.weight"] *= (each - 1).repeat_interleave(numbers)[:, None] >= degrees
    return weights


def perceptron(weights: dict[str, Tensor]) -> Callable[[Tensor], Tensor]:
    """The network of such weights."""

    def said(x: Tensor) -> Tensor:
        h = nn.functional.linear(x, weights["first.weight"], weights["first.bias"]).relu()
        return nn.functional.linear(h, weights["last.weight"], weights["last.bias"])

    return said
