"""Bayes nets of discrete variables: each depends on its parents alone.

$$ p(x) = \\prod_i p(x_i \\mid x_{\\mathrm{pa}(i)}), \\qquad
   \\hat p(v \\mid u) = \\frac{n_{iuv} + \\alpha}{\\sum_w (n_{iuw} + \\alpha)}. $$

A table for each variable holds its distribution given its parents: counting fits them, drawing parents before children
samples, and what is asked of some variables given others is summed exactly by variable elimination, or approached by
`genzoo.models.graphical.inference`.

References:
    Pearl, 1988, "Probabilistic reasoning in intelligent systems"
    Lauritzen & Spiegelhalter, 1988, "Local computations with probabilities on graphical structures" (asia)
"""

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from genzoo.core.abilities import Ability
from genzoo.core.game import Batch, DirectFit, Done, Metrics
from genzoo.core.given import Given
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import alphabets
from genzoo.models.abilities import Imputation
from genzoo.models.graphical.dag import Parents, ancestral_order, parents_of
from genzoo.models.graphical.factors import LARGEST, Factor, eliminate_scaled, observed

__all__ = ["BayesNet", "Evidence", "asia", "sprinkler"]

Evidence = Mapping[int, int] | Mapping[str, int] | Mapping[int | str, int]


