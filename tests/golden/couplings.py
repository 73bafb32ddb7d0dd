"""Affine couplings as zuko has them, with masks and random weights: z and ladj of some rows."""

import torch
from torch import Tensor, nn
from torch.distributions import AffineTransform

DIMS, WIDTH, BOUND = 5, 6, 3.0
FLIPS = (False, True, False)  # a shuffle follows each coupling


def answers() -> dict[str, Tensor]:
    from zuko.transforms import ComposedTransform, CouplingTransform, DependentTransform, PermutationTransform

    torch.manual_seed(0)
    front, weights, parts = torch.arange(DIMS) < (DIMS + 1) // 2, {}, []
    for i, flip in enumerate(FLIPS):
        mask = ~front if flip else front
        first = nn.Linear(int(mask.sum()), WIDTH).double()
        last = nn.Linear(WIDTH, 2 * int((~mask).sum())).double()

        def affine(a: Tensor, first: nn.Linear = first, last: nn.Linear = last) -> DependentTransform:
            raw, shift = last(first(a).relu()).chunk(2, dim=-1)
            return DependentTransform(AffineTransform(shift, (BOUND * (raw / BOUND).tanh()).exp()), 1)

        order = torch.cat([torch.arange(0, DIMS, 2), torch.arange(1, DIMS, 2)])
        parts += [CouplingTransform(affine, mask), PermutationTransform(order)]
        layers = {"layers.0": first, "last": last}
        weights |= {f"weights/{2 * i}.net.{k}.{n}": p for k, net in layers.items() for n, p in net.named_parameters()}
    x = torch.randn(7, DIMS, dtype=torch.float64)
    with torch.no_grad():
        z, ladj = ComposedTransform(*parts).call_and_ladj(x)
    return {name: weight.detach() for name, weight in weights.items()} | {"x": x, "z": z, "ladj": ladj}
