"""From an interval to the line: the first bijection of a flow over pixels."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.errors import DataError
from genzoo.models.flows.bijection import Bijection, Embedded

__all__ = ["Logit"]


class Logit(Bijection):
    """Numbers in [0, L] on the whole line, kept a margin off its ends,

    $$ z = \\log \\frac{y}{1 - y}, \\qquad y = \\alpha + (1 - 2\\alpha)\\,\\frac xL. $$

    Its inverse stays within the interval (but for the margin), so a flow that begins with it wastes no density on
    what pixels cannot be.

    Args:
        high: L.
        alpha: α, the margin as a share of the interval.

    Raises:
        ValueError: If the interval is empty, or α is not in (0, 1/2).
        DataError: From `forward`, if an entry is outside the interval and its margin.

    Example:
        >>> z, ladj = Logit(256)(torch.tensor([[0.0, 128.0, 256.0]]))
        >>> z.round(decimals=2).tolist()
        [[-2.94..., 0.0, 2.94...]]

    References:
        Dinh, Sohl-Dickstein & Bengio, 2017, "Density estimation using Real NVP", arXiv:1605.08803 (§4.1)
    """

    def __init__(self, high: int | float, *, alpha: float = 0.05) -> None:
        super().__init__()
        if high <= 0 or not 0 < alpha < 0.5:
            raise ValueError(f"The interval must not be empty and 0 < alpha < 1/2, got [0, {high}] and {alpha}.")
        self.high, self.alpha = high, alpha

    def forward(
        self, x: Float[Tensor, "B *event"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B *event"], Float[Tensor, " B"]]:
        slope = (1 - 2 * self.alpha) / self.high
        y = self.alpha + slope * x
        _check(x, y, self.high)
        log_y, log_rest = y.log(), (1 - y).log()
        ladj = x[0].numel() * math.log(slope) - (log_y + log_rest).flatten(1).sum(1) if len(x) else x.new_zeros(0)
        return log_y - log_rest, ladj

    def inverse(self, z: Float[Tensor, "B *event"], given: Embedded = None) -> Float[Tensor, "B *event"]:
        return (torch.sigmoid(z) - self.alpha) * (self.high / (1 - 2 * self.alpha))

    def extra_repr(self) -> str:
        return f"high={self.high}, alpha={self.alpha}"


def _check(x: Tensor, y: Tensor, high: int | float) -> None:
    """Refuses rows outside the interval and its margin."""
    wrong = (y <= 0) | (y >= 1)
    if wrong.any():
        row, *entry = wrong.nonzero()[0].tolist()
        raise DataError(
            f"Entries must lie in [0, {high:g}], got {x[(row, *entry)].item():g} in row {row}, entry "
            f"{', '.join(map(str, entry))}. Rescale or clip them, or give the right upper end."
        )
