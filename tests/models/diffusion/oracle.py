"""A network that knows: for Gaussian data, and for a mixture, everything about a diffusion is in closed form."""

import math

import torch
from torch import Tensor, nn

from genzoo.core import Given, Space
from genzoo.models.diffusion import (
    EDM,
    ELBO,
    SNR,
    Cosine,
    Diffusion,
    Discrete,
    Emphasis,
    Learned,
    Linear,
    Predicts,
    Schedule,
    Shifted,
    Straight,
    VarianceExploding,
)

MEAN, STD = 0.7, 0.3
SCHEDULES = [Straight(), Cosine(), Linear(), EDM()]
OTHERS = [
    VarianceExploding(),
    Discrete.linear(),
    Discrete.cosine().to_zero(),
    Shifted(Straight(), 3.0),
    Shifted(Cosine(), 0.5),
    Learned(Cosine()),
]
NOISY = (Predicts.NOISE, Predicts.SCORE)  # what says nothing of the data where no signal is left
EMPTY = (Straight(), OTHERS[2], OTHERS[3])  # schedules that end there
LEGAL = [(s, p) for s in (*SCHEDULES, *OTHERS) for p in Predicts if not (s in EMPTY and p in NOISY)]
CENTERS, SHARES = (-1.0, 0.2, 1.4), (0.5, 0.2, 0.3)  # of a mixture


def mean_of(x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """E[x | x_t] for x ~ N(MEAN, STD²)."""
    gain = alpha * STD**2 / ((alpha * STD) ** 2 + sigma**2)
    return MEAN + gain * (x_t - alpha * MEAN)


def mixture_mean(x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """E[x | x_t] for a mixture of three Gaussians of deviation STD/2, entry by entry."""
    centers, shares = x_t.new_tensor(CENTERS), x_t.new_tensor(SHARES)
    variance = (alpha * STD / 2) ** 2 + sigma**2
    off = x_t.unsqueeze(-1) - (alpha * torch.ones_like(x_t)).unsqueeze(-1) * centers
    variance = (variance * torch.ones_like(x_t)).unsqueeze(-1)
    weight = (shares.log() - off.square() / (2 * variance)).softmax(-1)
    gain = (alpha * torch.ones_like(x_t)).unsqueeze(-1) * (STD / 2) ** 2 / variance
    return (weight * (centers + gain * off)).sum(-1)


def mixture_cdf(x: Tensor) -> Tensor:
    """P(X ≤ x) under the mixture."""
    place = (x.unsqueeze(-1) - x.new_tensor(CENTERS)) / (STD / 2)
    return ((1 + torch.erf(place / math.sqrt(2))) / 2) @ x.new_tensor(SHARES)


class Oracle(nn.Module):
    """The network that a perfect training would give; a parameter that does nothing sets its precision."""

    def __init__(self, schedule: Schedule, predicts: Predicts, mean: object = mean_of) -> None:
        super().__init__()
        self.schedule, self.predicts, self.mean = schedule, predicts, mean
        self.idle = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, t: Tensor, given: Given = None) -> Tensor:
        at = self.schedule.at(t).over(x)
        x_t = x * at.scale
        mean = self.mean(x_t, at.alpha, at.sigma)
        return self.predicts.target(mean, at.noise_in(x_t, mean), at) + 0 * self.idle


def oracle(
    schedule: Schedule, predicts: Predicts = Predicts.DATA, dims: int = 1, mean: object = mean_of, **options: object
) -> Diffusion:
    if predicts is Predicts.SCORE or schedule.learns:
        options.setdefault("emphasis", Emphasis(weight=SNR() if not schedule.learns else ELBO()))
    net = Oracle(schedule, predicts, mean)
    return Diffusion(Space((dims,)), None, net, schedule=schedule, predicts=predicts, **options).double().eval()
