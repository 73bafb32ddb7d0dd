"""What may be asked of guidance for one call."""

import math
from collections.abc import Callable
from typing import TypedDict

from genzoo.core.abilities import Denoise
from genzoo.core.given import Given, GivenAsked
from genzoo.models.diffusion.guidance.between import Between
from genzoo.models.diffusion.guidance.classifier_free import ClassifierFree
from genzoo.models.diffusion.guidance.projected import Projected
from genzoo.models.diffusion.guidance.rescaled import Rescaled
from genzoo.models.diffusion.guidance.rule import Plain, Rule
from genzoo.models.diffusion.guidance.zero_star import ZeroStar
from genzoo.models.diffusion.schedule import Schedule

__all__ = ["RULES", "AskedGuide", "guided"]

RULES: dict[str, Callable[[float], Rule]] = {
    "plain": Plain,
    "rescaled": Rescaled,
    "projected": Projected,
    "zero_star": ZeroStar,
}


class AskedGuide(TypedDict, total=False):
    """How strongly a condition is followed.

    Attributes:
        guidance: The weight; 0 is the model itself.
        guide: The rule by its name in `RULES`; by default the plain one.
        guided_from: The least noise σ/α at which it holds.
        guided_to: The largest.
        against: A condition to keep away from, one for all rows; by default none.
    """

    guidance: float
    guide: str
    guided_from: float
    guided_to: float
    against: GivenAsked


def guided(denoise: Denoise, schedule: Schedule, asked: AskedGuide, against: Given | None) -> Denoise:
    """A denoiser that follows its condition as strongly as is asked for.

    Args:
        denoise: The denoiser.
        schedule: Its schedule.
        asked: What is asked.
        against: The condition to keep away from, in full.

    Raises:
        ValueError: If there is no rule of that name, or the noises are not in order.

    Example:
        >>> import torch
        >>> from genzoo.models.diffusion import Straight
        >>> def told(x_t, t, given):
        ...     return given["label"].double().clamp_min(0)
        >>> strong = guided(told, Straight(), {"guidance": 2.0, "guided_to": 1.0}, None)
        >>> [strong(torch.zeros(1), torch.tensor(t), {"label": torch.tensor([1])}).item() for t in (0.2, 0.8)]
        [3.0, 1.0]
    """
    name, low, high = asked.get("guide", "plain"), asked.get("guided_from", 0.0), asked.get("guided_to", math.inf)
    if name not in RULES:
        raise ValueError(f"A guide must be one of {', '.join(RULES)}, got {name!r}. Choose one of them.")
    strong = ClassifierFree(denoise, RULES[name](asked.get("guidance", 0.0)), schedule, against)
    return strong if (low, high) == (0.0, math.inf) else Between(strong, denoise, schedule, low, high)
