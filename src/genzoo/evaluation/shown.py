"""How samples are shown, written and measured: alike, so that what is measured is what is seen.

A decoder with a distribution over every pixel draws each by itself, which a likelihood needs and an eye takes for salt
and pepper. Pictures are therefore shown as the mean of what the decoder says; `noise=True` draws it.
"""

from typing import Any

from genzoo.core.model import GenerativeModel
from genzoo.evaluation.judge import is_picture

__all__ = ["MEAN", "as_shown"]

MEAN = "Each picture is the mean of its decoder's distribution; noise=true draws every pixel from it."


def as_shown(model: GenerativeModel) -> dict[str, Any]:
    """Options of `sample` by which a model's samples are shown; the likelihood stays that of the model with its noise.

    Args:
        model: Any model.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import PPCA
        >>> as_shown(PPCA(Space((1, 4, 4)))), as_shown(PPCA(Space((16,))))
        ({'noise': False}, {})
    """
    return {"noise": False} if is_picture(model.space) and "noise" in model.options("draw") else {}
