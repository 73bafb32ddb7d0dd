"""Layers of generators by style and of networks that grow, against what their equations say."""

import math

import pytest
import torch
from torch.nn.functional import conv2d

from genzoo.core import Noise
from genzoo.nn import (
    AdaptiveNorm,
    EqualizedConv2d,
    EqualizedLinear,
    Mapping,
    ModulatedConv2d,
    PixelNorm,
    ProgressiveDecoder,
    ProgressiveEncoder,
    Synthesis,
    doubled,
    halved,
)


def test_modulated_convolutions_are_those_of_weights_made_for_each_row() -> None:
    for demodulated in (True, False):
        layer = ModulatedConv2d(3, 5, 3, style=4, demodulated=demodulated).double()
        x, w = torch.randn(2, 3, 6, 5).double(), torch.randn(2, 4).double()
        s = w @ layer.style.weight.T / math.sqrt(4) + 1
        for row in range(2):
            weight = layer.weight * s[row][None, :, None, None] / math.sqrt(3 * 9)
            if demodulated:
                weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
            assert torch.allclose(layer(x, w)[row : row + 1], conv2d(x[row : row + 1], weight, padding=1))


def test_equalized_layers_scale_weights_of_size_one() -> None:
    torch.manual_seed(0)
    layer, x = EqualizedLinear(400, 300, rate=0.01, bias=2.0), torch.randn(200, 400)
    assert layer.weight.std().item() == pytest.approx(100, rel=0.02)
    assert torch.allclose(layer(x), x @ layer.weight.T * 0.01 / 20 + 2, atol=1e-4)
    conv, picture = EqualizedConv2d(8, 4, 3, gain=math.sqrt(2)), torch.randn(1, 8, 5, 5)
    assert torch.allclose(conv(picture), conv2d(picture, conv.weight, padding=1) * math.sqrt(2 / 72), atol=1e-5)
    assert PixelNorm()(picture).square().mean(1) == pytest.approx(torch.ones(1, 5, 5), abs=1e-5)


def test_adaptive_normalization_gives_features_the_scale_and_shift_of_the_style() -> None:
    layer = AdaptiveNorm(2, 1)
    layer.style.weight.data.copy_(torch.tensor([[0.5], [1.0], [3.0], [-3.0]]))
    y = layer(torch.randn(3, 2, 9, 9) * 7 + 4, torch.ones(3, 1))
    assert torch.allclose(y.mean((2, 3)), torch.tensor([3.0, -3.0]).expand(3, 2), atol=1e-4)
    assert torch.allclose(y.std((2, 3), correction=0), torch.tensor([1.5, 2.0]).expand(3, 2), atol=1e-3)


def test_noise_of_places_comes_in_by_its_strength_and_styles_at_their_layers() -> None:
    for kind in ("modulated", "adaptive"):
        torch.manual_seed(1)
        net, styles = Synthesis(4, (2, 7, 8), width=3, kind=kind), torch.randn(2, 3, 4)
        assert net.layers == 3
        still = net(styles, None)
        assert torch.equal(net(styles, Noise(0)), still)
        torch.nn.init.constant_(net.steps[1].excited.strength, 0.5)
        assert not torch.equal(net(styles, Noise(0)), still)
        assert torch.allclose(net(styles[1:], Noise(0, start=1)), net(styles, Noise(0))[1:], atol=1e-5)
        for layer in range(3):
            other = styles.clone()
            other[0, layer] += 1
            moved = (net(other, None) - still).abs().flatten(1).amax(1)
            assert moved[0] > 1e-4, kind
            assert moved[1] == 0, kind


def test_the_mapping_sees_the_direction_of_z_alone() -> None:
    net, z = Mapping(4, 6, 2, rate=1.0), torch.randn(3, 4)
    assert torch.allclose(net(z), net(3 * z), atol=1e-6)


def test_a_growing_generator_mixes_the_image_of_the_stage_before() -> None:
    torch.manual_seed(0)
    net, z = ProgressiveDecoder(4, (1, 14, 10), width=2), torch.randn(3, 4)
    assert net.sizes == [(4, 3), (7, 5), (14, 10)]

    def at(level: float) -> torch.Tensor:
        net.level.fill_(level)
        return net(z)

    assert [tuple(at(level).shape[2:]) for level in (0, 0.5, 1, 1.1, 2)] == [net.sizes[i] for i in (0, 1, 1, 2, 2)]
    small, large = doubled(at(1.0), (14, 10)), at(2.0)
    assert torch.allclose(at(1.25), 0.75 * small + 0.25 * large, atol=1e-6)


def test_a_growing_critic_mixes_what_it_sees_of_the_smaller_image() -> None:
    torch.manual_seed(0)
    net = ProgressiveEncoder((1, 7, 7), 1, width=2)
    x, small = torch.randn(4, 1, 7, 7), torch.randn(4, 1, 4, 4)

    def at(level: float, image: torch.Tensor) -> torch.Tensor:
        net.level.fill_(level)
        return net(image)

    assert torch.allclose(at(1e-9, x), at(0.0, halved(x)), atol=1e-5)
    assert torch.allclose(at(1 - 1e-9, x), at(1.0, x), atol=1e-5)
    assert not torch.allclose(at(0.0, small), at(0.0, small.roll(1, 0)))


def test_a_growing_critic_sees_whether_rows_repeat() -> None:
    torch.manual_seed(0)
    net, x = ProgressiveEncoder((1, 4, 4), 1, width=4), torch.randn(4, 1, 4, 4)
    alone = net(x[:1].expand(4, -1, -1, -1))
    assert torch.allclose(alone, alone[:1].expand(4, 1))
    assert not torch.allclose(net(x)[:1], alone[:1], atol=1e-4)
