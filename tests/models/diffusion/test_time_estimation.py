"""Time estimation with a network that is right: all that follows from it is known for Gaussian data."""

import math

import pytest
import torch
from torch import Tensor, nn

from genzoo.core import Batch, Denoiser, Noise, Space
from genzoo.models import Standardized
from genzoo.models.abilities import Timing
from genzoo.models.diffusion import Heun, TimeEstimation
from genzoo.zoo import recipe_named
from genzoo.zoo.mistakes import Mistake

SPREAD, TIMES = 0.5, 40


class Right(nn.Module):
    """log p(k | x) of rows N(0, s² I), but for a constant of each row."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(()))
        self.variance = torch.ones(TIMES)

    def forward(self, x: Tensor, given: None) -> Tensor:
        v = self.variance.to(x)
        return -x.square().sum(1, keepdim=True) / (2 * v) - x.shape[1] * v.log() / 2 + self.shift


@pytest.fixture(scope="module")
def model() -> TimeEstimation:
    net = Right()
    found = TimeEstimation(Space((3,)), net, times=TIMES, sampler=Heun(20)).double()
    alpha, sigma = found.ratio.mix()
    net.variance = (alpha * SPREAD).square() + sigma.square()
    return found.eval()


def test_a_density_is_that_of_rows_with_the_first_noise(model: TimeEstimation) -> None:
    x = SPREAD * Noise(0).normal(50, 3).double()
    alpha, sigma = (float(part[0]) for part in model.ratio.mix())
    variance = SPREAD**2 + (sigma / alpha) ** 2
    wanted = -x.square().sum(1) / (2 * variance) - 1.5 * math.log(2 * math.pi * variance)
    assert model.log_prob(x).allclose(wanted, atol=2e-3)  # a little signal is left at the last time
    assert model.score(x).allclose(-x / variance, rtol=1e-2)


def test_a_slope_says_what_was_there(model: TimeEstimation) -> None:
    """E[x | x_t] = α s² x_t / (α² s² + σ²), between two times as well."""
    x_t, denoiser = Noise(1).normal(20, 3).double(), model.able(Denoiser)
    for t in (0.2, 0.5, 0.77):
        alpha, sigma = (float(part) for part in denoiser.schedule(torch.tensor(t, dtype=torch.float64)))
        wanted = alpha * SPREAD**2 * x_t / ((alpha * SPREAD) ** 2 + sigma**2)
        found = denoiser.denoise(x_t, torch.tensor(t, dtype=torch.float64))
        assert found.allclose(wanted, atol=0.03), t
    drawn = model.sample(3000, seed=0)
    assert drawn.std(0).allclose(torch.tensor(SPREAD).double(), rtol=0.06)


def test_what_is_far_looks_like_noise(model: TimeEstimation) -> None:
    timing = model.able(Timing)
    x = torch.tensor([[0.1, 0.0, 0.0], [SPREAD, SPREAD, SPREAD], [2.0, -2.0, 2.0]]).double()
    p = timing.log_posterior(x).exp()
    assert p.sum(1).allclose(torch.ones(3).double())
    late = p @ -timing.log_snr
    assert late[0] < late[1] < late[2]
    outer = Standardized(model).able(Timing)
    assert outer.log_posterior(x).allclose(p.log())


def test_what_lies_beyond_the_data_looks_like_more_noise_where_the_noise_leads_there() -> None:
    """The posterior of a Gaussian of a tenth of the noise's width, far out: the time of which a row is typical."""
    net = Right()
    wide = TimeEstimation(Space((400,)), net, times=TIMES, spread=0.1).double()
    alpha, sigma = wide.ratio.mix()
    net.variance = alpha.square() + (sigma / 0.1).square()  # over the spread
    away = torch.tensor([0.1, 0.3, 0.5, 0.9]).double()[:, None].expand(-1, 400)
    late = wide.able(Timing).log_posterior(away).exp() @ (-wide.ratio.log_snr / 2).exp().atan().sin()
    assert late.allclose((away[:, 0].square() - 0.01).clamp_min(0).sqrt(), atol=0.1)
    assert (late.diff() > 0.1).all()
    assert wide.log_prob(0.1 * away).shape == (4,)


def test_its_loss_is_the_least_that_there_is(model: TimeEstimation) -> None:
    """Cross-entropy against the classifier that is right, and the error of the noise that nobody could tell."""
    batch = Batch(SPREAD * Noise(2).normal(4000, 3).double(), {}, Noise(3))
    right = model.loss(batch).item()
    with torch.no_grad():
        kept = model.ratio.net.variance
        for other in (kept * 1.3, kept.flip(0), kept**1.2):
            model.ratio.net.variance = other
            assert model.loss(batch).item() > right + 0.005
        model.ratio.net.variance = kept


def test_what_it_does_not_take_is_refused() -> None:
    for wrong in (Space((3,), levels=4), Space((2,), levels=3, ragged=True)):
        with pytest.raises(ValueError, match="Levels go through Dequantized"):
            TimeEstimation(wrong, Right())
    with pytest.raises(ValueError, match=r"the spread in \(0, 1\]"):
        TimeEstimation(Space((3,)), Right(), spread=2.0)
    with pytest.raises(Mistake, match="dte takes no condition"):
        recipe_named("dte")(Space((2,)), Space((), levels=2))
