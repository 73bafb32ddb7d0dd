"""Where the chains of a restricted machine are."""

from typing import NamedTuple

from torch import Tensor

__all__ = ["Held", "Units"]


class Units(NamedTuple):
    """Visible units with their label.

    Attributes:
        v: (B, D) zeros and ones.
        label: (B,) class numbers; none in a machine without label units.
    """

    v: Tensor
    label: Tensor | None


class Held(NamedTuple):
    """Chains of pixels that are seen through noise.

    Attributes:
        x: Where they are.
        accept: 1.
        label: Their labels, in a machine that has label units.
    """

    x: Tensor
    accept: Tensor
    label: Tensor | None
