"""How a run is trained: the recipe's settings under the user's, and a stage's part of the budget."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from genzoo.training.config import BUDGETS, TrainConfig
from genzoo.zoo.mistakes import Mistake, unknown
from genzoo.zoo.recipe import RecipeInfo, invalid

__all__ = ["merged", "part_of"]


def merged(info: RecipeInfo[Any], published: TrainConfig, wanted: Mapping[str, Any]) -> TrainConfig:
    """The recipe's train settings under the user's: a budget of either kind replaces the recipe's."""
    known = TrainConfig.model_fields
    for key in wanted:
        if key not in known:
            raise unknown("train setting", key, known)
        if key in info.arguments.model_fields:  # its players bring their own, which the engine lets stand
            raise Mistake(f"Recipe {info.name} sets {key} itself.", f"Use --set {key}=…, or settings={{{key!r}: …}}.")
    fields = published.model_dump()
    wanted = {key: value for key, value in wanted.items() if value is not None}
    if wanted.keys() & set(BUDGETS):
        fields |= dict.fromkeys(BUDGETS)
    try:
        return TrainConfig(**fields | wanted)
    except ValidationError as error:
        raise invalid(f"training {info.name}", error) from None


def part_of(wanted: Mapping[str, Any], share: float) -> dict[str, Any]:
    """The user's train settings with a share of the budget, if they name one."""
    part = dict(wanted)
    for name in BUDGETS[1:]:
        if part.get(name) is not None:
            part[name] *= share
    if part.get("steps") is not None:
        part["steps"] = max(1, round(part["steps"] * share))
    return part
