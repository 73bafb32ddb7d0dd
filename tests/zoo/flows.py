"""Flows: their tiny instances."""

from genzoo.core import GivenSpaceLike, Space
from genzoo.models import Dequantized, Standardized
from genzoo.models.flows import Affine, Flow, Nets, Spline, coupling_flow
from tests.zoo.entry import BOTH, BOUND, EVEN, EXACT, LABEL, PIXELS, REALS, Entry, stirred


def flow(
    space: Space, given: GivenSpaceLike = None, drop_given: float = 0.0, net: str = "mlp", **options: object
) -> Flow:
    return coupling_flow(space, given, Affine(), Nets(net, 8, 1), depth=2, drop_given=drop_given, **options)


def spline_flow(space: Space, given: GivenSpaceLike = None, **options: object) -> Flow:
    return stirred(coupling_flow(space, given, Spline(4), Nets(width=8, layers=1), depth=2, **options), 0.15)


FLOWS: dict[str, Entry] = {
    "realnvp": Entry(lambda: flow(REALS), EXACT, "encode decode score latent", rounds=15),
    "realnvp/given": Entry(lambda: flow(REALS, LABEL), EXACT, "encode decode score latent condition"),
    "realnvp/given/several": Entry(lambda: flow(REALS, BOTH, 0.2), EXACT, "encode decode score latent condition"),
    "standardized/realnvp": Entry(lambda: Standardized(flow(REALS)), EXACT, "encode decode score latent"),
    "dequantized/realnvp": Entry(
        lambda: Dequantized(flow(PIXELS, high=256), 256), BOUND, "encode decode latent", rounds=15
    ),
    "dequantized/realnvp/conv": Entry(
        lambda: Dequantized(flow(EVEN, LABEL, 0.5, net="conv", high=256), 256), BOUND, "encode decode latent condition"
    ),
    "nsf": Entry(lambda: spline_flow(REALS), EXACT, "encode decode score latent", rounds=15),
    "nsf/given": Entry(
        lambda: spline_flow(REALS, LABEL, drop_given=0.2), EXACT, "encode decode score latent condition"
    ),
    "dequantized/nsf": Entry(lambda: Dequantized(spline_flow(PIXELS, high=256), 256), BOUND, "encode decode latent"),
}
