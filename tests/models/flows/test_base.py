"""What latents are drawn from: a base is a part of a flow, with a law of its own."""

import math

import pytest
import torch
from torch.distributions import Normal

from genzoo.core import Batch, Latent, Noise, Space
from genzoo.models.flows import Chain, Coupling, Flow, NormalBase, StandardNormal
from genzoo.nn import MLP
from genzoo.training import TrainConfig, train

LABEL = Space((), levels=2)


def flow(base: NormalBase | None = None) -> Flow:
    couplings = [Coupling(MLP(1, [8], 2, given=32), channels=2, flip=flip) for flip in (False, True)]
    return Flow(Space((2,)), LABEL, Chain(*couplings), base=base, drop_given=0.2)


def test_the_standard_base_is_a_standard_normal() -> None:
    z = Noise(0).normal(5, 3)
    expected = Normal(0.0, 1.0).log_prob(z).sum(1)
    assert torch.allclose(StandardNormal().log_prob(z, None), expected, atol=1e-6)
    assert StandardNormal().moved(z, None) is z


def test_a_learned_base_is_the_normal_that_it_says() -> None:
    base = NormalBase(3, embedding=4)
    with torch.no_grad():
        base.said.weight.copy_(Noise(1).normal(6, 4) / 3)
        base.said.bias.copy_(Noise(2).normal(1, 6)[0] / 3)
    given, z = Noise(3).normal(50, 4), Noise(4).normal(50, 3)
    loc, log_scale = base.said(given).chunk(2, dim=1)
    assert torch.allclose(base.log_prob(z, given), Normal(loc, log_scale.exp()).log_prob(z).sum(1), atol=1e-5)
    assert torch.allclose(base.moved(z, given), loc + log_scale.exp() * z)
    assert NormalBase(3).log_prob(z, None)[0].item() == pytest.approx(
        -z[0].square().sum().item() / 2 - 1.5 * math.log(2 * math.pi), abs=1e-5
    )


def test_a_latent_has_the_law_of_its_base() -> None:
    model = flow(NormalBase(2, embedding=32))
    with torch.no_grad():
        model.base.said.bias.copy_(torch.tensor([5.0, -5.0, 0.0, 0.0]))
    latent, given = model.able(Latent), {"given": torch.zeros(1000, dtype=torch.int64)}
    z = latent.draw(1000, given, Noise(0))
    assert z.mean(0).tolist() == pytest.approx([5, -5], abs=0.2)
    assert torch.allclose(latent.log_prior(z, given), model.base.log_prob(z, model.embedded(given)))
    x = latent.generate(z, given)
    found = model.log_prob(x, given["given"])
    assert torch.allclose(model.encode(x, given["given"]), z, atol=1e-4)
    assert found.isfinite().all()


def test_classes_far_apart_move_the_base() -> None:
    """Two classes ten apart: with a base of its own for each, no map has to tear the plane."""
    labels = torch.arange(600) % 2
    x = torch.stack([10.0 * labels, torch.zeros(600)], dim=1) + Noise(5).normal(600, 2)
    model = Flow(Space((2,)), LABEL, Chain(), base=NormalBase(2, embedding=32))
    trained = train(model, _Rows(x, labels), TrainConfig(steps=200, batch_size=200, lr=0.05), say=lambda _: None).model
    drawn = trained.sample(500, torch.ones(500, dtype=torch.int64), seed=0)
    assert drawn.mean(0).tolist() == pytest.approx([10, 0], abs=0.3)
    assert drawn.std(0).tolist() == pytest.approx([1, 1], abs=0.2)
    assert trained.log_prob(x, labels).mean().item() > -1 - math.log(2 * math.pi) - 0.1
    assert isinstance(Batch(x, labels).given["given"], torch.Tensor)


class _Rows:
    fingerprint = "two"

    def __init__(self, x: torch.Tensor, labels: torch.Tensor) -> None:
        self.x, self.labels = x, labels

    def __len__(self) -> int:
        return len(self.x)

    def gather(self, index: torch.Tensor, *, seed: int = 0, epoch: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        return self.x[index], self.labels[index]
