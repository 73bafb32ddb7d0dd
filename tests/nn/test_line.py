"""The U-Net along a line: any length, rows apart, near and far places seen."""

import pytest
import torch

from genzoo.nn import LineUNet
from tests.nn.test_unet import woken


@pytest.mark.parametrize("shape", [(5,), (70, 3), (64,)])
def test_sequences_keep_their_length(shape: tuple[int, ...]) -> None:
    net = LineUNet(shape, given=6, widths=(4, 8), patch=2)
    y = net(torch.randn(2, *shape), torch.randn(2, 6))
    assert y.shape == (2, *shape)
    assert torch.equal(y, torch.zeros_like(y))  # it begins by saying nothing
    assert woken(net)(torch.zeros(0, *shape), torch.zeros(0, 6)).shape == (0, *shape)


def test_rows_do_not_see_each_other_and_places_see_far() -> None:
    torch.manual_seed(0)
    net = woken(LineUNet((64, 2), given=4, widths=(4, 4, 4)))
    x, given = torch.randn(3, 64, 2), torch.randn(3, 4)
    whole = net(x, given)
    alone = torch.cat([net(x[i : i + 1], given[i : i + 1]) for i in range(3)])
    assert torch.allclose(alone, whole, atol=1e-5)
    assert not torch.allclose(net(x, given + 1), whole)
    slope = torch.autograd.functional.jacobian(lambda x: net(x, given[:1])[0, 32, 0], x[:1])
    assert (slope[0].abs().sum(1) > 0).all()


def test_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(T,\) or \(T, D\)"):
        LineUNet((1, 8, 8), given=4)
