"""A model of normal numbers and levels on rows of columns of any kind."""

import math
from collections.abc import Iterable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core.abilities import Ability
from genzoo.core.game import Batch
from genzoo.core.given import Given
from genzoo.core.model import Capability, GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Column, Space
from genzoo.models.abilities import Imputation
from genzoo.models.bins import Bins
from genzoo.models.mapped import Mapped, some
from genzoo.models.partly import ScaledImputation

__all__ = ["Ranked", "ranked_space"]

NEAREST = 2.0**-53  # how near to 0 and 1 a share may come: float64 has a quantile there
ROWS = 200_000


class Ranked(Mapped):
    """Numbers seen by their rank among the training rows, as a normal number,

    $$ z = \\Phi^{-1}(F(x^-) + u\\,P(x)), \\qquad
       \\log p(x) \\ge \\mathbb E_u[\\log p(z) + \\log p_F(x) - \\log \\phi(z)], $$

    p_F being the law of a column by itself as `Bins` has it: a value that many rows share, or a whole number, has a
    stretch of the line as likely as it is frequent, its place u in it drawn. So every column by itself is N(0, 1), and
    what is drawn has spikes, bounds and whole numbers where the training rows have them; it lies within their range.
    Levels stay as they are.

    Args:
        model: A model over `ranked_space(space)`.
        space: What a row is.
        bins: As of `Bins`.

    Raises:
        ValueError: If the model is over another space.

    Example:
        >>> from genzoo.models.classical import GaussianMixture
        >>> space = Space((2,), columns=(Column("real"), Column("integer")))
        >>> Ranked(GaussianMixture(Space((2,)), components=2), space).sample(3, seed=0).dtype
        torch.float64

    References:
        Kotelnikov, Baranchuk, Rubachev & Babenko, 2023, "TabDDPM", arXiv:2209.15421 (quantiles)
    """

    by_column = True

    def __init__(self, model: GenerativeModel, space: Space, *, bins: int = 200) -> None:
        if model.space not in (ranked_space(space), Space(space.shape)):
            raise ValueError(
                f"Ranked needs a model over {ranked_space(space)}, got {model.space}. Build it over that."
            )
        super().__init__(space, model)
        columns = space.columns or (Column("real"),) * space.dims
        self.numbers = [entry for entry, column in enumerate(columns) if column.levels is None]
        self.bins = nn.ModuleList(Bins(columns[entry], bins) for entry in self.numbers)
        self.likelihood = Likelihood.weakest(Likelihood.EXACT if space.is_real else Likelihood.BOUND, model.likelihood)

    def prepare(self, batches: Iterable[Batch]) -> None:
        first = list(some(iter(batches), ROWS))
        x = torch.cat([self.checked_batch(batch)[0] for batch in first]).double()
        for entry, bins in zip(self.numbers, self.bins, strict=True):
            bins.fit(x[:, entry][~x[:, entry].isnan()])  # type: ignore[operator]
        super().prepare(first)

    def inward(self, x: Shaped[Tensor, "B D"], noise: Noise) -> Float[Tensor, "B D"]:
        return self._seen(x, noise.uniform(*x.shape, dtype=torch.float64))[0]

    def within(self, x: Shaped[Tensor, "B D"], given: Given) -> tuple[Tensor, Given]:
        """The middle of each stretch."""
        return self._seen(x, torch.full(x.shape, 0.5, dtype=torch.float64, device=x.device))[0], given

    def outward(self, y: Float[Tensor, "B D"]) -> Shaped[Tensor, "B D"]:
        x = y.double().clone()
        for entry, bins in zip(self.numbers, self.bins, strict=True):
            x[:, entry] = bins.at_rank(torch.special.ndtr(x[:, entry]))  # type: ignore[operator]
        return x.to(self.dtype if self.space.columns is None else getattr(torch, self.space.dtype))

    def ladj(self, x: Shaped[Tensor, "B D"], y: Float[Tensor, "B D"]) -> Float[Tensor, " B"]:
        return self._seen(x, torch.full(x.shape, 0.5, dtype=torch.float64, device=x.device), y)[1]

    def log_density(self, x: Shaped[Tensor, "B D"], given: Given, noise: Noise, **options: int) -> Float[Tensor, " B"]:
        if not self.can(Capability.LOG_PROB):
            raise self.lacks(Capability.LOG_PROB)
        y, ladj = self._seen(x, noise.at("rank").uniform(*x.shape, dtype=torch.float64))
        return self.model.log_density(y, given, noise, **options) + ladj

    def abilities(self) -> list[Ability]:
        found = super().abilities()
        if (imputation := self.model.ability(Imputation)) is not None:
            drawn = ScaledImputation(imputation, self)
            drawn.exact = imputation.exact and self.space.is_real  # else values are seen in the middle of stretches
            found.append(drawn)
        return found

    def _seen(self, x: Tensor, u: Tensor, y: Tensor | None = None) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        """Rows as the part sees them, and what a density there lacks to be one here; of rows y, if they are told."""
        z, slope = x.double().clone(), torch.zeros(len(x), dtype=torch.float64, device=x.device)
        for entry, bins in zip(self.numbers, self.bins, strict=True):
            share, log_p = bins.rank(x[:, entry].double(), u[:, entry])  # type: ignore[operator]
            z[:, entry] = torch.special.ndtri(share.clamp(NEAREST, 1 - NEAREST))
            at = z[:, entry] if y is None else y[:, entry].double()
            normal = -0.5 * at.square() - 0.5 * math.log(2 * math.pi)
            slope += (log_p - normal).where(~at.isnan(), 0)  # nothing is told of what is missing
        return z, slope

    def extra_repr(self) -> str:
        return f"{self.space}"


def ranked_space(space: Space) -> Space:
    """What a row is whose numbers are normal: reals, and the levels that it has.

    Args:
        space: What a row is.

    Example:
        >>> str(ranked_space(Space((2,), columns=(Column("integer"), Column("categorical", 3)))))
        '2 columns (1 real, 1 categorical)'
    """
    if space.columns is None:
        return space
    columns = (
        Column("real") if column.levels is None else Column(column.kind, column.levels) for column in space.columns
    )
    return Space(space.shape, columns=tuple(columns))
