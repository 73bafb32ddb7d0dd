"""Guidance by a poorer model."""

from jaxtyping import Float
from torch import Tensor

from genzoo.core.abilities import Denoise
from genzoo.core.given import Given
from genzoo.models.diffusion.guidance.rule import Plain, Rule
from genzoo.models.diffusion.schedule import Schedule

__all__ = ["AutoGuided"]


class AutoGuided:
    """A model led away from the errors that a smaller or less trained one of its kind makes more of.

    Both see the same condition, so that samples lose no variety to it, and neither needs one.

    Args:
        denoise: What is wrapped.
        weaker: The poorer, of the same schedule, as `another.mean`.
        rule: What is made of the two; a number is the weight of the plain rule.
        schedule: The schedule.

    Example:
        >>> import torch
        >>> from genzoo.models.diffusion import Straight
        >>> guided = AutoGuided(lambda x_t, t, given: x_t + 1, lambda x_t, t, given: x_t, 2.0, Straight())
        >>> guided(torch.zeros(1, 2), torch.tensor(0.5), {})
        tensor([[3., 3.]])

    References:
        Karras et al., 2024, "Guiding a diffusion model with a bad version of itself", arXiv:2406.02507
    """

    def __init__(self, denoise: Denoise, weaker: Denoise, rule: Rule | float, schedule: Schedule) -> None:
        self.denoise, self.weaker, self.schedule = denoise, weaker, schedule
        self.rule = rule if isinstance(rule, Rule) else Plain(rule)

    def __call__(self, x_t: Float[Tensor, "B *event"], t: Tensor, given: Given) -> Float[Tensor, "B *event"]:
        at = self.schedule.at(t.reshape(-1)).over(x_t)
        return self.rule(self.denoise(x_t, t, given), self.weaker(x_t, t, given), x_t, at)
