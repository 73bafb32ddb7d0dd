"""Residual networks for many classes, against what their equations say."""

import torch

from genzoo.nn import ConditionalNorm, ResidualDecoder, ResidualEncoder


def test_conditional_normalization_is_that_of_the_batch_in_training_and_of_its_past_afterwards() -> None:
    torch.manual_seed(0)
    layer, h, v = ConditionalNorm(2, 3), 5 * torch.randn(40, 2, 6, 6) + 2, torch.eye(3)[torch.arange(40) % 3]
    y = layer(h, v)
    gamma, beta = (layer.film.weight @ v.T).T.chunk(2, dim=1)
    mean, std = h.mean((0, 2, 3), keepdim=True), h.std((0, 2, 3), keepdim=True, correction=0)
    expected = (1 + gamma)[:, :, None, None] * (h - mean) / std + beta[:, :, None, None]
    assert torch.allclose(y, expected, atol=1e-3)
    layer.eval()
    assert torch.allclose(layer(h, v)[3:5], layer(h[3:5], v[3:5]))


def test_every_layer_of_the_generator_sees_z_and_the_class() -> None:
    torch.manual_seed(0)
    net = ResidualDecoder(4, (1, 7, 9), width=3, given=2).eval()
    z, told = torch.randn(2, 4), torch.zeros(2, 2)
    assert net(z, told).shape == (2, 1, 7, 9)
    torch.nn.init.zeros_(net.first.weight)
    still = net(z, told)
    assert not torch.allclose(still[0], still[1], atol=1e-4), "z comes in at the layers, too"
    assert not torch.allclose(net(z, told + 1), still, atol=1e-4)


def test_the_critic_sums_over_places() -> None:
    torch.manual_seed(0)
    net = ResidualEncoder((1, 4, 4), width=3)
    assert net.width == 3
    x = torch.randn(2, 1, 4, 4)
    assert torch.allclose(net(x), torch.relu(net.first(x)).sum((2, 3)))
