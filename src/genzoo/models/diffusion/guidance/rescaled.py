"""Guidance that keeps the contrast."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from genzoo.models.diffusion.guidance.rule import Plain, Rule
from genzoo.models.diffusion.schedule import Moment

__all__ = ["Rescaled"]


@dataclass(frozen=True)
class Rescaled(Rule):
    """The plain rule, brought back toward the deviation over its entries that the better answer has,

    $$ \\hat x = \\phi\\,\\frac{\\mathrm{std}(\\hat x_1)}{\\mathrm{std}(\\hat x_w)}\\,\\hat x_w
       + (1 - \\phi)\\,\\hat x_w. $$

    A large weight overexposes pictures; this takes it back. It is for rows of many entries, such as pictures.

    Args:
        weight: w.
        share: φ, from 0, the plain rule, to 1; published 0.7.

    Raises:
        ValueError: If φ is not in [0, 1].

    Example:
        >>> import torch
        >>> from genzoo.models.diffusion import Straight
        >>> better = torch.tensor([[-1.0, 1.0]])
        >>> Rescaled(1.0, share=1.0)(better, 0 * better, better, Straight().at(torch.tensor(0.5)))  # plain: −2 and 2
        tensor([[-1.,  1.]])

    References:
        Lin, Liu, Li & Yang, 2024, "Common diffusion noise schedules and sample steps are flawed", arXiv:2305.08891
    """

    weight: float
    share: float = 0.7

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"`share` must be from 0 to 1, got {self.share}.")

    def __call__(
        self,
        better: Float[Tensor, "B *event"],
        worse: Float[Tensor, "B *event"],
        x_t: Float[Tensor, "B *event"],
        at: Moment,
    ) -> Float[Tensor, "B *event"]:
        far = Plain(self.weight)(better, worse, x_t, at)
        dims = tuple(range(1, far.ndim))
        ratio = better.std(dims, correction=0, keepdim=True) / far.std(dims, correction=0, keepdim=True).clamp_min(
            1e-8
        )
        return far * (self.share * ratio + 1 - self.share)
