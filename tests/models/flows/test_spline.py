"""Splines: what their parameters say is what they do."""

import math

import pytest
import torch
from torch import Tensor

from genzoo.models.flows import Spline
from genzoo.models.flows.spline_steps import LEAST

SPLINE = Spline(5, bound=2.0)


def parameters(n: int = 1, size: float = 1.0) -> Tensor:
    return size * torch.randn(n, SPLINE.numbers, 1, dtype=torch.float64)


def test_it_goes_through_its_knots_with_its_slopes() -> None:
    raw = parameters()
    widths, heights, slopes = raw[0, :, 0].split([5, 5, 4])
    places = [4 * (LEAST + (1 - 5 * LEAST) * part.softmax(0)).cumsum(0)[:-1] - 2 for part in (widths, heights)]
    x = places[0][:, None]
    z, ladj = SPLINE.forward(x, raw.expand(4, -1, -1))
    assert torch.allclose(z[:, 0], places[1])
    shift = math.log(math.expm1(1 - LEAST))
    assert torch.allclose(ladj[:, 0].exp(), torch.nn.functional.softplus(slopes + shift) + LEAST)


def test_it_rises_and_meets_the_identity_at_its_ends() -> None:
    raw = parameters(size=3.0)
    x = torch.linspace(-3, 3, 2001, dtype=torch.float64)[:, None]
    z, ladj = SPLINE.forward(x, raw.expand(len(x), -1, -1))
    assert (z.diff(dim=0) > 0).all()
    outside = x.abs() >= 2
    assert torch.equal(z[outside], x[outside])
    assert not ladj[outside].any()
    edge = torch.tensor([[-2 + 1e-9], [2 - 1e-9]], dtype=torch.float64)
    z, ladj = SPLINE.forward(edge, raw.expand(2, -1, -1))
    assert torch.allclose(z, edge, atol=1e-6)
    assert torch.allclose(ladj, torch.zeros(2, 1, dtype=torch.float64), atol=1e-5)


@pytest.mark.parametrize("size", [1.0, 10.0, 100.0])
def test_the_inverse_of_steep_splines(size: float) -> None:
    raw = parameters(500, size)
    x = 4 * torch.rand(500, 1, dtype=torch.float64) - 2
    z, ladj = SPLINE.forward(x, raw)
    back = SPLINE.inverse(z, raw)
    # What an error of rounding in z is worth in x.
    assert ((back - x).abs() * ladj.exp().clamp_max(1) < 1e-10).all()
    assert z.isfinite().all()
    assert ladj.isfinite().all()


def test_gradients_are_finite_outside_and_at_the_ends() -> None:
    raw = parameters(4).requires_grad_()
    x = torch.tensor([[-2.0], [2.0], [-7.0], [7.0]], dtype=torch.float64, requires_grad=True)
    z, ladj = SPLINE.forward(x, raw)
    (z.sum() + ladj.sum() + SPLINE.inverse(x, raw).sum()).backward()
    for part in (x, raw):
        assert part.grad is not None
        assert part.grad.isfinite().all()


@pytest.mark.parametrize(("bins", "bound"), [(1, 5.0), (501, 5.0), (8, 0.0)])
def test_refuses_what_is_no_spline(bins: int, bound: float) -> None:
    with pytest.raises(ValueError, match=r"`bins` must be in \[2, 500\] and `bound` positive"):
        Spline(bins, bound)
