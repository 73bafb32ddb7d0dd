"""Networks: shapes for every size, conditions that matter, rows that do not see each other."""

import pytest
import torch
from torch import nn

from genzoo.core import Space
from genzoo.nn import (
    MLP,
    Conditioned,
    ConvDecoder,
    ConvEncoder,
    Embedding,
    Steps,
    StridedDecoder,
    StridedEncoder,
    Timed,
)
from genzoo.nn.conv import stages

SHAPES = [(1, 4, 4), (1, 8, 8), (3, 5, 9), (1, 28, 28), (2, 4, 17)]
LABEL = Space((), levels=3)


@pytest.mark.parametrize("shape", SHAPES)
def test_convolutions_go_down_and_up_again(shape: tuple[int, int, int]) -> None:
    x = torch.randn(2, *shape)
    z = ConvEncoder(shape, 6, width=4)(x)
    assert z.shape == (2, 6)
    assert ConvDecoder(6, shape, width=4)(z).shape == x.shape


def test_strides_go_down_and_up_again_at_any_size() -> None:
    for shape in ((1, 28, 28), (3, 64, 64), (2, 25, 18), (1, 5, 5), (1, 64, 4), (1, 1, 9)):
        x = torch.randn(2, *shape)
        for norm in (None, nn.BatchNorm2d):
            down, up = StridedEncoder(shape, 6, width=2, norm=norm), StridedDecoder(6, shape, width=2, norm=norm)
            assert up(down(x)).shape == x.shape, (shape, norm)


def test_kernels_that_double_begin_without_a_checkerboard() -> None:
    for side in (15, 16):  # kernels of 3 and of 4
        layer = StridedDecoder(3, (1, side, side), width=4).layers[-1]
        assert isinstance(layer, torch.nn.ConvTranspose2d)
        flat = layer(torch.ones(1, layer.in_channels, 6, 6))[..., 2:-2, 2:-2]
        assert torch.allclose(flat, flat[..., :1, :1].expand_as(flat), atol=1e-6), side


def test_sizes_halve_rounding_up() -> None:
    assert stages(28, 28) == [(28, 28), (14, 14), (7, 7), (4, 4)]
    assert stages(8, 8) == [(8, 8), (4, 4)]
    assert stages(5, 9) == [(5, 9), (3, 5), (2, 3)]
    with pytest.raises(ValueError, match="4×4"):
        stages(3, 8)
    with pytest.raises(ValueError, match="MLP"):
        ConvEncoder((8, 8), 1)


NETS = {
    "mlp": lambda width: (MLP(16, [8, 8], 2, given=width), (1, 4, 4)),
    "encoder": lambda width: (ConvEncoder((1, 4, 4), 2, width=4, given=width), (1, 4, 4)),
    "strided encoder": lambda width: (StridedEncoder((1, 9, 9), 2, width=4, hidden=5, given=width), (1, 9, 9)),
    "strided decoder": lambda width: (StridedDecoder(3, (1, 9, 9), width=4, hidden=5, given=width), (3,)),
    "decoder": lambda width: (ConvDecoder(3, (1, 4, 4), width=4, given=width), (3,)),
}


@pytest.mark.parametrize("kind", NETS)
def test_rows_do_not_see_each_other(kind: str) -> None:
    net, shape = NETS[kind](0)
    x = torch.randn(6, *shape)
    assert torch.allclose(net(x)[2:4], net(x[2:4]), atol=1e-6)


@pytest.mark.parametrize("kind", NETS)
def test_conditions_reach_the_result(kind: str) -> None:
    inner, shape = NETS[kind](5)
    net, x = Conditioned(inner, LABEL, 5), torch.randn(1, *shape).expand(4, *shape)
    first, *others = net(x, torch.tensor([0, 1, 2, -1]))
    assert all(not torch.allclose(first, other) for other in others)


def test_an_unconditional_net_ignores_no_condition() -> None:
    net = Conditioned(MLP(2, [4], 1))
    assert net.embedding is None
    assert torch.equal(net(torch.ones(3, 2), None), net.net(torch.ones(3, 2)))


def test_an_mlp_without_hidden_layers_is_linear() -> None:
    assert [type(part) for part in MLP(2, [], 3).layers] == []
    assert MLP(2, [], 3)(torch.zeros(4, 2)).shape == (4, 3)


def test_every_entry_and_level_has_a_vector_of_its_own() -> None:
    embed = Embedding(Space((2,), levels=3), 4)
    given = torch.cartesian_prod(torch.arange(-1, 3), torch.arange(-1, 3))
    assert len(embed(given).unique(dim=0)) == 16


def test_null_reals_leave_finite_gradients() -> None:
    embed = Embedding(Space((2,)), 4)
    given = torch.tensor([[0.0, 1.0], [torch.nan, 2.0]])
    out = embed(given)
    out.square().sum().backward()
    assert torch.equal(out[1], embed.tokens.parts[0].null)
    assert all(parameter.grad.isfinite().all() for parameter in embed.parameters())


@pytest.mark.parametrize(("merge", "width"), [("sum", 4), ("concat", 8)])
def test_several_conditions_add_or_stand_side_by_side(merge: str, width: int) -> None:
    embed = Embedding({"a": LABEL, "b": Space((3,))}, 4, merge=merge)
    out = embed({"a": torch.tensor([0, -1]), "b": torch.randn(2, 3)})
    assert out.shape == (2, width) == (2, embed.width)


def test_activations_are_by_argument() -> None:
    assert isinstance(MLP(2, [3], 1, activation=nn.Tanh).activation, nn.Tanh)


def test_one_time_for_all_rows_is_embedded_once() -> None:
    seen, x = [], torch.randn(6, 2)
    net = Timed(MLP(2, [8], 2, given=4), 4)
    net.time.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    alike, apart = net(x, torch.tensor(0.3).expand(6)), net(x, torch.full((6,), 0.3))
    assert seen == [1, 6]
    assert torch.allclose(alike, apart, atol=1e-6)


def test_steps_sharpen_along_the_training() -> None:
    net, z = Steps(nn.Identity(), 1, first=2.0, last=50.0, until=0.5), torch.tensor([[-1e-3], [1e-3]])
    jumps = []
    for progress in (0.0, 0.25, 0.5, 1.0):
        net.at(progress)
        below, above = net(z)[:, 2]
        jumps.append((below - above).item())
    assert jumps[0] * 25 == pytest.approx(jumps[2], rel=0.01)
    assert jumps[1] == pytest.approx((jumps[0] * jumps[2]) ** 0.5, rel=0.01)
    assert jumps[3] == jumps[2]
    with pytest.raises(ValueError, match="positive sharpness"):
        Steps(nn.Identity(), 1, until=0.0)
