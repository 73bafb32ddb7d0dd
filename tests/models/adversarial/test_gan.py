"""The GAN's losses against their closed forms, and DCGAN's normalization."""

import math

import pytest
import torch
from torch import nn

from genzoo.core import Batch, Noise, Space
from genzoo.models.adversarial import GAN
from genzoo.nn import MLP, Conditioned
from tests.zoo.adversarial import dcgan
from tests.zoo.entry import BYTES, batch


def plain() -> GAN:
    return GAN(Space((1,)), None, Conditioned(MLP(2, [8], 1)), Conditioned(MLP(1, [8], 1)), latent=2)


def test_the_best_critic_tells_the_jensen_shannon_divergence() -> None:
    """On two values with p = (0.9, 0.1) and q = (0.5, 0.5), D* = log p/q gives L_D = 2 log 2 − 2 JS."""
    p, q = torch.tensor([0.9, 0.1]), torch.tensor([0.5, 0.5])
    logits = (p / q).log()
    counts = [(share * 1000).round().long() for share in (p, q)]
    of_real, of_fake = (logits.repeat_interleave(count)[:, None] for count in counts)
    middle = (p + q) / 2
    js = ((p * (p / middle).log()).sum() + (q * (q / middle).log()).sum()) / 2
    assert plain().against(of_real, of_fake)["loss"].item() == pytest.approx(2 * math.log(2) - 2 * js.item(), abs=1e-6)


def test_the_generators_slope_does_not_vanish_where_the_critic_is_sure() -> None:
    sure = torch.full((4, 1), -20.0, requires_grad=True)
    plain().toward(sure).backward()
    assert sure.grad.sum().item() == pytest.approx(-1.0, abs=1e-6)


def test_each_plays_with_adam_of_dcgan() -> None:
    players = plain().players()
    assert [player.name for player in players] == ["critic", "generator"]
    assert all(player.optimizer == {"lr": 2e-4, "betas": (0.5, 0.999)} for player in players)


def test_batch_normalization_sees_data_and_samples_apart() -> None:
    model, seen = dcgan(BYTES).train(), []
    norm = next(part for part in model.critic.modules() if isinstance(part, nn.BatchNorm2d))
    norm.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    model.critic_loss(batch(model, 8))
    assert seen == [8, 8]


def test_samples_do_not_depend_on_the_rows_beside_them() -> None:
    model = dcgan(BYTES)
    model.critic_loss(Batch(batch(model, 8).x, {}, Noise(0)))
    assert torch.equal(model.sample(5, seed=1)[:2], model.sample(2, seed=1))
