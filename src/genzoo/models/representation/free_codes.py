"""Free codes for any decoder: no encoder, each row's code is what fits best.

$$ z_i = \\arg\\min_z \\sum_d \\rho(x_{id} - g_\\theta(z)_d) + \\lambda\\,\\Omega(z), \\qquad
   \\min_\\theta \\sum_i \\sum_d \\rho(x_{id} - g_\\theta(z_i)_d), $$

with Ω = ½‖z‖² (nonlinear factorization) or ‖z‖₁ (nonlinear sparse coding). Codes are found by proximal gradient steps
through the decoder; a row keeps a step only where it lowers its own objective, and lengthens or halves the next one
accordingly. At the best code the objective's derivative in z is zero (or the lasso's), so the decoder's gradient needs
only the code, not how it was found. Codes start from zero at every batch and are not kept: any number of rows will do.
"""

import copy
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.game import Batch, Player
from genzoo.core.given import GivenAsked, RowsAsked
from genzoo.core.space import Space
from genzoo.models.representation.lasso import soft_threshold
from genzoo.models.representation.losses import Loss
from genzoo.models.representation.representation import Representation

__all__ = ["FreeCodes", "Penalty", "shortened"]

Penalty = Literal["ridge", "lasso"]


class FreeCodes(Representation):
    """A decoder, linear or not, whose codes are optimized row by row.

    Under a lasso the decoder's first weights have columns of length one at most: else it would grow, and codes shrink,
    for nothing. A linear decoder so has unit atoms, as in sparse coding.

    Args:
        space: What one x is.
        decoder: From K numbers to D; its first linear layer sees the code.
        code: K.
        penalty: Ω, "ridge" or "lasso".
        strength: λ.
        loss: ρ; squared by default. A rough one must be smooth near zero, as `absolute` is.
        steps: Proximal gradient steps for a code.

    Raises:
        ValueError: If the space is ragged, the code is not at least 1 long, or λ is negative.

    Example:
        >>> model = FreeCodes(Space((5,)), nn.Linear(3, 5), code=3, penalty="lasso", strength=0.3)
        >>> model.encode(torch.ones(2, 5)).shape
        torch.Size([2, 3])

    References:
        Bojanowski, Joulin, Lopez-Paz & Szlam, 2018, "Optimizing the latent space of generative networks",
        arXiv:1707.05776
        Han, Lu, Zhu & Wu, 2017, "Alternating back-propagation for generator network", arXiv:1606.08571
    """

    def __init__(
        self,
        space: Space,
        decoder: nn.Module,
        *,
        code: int,
        penalty: Penalty = "ridge",
        strength: float = 0.01,
        loss: Loss | None = None,
        steps: int = 50,
    ) -> None:
        super().__init__(space, code=code, loss=loss)
        if penalty not in get_args(Penalty) or strength < 0 or steps < 1:
            raise ValueError(
                f"`penalty` must be ridge or lasso, `strength` not negative and `steps` at least 1, got {penalty!r}, "
                f"{strength} and {steps}."
            )
        self.decoder, self.penalty, self.strength, self.steps = decoder, penalty, strength, steps
        self._normalize()

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B K"]:
        """The code of each x, sought in float64 whatever the model is.

        Whether a step lowers the objective near its least value is left to rounding, which varies with the number of
        rows; a code is known to the root of that: to 3e-4 in float32, which a row shares with those beside it.
        """
        y = self.numbers(self.checked(x))
        return copy.deepcopy(self).double().codes(y.double()).to(y.dtype)

    def codes(self, y: Float[Tensor, "B D"]) -> Float[Tensor, "B K"]:
        return self.search(y)[0]

    def image(self, z: Float[Tensor, "B K"]) -> Float[Tensor, "B D"]:
        return self.decoder(z)

    def objective(self, y: Float[Tensor, "B D"], z: Float[Tensor, "B K"]) -> Float[Tensor, " B"]:
        """What a code costs: its distortion and λ Ω(z)."""
        price = z.abs() if self.penalty == "lasso" else z.square() / 2
        return self.distortion(y, z) + self.strength * price.sum(1)

    def search(
        self, y: Float[Tensor, "B D"], steps: int | None = None
    ) -> tuple[Float[Tensor, "B K"], Float[Tensor, " B"]]:
        """Codes after so many steps from zero, and their objectives, which no step raises."""
        z = y.new_zeros(len(y), self.code.dims)
        rate = y.new_full((len(y), 1), 1 / self.rho.curvature)
        cost, slope = self._look(y, z)
        for _ in range(self.steps if steps is None else steps):
            trial = z - rate * slope
            if self.penalty == "lasso":
                trial = soft_threshold(trial, rate * self.strength)
            trial_cost, trial_slope = self._look(y, trial)
            better = (trial_cost <= cost)[:, None]
            z, slope = torch.where(better, trial, z), torch.where(better, trial_slope, slope)
            cost, rate = torch.where(better[:, 0], trial_cost, cost), torch.where(better, 1.5 * rate, 0.5 * rate)
        return z, cost

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        return self.losses(batch)["loss"]

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The objective, a mean over rows, with its distortion and the number of entries of z that are not zero."""
        y = self.numbers_in(batch)
        z = self.codes(y)
        active = (z != 0).sum(1).to(y.dtype).mean()
        return {"loss": self.objective(y, z).mean(), "distortion": self.distortion(y, z).mean(), "active": active}

    def players(self) -> Sequence[Player]:
        return [Player("model", self, self.losses, after=lambda now: self._normalize())]

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, penalty={self.penalty!r}, strength={self.strength}"

    def _look(self, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """The objective at some codes, and the slope of its smooth part."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            smooth = self.distortion(y, z)
            if self.penalty == "ridge":
                smooth = smooth + self.strength * z.square().sum(1) / 2
            (slope,) = torch.autograd.grad(smooth.sum(), z)
        price = self.strength * z.detach().abs().sum(1) if self.penalty == "lasso" else 0
        return smooth.detach() + price, slope

    @torch.no_grad()
    def _normalize(self) -> None:
        first = next((part for part in self.decoder.modules() if isinstance(part, nn.Linear)), None)
        if self.penalty == "lasso" and first is not None:
            first.weight.copy_(shortened(first.weight, 0))


def shortened(weight: Float[Tensor, "rows columns"], axis: int) -> Float[Tensor, "rows columns"]:
    """Vectors along an axis, those longer than one cut to length one.

    Example:
        >>> shortened(torch.tensor([[3.0, 0.0], [0.0, 0.5]]), 0).tolist()
        [[1.0, 0.0], [0.0, 0.5]]
    """
    return weight / weight.norm(dim=axis, keepdim=True).clamp_min(1)
