"""Steps with a way back of their own: what autograd makes of the plain formula, in every precision."""

import pytest
import torch
from torch.nn.functional import relu, rms_norm

from genzoo.nn.lean import normed, squared_relu, turned
from genzoo.nn.transformer import Transformer, turning


def plainly_turned(x, turn):
    """Turned as complex numbers are."""
    cos, sin = turn[0, :, : x.shape[-1] // 2], turn[1, :, x.shape[-1] // 2 :]
    a, b = x.to(turn.dtype).chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1).to(x.dtype)


def plainly_normed(x):
    return rms_norm(x, x.shape[-1:], eps=1e-6)


ANGLES = turning(7, 8)
PAIRS = {
    "norm": (normed, plainly_normed),
    "norm and turn": (lambda x: turned(x, ANGLES), lambda x: plainly_turned(plainly_normed(x), ANGLES)),
    "turn": (lambda x: turned(x, ANGLES, norm=False), lambda x: plainly_turned(x, ANGLES)),
    "squared ReLU": (squared_relu, lambda x: relu(x).square()),
}


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 2e-6), (torch.bfloat16, 0.05)])
def test_they_are_the_plain_formula_both_ways(dtype, atol):
    for name, (ours, plain) in PAIRS.items():
        x, y = (torch.randn(2, 3, 7, 8, generator=torch.Generator().manual_seed(0)).to(dtype) for _ in range(2))
        found, wanted = ours(x.requires_grad_()), plain(y.requires_grad_())
        along = torch.cos(torch.arange(found.numel())).view_as(found).to(dtype)
        (found * along).sum().backward()
        (wanted * along).sum().backward()
        assert found.dtype == x.grad.dtype == dtype, name
        assert torch.allclose(found, wanted, atol=atol), name
        assert torch.allclose(x.grad, y.grad, atol=atol), name
        with torch.no_grad():
            assert torch.allclose(ours(x), found, atol=atol), name


def test_gradients_are_those_of_small_differences():
    x, angles = torch.randn(2, 7, 8, dtype=torch.float64, requires_grad=True), ANGLES.double()
    assert torch.autograd.gradcheck(normed, x)
    assert torch.autograd.gradcheck(squared_relu, x)
    assert torch.autograd.gradcheck(lambda x: turned(x, angles), x, atol=1e-4)  # angles of float32 keep lengths so far


def test_angles_stay_float32_in_a_model_of_half_precision():
    net, half = Transformer(16, depth=1, heads=2, places=300), Transformer(16, depth=1, heads=2, places=300).bfloat16()
    assert half.turns.dtype == torch.float32
    assert torch.equal(half.turns, net.turns)
    assert net.double().turns.dtype == torch.float64
    assert half(torch.randn(1, 5, 16).bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("name", PAIRS)
def test_a_second_derivative_is_refused_rather_than_left_out(name):
    x = torch.randn(1, 7, 8, requires_grad=True)
    with pytest.raises(RuntimeError, match="differentiated once"):
        torch.autograd.grad(PAIRS[name][0](x).sum(), x, create_graph=True)
