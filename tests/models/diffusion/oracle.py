"""A network that knows: for Gaussian data everything about a diffusion is in closed form."""

import torch
from torch import Tensor, nn

from genzoo.core import Given, Space
from genzoo.models.diffusion import Cosine, Diffusion, Linear, Predicts, Schedule, Straight, VarianceExploding

MEAN, STD = 0.7, 0.3
SCHEDULES = [Straight(), Cosine(), Linear(), VarianceExploding()]
LEGAL = [(s, p) for s in SCHEDULES for p in Predicts if not (isinstance(s, Straight) and p is Predicts.NOISE)]


def mean_of(x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """E[x | x_t] for x ~ N(MEAN, STD²)."""
    gain = alpha * STD**2 / ((alpha * STD) ** 2 + sigma**2)
    return MEAN + gain * (x_t - alpha * MEAN)


class Oracle(nn.Module):
    """The network that a perfect training would give; a parameter that does nothing sets its precision."""

    def __init__(self, schedule: Schedule, predicts: Predicts) -> None:
        super().__init__()
        self.schedule, self.predicts = schedule, predicts
        self.idle = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, t: Tensor, given: Given = None) -> Tensor:
        at = self.schedule.at(t).over(x)
        x_t = x * at.scale
        mean = mean_of(x_t, at.alpha, at.sigma)
        return self.predicts.target(mean, at.noise_in(x_t, mean), at) + 0 * self.idle


def oracle(schedule: Schedule, predicts: Predicts = Predicts.DATA, dims: int = 1, **options: object) -> Diffusion:
    net = Oracle(schedule, predicts)
    return Diffusion(Space((dims,)), None, net, schedule=schedule, predicts=predicts, **options).double().eval()
