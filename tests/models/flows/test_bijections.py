"""Bijections: they invert, and their log-determinants are those of autograd's Jacobians."""

import re
from collections.abc import Callable

import pytest
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
from tests.golden.couplings import BOUND, DIMS, FLIPS
from tests.golden.couplings import WIDTH as WIDE
from tests.golden.frozen import frozen

IMAGE, WIDTH = (2, 4, 6), 3


def perceptron(inputs: int, outputs: int) -> nn.Module:
    return MLP(inputs, [8], outputs, given=WIDTH)


def convolutions(inputs: int, outputs: int) -> nn.Module:
    return ResidualConv(inputs, 8, outputs, given=WIDTH)


def masked(outputs: int, transform: Elementwise | None = None, *, reverse: bool = False) -> Bijection:
    return Autoregressive(MaskedMLP(5, 1, outputs, width=8, depth=2, given=WIDTH), transform, reverse=reverse)


def causal(transform: Elementwise | None = None, *, reverse: bool = False, window: int = 16) -> Bijection:
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
    "continuous": (lambda: Continuous(TracedMLP(5, 8, WIDTH), tolerance=1e-11), (5,)),
    "continuous/layers": (lambda: Continuous(MLPField(5, [8], WIDTH), tolerance=1e-11), (5,)),
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


def made(name: str) -> Bijection:
    """A bijection away from its start, which is near the identity."""
    bijection = CASES[name][0]()
    for parameter in bijection.parameters():
        with torch.no_grad():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return bijection


def rows(name: str, n: int = 4) -> tuple[Tensor, Tensor]:
    x = torch.randn(n, *CASES[name][1])
    if "circle" in name:
        x = wrapped(x)
    if "simplex" in name:
        x = torch.nn.functional.pad(x, (0, 1)).softmax(1)[:, :-1]
    return (3 * torch.rand_like(x) if name == "logit" else x), torch.randn(n, WIDTH)


@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
@pytest.mark.parametrize("name", CASES)
def test_inverses_bring_back_x(name: str, dtype: torch.dtype, error: float) -> None:
    bijection = made(name).to(dtype)
    x, given = (part.to(dtype) for part in rows(name, 50))
    with torch.no_grad():
        z, ladj = bijection(x, given)
        assert (bijection.inverse(z, given) - x).abs().max() < error
    assert ladj.shape == (50,)
    assert z.dtype == ladj.dtype == dtype


@pytest.mark.parametrize("name", CASES)
def test_ladj_is_that_of_the_jacobian(name: str) -> None:
    bijection = made(name).double()
    x, given = (part.double() for part in rows(name))
    _, ladj = bijection(x, given)
    for row, condition, expected in zip(x, given, ladj, strict=True):
        jacobian = torch.autograd.functional.jacobian(
            lambda x, condition=condition: bijection(x[None], condition[None])[0].flatten(), row
        )
        assert torch.linalg.slogdet(jacobian.flatten(1)).logabsdet.item() == pytest.approx(expected.item(), abs=1e-8)


