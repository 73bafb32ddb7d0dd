"""Autoregressive maps as zuko has them, with masks and random weights: z and ladj of some rows, and the way back."""

import torch
from torch import Tensor
from torch.distributions import AffineTransform

from tests.golden.splines import masked, perceptron, random

DIMS, WIDTH, BOUND = 5, 8, 3.0


def answers() -> dict[str, Tensor]:
    from zuko.transforms import AutoregressiveTransform, DependentTransform

    weights = masked(random(3, first=(WIDTH, DIMS), last=(2 * DIMS, WIDTH)), 2)
    said = perceptron(weights)

    def affine(x: Tensor) -> DependentTransform:
        raw, shift = said(x).unflatten(1, (DIMS, 2)).unbind(2)
        return DependentTransform(AffineTransform(shift, (BOUND * (raw / BOUND).tanh()).exp()), 1)

    map_ = AutoregressiveTransform(affine, DIMS)
    x = torch.randn(7, DIMS, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        z, ladj = map_.call_and_ladj(x)
        back = map_.inv(x)
    return weights | {"x": x, "z": z, "ladj": ladj, "back": back}
