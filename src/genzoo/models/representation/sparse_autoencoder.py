"""Sparse autoencoders: an encoder that switches on few of many units.

$$ z = \\mathrm{sparse}(W_e (x - b) + c), \\qquad \\hat x = z A + b, \\qquad \\|a_k\\| = 1, $$

where sparse keeps what is positive and pays λ‖z‖₁ for it, or keeps the k largest. A unit that never fires gets no
gradient and stays dead: here units that have been silent for long are asked to explain what the others left over.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.game import Batch, Instant, Player
from genzoo.core.space import Space
from genzoo.models.representation.losses import Loss
from genzoo.models.representation.representation import Representation

__all__ = ["Activation", "SparseAutoencoder"]

Activation = Literal["topk", "relu"]


class SparseAutoencoder(Representation):
    """An overcomplete, sparse code by one linear layer, and unit atoms.

    Training logs how many units fire a row, and the share that is dead: silent for `patience` steps.

    Args:
        space: What one x is.
        code: K, the number of units.
        activation: "topk" keeps the `active` largest, "relu" all that are positive.
        active: k, for topk.
        penalty: λ, for relu, in units of x (levels span 2).
        patience: The steps after which a silent unit is dead.
        revive: The weight of what dead units should explain; 0 only counts them.
        loss: ρ; squared by default.

    Raises:
        ValueError: If the space is ragged, `active` is not between 1 and K, or a number is negative.

    Example:
        >>> model = SparseAutoencoder(Space((5,)), code=20, active=3)
        >>> (model.encode(torch.randn(4, 5)) != 0).sum(1).max().item() <= 3
        True

    References:
        Makhzani & Frey, 2014, "k-Sparse autoencoders", arXiv:1312.5663
        Bricken et al., 2023, "Towards monosemanticity: decomposing language models with dictionary learning"
        Gao et al., 2024, "Scaling and evaluating sparse autoencoders", arXiv:2406.04093 (reviving dead units)
    """

    idle: Tensor

    def __init__(
        self,
        space: Space,
        *,
        code: int = 256,
        activation: Activation = "topk",
        active: int = 8,
        penalty: float = 0.05,
        patience: int = 200,
        revive: float = 1 / 32,
        loss: Loss | None = None,
    ) -> None:
        super().__init__(space, code=code, loss=loss)
        if activation not in get_args(Activation) or (activation == "topk" and not 1 <= active <= code):
            raise ValueError(
                f"`activation` must be topk or relu and `active` between 1 and {code}, got {activation!r}, {active}."
            )
        if penalty < 0 or revive < 0 or patience < 1:
            raise ValueError(
                f"`penalty` and `revive` must not be negative, `patience` at least 1, got {penalty}, {revive} and "
                f"{patience}."
            )
        self.activation, self.active, self.penalty = activation, active, penalty
        self.patience, self.revive, self.fired = patience, revive, torch.zeros(0)
        self.encoder = nn.Linear(space.dims, code)
        self.atoms = nn.Parameter(nn.functional.normalize(self.encoder.weight.detach().clone()))
        self.offset = nn.Parameter(torch.zeros(space.dims))
        with torch.no_grad():
            self.encoder.weight.copy_(self.atoms)  # an encoder starts as the decoder's transpose
        self.register_buffer("idle", torch.zeros(code, dtype=torch.int64))  # steps since a unit fired

    def codes(self, y: Float[Tensor, "B D"]) -> Float[Tensor, "B K"]:
        return self._sparse(self.encoder(y - self.offset).relu(), self.active)

    def image(self, z: Float[Tensor, "B K"]) -> Float[Tensor, "B D"]:
        return z @ self.atoms + self.offset

    @property
    def dead(self) -> Tensor:
        """Which units have been silent for long, (K,) booleans."""
        return self.idle >= self.patience

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        return self.losses(batch)["loss"]

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The loss with its parts: the distortion, how many units fire a row, and the share that is dead."""
        y = self.numbers_in(batch)
        before = self.encoder(y - self.offset).relu()
        z = self._sparse(before, self.active)
        distortion = self.distortion(y, z).mean()
        price = self.penalty * z.sum(1).mean() if self.activation == "relu" else 0
        fires = z.detach() > 0
        if self.training:
            self.fired = fires.any(0) | (self.fired if len(self.fired) else False)
        return {
            "loss": distortion + price + self._revival(y, z, before),
            "distortion": distortion,
            "active": fires.sum(1).to(y.dtype).mean(),
            "dead": self.dead.to(y.dtype).mean(),
        }

    def players(self) -> Sequence[Player]:
        return [Player("model", self, self.losses, after=self._after)]

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, activation={self.activation!r}"

    def _sparse(self, positive: Float[Tensor, "B K"], count: int) -> Float[Tensor, "B K"]:
        if self.activation == "relu":
            return positive
        top = positive.topk(count, dim=1)
        return torch.zeros_like(positive).scatter(1, top.indices, top.values)

    def _revival(self, y: Tensor, z: Tensor, before: Tensor) -> Tensor | float:
        """What the dead units leave of what the others left over."""
        if not self.training or not self.revive or not self.dead.any():
            return 0.0
        left = (y - self.image(z)).detach()
        count = min(2 * self.active, int(self.dead.sum()))
        # They are silent, so that relu's slope is gone: softplus lets them hear.
        loud = nn.functional.softplus(self.encoder(y - self.offset.detach())) * self.dead
        top = loud.topk(count, dim=1)
        guess = torch.zeros_like(before).scatter(1, top.indices, top.values) @ self.atoms
        return self.revive * self.rho(left - guess).sum(1).mean()

    @torch.no_grad()
    def _after(self, now: Instant) -> None:
        """Atoms back to length one; units that fired on any process are not idle."""
        self.atoms.copy_(nn.functional.normalize(self.atoms))
        fired = now.total(self.fired.to(torch.int64)) > 0
        self.idle.copy_(torch.where(fired, 0, self.idle + 1))
        self.fired = torch.zeros(0)
