"""Flows: their tiny instances."""

from genzoo.core import GivenSpaceLike, Space
from genzoo.models import Denoised, Dequantized, Standardized
from genzoo.models.flows import (
    Additive,
    Affine,
    CellFlow,
    Elementwise,
    Flow,
    IntegerFlow,
    MaskedNets,
    Nets,
    Spline,
    Transformers,
    autoregressive_flow,
    causal_flow,
    continuous_flow,
    coupling_flow,
    residual_flow,
)
from tests.zoo.entry import BOTH, BOUND, EVEN, EXACT, LABEL, NONE, PIXELS, REALS, TINY, Entry, stirred


def flow(
    space: Space, given: GivenSpaceLike = None, drop_given: float = 0.0, net: str = "mlp", **options: object
) -> Flow:
    return coupling_flow(space, given, Affine(), Nets(net, 8, 1), depth=2, drop_given=drop_given, **options)


def spline_flow(space: Space, given: GivenSpaceLike = None, **options: object) -> Flow:
    return stirred(coupling_flow(space, given, Spline(4), Nets(width=8, layers=1), depth=2, **options), 0.15)


def maps(space: Space, given: GivenSpaceLike = None, transform: Elementwise | None = None, **options: object) -> Flow:
    return stirred(autoregressive_flow(space, given, transform, MaskedNets(8, 1), depth=2, **options), 0.1)


def moving(space: Space, given: GivenSpaceLike = None, **options: object) -> Flow:
    return stirred(continuous_flow(space, given, Nets(width=3), tolerance=1e-5, **options), 0.04)


def blocks(space: Space, given: GivenSpaceLike = None, **options: object) -> Flow:
    return stirred(residual_flow(space, given, width=6, depth=2, **options), 0.15)


def patches(space: Space, given: GivenSpaceLike = None, **options: object) -> Flow:
    return stirred(causal_flow(space, given, nets=Transformers(8, 1, 2), depth=2, **options), 0.05)


def whole(space: Space, given: GivenSpaceLike = None, net: str = "mlp", **options: object) -> IntegerFlow:
    return stirred(IntegerFlow(space, given, Nets(net, 8, 1), depth=2, components=2, **options), 0.05)


BYTES_EVEN = Space(EVEN.shape, levels=256)
ABLE = "encode decode score latent"
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
    "nice": Entry(lambda: coupling_flow(REALS, None, Additive(), Nets("mlp", 8, 1), depth=2), EXACT, ABLE, rounds=15),
    "glow": Entry(
        lambda: Dequantized(
            coupling_flow(EVEN, None, Affine(), Nets("conv", 8, 1), depth=1, mixing="lu", high=256), 256
        ),
        BOUND,
        "encode decode latent",
    ),
    "maf": Entry(lambda: maps(REALS), EXACT, ABLE, rounds=15),
    "maf/given": Entry(lambda: maps(REALS, LABEL, drop_given=0.2), EXACT, f"{ABLE} condition"),
    "iaf": Entry(lambda: maps(REALS, inverse=True), EXACT, ABLE, rounds=15),
    "nsf_autoregressive": Entry(lambda: maps(REALS, None, Spline(3)), EXACT, ABLE, rounds=15),
    "ffjord": Entry(lambda: moving(REALS), EXACT, ABLE, rounds=5),
    "ffjord/given": Entry(lambda: moving(REALS, LABEL, drop_given=0.2), EXACT, f"{ABLE} condition"),
    "tarflow": Entry(
        lambda: Dequantized(patches(EVEN, LABEL, patch=4, drop_given=0.2, high=256), 256),
        BOUND,
        "encode decode latent condition",
        rounds=15,
    ),
    "tarflow/vector": Entry(lambda: patches(REALS), EXACT, ABLE),
    "residual_flow": Entry(lambda: blocks(REALS), EXACT, ABLE, rounds=15),
    "residual_flow/given": Entry(lambda: blocks(REALS, LABEL, drop_given=0.2), EXACT, f"{ABLE} condition"),
    "dequantized/variational": Entry(
        lambda: Dequantized(flow(EVEN, net="conv", high=256), 256, fill=CellFlow(BYTES_EVEN, Nets("conv", 8, 1))),
        BOUND,
        "encode decode latent",
        rounds=15,
    ),
    "denoised/tarflow": Entry(
        lambda: Denoised(patches(EVEN, LABEL, patch=4, drop_given=0.2), BYTES_EVEN, sigma=6.0),
        NONE,
        "sample loss encode decode latent condition",
    ),
    "idf": Entry(
        lambda: whole(BYTES_EVEN, LABEL, "conv", drop_given=0.2), BOUND, "encode decode condition", rounds=15
    ),
    "idf/vector": Entry(lambda: whole(TINY), BOUND, "encode decode"),
    "dequantized/nsf": Entry(lambda: Dequantized(spline_flow(PIXELS, high=256), 256), BOUND, "encode decode latent"),
}