@pytest.mark.parametrize("name", CASES)
def test_derivatives_of_the_inverse_are_those_of_a_solution(name: str) -> None:
    """However it is found, by a formula, bisection, Newton's steps or a differential equation."""
    bijection = made(name).double()
    if isinstance(bijection, Continuous):
        bijection.tolerance = 1e-7
    x, given = (part.double() for part in rows(name, 1))
    z = bijection(x, given)[0].detach()
    there = torch.autograd.functional.jacobian(lambda x: bijection(x[None], given)[0].flatten(), x[0]).flatten(1)
    back = torch.autograd.functional.jacobian(lambda z: bijection.inverse(z[None], given).flatten(), z[0]).flatten(1)
    assert torch.allclose(back @ there, torch.eye(len(there)).double(), atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_no_rows_are_rows(name: str) -> None:
    bijection = made(name)
    x, given = rows(name, 0)
    z, ladj = bijection(x, given)
    assert ladj.shape == (0,)
    assert bijection.inverse(z, given).shape == x.shape


@pytest.mark.parametrize("name", [name for name in CASES if not re.search("norm|logi|mixing|simplex", name)])
def test_couplings_start_as_the_identity(name: str) -> None:
    bijection = CASES[name][0]()
    x, given = rows(name)
    z, ladj = bijection(x, given)
    error = 1e-5 if re.search("spline|separate|circle", name) else 0
    assert torch.allclose(ladj, torch.zeros(4), rtol=0, atol=error)
    assert torch.allclose(z.flatten().sort().values, x.flatten().sort().values, rtol=0, atol=error)


@pytest.mark.parametrize("transform", [Affine(), Spline(2, bound=2.0), Spline(3, bound=2.0), Logistics(3)], ids=repr)
def test_ways_back_that_are_written_out_are_the_derivatives(transform: Elementwise) -> None:
    x = torch.linspace(-2.3, 2.3, 7, dtype=torch.float64).reshape(7, 1).requires_grad_()  # both tails, every bin
    raw = torch.randn(7, transform.numbers, 1, dtype=torch.float64).requires_grad_()
    for way in (transform.forward, transform.inverse):
        assert torch.autograd.gradcheck(way, (x, raw))
    assert torch.autograd.gradgradcheck(transform.forward, (x, raw))
    z, ladj = transform.forward(x, raw)
    assert torch.allclose(torch.autograd.grad(z.sum(), x)[0].log(), ladj)


def test_log_scales_are_bounded() -> None:
    coupling = Coupling(perceptron(2, 4), 4, Affine(0.5))
    for parameter in coupling.parameters():
        nn.init.normal_(parameter, std=100)
    _, ladj = coupling(torch.randn(100, 4), torch.randn(100, WIDTH))
    assert ladj.abs().max() <= 2 * 0.5
    assert ladj.abs().max() > 0.9


def test_an_entry_is_moved_as_those_before_it_say() -> None:
    layer, x = made("autoregressive").double(), torch.randn(1, 5, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda x: layer(x)[0].squeeze(0), x).squeeze(1)
    assert torch.equal(jacobian.triu(1), torch.zeros(5, 5))
    assert (jacobian.tril(-1) != 0).sum() == 10
    with pytest.raises(ValueError, match="say 2, got 1 and 3"):
        Autoregressive(MaskedMLP(5, 1, 3, width=8, depth=1))


@pytest.mark.parametrize("kind", [Planar, Radial])
def test_what_presses_space_is_invertible_however_hard_it_presses(kind: type[Planar] | type[Radial]) -> None:
    for size in (3.0, 30.0):
        flow, x = kind(2).double(), 3 * torch.randn(200, 2, dtype=torch.float64)
        for parameter in flow.parameters():
            nn.init.normal_(parameter, std=size)
        z, ladj = flow(x)
        assert ladj.isfinite().all()
        assert ((flow.inverse(z) - x).abs() * ladj.exp()[:, None].clamp_max(1)).max() < 1e-9  # as far as z can tell


def test_a_squeeze_puts_the_colors_of_a_checkerboard_in_halves() -> None:
    row, column = torch.meshgrid(torch.arange(4), torch.arange(6), indexing="ij")
    color = ((row + column) % 2).float().expand(1, 3, 4, 6)
    z, _ = Squeeze()(color)
    assert torch.equal(z[:, :6], torch.zeros(1, 6, 2, 3))
    assert torch.equal(z[:, 6:], torch.ones(1, 6, 2, 3))


@pytest.mark.parametrize("dims", [2, 3, 7, 8, 63])
def test_shuffles_part_every_two_entries(dims: int) -> None:
    order, together = torch.arange(dims)[None].float(), torch.ones(dims, dims, dtype=torch.bool)
    for _ in range((dims - 1).bit_length()):
        front = torch.zeros(dims, dtype=torch.bool)
        front[order[0, : (dims + 1) // 2].long()] = True
        together &= front[:, None] == front
        order, _ = Shuffle()(order)
    assert torch.equal(together, torch.eye(dims, dtype=torch.bool))


@pytest.mark.parametrize("shape", [(5,), (5, 3, 4)])
def test_actnorm_starts_with_mean_zero_and_variance_one(shape: tuple[int, ...]) -> None:
    norm, x = ActNorm(5).double(), 100 + 7 * torch.randn(200, *shape, dtype=torch.float64)
    x[:, 1] = 42.0
    z = norm.start(x).transpose(0, 1).flatten(1)
    assert z.mean(1).abs().max() < 1e-6
    assert torch.allclose(z.var(1, correction=0), torch.tensor([1.0, 0.0, 1.0, 1.0, 1.0]).double())
    assert torch.equal(norm(x)[0].transpose(0, 1).flatten(1), z)


def test_actnorm_starts_once() -> None:
    norm = ActNorm(2)
    norm.start(torch.randn(50, 2))
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    norm.start(5 + torch.randn(50, 2))
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
    again = ActNorm(2)
    again.load_state_dict(before)
    assert again.started


def test_every_actnorm_starts_from_what_stands_before_it() -> None:
    chain, given = (
        scales((1, 8, 8), lambda channels: couplings(channels, 2, convolutions, Affine())),
        torch.zeros(300, WIDTH),
    )
    chain.start(3 + 2 * torch.randn(300, 1, 8, 8), given)
    seen = []
    for part in chain.modules():
        if isinstance(part, ActNorm):
            part.register_forward_hook(lambda *call: seen.append(call[2][0].transpose(0, 1).flatten(1)))
    chain.eval()(3 + 2 * torch.randn(3000, 1, 8, 8), given.repeat(10, 1))
    assert len(seen) == 6
    assert all(z.mean(1).abs().max() < 0.1 and (z.std(1) - 1).abs().max() < 0.1 for z in seen)


def test_what_cannot_be_split_or_bounded_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        Coupling(MLP(1, [4], 2), 1)
    with pytest.raises(ValueError, match="bound"):
        Affine(0.0)
    with pytest.raises(ValueError, match="at least 2"):
        Split(Shuffle(), (1, 4, 4))
    with pytest.raises(ValueError, match="alpha"):
        Logit(256, alpha=0.5)


def test_couplings_are_those_of_zuko() -> None:
    oracle, parts = frozen("couplings"), []
    for flip in FLIPS:
        a, b = (2, 3) if flip else (3, 2)
        net = MLP(a, [WIDE], 2 * b, activation=nn.ReLU)
        parts += [Coupling(net, DIMS, Affine(BOUND), flip=flip), Shuffle()]
    chain = Chain(*parts).double()
    prefix = "weights/"
    chain.load_state_dict({f"parts.{k.removeprefix(prefix)}": v for k, v in oracle.items() if k.startswith(prefix)})
    z, ladj = chain(oracle["x"])
    assert torch.allclose(z, oracle["z"], rtol=1e-12, atol=1e-12)
    assert torch.allclose(ladj, oracle["ladj"], rtol=1e-12, atol=1e-12)


def test_a_mixing_that_lost_its_inverse_says_so() -> None:
    mixing = Mixing(3, "plain")
    with torch.no_grad():
        mixing.weight[0] = 0
    with pytest.raises(ValueError, match="singular matrix"):
        mixing(torch.ones(2, 3))
    with pytest.raises(ValueError, match="lu or plain"):
        Mixing(3, "qr")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["lu", "plain"])
def test_a_mixing_starts_as_a_rotation_and_is_the_same_at_every_pixel(kind: str) -> None:
    mixing, x = Mixing(4, kind), torch.randn(3, 4, 5, 2)  # type: ignore[arg-type]
    z, ladj = mixing(x)
    assert ladj.abs().max() < 1e-4
    assert torch.allclose(z.square().sum(1), x.square().sum(1), atol=1e-4)
    assert torch.allclose(z[:, :, 3, 1], mixing(x[:, :, 3, 1])[0], atol=1e-6)


def test_drawing_entry_by_entry_and_by_passes_are_one() -> None:
    layer, z, given = masked(2, reverse=True), torch.randn(4, 5), torch.randn(4, WIDTH)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    with torch.no_grad():
        grown = layer.inverse(z, given)
    assert torch.allclose(layer.inverse(z, given), grown, atol=1e-6)


def test_a_place_is_moved_as_those_before_it_say() -> None:
    layer, x = made("causal").double(), torch.randn(1, 5, 2, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda x: layer(x)[0].squeeze(0), x).squeeze(2)  # (5, 2, 5, 2)
    for t in range(5):
        assert torch.equal(jacobian[t, :, t].fill_diagonal_(0), torch.zeros(2, 2))
        assert (jacobian[t, :, :t] != 0).all()
        assert (jacobian[t, :, t + 1 :] == 0).all()


@pytest.mark.parametrize(
    ("transform", "dtype", "error"), [(Affine(), torch.float32, 1e-5), (Logistics(3), torch.float64, 1e-9)]
)
def test_solving_for_places_together_is_going_place_by_place(
    transform: Elementwise, dtype: torch.dtype, error: float
) -> None:
    layer, z, given = causal(transform, reverse=True).to(dtype), torch.randn(6, 5, 2), torch.randn(6, WIDTH)
    z, given = z.to(dtype), given.to(dtype)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.3)
    found = {}
    for window in (1, 2, 5):
        layer.window = window
        with torch.no_grad():
            found[window] = layer.inverse(z, given)
    passes = layer.inverse(z, given)
    assert all(torch.allclose(x, passes, rtol=0, atol=error) for x in found.values())
    (gradient,) = torch.autograd.grad(layer.inverse(z.requires_grad_(), given).sum(), z)
    assert (gradient[:, -1] != 0).all()  # the first place in this order, which all others look at
    with pytest.raises(ValueError, match="window"):
        causal(window=0)


def test_mixtures_of_logistics_make_their_law_a_logistic() -> None:
    raw = torch.randn(1, 14, 1, dtype=torch.float64)
    raw[:, -2:] = 0
    weights, places, scales = raw[0, :-2, 0].chunk(3)
    places, scales = places + torch.linspace(-1, 1, 4, dtype=torch.float64), (7 * (scales / 7).tanh()).exp()
    x = torch.linspace(-6, 6, 50, dtype=torch.float64)
    below = (weights.softmax(0) * torch.sigmoid((x[:, None] - places) / scales)).sum(1)
    z, _ = Logistics(4).forward(x[:, None], raw.expand(50, -1, -1))
    assert torch.allclose(z[:, 0], torch.logit(below), atol=1e-9)


def test_mixtures_of_logistics_are_inverted_far_out_and_in_their_gaps() -> None:
    map_, raw = Logistics(5), 3 * torch.randn(2000, 17, 1, dtype=torch.float64)
    z = torch.cat([torch.linspace(-40, 40, 1000), torch.linspace(-1e4, 1e4, 1000)]).double()[:, None]
    x = map_.inverse(z, raw)
    again, ladj = map_.forward(x, raw)
    assert ((again - z).abs() / z.abs().clamp_min(1)).max() < 1e-9
    assert ((map_.inverse(again, raw) - x).abs() * ladj.exp().clamp_max(1) / x.abs().clamp_min(1)).max() < 1e-9
    with pytest.raises(ValueError, match="components"):
        Logistics(0)


def test_patches_fill_what_they_cut() -> None:
    with pytest.raises(ValueError, match="Patches must fill"):
        Patches((1, 4, 6), 4)
    with pytest.raises(ValueError, match="Patches must fill"):
        Patches((), 1)
