"""Densities of one and two entries add up to 1, by a sum over a fine grid."""

from collections.abc import Callable

import pytest
import torch

from genzoo.core import Space, seeded
from genzoo.models.flows import (
    Additive,
    Affine,
    Bijection,
    Chain,
    Flow,
    Logistics,
    MaskedNets,
    Nets,
    Planar,
    Radial,
    Separate,
    Spline,
    Sylvester,
    Transformers,
    autoregressive_flow,
    causal_flow,
    continuous_flow,
    coupling_flow,
    residual_flow,
)
from tests.zoo.entry import stirred

NETS, MASKED = Nets(width=8), MaskedNets(8, 1)
ANY: dict[str, Callable[[Space], Flow]] = {  # of any number of entries
    "maf": lambda space: autoregressive_flow(space, None, Affine(), MASKED, depth=2),
    "iaf": lambda space: autoregressive_flow(space, None, Affine(), MASKED, depth=2, inverse=True),
    "nsf_autoregressive": lambda space: autoregressive_flow(space, None, Spline(4), MASKED, depth=2),
    "ffjord": lambda space: continuous_flow(space, nets=NETS, tolerance=1e-4),
    "residual_flow": lambda space: residual_flow(space, width=8, depth=3),
    "planar": lambda space: chained(space, Planar),
    "radial": lambda space: chained(space, Radial),
    "sylvester": lambda space: chained(space, Sylvester),
    "separate": lambda space: chained(space, lambda dims: Separate(dims, Logistics(3))),
}
COUPLED: dict[str, Callable[[Space], Flow]] = {
    "realnvp": lambda space: coupling_flow(space, None, Affine(), NETS, depth=3),
    "nsf": lambda space: coupling_flow(space, None, Spline(4), NETS, depth=3),
    "nice": lambda space: coupling_flow(space, None, Additive(), NETS, depth=3),
    "glow": lambda space: coupling_flow(space, None, Affine(), NETS, depth=3, mixing="lu"),
    "tarflow": lambda space: causal_flow(space, None, nets=Transformers(8, 1, 2), depth=2),
}


def chained(space: Space, part: Callable[[int], Bijection]) -> Flow:
    return Flow(space, None, Chain(*(part(space.dims) for _ in range(3))))


def bent(make: Callable[[Space], Flow], dims: int) -> Flow:
    with seeded(3):
        return stirred(make(Space((dims,))), 0.2).double().eval()


@pytest.mark.parametrize("name", ANY)
def test_a_density_of_one_entry_integrates_to_one(name: str) -> None:
    x = torch.linspace(-20, 20, 8001).double()
    with torch.no_grad():
        density = bent(ANY[name], 1).log_prob(x[:, None]).exp()
    assert torch.trapezoid(density, x).item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", [*ANY, *COUPLED])
def test_a_density_of_two_entries_integrates_to_one(name: str) -> None:
    n = 121 if name == "ffjord" else 241  # smooth, and dear
    x = torch.linspace(-24, 24, n).double()
    with torch.no_grad():
        density = bent((ANY | COUPLED)[name], 2).log_prob(torch.cartesian_prod(x, x)).exp().reshape(n, n)
    assert torch.trapezoid(torch.trapezoid(density, x), x).item() == pytest.approx(1, abs=1e-3)
