"""Models in standard units, where their data or conditions have units."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genzoo.core.model import GenerativeModel

__all__ = ["in_units"]


def in_units(model: "GenerativeModel") -> "GenerativeModel":
    """The model in standard units if its x or its conditions hold reals, else as it is.

    Args:
        model: A model that wants entries of mean 0 and variance 1.
    """
    from genzoo.models.standardized import Standardized, real_conditions

    has_units = not model.space.is_discrete or bool(real_conditions(model.given))
    return Standardized(model) if has_units else model
