"""How a run is trained: the recipe's settings under the user's, and a stage's part of the budget."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from genzoo.training.config import BUDGETS, TrainConfig
from genzoo.zoo.mistakes import Mistake, unknown
from genzoo.zoo.recipe import RecipeInfo, invalid

__all__ = ["merged", "parts_of"]


def merged(info: RecipeInfo[Any], published: TrainConfig, wanted: Mapping[str, Any]) -> TrainConfig:
    """The recipe's train settings under the user's: a budget of either kind replaces the recipe's, and None switches
    off what the recipe sets.

    Raises:
        Mistake: If a setting is unknown, wrong, or the recipe's own to set.
    """
    known = TrainConfig.model_fields
    for key in wanted:
        if key not in known:
            raise unknown("train setting", key, known)
        if key in info.arguments.model_fields:  # its players bring their own, which the engine lets stand
            raise Mistake(f"Recipe {info.name} sets {key} itself.", f"Use --set {key}=…, or settings={{{key!r}: …}}.")
    fields = published.model_dump()
    wanted = {key: value for key, value in wanted.items() if value is not None or key not in BUDGETS}
    if wanted.keys() & set(BUDGETS):
        fields |= dict.fromkeys(BUDGETS)
    try:
        return TrainConfig(**fields | wanted)
    except ValidationError as error:
        raise invalid(f"training {info.name}", error) from None


def parts_of(wanted: Mapping[str, Any], shares: Sequence[float]) -> list[dict[str, Any]]:
    """The user's train settings for each stage, with its share of the budget if they name one; steps add up to it.

    Args:
        wanted: Fields of `TrainConfig`.
        shares: The stages' parts of the budget, in proportion.

    Example:
        >>> [part["steps"] for part in parts_of({"steps": 10}, [1.0, 1.0, 1.0])]
        [3, 4, 3]
    """
    parts, ends = [dict(wanted) for _ in shares], [sum(shares[:k]) / sum(shares) for k in range(len(shares) + 1)]
    for part, start, end in zip(parts, ends, ends[1:], strict=False):
        for name in BUDGETS[1:]:
            if part.get(name) is not None:
                part[name] *= end - start
        if (steps := part.get("steps")) is not None:
            part["steps"] = max(min(1, steps), round(steps * end) - round(steps * start))
    return parts
