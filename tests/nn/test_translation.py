"""Networks from image to image, and critics of patches."""

import pytest
import torch

from genzoo.nn import PatchCritic, Translator


def test_a_translator_sees_z_and_every_place() -> None:
    torch.manual_seed(0)
    net = Translator((2, 7, 10), 3, width=3, latent=2)
    x, z = torch.randn(2, 2, 7, 10), torch.randn(2, 2)
    y = net(x, z)
    assert y.shape == (2, 3, 7, 10)
    assert not torch.allclose(y, net(x, z + 1), atol=1e-4)
    x[0, 0, 0, 0] += 9
    moved = (net(x, z) - y).abs().amax(1)
    assert moved[0, 0, 0] > 1e-3
    assert moved[1].max() < 1e-5


def test_a_critic_of_patches_says_one_number_of_each() -> None:
    for side, patches in ((4, 4), (8, 4), (16, 4), (32, 4), (64, 36)):
        assert PatchCritic(3, (side, side), width=2, most=4)(torch.zeros(2, 3, side, side)).shape == (2, patches), side
    torch.manual_seed(0)
    critic = PatchCritic(2, (64, 64), width=2)
    x, y = torch.randn(1, 1, 64, 64), torch.randn(1, 1, 64, 64)
    assert not torch.allclose(critic(x, y), critic(x, -y))
    with pytest.raises(ValueError, match="at least 4×4"):
        PatchCritic(3, (3, 8))
