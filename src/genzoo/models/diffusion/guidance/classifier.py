"""Guidance by a classifier of noised rows."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.abilities import Denoise
from genzoo.core.given import Given
from genzoo.models.diffusion.schedule import Schedule

__all__ = ["ClassifierGuided"]

LogProb = Callable[[Tensor, Tensor], Tensor]


class ClassifierGuided:
    """A model led to where a classifier says what is wanted, by Bayes' rule for scores and Tweedie's formula,

    $$ \\hat x = \\mathbb E[x \\mid x_t] + w\\,\\frac{\\sigma^2}{\\alpha}\\,\\nabla_{x_t} \\log p(y \\mid x_t). $$

    With w = 1 and a classifier that is right, it is E[x | x_t, y].

    Args:
        denoise: What is wrapped; it need not know of any condition.
        log_prob: log p(y | x_t), a number a row, called as log_prob(x_t, t) with one time a row.
        weight: w.
        schedule: The schedule.

    Example:
        >>> from genzoo.models.diffusion import Straight
        >>> guided = ClassifierGuided(lambda x_t, t, given: x_t, lambda x_t, t: x_t.sum(1), 2.0, Straight())
        >>> guided(torch.zeros(1, 2), torch.tensor(0.5), {})  # σ²/α is 1/2
        tensor([[1., 1.]])

    References:
        Sohl-Dickstein et al., 2015, arXiv:1503.03585
        Dhariwal & Nichol, 2021, "Diffusion models beat GANs on image synthesis", arXiv:2105.05233
    """

    def __init__(self, denoise: Denoise, log_prob: LogProb, weight: float, schedule: Schedule) -> None:
        self.denoise, self.log_prob, self.weight, self.schedule = denoise, log_prob, weight, schedule

    def __call__(self, x_t: Float[Tensor, "B *event"], t: Tensor, given: Given) -> Float[Tensor, "B *event"]:
        at = self.schedule.at(t.reshape(-1)).over(x_t)
        with torch.enable_grad():
            x = x_t.detach().requires_grad_()
            slope = torch.autograd.grad(self.log_prob(x, t.reshape(-1).expand(len(x))).sum(), x)[0]
        reach = torch.where(at.alpha > 0, at.sigma.square() / at.alpha, 0.0)  # x_t says nothing where α = 0
        return self.denoise(x_t, t, given) + self.weight * reach * slope
