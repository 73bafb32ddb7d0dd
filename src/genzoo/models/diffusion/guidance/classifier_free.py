"""Guidance by what a condition changes."""

from jaxtyping import Float
from torch import Tensor

from genzoo.core.abilities import Denoise
from genzoo.core.given import Given, null_like
from genzoo.models.diffusion.guidance.rule import Plain, Rule
from genzoo.models.diffusion.schedule import Schedule

__all__ = ["ClassifierFree"]


class ClassifierFree:
    """Conditions followed more strongly than the data do, by the difference that they make: the better answer is
    E[x | x_t, given], the worse E[x | x_t], or that under a condition which is not wanted.

    Args:
        denoise: What is wrapped; it must know the null condition, unless another is named.
        rule: What is made of the two; a number is the weight of the plain rule.
        schedule: The schedule.
        against: The condition of the worse; by default none.

    Example:
        >>> import torch
        >>> from genzoo.models.diffusion import Straight
        >>> strong = ClassifierFree(lambda x_t, t, given: given["label"].double().clamp_min(0), 2.0, Straight())
        >>> strong(torch.zeros(2), torch.tensor(0.5), {"label": torch.tensor([1, 3])})
        tensor([3., 9.], dtype=torch.float64)

    References:
        Ho & Salimans, 2022, "Classifier-free diffusion guidance", arXiv:2207.12598
        Liu et al., 2022, "Compositional visual generation with composable diffusion models", arXiv:2206.01714
    """

    def __init__(self, denoise: Denoise, rule: Rule | float, schedule: Schedule, against: Given | None = None) -> None:
        self.denoise, self.schedule, self.against = denoise, schedule, against
        self.rule = rule if isinstance(rule, Rule) else Plain(rule)

    def __call__(self, x_t: Float[Tensor, "B *event"], t: Tensor, given: Given) -> Float[Tensor, "B *event"]:
        worse = self.denoise(x_t, t, null_like(given) if self.against is None else self.against)
        return self.rule(self.denoise(x_t, t, given), worse, x_t, self.schedule.at(t.reshape(-1)).over(x_t))
