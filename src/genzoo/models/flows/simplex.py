"""Maps from shares, which are positive and add up to 1, to the whole space.

D + 1 shares are D free numbers: x holds all but the last, which is what is left, $x_{D+1} = 1 - \\sum_{d \\le D} x_d$.
Densities are with respect to these D numbers, as those of Dirichlet's law are.

References:
    Aitchison & Shen, 1980, "Logistic-normal distributions: some properties and uses", Biometrika 67
    Carpenter et al., 2017, "Stan: a probabilistic programming language", Journal of Statistical Software 76
        (the broken stick)
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid, pad

from genzoo.core.errors import DataError
from genzoo.models.flows.bijection import Bijection, Embedded

__all__ = ["LogRatio", "StickBreaking"]


class LogRatio(Bijection):
    """Logarithms of shares over the last one, whose inverse is a softmax,

    $$ z_d = \\log \\frac{x_d}{x_{D+1}}, \\qquad \\log |\\det| = -\\sum_{d=1}^{D+1} \\log x_d. $$

    Raises:
        DataError: From `forward`, if a share is not positive; it names rows.

    Example:
        >>> x = torch.tensor([[0.2, 0.3]])
        >>> z, ladj = LogRatio()(x)
        >>> torch.allclose(LogRatio().inverse(z), x), round(ladj.item(), 4)
        (True, 3.5066)
    """

    def forward(
        self, x: Float[Tensor, "B D"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        left = 1 - x.sum(1, keepdim=True)
        _check(x, left)
        logs, last = x.log(), left.log()
        return logs - last, -(logs.sum(1) + last.squeeze(1))

    def inverse(self, z: Float[Tensor, "B D"], given: Embedded = None) -> Float[Tensor, "B D"]:
        return pad(z, (0, 1)).softmax(1)[:, :-1]


class StickBreaking(Bijection):
    """Shares as pieces that are broken off a stick, each a share of what those before it leave,

    $$ v_d = \\frac{x_d}{1 - \\sum_{j<d} x_j}, \\quad z_d = \\log \\frac{v_d}{1 - v_d} + \\log (D + 1 - d), \\qquad
       \\log |\\det| = -\\sum_d \\log \\Big(v_d\\, (1 - v_d)\\, \\big(1 - \\textstyle\\sum_{j<d} x_j\\big)\\Big), $$

    so that equal shares are at 0. The Jacobian is triangular, and an entry of z depends on the shares before it alone.

    Raises:
        DataError: From `forward`, if a share is not positive; it names rows.

    Example:
        >>> x = torch.tensor([[0.25, 0.25, 0.25]])
        >>> z, ladj = StickBreaking()(x)
        >>> bool(z.abs().max() < 1e-6), torch.allclose(StickBreaking().inverse(z), x)
        (True, True)
    """

    def forward(
        self, x: Float[Tensor, "B D"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        _check(x, 1 - x.sum(1, keepdim=True))
        after = (1 - x.cumsum(1)).log()  # what each break leaves
        before = pad(after[:, :-1], (1, 0))
        return x.log() - after + _counts(x).log(), -(x.log() + after - before).sum(1)

    def inverse(self, z: Float[Tensor, "B D"], given: Embedded = None) -> Float[Tensor, "B D"]:
        shifted = z - _counts(z).log()
        left = pad(logsigmoid(-shifted).cumsum(1)[:, :-1], (1, 0))
        return (logsigmoid(shifted) + left).exp()


def _counts(x: Tensor) -> Float[Tensor, " D"]:
    """How many pieces are left at each break but one: D, …, 1."""
    return torch.arange(x.shape[1], 0, -1, dtype=x.dtype, device=x.device)


def _check(x: Tensor, left: Tensor) -> None:
    """Refuses rows that are no shares."""
    wrong = ~((x > 0).all(1) & (left > 0).squeeze(1))
    if wrong.any():
        rows = wrong.nonzero().flatten().tolist()
        more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
        raise DataError(
            "All but the last of some shares must be positive and add up to less than 1, got "
            f"{x[rows[0]].tolist()} in row {rows[0]}{more}. Give x[:, :-1] of rows that add up to 1, and put a little "
            "in place of each 0."
        )
