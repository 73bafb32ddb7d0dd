"""Histograms: tables of relative frequencies.

A mass over all x of D entries with L levels has L^D − 1 parameters, which no data fill: 2^784 − 1 for a binary picture
of 28 × 28. What depends on what must be said. With entries in a fixed order,

$$ p(x) = \\prod_d p(x_d), \\qquad p(x) = p(x_1) \\prod_{d > 1} p(x_d \\mid x_{d-1}) $$

have D (L − 1) and (L − 1) + (D − 1) L (L − 1) parameters: 784 and 1,567. Each is a table of counts with smoothing α,

$$ p_d(b \\mid a) = \\frac{n_{dab} + \\alpha}{\\sum_{b'} (n_{dab'} + \\alpha)}. $$

The Markov chain has a table for every place; `genzoo.models.autoregressive.bigram` shares one among all places.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from genzoo.core.game import Batch, DirectFit, Done, Metrics
from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import allowed, alphabets
from genzoo.models.float64_buffers import Wide
from genzoo.models.labels import classes_in, labels_of

__all__ = ["Factorization", "Histogram"]

Factorization = Literal["independent", "markov", "joint"]
LEAST = -1e3  # in place of −∞, where a level that an entry lacks was never counted
MOST = 1 << 24  # entries of a table: two of them are kept, of eight bytes each
FIXES = {
    "independent": "Take a model that shares parameters, as made.",
    "markov": "Take factorization='independent', or a model that shares parameters, as made.",
    "joint": "Take factorization='markov' or 'independent'.",
}


class Histogram(Wide, GenerativeModel, DirectFit):
    """A table of relative frequencies over levels, fitted by counting in one pass.

    With a class label as condition there is a table for each class and the shares of the classes; rows without a
    label are not counted, and the null condition is the marginal.

    Args:
        space: What one x is: levels, of a fixed shape.
        given_space: A label `Space((), levels=C)`, or `None`.
        factorization: Whether entries are "independent", depend on the one before ("markov"), or are counted "joint".
        smoothing: α, what is added to every count; zero would make what was never seen impossible.

    Raises:
        ValueError: If the space is not one of levels, or the table is hopelessly large: the error counts it.

    Example:
        >>> model = Histogram(Space((2,), levels=2), factorization="markov", smoothing=1.0)
        >>> data = Batch(torch.tensor([[0, 1], [0, 1], [0, 0], [1, 1]]))
        >>> model.begin(); model.accumulate(data); metrics = model.finish()
        >>> model.log_prob(torch.tensor([[0, 1]])).exp()  # 4/6 · 3/5
        tensor([0.4000], dtype=torch.float64)
        >>> model.parameter_count
        3

    References:
        Shannon, 1948, "A mathematical theory of communication" (Markov approximations)
        Laplace, 1814, "Essai philosophique sur les probabilités" (smoothing)
    """

    by_column = True
    likelihood = Likelihood.EXACT
    counts: Tensor
    sums: Tensor
    class_weights: Tensor
    class_sums: Tensor

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        factorization: Factorization = "markov",
        smoothing: float = 0.1,
    ) -> None:
        super().__init__(space, given_space)
        self.factorization, self.smoothing = factorization, smoothing
        classes = classes_in("Histogram", given_space)
        self._check(classes)
        shape = (classes, *self._table)
        self.register_buffer("counts", torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("sums", torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("class_weights", torch.full((classes,), 1 / classes, dtype=torch.float64))
        self.register_buffer("class_sums", torch.zeros(classes, dtype=torch.float64))

    def takes_null(self) -> bool:
        return True

    def log_density(self, x: Integer[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        labels, log_probs = labels_of(given, len(x), x.device), self._log_probs()
        before, now = self._read(x)
        place = torch.arange(before.shape[1], device=x.device)
        if not given:
            return log_probs[0, place, before, now].sum(1)
        of_class = torch.stack([table[place, before, now].sum(1) for table in log_probs], dim=1)
        known = of_class.gather(1, labels.clamp_min(0)[:, None]).squeeze(1)
        return torch.where(labels < 0, (of_class + self.class_weights.log()).logsumexp(1), known)

    def draw(self, n: int, given: Given, noise: Noise) -> Integer[Tensor, "n *event"]:
        labels = labels_of(given, n, self.device)
        drawn = noise.at("class").categorical(self.class_weights.log().expand(n, -1))
        labels, log_probs = torch.where(labels < 0, drawn, labels), self._log_probs()
        entries = []
        before = torch.zeros(n, dtype=torch.int64, device=self.device)
        for place in range(self._table[0]):
            now = noise.tick(place).categorical(log_probs[labels, place, before])
            entries.append(now)
            before = now if self.factorization == "markov" else before
        flat = torch.stack(entries, dim=1)
        if self.factorization == "joint":
            flat = flat // self._powers % torch.tensor(self._alphabets, device=self.device)
        return flat.to(getattr(torch, self.space.dtype)).reshape(n, *self.space.shape)

    def begin(self) -> None:
        for tensor in self.statistics():
            tensor.zero_()

    def accumulate(self, batch: Batch) -> None:
        x, given = self.checked_batch(batch)
        labels = labels_of(given, len(x), x.device) + (not self.given_space)
        x, labels = x[labels >= 0], labels[labels >= 0]
        before, now = self._read(x)
        places, contexts, symbols = self._table
        place = torch.arange(places, device=x.device)
        cell = ((labels[:, None] * places + place) * contexts + before) * symbols + now
        self.sums += cell.flatten().bincount(minlength=self.sums.numel()).view_as(self.sums)
        self.class_sums += labels.bincount(minlength=len(self.class_sums))

    def statistics(self) -> Sequence[Tensor]:
        return [self.sums, self.class_sums]

    def finish(self) -> Metrics:
        rows = self.class_sums.sum()
        if rows == 0:
            raise ValueError("A histogram needs rows to count, got none with a label. Pass labelled rows.")
        self.counts.copy_(self.sums)
        self.class_weights.copy_(self.class_sums / rows)
        return Done(loss=float(-(self.sums * self._log_probs().clamp_min(LEAST)).sum() / rows))

    @property
    def parameter_count(self) -> int:
        """The number of free parameters, of all classes and of their shares."""
        classes = len(self.class_weights)
        return classes * parameters(self.space, self.factorization) + classes - 1

    def extra_repr(self) -> str:
        return (
            f"{self.space}, given={self.given_space}, factorization={self.factorization!r}, smoothing={self.smoothing}"
        )

    @property
    def _alphabets(self) -> list[int]:
        return alphabets(self.space)

    @property
    def _table(self) -> tuple[int, int, int]:
        """The places, the contexts of each, and the symbols."""
        d, levels = self.space.dims, self.space.levels or 1
        match self.factorization:
            case "independent":
                return d, 1, levels
            case "markov":
                return d, levels, levels  # of the first place, only context 0 is used
            case _:
                return 1, 1, math.prod(self._alphabets)

    @property
    def _powers(self) -> Int[Tensor, " D"]:
        after = [math.prod(self._alphabets[d + 1 :]) for d in range(self.space.dims)]
        return torch.tensor(after, device=self.device)

    def _read(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What comes before each place, and what stands there."""
        now = x.flatten(1).long()
        match self.factorization:
            case "markov":
                return torch.nn.functional.pad(now[:, :-1], (1, 0)), now
            case "joint":
                now = (now * self._powers).sum(1, keepdim=True)
        return torch.zeros_like(now), now

    def _log_probs(self) -> Tensor:
        odds = self.counts + self.smoothing
        if self.space.columns is not None and self.factorization != "joint":
            odds = odds * allowed(self.space).to(self.device)[:, None]
        return (odds / odds.sum(-1, keepdim=True)).log()

    def _check(self, classes: int) -> None:
        if not self.space.is_discrete or self.space.ragged:
            raise ValueError(
                f"Histogram is a mass on levels of a fixed shape, got {self.space}. Take BinnedHistogram for reals, "
                "bigram for rows of varying length."
            )
        if self.factorization not in get_args(Factorization) or self.smoothing <= 0:
            raise ValueError(
                f"`factorization` must be one of {', '.join(get_args(Factorization))} and `smoothing` positive, got "
                f"{self.factorization!r} and {self.smoothing}. Correct them."
            )
        if classes * math.prod(self._table) > MOST:
            raise ValueError(
                f"A table must have at most {MOST:,} entries; the {self.factorization} one of {self.space} needs "
                f"{_counted(self.space, self.factorization, classes)} parameters. {FIXES[self.factorization]}"
            )


def parameters(space: Space, factorization: Factorization) -> int:
    """The number of free parameters of a table.

    Args:
        space: Levels, of a fixed shape.
        factorization: As of `Histogram`.

    Example:
        >>> picture = Space((28, 28), levels=2)
        >>> parameters(picture, "independent"), parameters(picture, "markov")
        (784, 1567)
        >>> parameters(picture, "joint") == 2**784 - 1
        True
    """
    levels = alphabets(space)
    match factorization:
        case "independent":
            return sum(levels) - len(levels)
        case "markov":
            return levels[0] - 1 + sum(before * (now - 1) for before, now in itertools.pairwise(levels))
        case _:
            return math.prod(levels) - 1


def _counted(space: Space, factorization: Factorization, classes: int) -> str:
    """The number of parameters, as a power where it is too long to read."""
    times = f"{classes} × " if classes > 1 else ""
    if factorization == "joint":
        size = sum(math.log10(levels) for levels in alphabets(space))
        product = f"{space.levels}^{space.dims}" if space.columns is None else "the product of all levels"
        return f"{times}({product} − 1), about 10^{size:.0f},"
    return f"{times}{parameters(space, factorization):,}"
