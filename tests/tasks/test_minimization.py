"""Divergence minimization: where each measure leads a Gaussian, by quadrature and by training; what is refused."""

import math

import pytest
import torch

from experiments import minimization as experiment
from genzoo.core import Batch, GenerativeModel, Likelihood, Noise, Space, Unsupported
from genzoo.models.adversarial import GAN, Rules
from genzoo.models.classical import Gaussian
from genzoo.nn import MLP
from genzoo.tasks import (
    ForwardKLFit,
    JensenShannonFit,
    NoRows,
    ReverseKLFit,
    WassersteinFit,
    WeightsCollapsed,
    log_normalizer,
)  # fmt: skip
from genzoo.training import TrainConfig, train

CONFIG = {"batch_size": 512, "lr": 0.05, "device": "cpu"}


class Coins(GenerativeModel):
    """Independent coins with learned odds."""

    likelihood = Likelihood.EXACT

    def __init__(self, count):
        super().__init__(Space((count,), levels=2))
        self.logits = torch.nn.Parameter(torch.zeros(count))

    def draw(self, n, given, noise):
        return noise.bernoulli(self.logits.sigmoid().expand(n, -1)).to(torch.uint8)

    def log_density(self, x, given, noise):
        return torch.distributions.Bernoulli(logits=self.logits).log_prob(x.float()).sum(1)


def fitted(fit, steps: int, source=None):
    """Mean and scale of a Gaussian after a fit."""
    model = train(fit, source or NoRows(), TrainConfig(steps=steps, **CONFIG)).model.model
    with torch.no_grad():
        mean, above = model.decode(torch.tensor([[0.0], [1.0]]))[:, 0].tolist()
    return mean, above - mean


def test_quadrature_gives_the_lectures_digits() -> None:
    forward = experiment.best("forward KL", (0.5, 2.0))
    assert (forward["mean"], forward["scale"]) == pytest.approx((0, math.sqrt(10)), abs=1e-4)
    reverse = experiment.best("reverse KL", (2.5, 1.2))
    assert (round(reverse["mean"], 2), round(reverse["scale"], 2)) == (2.98, 1.02)
    assert round(reverse["divergence"], 4) == 0.6888
    between = experiment.best("reverse KL", (0.0, 2.0))
    assert round(between["divergence"], 4) == 0.8406


@pytest.mark.parametrize("side", [-1, 1])
def test_reverse_kl_seeks_one_mode(side: int) -> None:
    mean, scale = fitted(ReverseKLFit(experiment.gaussian(2.0 * side, 1.0), experiment.log_target), 150)
    assert (mean, scale) == pytest.approx((2.984 * side, 1.023), abs=0.05)


def test_forward_kl_covers_both_modes() -> None:
    fit = ForwardKLFit(experiment.gaussian(1.0, 2.0), experiment.log_target, proposal=experiment.gaussian(0.0, 4.0))
    assert fitted(fit, 250) == pytest.approx((0, math.sqrt(10)), abs=0.2)


def test_forward_kl_may_propose_from_the_model_itself() -> None:
    fit = ForwardKLFit(experiment.gaussian(0.0, 4.0), experiment.log_target)
    assert fitted(fit, 150) == pytest.approx((0, math.sqrt(10)), abs=0.25)


def test_the_score_function_fits_what_cannot_be_differentiated() -> None:
    """Coins to a product of coins: the divergence falls to 0 where the odds are the target's."""
    odds = torch.tensor([1.0, -2.0, 0.5])
    fit = ReverseKLFit(Coins(3), lambda x: (x.float() * odds).sum(1), gradient="score")
    model = train(fit, NoRows(), TrainConfig(steps=200, **CONFIG)).model.model
    assert model.logits.tolist() == pytest.approx(odds.tolist(), abs=0.05)
    with pytest.raises(Unsupported, match="not differentiable"):
        ReverseKLFit(Coins(3), lambda x: x.sum(1))


def test_both_gradients_of_the_reverse_kl_agree() -> None:
    gradients = []
    for kind in ("reparametrized", "score"):
        fit = ReverseKLFit(experiment.gaussian(1.0, 1.5), experiment.log_target, gradient=kind)
        loss = fit.loss(Batch(torch.zeros(100_000, 0), noise=Noise(3)))
        loss.backward()
        gradients.append([p.grad.item() for p in fit.parameters()] + [loss.item()])
    assert gradients[0] == pytest.approx(gradients[1], abs=0.04)


@pytest.mark.parametrize("kind", [JensenShannonFit, WassersteinFit])
def test_adversaries_lead_towards_both_modes(kind) -> None:
    rows = experiment.Rows(1, 20_000)
    fit = kind(experiment.gaussian(1.0, 1.5), MLP(1, [32], 1), critic_steps=2)
    trained = train(fit, rows, TrainConfig(steps=150, batch_size=256, lr=0.01, device="cpu"))
    mean, above = trained.model.model.decode(torch.tensor([[0.0], [1.0]]))[:, 0].tolist()
    name = "JS" if kind is JensenShannonFit else "W1"
    start, end = experiment.measured(name, 1.0, 1.5), experiment.measured(name, mean, above - mean)
    assert end < 0.8 * start
    told = trained.model.told(Batch(rows.x[:2000], noise=Noise(5)), moving=False)
    (said,) = (value.item() for key, value in told.items() if key != "loss")
    assert said == pytest.approx(end, abs=0.35 * start)


def test_the_normalizer_and_the_distance_are_told() -> None:
    found = log_normalizer(experiment.gaussian(0.0, 3.5), lambda x: experiment.log_target(x) + 1.5)
    assert 1.5 in found.log
    with pytest.raises(WeightsCollapsed, match="effective samples"):
        log_normalizer(experiment.gaussian(2.984, 1.023), experiment.log_target)  # half of it is out of sight


def test_mistakes_are_told() -> None:
    gan = GAN(Space((1,)), None, MLP(2, [4], 1), MLP(1, [4], 1), Rules(), latent=2)
    with pytest.raises(Unsupported, match="cannot log_prob"):
        ReverseKLFit(gan, experiment.log_target)
    assert JensenShannonFit(gan, MLP(1, [4], 1)).model is gan
    with pytest.raises(Unsupported, match="not differentiable"):
        ReverseKLFit(Gaussian(Space((1,))), experiment.log_target)
    with pytest.raises(ValueError, match="'reparametrized' or 'score'"):
        ReverseKLFit(experiment.gaussian(0.0, 1.0), experiment.log_target, gradient="magic")
    with pytest.raises(ValueError, match="unconditional"):
        ReverseKLFit(GAN(Space((1,)), Space((), levels=2), gan.generator, gan.critic, Rules()), experiment.log_target)