class BayesNet(GenerativeModel, DirectFit):
    """A Bayes net with a table for each variable, fitted by counting.

    Args:
        space: What one x is: levels; entry i of the flattened row is variable i.
        parents: For each variable its parents; a mapping may leave out those that have none.
        smoothing: α, what is added to every count; zero would make what was never seen impossible.
        names: What the variables are called; by default their numbers.

    Raises:
        ValueError: If the space is not discrete, the graph has a cycle (which is named), a table would be too large, α
            is not positive, or there is not a name for each variable.

    Example:
        >>> net = BayesNet(Space((3,), levels=2), {1: [0], 2: [0]}, smoothing=1.0)
        >>> data = Batch(torch.tensor([[0, 0, 1], [1, 1, 0], [1, 1, 0]]))
        >>> net.begin(); net.accumulate(data); metrics = net.finish()
        >>> net.table(1).tolist()
        [[0.6666666666666666, 0.3333333333333333], [0.25, 0.75]]
        >>> net.parameter_count, 2**3 - 1
        (5, 7)

    References:
        Pearl, 1988
    """

    by_column = True
    likelihood = Likelihood.EXACT
    log_probs: Tensor
    sums: Tensor

    def __init__(
        self, space: Space, parents: Parents, *, smoothing: float = 1.0, names: Sequence[str] | None = None
    ) -> None:
        super().__init__(space)
        if not space.is_discrete or space.ragged or smoothing <= 0:
            raise ValueError(
                f"BayesNet needs levels of a fixed shape and a positive `smoothing`, got {space} and {smoothing}. "
                "On reals take LinearGaussianNet."
            )
        self.smoothing, self.parents = smoothing, parents_of(parents, space.dims)
        self.names = tuple(names or (str(i) for i in range(space.dims)))
        if len(set(self.names)) != space.dims:
            raise ValueError(f"`names` must be {space.dims} unlike names, got {len(set(self.names))}.")
        self.order, self.levels, self.alphabets = ancestral_order(self.parents), space.levels or 1, alphabets(space)
        sizes = [math.prod(self._shape(i)) for i in range(space.dims)]
        if max(sizes) > LARGEST:
            child = sizes.index(max(sizes))
            raise ValueError(
                f"The table of variable {self.names[child]} must hold at most {LARGEST:,} numbers, got "
                f"{max(sizes):,}. Give it fewer parents."
            )
        self.starts = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
        even = [-math.log(q) for size, q in zip(sizes, self.alphabets, strict=True) for _ in range(size)]
        self.register_buffer("log_probs", torch.tensor(even, dtype=torch.float64))
        self.register_buffer("sums", torch.zeros(sum(sizes), dtype=torch.float64))

    @property
    def parameter_count(self) -> int:
        """Free numbers: $\\sum_i (q_i - 1) \\prod_{j \\in \\mathrm{pa}(i)} q_j$, not $\\prod_i q_i - 1$."""
        shapes = [self._shape(i) for i in range(self.space.dims)]
        return sum(math.prod(above) * (own - 1) for *above, own in shapes)

    def table(self, variable: int | str) -> Float[Tensor, "*parents levels"]:
        """$p(x_i \\mid x_{\\mathrm{pa}(i)})$, an axis for each parent in their order, then one for x_i."""
        return self._table(self.number(variable), self.log_probs).exp()

    @torch.no_grad()
    def set_table(self, variable: int | str, probs: Sequence[object] | Tensor) -> None:
        """Sets a table by hand.

        Args:
            variable: Number or name.
            probs: Probabilities, an axis for each parent, then one for the variable.

        Raises:
            ValueError: If the shape is another, or a row is no distribution.
        """
        i = self.number(variable)
        table, found = self._table(i, self.log_probs), torch.as_tensor(probs, dtype=torch.float64)
        if found.shape != table.shape or (found < 0).any() or (found.sum(-1) - 1).abs().max() > 1e-6:
            raise ValueError(
                f"The table of {self.names[i]} must be of shape {tuple(table.shape)} and its rows distributions, got "
                f"shape {tuple(found.shape)}. Its parents are {[self.names[p] for p in self.parents[i]]}."
            )
        table.copy_(found.log())

    def number(self, variable: int | str) -> int:
        """The number of a variable.

        Raises:
            ValueError: If there is none of that number or name.
        """
        number = self.names.index(variable) if variable in self.names else variable
        if not isinstance(number, int) or not 0 <= number < self.space.dims:
            raise ValueError(f"There is no variable {variable!r}. Choose among {', '.join(self.names[:20])}.")
        return number

    def log_density(self, x: Integer[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        return self.log_probs[self._places(x)].sum(1)

    def abilities(self) -> list[Ability]:
        return [NetImputation(self)]

    def draw(self, n: int, given: Given, noise: Noise) -> Integer[Tensor, "n *event"]:
        x = torch.zeros(n, self.space.dims, dtype=torch.int64, device=self.device)
        for i in self.order:
            logits = self._table(i, self.log_probs)[self._above(x, i)]
            x[:, i] = noise.tick(i).categorical(logits.expand(n, self.alphabets[i]))
        return x.to(getattr(torch, self.space.dtype)).reshape(n, *self.space.shape)

    def begin(self) -> None:
        self.sums.zero_()

    def accumulate(self, batch: Batch) -> None:
        self.sums += self._places(batch.x).flatten().bincount(minlength=len(self.sums))

    def statistics(self) -> Sequence[Tensor]:
        return [self.sums]

    def finish(self) -> Metrics:
        for i in range(self.space.dims):
            odds = self._table(i, self.sums) + self.smoothing
            self._table(i, self.log_probs).copy_((odds / odds.sum(-1, keepdim=True)).log())
        rows = self._table(0, self.sums).sum().clamp_min(1)
        return Done(loss=-(self.sums * self.log_probs).sum().item() / rows.item())

    def factors(self, evidence: Evidence | None = None) -> list[Factor]:
        """The tables as factors, observed variables at their values.

        Args:
            evidence: Values by variable.

        Raises:
            ValueError: If a variable or a value does not exist.
        """
        known = {self.number(variable): value for variable, value in (evidence or {}).items()}
        for i, value in known.items():
            if not 0 <= value < self.alphabets[i]:
                raise ValueError(f"{self.names[i]} takes levels 0 to {self.alphabets[i] - 1}, got {value}.")
        tables = [Factor((*above, i), self.table(i)) for i, above in enumerate(self.parents)]
        return [observed(factor, known) for factor in tables]

    def posterior(self, query: Sequence[int | str], evidence: Evidence | None = None) -> Float[Tensor, "*levels"]:
        """$p(x_Q \\mid x_E)$ exactly, by variable elimination: a table with an axis for each variable of the query.

        Args:
            query: The variables that are asked for.
            evidence: Values by variable.

        Raises:
            ValueError: If the evidence is impossible, or a table on the way would be too large.

        Example:
            >>> round(sprinkler().posterior(["rain"], {"wet": 1})[1].item(), 4)
            0.7079
        """
        known = {self.number(variable): value for variable, value in (evidence or {}).items()}
        asked = [self.number(variable) for variable in query]
        if set(asked) & set(known) or len(set(asked)) < len(asked):
            raise ValueError("A variable must not be asked for twice, nor be both asked for and known.")
        table = eliminate_scaled(self.factors(known), asked)[0].table
        if not table.sum() > 0:
            raise ValueError(f"The evidence {dict(evidence or {})} has probability zero. Check it, or smooth the net.")
        return table / table.sum()

    def log_evidence(self, evidence: Evidence) -> float:
        """log p(x_E), exactly; −∞ of what is impossible.

        Args:
            evidence: Values by variable.
        """
        last, log_scale = eliminate_scaled(self.factors(evidence), [])
        return last.table.log().item() + log_scale

    def extra_repr(self) -> str:
        return f"{self.space}, arrows={sum(map(len, self.parents))}, parameters={self.parameter_count}"

    def _table(self, i: int, flat: Tensor) -> Tensor:
        return flat[self.starts[i] : self.starts[i + 1]].view(self._shape(i))

    def _shape(self, i: int) -> list[int]:
        """The levels of the parents of a variable, and its own."""
        return [self.alphabets[j] for j in (*self.parents[i], i)]

    def _above(self, x: Tensor, i: int) -> tuple[Tensor, ...]:
        """An index that picks each row's distribution of variable i."""
        return tuple(x[:, parent] for parent in self.parents[i])

    def _places(self, x: Tensor) -> Tensor:
        """(B, n): where in the flat tables each entry of a row finds its probability."""
        flat = x.flatten(1).long()
        places = flat.clone()
        for i, above in enumerate(self.parents):
            step = self.alphabets[i]
            for parent in reversed(above):
                places[:, i] += flat[:, parent] * step
                step *= self.alphabets[parent]
            places[:, i] += self.starts[i]
        return places


class NetImputation(Imputation):
    """Variables given others: one after the other, each given all that are known by then, by elimination.

    Args:
        net: The net.
    """

    def __init__(self, net: BayesNet) -> None:
        self.net, self.space = net, net.space

    def impute(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, "B *event"]:
        rows, found = x.flatten(1).tolist(), x.flatten(1).clone()
        u = noise.uniform(len(rows), len(rows[0]) if rows else 0, dtype=torch.float64)
        tables: dict[tuple[int, tuple[tuple[int, int], ...]], Tensor] = {}
        for b, row in enumerate(rows):
            known = {i: int(value) for i, value in enumerate(row) if not math.isnan(value)}
            for i in (i for i, value in enumerate(row) if math.isnan(value)):
                asked = (i, tuple(sorted(known.items())))
                if asked not in tables:
                    tables[asked] = self.net.posterior([i], known).cumsum(0)
                upto = tables[asked]
                known[i] = min(int(torch.searchsorted(upto, u[b, i] * upto[-1], right=True)), len(upto) - 1)
                found[b, i] = known[i]
        return found.view(x.shape)


def sprinkler() -> BayesNet:
    """Clouds, a sprinkler, rain, wet grass: the smallest net in which one cause explains another away.

    Example:
        >>> net = sprinkler()
        >>> wet = net.posterior(["sprinkler"], {"wet": 1})[1]
        >>> both = net.posterior(["sprinkler"], {"wet": 1, "rain": 1})[1]
        >>> round(wet.item(), 4), round(both.item(), 4)
        (0.4298, 0.1945)

    References:
        Pearl, 1988; Russell & Norvig, 1995, "Artificial intelligence: a modern approach" (the figures)
    """
    net = BayesNet(Space((4,), levels=2), {1: [0], 2: [0], 3: [1, 2]}, names=["cloudy", "sprinkler", "rain", "wet"])
    net.set_table("cloudy", [0.5, 0.5])
    net.set_table("sprinkler", [[0.5, 0.5], [0.9, 0.1]])
    net.set_table("rain", [[0.8, 0.2], [0.2, 0.8]])
    net.set_table("wet", [[[1.0, 0.0], [0.1, 0.9]], [[0.1, 0.9], [0.01, 0.99]]])
    return net


def asia() -> BayesNet:
    """A visit to Asia, tuberculosis, smoking, lung cancer, bronchitis, either disease, an X-ray, dyspnoea.

    Example:
        >>> round(asia().posterior(["tuberculosis"], {"asia": 1, "xray": 1})[1].item(), 4)
        0.3377

    References:
        Lauritzen & Spiegelhalter, 1988
    """
    names = ["asia", "tuberculosis", "smoking", "cancer", "bronchitis", "either", "xray", "dyspnoea"]
    net = BayesNet(Space((8,), levels=2), {1: [0], 3: [2], 4: [2], 5: [1, 3], 6: [5], 7: [4, 5]}, names=names)
    yes = {
        "asia": 0.01,
        "tuberculosis": [0.01, 0.05],
        "smoking": 0.5,
        "cancer": [0.01, 0.1],
        "bronchitis": [0.3, 0.6],
        "either": [[0.0, 1.0], [1.0, 1.0]],
        "xray": [0.05, 0.98],
        "dyspnoea": [[0.1, 0.7], [0.8, 0.9]],
    }
    for name, probs in yes.items():
        p = torch.tensor(probs, dtype=torch.float64)
        net.set_table(name, torch.stack([1 - p, p], -1))
    return net
