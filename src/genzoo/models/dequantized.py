"""A continuous model on integer levels, or on rows of columns of several kinds, with an honest likelihood."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo._random import at_least_single
from genzoo.core.abilities import Ability
from genzoo.core.game import Batch, Player
from genzoo.core.given import Given
from genzoo.core.model import Capability, GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Column, Space
from genzoo.models.abilities import Conditioning, Events, Imputation
from genzoo.models.cells import Cells
from genzoo.models.mapped import Mapped, refuse, some
from genzoo.models.partly import CellEvents, CellImputation, ScaledConditioning

__all__ = ["Dequantized", "Fill"]


@runtime_checkable
class Fill(Protocol):
    """A law of the place within a cell, given the levels."""

    def __call__(
        self, uniform: Float[Tensor, "B *event"], x: Shaped[Tensor, "B *event"], /
    ) -> tuple[Float[Tensor, "B *event"], Float[Tensor, " B"]]:
        """u in [0, 1) and log q(u | x), of uniform numbers."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """What of it is trained."""


class Dequantized(Mapped):
    """A density on reals as a mass on levels {0, …, L−1}: x is the unit cell [x, x + 1) of the density,

    $$ \\log P(x) = \\log \\int_{[0,1)^D} p(x + u)\\,du \\ge \\mathbb E_{u_1 … u_k} \\log \\frac1k \\sum_j p(x + u_j),
       \\quad u_j \\sim U[0,1)^D, $$

    a bound that rises to the mass as the number k of draws grows. Training sees x + u; samples are floored, and those
    outside the levels go to the nearest.

    Of rows with a kind by column, real entries stay as they are, whole numbers get their cell [x, x + 1), and a level,
    or a whole number of a range of at most 32, gets a stretch of the line as likely under N(0, 1) as it is frequent in
    the training rows, its place in it drawn:

    $$ y = \\Phi^{-1}\\Big(\\sum_{l < x} f_l + u f_x\\Big), \\qquad
       \\log P(x) \\ge \\mathbb E_u\\Big[\\log p(y) + \\log f_x - \\log \\phi(y)\\Big]. $$

    The stretches fill the line, so no mass lies on a level that a column lacks, and a normal density of one such
    column by itself is its frequencies, without a gap. Samples of whole numbers stay within the range of the training
    rows: what lies beyond goes to the nearest end, whose probability the bound then understates, and never overstates.

    Instead of uniform, u may come from a law that is trained beside the model (variational dequantization),

    $$ \\log P(x) \\ge \\mathbb E_{u_1 … u_k \\sim q(u | x)} \\log \\frac1k \\sum_j \\frac{p(x + u_j)}{q(u_j | x)}. $$

    Args:
        model: A model over reals of the data's shape; its unit is one level.
        levels: L, the number of values an entry takes, or what each column is.
        draws: k, the number of draws in the bound; the option `draws` of `log_prob` overrides it.
        fill: q, called on uniform numbers and x, which returns u and log q(u | x); by default u is uniform.

    Raises:
        ValueError: If the model's space is not real, `draws` is not positive, or `fill` is for columns or for a model
            whose loss is not −log p.

    Example:
        >>> from genzoo.models.classical import GaussianMixture
        >>> model = Dequantized(GaussianMixture(Space((2,)), components=3), levels=8)
        >>> x = model.sample(5, seed=0)
        >>> x.dtype, bool((model.log_prob(x, draws=4) <= 0).all())
        (torch.uint8, True)
        >>> columns = (Column("real"), Column("categorical", 3))
        >>> Dequantized(GaussianMixture(Space((2,)), components=3), columns).sample(2, seed=0)
        tensor([[...

    References:
        Theis, van den Oord & Bethge, 2016, "A note on the evaluation of generative models", arXiv:1511.01844
        Burda, Grosse & Salakhutdinov, 2016, "Importance weighted autoencoders", arXiv:1509.00519 (several draws)
        Ho et al., 2019, "Flow++", arXiv:1902.00275 (variational dequantization)
    """

    by_column = True

    def __init__(
        self, model: GenerativeModel, levels: int | Sequence[Column], *, draws: int = 1, fill: Fill | None = None
    ) -> None:
        refuse(model, "Dequantized")
        space = _space(model.space.shape, levels)
        super().__init__(space, model)
        if draws < 1:
            raise ValueError(f"`draws` must be at least 1, got {draws}.")
        self.cells = None if space.columns is None else Cells(space.columns)
        self.levels, self.draws, self.fill = space.levels, draws, fill
        if fill is not None and (self.cells is not None or not model.lowers().densities):
            raise ValueError(
                f"`fill` is for levels and losses that are −log p, got {space} and {model}. Leave it out."
            )
        kind = Likelihood.EXACT if space.is_real else Likelihood.BOUND
        self.likelihood = Likelihood.weakest(kind, model.likelihood)

    def prepare(self, batches: Iterable[Batch]) -> None:
        if self.cells is not None:
            every = iter(batches)
            batches = list(some(every))
            self.cells.fit(torch.cat([self.checked_batch(batch)[0] for batch in batches]))
            for batch in every if len(self.cells.whole) else ():
                self.cells.widen(batch.x)
        super().prepare(batches)

    def inward(self, x: Shaped[Tensor, "B *event"], noise: Noise) -> Float[Tensor, "B *event"]:
        return self._filled(x, noise)[0]

    def _filled(
        self, x: Shaped[Tensor, "B *event"], noise: Noise
    ) -> tuple[Float[Tensor, "B *event"], Float[Tensor, " B"] | None]:
        """A place in each cell, and what a density there lacks to be a mass, if anything."""
        if self.cells is not None:
            y = self.cells(x, noise.uniform(*x.shape, dtype=torch.float64))
            return y, self.cells.log_slope(x, y)
        uniform = noise.uniform(*x.shape, dtype=at_least_single(self.dtype))
        if self.fill is None:
            return x.to(uniform.dtype) + uniform, None
        u, log_q = self.fill(uniform, x)
        return x.to(uniform.dtype) + u, -log_q

    def outward(self, y: Float[Tensor, "B *event"]) -> Shaped[Tensor, "B *event"]:
        if self.cells is not None:
            return self.cells.inverse(y).to(getattr(torch, self.space.dtype))
        return y.floor().clamp(0, (self.levels or 1) - 1).to(getattr(torch, self.space.dtype))

    def log_density(
        self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise, *, draws: int | None = None, **options: Any
    ) -> Float[Tensor, " B"]:
        if not self.can(Capability.LOG_PROB):
            raise self.lacks(Capability.LOG_PROB)
        count, terms = draws or self.draws, []
        for k in range(count):
            draw = noise.at(k)
            y, ladj = self._filled(x, draw.at("cell"))
            term = self.model.log_density(y, given, draw, **options)
            terms.append(term if ladj is None else term + ladj)
        return terms[0] if count == 1 else torch.stack(terms).logsumexp(0) - math.log(count)

    def abilities(self) -> list[Ability]:
        found = super().abilities()
        if (imputation := self.model.ability(Imputation)) is not None:
            found.append(CellImputation(imputation, self.model, self, self.cells, self.space))
        if (events := self.model.ability(Events)) is not None:
            found.append(CellEvents(events, self, self.cells, self.space))
        if self.cells is None and (conditioning := self.model.ability(Conditioning)) is not None:
            middle, one = torch.full((1,), -0.5, device=self.device), torch.ones(1, device=self.device)
            found.append(ScaledConditioning(conditioning, self, middle, one, exact=False))
        return found

    def loss(self, batch: Batch) -> Tensor:
        return super().loss(batch) if self.fill is None else GenerativeModel.loss(self, batch)

    def players(self) -> Sequence[Player]:
        return super().players() if self.fill is None else GenerativeModel.players(self)

    @property
    def parameter_count(self) -> int:
        return self.model.parameter_count + (
            0 if self.fill is None else sum(p.numel() for p in self.fill.parameters())
        )

    def ladj(self, x: Shaped[Tensor, "B *event"], y: Float[Tensor, "B *event"]) -> Float[Tensor, " B"] | None:
        """log |dy/du| of the place u in each cell; the cells of levels alone have length 1."""
        return None if self.cells is None else self.cells.log_slope(x, y)

    def within(self, x: Shaped[Tensor, "B *event"], given: Given) -> tuple[Tensor, Given]:
        """The middle of each cell."""
        if self.cells is not None:
            return self.cells(x, torch.full(x.shape, 0.5, dtype=torch.float64, device=x.device)), given
        return x.to(self.dtype) + 0.5, given

    def extra_repr(self) -> str:
        return f"{self.space}, draws={self.draws}"


def _space(shape: tuple[int, ...], levels: int | Sequence[Column]) -> Space:
    return Space(shape, levels) if isinstance(levels, int) else Space(shape, columns=tuple(levels))
