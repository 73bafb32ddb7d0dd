"""Bijections: they invert, and their log-determinants are those of autograd's Jacobians."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from genzoo.models.flows import (
    ActNorm,
    Additive,
    Affine,
    Autoregressive,
    Chain,
    Coupling,
    Logistics,
    Logit,
    Mixing,
    Patches,
    Planar,
    Radial,
    Shuffle,
    Spline,
    Split,
    Squeeze,
)
from genzoo.models.flows.coupling import Elementwise
from genzoo.models.flows.couplings import couplings, scales
from genzoo.models.flows.spline_steps import ONE
from genzoo.nn import MLP, MaskedMLP
from tests.golden import maps, splines
from tests.golden.couplings import BOUND, DIMS, FLIPS
from tests.golden.couplings import WIDTH as WIDE
from tests.golden.frozen import frozen
from tests.models.flows.cases import WIDTH, causal, convolutions, made, masked, perceptron


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


def renumbered(weight: Tensor, numbers: int) -> Tensor:
    """Parameters that stand entry by entry, as ours: first ones first, slopes counted from that of the identity."""
    weight = weight.unflatten(0, (-1, numbers))
    if weight.ndim == 2:
        weight = torch.cat([weight[:, : 2 * splines.BINS], weight[:, 2 * splines.BINS :] - ONE], 1)
    return weight.transpose(0, 1).flatten(0, 1)


def test_spline_couplings_are_those_of_nflows() -> None:
    oracle, parts = frozen("splines"), []
    for i, flip in enumerate(splines.FLIPS):
        a, b = (2, 3) if flip else (3, 2)
        net = MLP(a, [splines.WIDTH], splines.NUMBERS * b, activation=nn.ReLU)
        coupling = Coupling(net, splines.DIMS, Spline(splines.BINS, splines.BOUND), flip=flip).double()
        said = {name: oracle[f"coupling/{i}/{name}"] for name in ("first.weight", "first.bias")}
        names = ("last.weight", "last.bias")
        last = {name: renumbered(oracle[f"coupling/{i}/{name}"], splines.NUMBERS) for name in names}
        net.load_state_dict({name.replace("first", "layers.0"): weight for name, weight in said.items()} | last)
        parts.append(coupling)
    z, ladj = Chain(*parts)(oracle["x"])
    assert (oracle["x"].abs() > splines.BOUND).any()
    assert torch.allclose(z, oracle["coupling/z"], rtol=0, atol=1e-9)
    assert torch.allclose(ladj, oracle["coupling/ladj"], rtol=0, atol=1e-6)


def as_masked(oracle: dict[str, Tensor], prefix: str, transform: Elementwise, width: int) -> Autoregressive:
    """A map with the weights of an oracle, whose network has no shortcut."""
    dims, numbers = oracle["x"].shape[1], transform.numbers
    layer = Autoregressive(MaskedMLP(dims, 1, numbers, width=width, depth=1), transform).double()
    bias = oracle[f"{prefix}last.bias"].unflatten(0, (dims, numbers)).clone()
    if isinstance(transform, Spline):
        bias[:, 2 * transform.bins :] -= ONE
    layer.net.load_state_dict(
        {
            "layers.0.weight": oracle[f"{prefix}first.weight"],
            "layers.0.bias": oracle[f"{prefix}first.bias"],
            "last.weight": oracle[f"{prefix}last.weight"],
            "last.bias": bias.flatten(),
            "shortcut.weight": torch.zeros(dims * numbers, dims),
        }
    )
    return layer


def test_autoregressive_splines_are_those_of_nflows() -> None:
    oracle = frozen("splines")
    layer = as_masked(oracle, "masked/", Spline(splines.BINS, splines.BOUND), splines.WIDTH)
    z, ladj = layer(oracle["x"])
    assert torch.allclose(z, oracle["masked/z"], rtol=0, atol=1e-9)
    assert torch.allclose(ladj, oracle["masked/ladj"], rtol=0, atol=1e-6)


def test_autoregressive_affine_maps_are_those_of_zuko() -> None:
    oracle = frozen("maps")
    layer = as_masked(oracle, "", Affine(maps.BOUND), maps.WIDTH)
    z, ladj = layer(oracle["x"])
    assert torch.allclose(z, oracle["z"], rtol=1e-12, atol=1e-12)
    assert torch.allclose(ladj, oracle["ladj"], rtol=1e-12, atol=1e-12)
    assert torch.allclose(layer.inverse(oracle["x"]), oracle["back"], rtol=1e-9)


class Written(TorchDispatchMode):
    """Counts the numbers that operations write."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        self.count += sum(part.numel() for part in (found if isinstance(found, tuple | list) else [found]))
        return found


@pytest.mark.parametrize("transform", [Affine(), Additive(), Spline(4)], ids=repr)
def test_a_coupling_costs_what_its_entries_do(transform: Elementwise) -> None:
    """Twice the entries, twice the numbers written, determinant and all; a determinant of a matrix would cost more."""
    written = []
    for dims in (32, 64, 128):
        coupling = Coupling(MLP(dims // 2, [4], transform.numbers * dims // 2), dims, transform)
        with torch.no_grad(), Written() as mode:
            coupling(torch.randn(10, dims))
        written.append(mode.count)
    assert written[2] - written[1] == 2 * (written[1] - written[0])


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
    layer, z, given = causal(transform, reverse=True).to(dtype), torch.randn(2, 5, 2), torch.randn(2, WIDTH)
    z, given = z.to(dtype), given.to(dtype)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.3)
    found: dict[int | None, Tensor] = {}
    for window in (1, 2, 5, None):
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


@pytest.mark.parametrize("differentiates", [False, True])
def test_what_is_found_in_a_flat_gap_stays_while_others_are_looked_for(differentiates: bool) -> None:
    """There the logit has no digit for where x is, and a step of Newton's for its last one would lead anywhere."""
    map_, wide = Logistics(3), torch.tensor([1.0] * 3 + [1000.0] * 3 + [1.0] * 5).double()[:, None]
    for raw in (wide * torch.randn(40, 20, 11, 1, dtype=torch.float64)).unbind():
        x = 1000 * torch.randn(20, 1, dtype=torch.float64)
        with torch.set_grad_enabled(differentiates):
            z, _ = map_.forward(x, raw)
            again, _ = map_.forward(map_.inverse(z, raw), raw)
        assert ((again - z).abs() / z.abs().clamp_min(1)).max() < 1e-9


def test_patches_fill_what_they_cut() -> None:
    with pytest.raises(ValueError, match="Patches must fill"):
        Patches((1, 4, 6), 4)
    with pytest.raises(ValueError, match="Patches must fill"):
        Patches((), 1)
