"""Autoregression over the columns of a table in any order.

$$ p_\\pi(x \\mid given) = \\prod_{t=1}^D p(x_{\\pi_t} \\mid x_{\\pi_1}, …, x_{\\pi_{t-1}}, given), $$

with one network for every set of known columns.
"""

import math
from collections.abc import Iterable

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from genzoo._random import choose
from genzoo.core.abilities import Ability
from genzoo.core.game import Batch, Objective
from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.model import Capability, GenerativeModel, Likelihood, Unsupported
from genzoo.core.noise import Noise
from genzoo.core.space import Column, Space
from genzoo.distributions.region import Region, moved_into
from genzoo.models.abilities import Events, Imputation
from genzoo.models.alphabet import Alphabet
from genzoo.models.bins import alphabet_of
from genzoo.nn.columns import ColumnNets
from genzoo.nn.embedding import Embedding

__all__ = ["TabularAR"]

ROWS = 200_000  # by which columns are parted
MOST = 1 << 16  # rows of tokens that a region is summed over


class TabularAR(GenerativeModel):
    """A chain over the columns of a table, each of them a categorical variable, in any order.

    Levels are categories as they are, numbers by way of `Bins`. In a share `any_order` of the rows of a batch the
    columns come in a random order π, in the others in the order of the table; all D conditionals of a row are learned
    at once,

    $$ L = -\\mathbb E_\\pi \\log p_\\pi(x \\mid given). $$

    `log_prob` and `sample` take the order of the table: an exact density, of a mass for what is discrete. With
    `orders` they take the mixture of K orders, as exact, which are fixed: $p(x) = \\frac1K \\sum_k p_{\\pi_k}(x)$.
    Where entries are missing, what is known comes first, in its order, and no other column is looked at. The
    conditionals of unlike orders agree only as far as they have been learned: what is known first *defines* the law of
    the rest given it, and is not what Bayes' rule would make of the table's order.

    Args:
        space: What a row is: columns, reals or levels.
        given_space: What the model is conditioned on, if anything.
        width: The units of a hidden layer, of the network of one column.
        depth: Hidden layers.
        features: The numbers by which a column is seen.
        bins: As of `Bins`.
        any_order: The share of rows in random order.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If rows are not flat, or of unlike lengths.

    Example:
        >>> space = Space((3,), columns=(Column("real"), Column("integer"), Column("categorical", 4)))
        >>> model = TabularAR(space, width=16, bins=8)
        >>> x = model.sample(5, seed=0)
        >>> x.dtype, model.log_prob(x).shape
        (torch.float64, torch.Size([5]))

    References:
        Uria, Murray & Larochelle, 2014, "A deep and tractable density estimator", arXiv:1310.1757
        Hoogeboom et al., 2022, "Autoregressive diffusion models", arXiv:2110.02037 (any order)
        Tiwald et al., 2025, "TabularARGN", arXiv:2501.12012 (tables)
    """

    by_column = True
    likelihood = Likelihood.EXACT
    block = 1 << 16  # so that hidden units stay in cache

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        width: int = 128,
        depth: int = 2,
        features: int = 16,
        bins: int = 100,
        any_order: float = 0.5,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        if len(space.shape) != 1 or space.ragged:
            raise ValueError(f"TabularAR is a model of flat rows, got {space}. Flatten them, or take made or gpt.")
        self.any_order, self.drop_given = any_order, drop_given
        plain = Column("real") if space.levels is None else Column("categorical", space.levels)
        columns = space.columns or (plain,) * space.dims
        self.columns = torch.nn.ModuleList(alphabet_of(column, bins) for column in columns)
        self.embedding = Embedding(given_space, 32) if given_space else None
        self.nets = ColumnNets(
            [alphabet.tokens for alphabet in self.alphabets],
            [alphabet.ordered for alphabet in self.alphabets],
            width=width,
            depth=depth,
            features=features,
            given=32 if given_space else 0,
        )

    @property
    def alphabets(self) -> list[Alphabet]:
        """The tokens of each column."""
        return list(self.columns)  # type: ignore[arg-type]

    @torch.no_grad()
    def prepare(self, batches: Iterable[Batch]) -> None:
        """Parts the line of each column, and starts from how often each token occurs."""
        rows, seen = [], 0
        for batch in batches:
            rows.append(self.checked_batch(batch)[0])
            seen += len(batch)
            if seen >= ROWS:
                break
        x = torch.cat(rows).double()
        for alphabet, bias, column in zip(self.alphabets, self.nets.biases, x.T, strict=True):
            alphabet.fit(column[~column.isnan()])
            bias.copy_((alphabet.rows + 0.5).log() - (alphabet.rows + 0.5).log().mean())

    def takes_missing(self) -> bool:
        return not self.space.is_discrete

    def can(self, capability: Capability | str) -> bool:
        return Capability(capability) is not Capability.SCORE and super().can(capability)

    def lowers(self) -> Objective:
        return Objective(nats=("loss",), densities=("loss",))

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """−log p in the order of the table; in training, in the random orders of a share of the rows."""
        x, given = batch.x.double(), self.training_given(batch)
        places = self.places(len(x))
        if self.training and self.any_order > 0:
            random = batch.noise.at("order").uniform(len(x), 1 + self.space.dims)
            places = torch.where(random[:, :1] < self.any_order, random[:, 1:], places)
        return -self._log_prob(x, places, given).mean()

    def log_density(
        self, x: Shaped[Tensor, "B D"], given: Given, noise: Noise, *, orders: int = 1
    ) -> Float[Tensor, " B"]:
        x = x.double()
        found = [self._log_prob(x, place.expand(len(x), -1), given) for place in self._orders(orders)]
        return found[0] if orders == 1 else torch.stack(found).logsumexp(0) - math.log(orders)

    def draw(self, n: int, given: Given, noise: Noise, *, orders: int = 1) -> Shaped[Tensor, "n D"]:
        """Samples, column by column.

        Args:
            n: The number of rows.
            given: The condition.
            noise: Where the draws come from.
            orders: K; each row takes one of them.
        """
        which = noise.at("order").integers(orders, n)
        x = torch.full((n, self.space.dims), torch.nan, dtype=torch.float64, device=self.device)
        return self.as_rows(self.completed(x, self._orders(orders)[which], given, noise))

    def _orders(self, orders: int) -> Float[Tensor, "K D"]:
        """The place of every column in each of the orders, the table's first."""
        if orders < 1:
            raise ValueError(f"`orders` must be at least 1, got {orders}.")
        if orders == 1:
            return self.places(1)
        random = Noise(0, "orders", device=self.device).uniform(orders, self.space.dims)
        return torch.cat([self.places(1), random[1:]])

    def places(self, n: int) -> Float[Tensor, "n D"]:
        return torch.arange(self.space.dims, device=self.device).float().expand(n, -1)

    def tokens(self, x: Float[Tensor, "B D"]) -> Int[Tensor, "B D"]:
        return torch.stack([alphabet.of(column) for alphabet, column in zip(self.alphabets, x.T, strict=True)], dim=1)

    def ranks(self) -> list[Tensor]:
        return [alphabet.ranks()[: alphabet.used] for alphabet in self.alphabets]

    def embedded(self, given: Given) -> Float[Tensor, "B width"] | None:
        return self.embedding(given) if self.embedding is not None and given else None

    def _log_prob(self, x: Float[Tensor, "B D"], places: Float[Tensor, "B D"], given: Given) -> Float[Tensor, " B"]:
        """log p of what is there, the columns coming in the order of their places."""
        tokens, ranks = self.tokens(x), self.ranks()
        seen = places[:, None, :] < places[:, :, None]
        logits = self.nets(self.nets.vectors(tokens, ranks), seen, ranks, self.embedded(given))
        parts = [
            alphabet.log_prob(column, token, part.log_softmax(1)).double()
            for alphabet, column, token, part in zip(self.alphabets, x.T, tokens.T, logits, strict=True)
        ]
        return torch.stack(parts).sum(0).to(self.dtype)

    def completed(
        self, x: Float[Tensor, "B D"], places: Float[Tensor, "B D"], given: Given, noise: Noise
    ) -> Float[Tensor, "B D"]:
        """Rows whose missing entries are drawn, in the order of their places, what is there being known."""
        x, ranks, embedded = x.clone(), self.ranks(), self.embedded(given)
        tokens, tables = self.tokens(x), self.nets.tables(ranks)
        lacking, uniform = x.isnan(), noise.at("entries").uniform(*x.shape, 3, dtype=torch.float64)
        known = {column for column, none in enumerate(lacking.all(0).tolist()) if not none}
        for turn in (places[:1] if places.stride(0) == 0 else places).argsort(dim=1).T:
            for column in turn.tolist() if len(turn) == 1 else turn.unique().tolist():
                mine = ((turn == column) & lacking[:, column]).nonzero().squeeze(1)
                if len(mine) == 0:
                    continue
                rows = slice(None) if len(mine) == len(x) else mine  # which is no copy
                told = None if embedded is None else embedded[rows]
                logits = self.nets.one(tokens[rows], column, ranks, told, seen=sorted(known), tables=tables)
                u, alphabet = uniform[rows, column], self.alphabets[column]
                drawn = self.exactly(alphabet.draw(choose(logits.double(), u[:, 0]), u[:, 1:]))
                x[rows, column], tokens[rows, column] = drawn, alphabet.of(drawn)
                known.add(column)
        return x

    def exactly(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """Numbers as rows will hold them."""
        return x if self.space.is_discrete else x.to(self._kept).double()

    def as_rows(self, x: Float[Tensor, "B D"]) -> Shaped[Tensor, "B D"]:
        """Rows in the type of the space."""
        return x.to(self._kept)

    @property
    def _kept(self) -> torch.dtype:
        wanted = getattr(torch, self.space.dtype)
        return self.dtype if wanted is torch.float32 else wanted

    def abilities(self) -> list[Ability]:
        return [TabularImputation(self), TabularEvents(self)]

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, any_order={self.any_order}"


class TabularImputation(Imputation):
    """Missing entries one after the other, in the order of the table, what is there being known first."""

    exact = consistent = False

    def __init__(self, model: TabularAR) -> None:
        self.model, self.space = model, model.space

    def impute(self, x: Float[Tensor, "B D"], given: Given, noise: Noise) -> Shaped[Tensor, "B D"]:
        with torch.no_grad():
            full = self.model.completed(x.double(), self.model.places(len(x)), given, noise)
        return torch.where(x.isnan(), self.model.as_rows(full), x) if x.is_floating_point() else x


class TabularEvents(Events):
    """Regions whose columns come first: all but one are summed over by their tokens.

    The probability is that of rows whose columns in the region come before the others: of the first columns of the
    table that of its rows; else those of fewest tokens first.
    """

    consistent = False

    def __init__(self, model: TabularAR) -> None:
        self.model, self.space = model, model.space

    @torch.no_grad()
    def log_mass(self, n: int, region: Region, given: Given) -> Float[Tensor, " n"]:
        if not region:
            return torch.zeros(n, dtype=torch.float64, device=self.model.device)
        if not given:
            return self._weights(1, region, given)[1].logsumexp(1).expand(n)
        return self._weights(n, region, given)[1].logsumexp(1)

    @torch.no_grad()
    def draw_within(self, n: int, region: Region, given: Given, noise: Noise) -> Shaped[Tensor, "n D"]:
        model, ranks, embedded = self.model, self.model.ranks(), self.model.embedded(given)
        x = torch.full((n, model.space.dims), torch.nan, dtype=torch.float64, device=model.device)
        region = {column: model.alphabets[column].reached(part) for column, part in region.items()}
        if region:
            tokens, log_weights = self._weights(n if given else 1, region, given)
            log_weights = log_weights.expand(n, -1)
            if bool(log_weights.isinf().all(1).any()):
                raise ValueError("A region must have mass to be drawn from, got one of none. Widen it.")
            uniform = noise.at("within").uniform(n, 1 + 2 * len(region), dtype=torch.float64)
            known = tokens[choose(log_weights, uniform[:, 0])]
            seen, order = torch.full_like(known, -1), self._order(region)
            for turn, column in enumerate(order):
                alphabet, part, u = model.alphabets[column], region[column], uniform[:, 1 + 2 * turn :]
                token = known[:, column]
                if column == order[-1]:
                    logits = model.nets.one(seen, column, ranks, embedded)
                    token = choose(alphabet.masses(logits.log_softmax(1), part).log(), u[:, 0])
                drawn = alphabet.draw_in(token, part, u[:, 1])
                drawn = model.exactly(moved_into(model.as_rows(drawn)[:, None], {0: part})[:, 0].double())
                x[:, column], seen[:, column] = drawn, alphabet.of(drawn)
        return model.as_rows(model.completed(x, model.places(n), given, noise.at("rest")))

    def _order(self, region: Region) -> list[int]:
        if set(region) == set(range(len(region))):
            return sorted(region)
        return sorted(region, key=lambda column: (self.model.alphabets[column].used, column))

    def _weights(self, n: int, region: Region, given: Given) -> tuple[Int[Tensor, "m D"], Float[Tensor, "n m"]]:
        """All tokens that the columns of a region, but its last, may have there; and the log-masses of what they
        leave of it."""
        model, ranks, embedded = self.model, self.model.ranks(), self.model.embedded(given)
        *first, last = self._order(region)
        tokens = torch.full((1, model.space.dims), -1, device=model.device)
        log_weights = torch.zeros(n, 1, dtype=torch.float64, device=model.device)
        for column in [*first, last]:
            rows = tokens.repeat(n, 1)
            told = None if embedded is None else embedded.repeat_interleave(len(tokens), 0)
            logits = model.nets.one(rows, column, ranks, told)
            alphabet, part = model.alphabets[column], region[column]
            mass = alphabet.masses(logits.log_softmax(1), part)
            if column == last:
                return tokens, log_weights + mass.sum(1).log().reshape(n, -1)
            kinds = (mass.amax(0) > 0).nonzero().squeeze(1)
            if n * len(tokens) * len(kinds) > MOST:
                raise Unsupported(
                    f"A region must be of few tokens, got more than {MOST:,} of columns {sorted(region)}. Name fewer "
                    "columns, or draw rows and keep those that lie in it."
                )
            log_weights = (log_weights[..., None] + mass[:, kinds].log().reshape(n, len(tokens), -1)).flatten(1)
            tokens = tokens.repeat_interleave(len(kinds), 0)
            tokens[:, column] = kinds.repeat(len(tokens) // max(1, len(kinds)))
        raise AssertionError
