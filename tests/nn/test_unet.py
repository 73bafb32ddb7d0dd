"""The U-Net and times as vectors: any size, rows apart, conditions that matter, half precision that is close."""

import pytest
import torch

from genzoo.core import Space
from genzoo.nn import MLP, Timed, TimeEmbedding, UNet
from genzoo.nn.unet import folded, unfolded

LABEL = Space((), levels=3)


def woken(net: torch.nn.Module) -> torch.nn.Module:
    """The network with its silent layers stirred, so that everything in it has a say."""
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return net


@pytest.fixture
def net() -> torch.nn.Module:
    torch.manual_seed(0)
    return woken(Timed(UNet((1, 8, 8), given=8, widths=(4, 8), blocks=1, head=4), 8, LABEL))


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 28, 28), (3, 5, 9), (2, 4, 17)])
@pytest.mark.parametrize(("widths", "patch"), [((4,), 1), ((4, 8), 2), ((4, 8, 8), 1)])
def test_images_keep_their_size(shape: tuple[int, ...], widths: tuple[int, ...], patch: int) -> None:
    net = UNet(shape, given=6, widths=widths, patch=patch, blocks=1)
    y = net(torch.randn(2, *shape), torch.randn(2, 6))
    assert y.shape == (2, *shape)
    assert y.is_contiguous()
    assert torch.equal(y, torch.zeros_like(y))  # it begins by saying nothing
    assert net(torch.zeros(0, *shape), torch.zeros(0, 6)).shape == (0, *shape)


def test_vectors_are_no_images() -> None:
    with pytest.raises(ValueError, match="MLP"):
        UNet((64,), given=4)


def test_folding_is_torchs() -> None:
    x = torch.randn(2, 3, 8, 12)
    assert torch.equal(folded(x, 4), torch.nn.functional.pixel_unshuffle(x, 4))
    assert torch.equal(unfolded(folded(x, 4), 4), x)


def test_rows_do_not_see_each_other(net: torch.nn.Module) -> None:
    x, t, given = torch.randn(9, 1, 8, 8), torch.rand(9), torch.arange(9) % 3
    whole = net(x, t, given)
    parts = torch.cat([net(x[i : i + 1], t[i : i + 1], given[i : i + 1]) for i in range(9)])
    assert torch.allclose(whole, parts, atol=1e-5)


def test_every_input_matters(net: torch.nn.Module) -> None:
    x, t, given = torch.randn(1, 1, 8, 8), torch.tensor([0.3]), torch.tensor([1])
    y = net(x, t, given)
    assert not torch.allclose(y, net(x, t + 0.01, given), atol=1e-4)
    assert not torch.allclose(y, net(x, t, given + 1), atol=1e-4)
    assert not torch.allclose(y, net(x, t, given * 0 - 1), atol=1e-4)
    moved = x.clone()
    moved[..., 0, 0] += 1
    assert ((net(moved, t, given) - y).abs() > 0).all()  # attention: every pixel sees every other


def test_half_precision_is_close(net: torch.nn.Module) -> None:
    x, t, given = torch.randn(4, 1, 8, 8), torch.rand(4), torch.arange(4) % 3
    exact = net(x, t, given)
    with torch.autocast("cpu", torch.bfloat16):
        rough = net(x, t, given)
    assert torch.allclose(rough.float(), exact, atol=0.05 * exact.abs().max().item())


def test_near_times_have_near_vectors() -> None:
    torch.manual_seed(0)
    embed = TimeEmbedding(32)
    t = torch.tensor([0.2, 0.2001, 0.21, 0.9])
    first, near, far, other = embed(t)
    assert (first - near).norm() < (first - far).norm() < 10 * (first - other).norm()
    assert not torch.allclose(first, near, atol=1e-5)


def test_a_timed_network_needs_no_condition() -> None:
    net = Timed(MLP(2, [8], 2, given=4), 4)
    assert net(torch.zeros(5, 2), torch.rand(5)).shape == (5, 2)
