"""Masked networks: staircases, and growth that equals the pass."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from genzoo.nn import Growing, MaskedMLP


@pytest.mark.parametrize(("entries", "width"), [(1, 3), (2, 5), (5, 3), (7, 40)])
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("given", [0, 4])
def test_growing_is_the_pass(entries: int, width: int, depth: int, given: int) -> None:
    net = MaskedMLP(entries, 2, 3, width=width, depth=depth, given=given).double()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(4, entries, 2, dtype=torch.float64)
    c = torch.randn(4, given, dtype=torch.float64) if given else None
    growing = Growing(net, 4, c)
    said = [growing.first(), *(growing.tell(x[:, d].T) for d in range(entries - 1))]
    assert torch.allclose(torch.stack(said).permute(2, 0, 1), net(x, c))


@pytest.mark.parametrize(("depth", "given", "way"), [(1, 0, MaskedMLP.forward), (2, 2, MaskedMLP.by_number)])
def test_the_written_way_back_is_the_derivative(depth: int, given: int, way: Callable[..., Tensor]) -> None:
    net = MaskedMLP(3, 2, 2, width=4, depth=depth, given=given).double()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    c = torch.randn(2, given, dtype=torch.float64, requires_grad=True) if given else None
    asked = [x, *net.parameters(), *([] if c is None else [c])]
    assert torch.autograd.gradcheck(lambda *_: way(net, x, c), asked)
    assert torch.autograd.gradgradcheck(lambda *_: way(net, x, c), asked)
    assert torch.allclose(net.by_number(x, c).transpose(1, 2), net(x, c))


def test_every_entry_reaches_all_later_ones() -> None:
    net = MaskedMLP(5, 1, 1, width=20, depth=2).double()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(1, 5, 1, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda x: net(x)[0, :, 0], x).reshape(5, 5)
    assert torch.equal(jacobian != 0, torch.ones(5, 5).tril(-1).bool())


def test_weights_start_at_a_scale_that_the_mask_does_not_change() -> None:
    net = MaskedMLP(64, 1, 1, width=256, depth=2)
    h = net.layers[1](torch.randn(500, 256))
    spread = h.std(0)
    assert 0.3 < spread[:50].mean() / spread[-50:].mean() < 3


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="width"):
        MaskedMLP(3, 1, 1, width=0)
