"""CLIP: a picture and its caption become unit vectors that lie close, and far from those of all others.

With unit vectors $u_i$ of the rows of a batch, $v_j$ of their conditions and a learned temperature τ,

$$ s_{ij} = u_i \\cdot v_j / \\tau, \\qquad
   L = \\tfrac12 \\bigl(\\mathrm{InfoNCE}(s) + \\mathrm{InfoNCE}(s^\\top)\\bigr). $$

Equal conditions belong to all of each other's rows: two red circles are shown by more than one picture. At its least
s is the logarithm of $p(x, y) / p(x)\\,p(y)$, up to a constant, so that it ranks rows by how likely they are under a
condition, and conditions by how likely they are of a row.

References:
    Radford et al., 2021, "Learning transferable visual models from natural language supervision", arXiv:2103.00020
    Khosla et al., 2020, "Supervised contrastive learning", arXiv:2004.11362 (several that belong)
"""

import math
from collections.abc import Mapping, Sequence, Sized

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn.functional import normalize

from genzoo.core.abilities import Ability
from genzoo.core.game import Batch, Instant, Objective, Player
from genzoo.core.given import Given, GivenAsked, GivenSpaceLike, RowsAsked
from genzoo.core.model import evaluating
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.models.abilities import Matching
from genzoo.models.representation.contrastive import alike, info_nce
from genzoo.models.representation.encoding import Encoding

__all__ = ["CLIP"]

HIGHEST = math.log(100.0)  # of −log τ: beyond it one pair outweighs a batch


class CLIP(Encoding):
    """Rows and their conditions as unit vectors of one length. Levels are seen as numbers in [−1, 1].

    Args:
        space: What one x is.
        given_space: What goes with it, such as a text: a space, or names of spaces.
        image: From rows of numbers to vectors of `code` entries.
        text: From a condition to such vectors.
        code: K, their length.
        temperature: τ at the beginning.

    Raises:
        ValueError: If there is no condition, or the temperature is not between 0.01 and 1.

    Example:
        >>> from genzoo.nn import MLP, Reading
        >>> words = Space((7,), levels=27, ragged=True)
        >>> model = CLIP(Space((3,)), words, MLP(3, [8], 4), Reading(words, 4, width=8, depth=1), code=4)
        >>> x, text = torch.randn(5, 3), torch.randint(27, (2, 7))
        >>> (model.of_rows(x) @ model.of_conditions(text).mT).shape
        torch.Size([5, 2])
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        image: nn.Module,
        text: nn.Module,
        *,
        code: int,
        temperature: float = 0.07,
    ) -> None:
        super().__init__(space, given_space, code=code)
        if not self.given_space:
            raise ValueError("CLIP learns what goes with what, and needs a condition, got none. Name one, as a text.")
        if not 0.01 <= temperature <= 1:
            raise ValueError(f"`temperature` must be between 0.01 and 1, got {temperature}. 0.07 is usual.")
        self.image, self.text = image, text
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    def of_rows(self, x: RowsAsked) -> Float[Tensor, "B K"]:
        """The unit vectors of rows."""
        with evaluating(self):
            return self._codes(self.checked(x))

    def of_conditions(self, given: GivenAsked) -> Float[Tensor, "M K"]:
        """The unit vectors of conditions, one for each row of them."""
        with evaluating(self):
            return self._told(self.checked_given(given, _count(given)))

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B K"]:
        """The unit vector of each x, whatever the condition."""
        return self.of_rows(x)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        return self.losses(batch)["loss"]

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The loss, beside it τ and the share of rows whose condition is the likeliest of the batch."""
        given = self.given_of(batch)
        cosines = self._codes(batch.x) @ self._told(given).mT
        likeness, belongs = cosines * self.log_scale.exp(), alike(given).to(cosines.device)
        right = belongs.gather(1, likeness.argmax(1, keepdim=True))
        return {
            "loss": (info_nce(likeness, belongs) + info_nce(likeness.mT, belongs)) / 2,
            "temperature": (-self.log_scale.detach()).exp(),
            "right": right.to(cosines.dtype).mean(),
        }

    def players(self) -> Sequence[Player]:
        return [Player("model", self, self.losses, after=self._bound)]

    def lowers(self) -> Objective:
        return Objective("contrast of rows and conditions, nats, the mean of both ways")

    def abilities(self) -> list[Ability]:
        return [Matched(self)]

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, code={self.code.dims}"

    def _codes(self, x: Shaped[Tensor, "B *event"]) -> Float[Tensor, "B K"]:
        return normalize(self.image(Numbers(self.space, self.dtype).of(x)), dim=1)

    def _told(self, given: Given) -> Float[Tensor, "M K"]:
        return normalize(self.text(given), dim=1)

    def _bound(self, now: Instant) -> None:
        with torch.no_grad():
            self.log_scale.clamp_(0, HIGHEST)


class Matched(Matching):
    """A CLIP as what says which rows and conditions belong together."""

    def __init__(self, model: CLIP) -> None:
        self.model = model

    def of_rows(self, x: Shaped[Tensor, "B *event"]) -> Float[Tensor, "B K"]:
        return self.model.of_rows(x)

    def of_conditions(self, given: Given) -> Float[Tensor, "M K"]:
        return self.model.of_conditions(given)


def _count(given: GivenAsked) -> int:
    """How many rows a condition has; words of one are one."""
    rows = next(iter(given.values()), ()) if isinstance(given, Mapping) else given
    return len(rows) if isinstance(rows, Sized) and not isinstance(rows, str) else 1
