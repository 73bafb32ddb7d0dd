"""One small instance of every bijection, with the shape of its rows."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from genzoo.models.flows import (
    ActNorm,
    Additive,
    Affine,
    Autoregressive,
    Bijection,
    Causal,
    Chain,
    CircularSpline,
    Continuous,
    Coupling,
    Flatten,
    Inverse,
    Logistics,
    Logit,
    LogRatio,
    LogTails,
    Mixing,
    Patches,
    Planar,
    Radial,
    Residual,
    Separate,
    Shuffle,
    Spline,
    Split,
    Squeeze,
    StickBreaking,
    Sylvester,
)
from genzoo.models.flows.circle import wrapped
from genzoo.models.flows.coupling import Elementwise
from genzoo.models.flows.couplings import couplings, scales
from genzoo.nn import MLP, LipschitzMLP, MaskedMLP, MLPField, ResidualConv, TracedMLP, Transformer

IMAGE, WIDTH = (2, 4, 6), 3


def perceptron(inputs: int, outputs: int) -> nn.Module:
    return MLP(inputs, [8], outputs, given=WIDTH)


def convolutions(inputs: int, outputs: int) -> nn.Module:
    return ResidualConv(inputs, 8, outputs, given=WIDTH)


def masked(outputs: int, transform: Elementwise | None = None, *, reverse: bool = False) -> Bijection:
    return Autoregressive(MaskedMLP(5, 1, outputs, width=8, depth=2, given=WIDTH), transform, reverse=reverse)


def causal(transform: Elementwise | None = None, *, reverse: bool = False, window: int | None = None) -> Bijection:
    """A causal map of 5 places with 2 numbers each."""
    net = Transformer(8, 2, 2, 5)
    return Causal(net, 8, 2, transform, reverse=reverse, given=WIDTH, window=window)


CASES: dict[str, tuple[Callable[[], Bijection], tuple[int, ...]]] = {
    "actnorm": (lambda: ActNorm(5), (5,)),
    "actnorm/image": (lambda: ActNorm(2), IMAGE),
    "coupling": (lambda: Coupling(perceptron(3, 4), 5), (5,)),
    "coupling/flip": (lambda: Coupling(perceptron(2, 6), 5, flip=True), (5,)),
    "coupling/spline": (lambda: Coupling(perceptron(3, 2 * 11), 5, Spline(4, bound=1.0)), (5,)),
    "coupling/image/spline": (lambda: Coupling(convolutions(1, 5), 2, Spline(2)), IMAGE),
    "coupling/image": (lambda: Coupling(convolutions(1, 2), 2), IMAGE),
    "flatten": (lambda: Flatten(IMAGE), IMAGE),
    "shuffle": (Shuffle, (5,)),
    "shuffle/image": (Shuffle, IMAGE),
    "squeeze": (Squeeze, IMAGE),
    "logit": (lambda: Logit(3, alpha=0.01), (5,)),
    "tails": (lambda: LogTails((5,), bound=0.5), (5,)),
    "split": (lambda: Split(Chain(ActNorm(2), Flatten((2, 2, 2))), (3, 2, 2)), (3, 2, 2)),
    "chain": (lambda: couplings(5, 4, perceptron, Affine()), (5,)),
    "chain/mixing": (lambda: couplings(5, 4, perceptron, Additive(), "lu"), (5,)),
    "mixing": (lambda: Mixing(5), (5,)),
    "mixing/image": (lambda: Mixing(2), IMAGE),
    "mixing/image/plain": (lambda: Mixing(2, "plain"), IMAGE),
    "coupling/additive": (lambda: Coupling(perceptron(3, 2), 5, Additive()), (5,)),
    "inverse": (lambda: Inverse(masked(2)), (5,)),
    "chain/spline": (lambda: couplings(5, 4, perceptron, Spline(4)), (5,)),
    "sylvester": (lambda: Sylvester(5, 3, WIDTH), (5,)),
    "sylvester/all": (lambda: Sylvester(4, given=WIDTH), (4,)),
    "separate": (lambda: Separate(5, Spline(4), WIDTH), (5,)),
    "circle": (lambda: Separate(5, CircularSpline(4), WIDTH), (5,)),
    "circle/coupling": (lambda: Coupling(perceptron(3, 2 * 13), 5, CircularSpline(4)), (5,)),
    "simplex/ratio": (LogRatio, (5,)),
    "simplex/stick": (StickBreaking, (5,)),
    "planar": (lambda: Planar(5, WIDTH), (5,)),
    "radial": (lambda: Radial(5, WIDTH), (5,)),
    "continuous": (lambda: Continuous(TracedMLP(5, 8, WIDTH), tolerance=1e-10), (5,)),
    "continuous/layers": (lambda: Continuous(MLPField(3, [8], WIDTH), tolerance=1e-10), (3,)),
    "residual": (lambda: Residual(LipschitzMLP(5, 8, WIDTH)), (5,)),
    "residual/many": (lambda: Residual(LipschitzMLP(12, 8, WIDTH)), (12,)),
    "autoregressive": (lambda: masked(2), (5,)),
    "autoregressive/reverse": (lambda: masked(2, reverse=True), (5,)),
    "autoregressive/spline": (lambda: masked(11, Spline(4, bound=1.0)), (5,)),
    "causal": (causal, (5, 2)),
    "causal/reverse/windows": (lambda: causal(reverse=True, window=2), (5, 2)),
    "causal/logistics": (lambda: causal(Logistics(3)), (5, 2)),
    "coupling/logistics": (lambda: Coupling(perceptron(3, 2 * 11), 5, Logistics(3)), (5,)),
    "patches": (lambda: Patches(IMAGE, 2), IMAGE),
    "patches/vector": (lambda: Patches((6,), 3), (6,)),
    "scales": (lambda: scales((1, 8, 8), lambda channels: couplings(channels, 2, convolutions, Affine())), (1, 8, 8)),
}


def made(name: str, stir: float = 0.1) -> Bijection:
    """A bijection away from its start, which is near the identity."""
    bijection = CASES[name][0]()
    for parameter in bijection.parameters():
        with torch.no_grad():
            parameter.add_(stir * torch.randn_like(parameter))
    return bijection


def double(name: str, stir: float = 0.1) -> Bijection:
    """The same in double precision."""
    return made(name, stir).double()


def eased(bijection: Bijection) -> Bijection:
    """The same, for derivatives: a way that is solved to 1e-12 is long to differentiate."""
    if isinstance(bijection, Continuous):
        bijection.tolerance = 1e-5
    return bijection


def rows(name: str, n: int = 4, far: float = 1.0) -> tuple[Tensor, Tensor]:
    """Rows that it takes, as far out as asked where its support goes on, and conditions."""
    x = far * torch.randn(n, *CASES[name][1])
    if "circle" in name:
        x = wrapped(x)
    if "simplex" in name:
        x = torch.nn.functional.pad(x.clamp(-8, 8), (0, 1)).double().softmax(1)[:, :-1]
    return (3 * torch.rand_like(x) if name == "logit" else x), torch.randn(n, WIDTH)
