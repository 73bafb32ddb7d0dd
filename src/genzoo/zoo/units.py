"""Models in standard units, where their data or conditions have units."""

from typing import TYPE_CHECKING

from genzoo.core.space import Space

if TYPE_CHECKING:
    from genzoo.core.model import GenerativeModel

__all__ = ["in_units", "over_reals"]


def in_units(model: "GenerativeModel") -> "GenerativeModel":
    """The model in standard units if its x or its conditions hold reals, else as it is.

    Args:
        model: A model that wants entries of mean 0 and variance 1.
    """
    from genzoo.models.standardized import Standardized, real_conditions

    has_units = not model.space.is_discrete or bool(real_conditions(model.given_space))
    return Standardized(model) if has_units else model


def over_reals(model: "GenerativeModel", space: Space) -> "GenerativeModel":
    """A model of reals in standard units, and on levels dequantized.

    Args:
        model: A model over reals of the data's shape.
        space: What one x is.
    """
    from genzoo.models.dequantized import Dequantized
    from genzoo.models.standardized import Standardized

    model = Standardized(model)
    return model if space.levels is None else Dequantized(model, space.levels)
