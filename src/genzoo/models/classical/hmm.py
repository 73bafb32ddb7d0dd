"""Hidden Markov models: sequences whose steps are emitted by a chain of states nobody sees.

$$ p(x) = \\sum_{z_1 … z_T} \\pi(z_1) \\prod_{t > 1} A(z_{t-1}, z_t) \\prod_t b_{z_t}(x_t). $$

The sum over all paths costs T·N², by the recursions in `genzoo.models.classical.chain`. Baum and Welch's algorithm is
expectation maximization: the E-step finds how probable every state and every transition is at every step, the M-step
counts them,

$$ \\pi(i) \\propto \\sum_n \\gamma_{n1}(i) + \\alpha, \\qquad
   A(i, j) \\propto \\sum_{n, t} p(z_t = i, z_{t+1} = j \\mid x_n) + \\alpha, $$

and refits the emissions to the steps so weighted. No pass lowers $\\log p(x) + \\log p(\\theta)$, where the prior of
the frequencies is $p(\\theta) \\propto \\prod \\theta^\\alpha$.

Where lengths vary, a state may also end the sequence: one more column of A, so that p(x) is a mass over the sequences
of all lengths up to the longest.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Integer, Shaped
from torch import Tensor

from genzoo.core.abilities import Ability, Sequential
from genzoo.core.errors import DataError, refuse_infinite
from genzoo.core.game import Batch, DirectFit, Done, Metrics, Objective
from genzoo.core.given import Given, GivenAsked, GivenSpaceLike
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.causes import Causes
from genzoo.models.classical import chain, long_chain
from genzoo.models.classical.chain import Filtered, Smoothed, likeliest_paths, safe_log
from genzoo.models.classical.emissions import Covariance, GaussianEmissions, emissions
from genzoo.models.classical.hmm_given import Filtering, RealFiltering, drawn_path
from genzoo.models.classical.hmm_steps import Steps
from genzoo.models.classical.kmeans import assigned, lloyd, plus_plus
from genzoo.models.labels import classes_in, labels_of
from genzoo.models.stepping import continued

__all__ = ["HMM"]

BLOCK = 1 << 24  # numbers in one array over steps and states


class HMM(GenerativeModel, DirectFit):
    """A hidden Markov model of sequences (T,) or (T, D): symbols, bits, or real vectors, of one length or ragged.

    With a class label as condition there is a chain for each class: the states of all classes stand in one chain whose
    blocks do not touch, and a label says in which block it starts. So the null condition is the exact marginal
    $\\sum_c p(c)\\,p(x \\mid c)$, and rows without a label are fitted as well.

    Args:
        space: What one x is: the first axis is time, the second, if there is one, the entries of a step.
        given_space: A label `Space((), levels=C)`, or `None`.
        states: N, the number of states (of each class).
        covariance: That of real steps: one matrix for each state, one for all, a diagonal each, or one variance each.
        smoothing: α, what is added to every count.
        floor: The smallest variance of real steps, as a share of the data's. `None` is 1e-4, and refuses steps of a
            singular covariance.
        tol: The fit has converged when a pass gains less than this, in nats per step.
        start_steps: The steps that the start may look at, about.

    Raises:
        ValueError: If the space has more axes, the condition is not a label, or a number is out of range.

    Example:
        >>> model = HMM(Space((6,), levels=2), states=2)
        >>> data = Batch(torch.tensor([[0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 1]], dtype=torch.uint8))
        >>> model.prepare([data])
        >>> for _ in range(20):
        ...     model.begin(); model.accumulate(data); metrics = model.finish()
        >>> len(set(model.paths(data.x)[0].tolist()))
        2

    References:
        Baum, Petrie, Soules & Weiss, 1970, "A maximization technique occurring in the statistical analysis of
        probabilistic functions of Markov chains"
        Rabiner, 1989, "A tutorial on hidden Markov models and selected applications in speech recognition"
    """

    likelihood = Likelihood.EXACT
    class_weights: Tensor
    initial: Tensor
    transition: Tensor
    firsts: Tensor
    pairs: Tensor
    totals: Tensor
    reached: Tensor

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        states: int = 8,
        covariance: Covariance = "diag",
        smoothing: float = 0.01,
        floor: float | None = None,
        tol: float = 1e-4,
        start_steps: int = 10_000,
    ) -> None:
        super().__init__(space, given_space)
        _check(space, states, smoothing, floor)
        classes = classes_in("HMM", given_space)
        self.states, self.smoothing, self.tol, self.start_steps = states, smoothing, tol, start_steps
        size = classes * states
        self.emissions = emissions(space, size, covariance=covariance, smoothing=smoothing, floor=floor)
        first, after = _structure(classes, states, space.ragged)
        self.register_buffer("class_weights", torch.full((classes,), 1 / classes, dtype=torch.float64))
        self.register_buffer("initial", first / first.sum(1, keepdim=True))  # (C, N + 1); the last column is the end
        self.register_buffer("transition", after / after.sum(1, keepdim=True))  # (N, N + 1)
        self.register_buffer("firsts", torch.zeros_like(first))
        self.register_buffer("pairs", torch.zeros_like(after))
        self.register_buffer("totals", torch.zeros(4, dtype=torch.float64))  # rows, steps, Σ log p(x | c), Σ log p(c)
        self.register_buffer("reached", torch.tensor(-torch.inf, dtype=torch.float64))

    @property
    def parameter_count(self) -> int:
        chains = sum(int((table > 0).sum()) - len(table) for table in (self.initial, self.transition))
        return chains + self.emissions.freedom + len(self.class_weights) - 1

    def takes_null(self) -> bool:
        return True

    def log_density(self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        return torch.cat([self._run(part, labels).log_prob for part, labels in self._blocks(x, given)])

    def draw(
        self, n: int, given: Given, noise: Noise, *, prefix: Integer[Tensor, "..."] | None = None
    ) -> Shaped[Tensor, "n *event"]:
        """Samples, by way of the hidden states.

        Args:
            n: The number of rows.
            given: The condition.
            noise: Where the draws come from.
            prefix: The first symbols, (t,) for all rows or (n, t) for each; the rest is drawn to follow them.
        """
        if prefix is not None:
            return continued(self.able(Sequential), n, given, noise=noise, prefix=prefix)
        longest, end = self.space.shape[0], len(self.transition)
        emit, shape = noise.at("emission"), self.space.shape
        state = noise.tick(0).categorical(safe_log(self._starting(n, given)))
        steps = []
        for t in range(longest):
            which = state.clamp_max(end - 1)
            step = self.emissions.draw(which, emit.tick(t))
            steps.append(step.masked_fill((state == end)[:, None], self.space.levels or torch.nan))
            after = noise.tick(t + 1).categorical(safe_log(self.transition[which]))
            state = torch.where(state == end, end, after)
        x = torch.stack(steps, dim=1).reshape(n, *shape)
        return x.to(getattr(torch, self.space.dtype) if self.space.is_discrete else torch.get_default_dtype())

    def abilities(self) -> list[Ability]:
        size, ragged = len(self.transition), self.space.ragged
        path = Causes(Space(self.space.shape[:1], levels=size, ragged=ragged), self.path_given)
        if isinstance(self.emissions, GaussianEmissions):
            near = RealFiltering(self._starting, self.transition, self.emissions.gaussians)
            return [path] if ragged else [near, path]
        tables = self.emissions.tables().exp()
        steps = Steps(self.space, self._starting, self.transition, tables)
        return [steps, path] if ragged else [steps, Filtering(self._starting, self.transition, tables), path]

    def path_given(self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise) -> Int[Tensor, "B T"]:
        """A path of states for each row, drawn from p(z | x, given) from its last step to its first; N in padding."""
        parts, first, matrix = [], 0, self.transition[:, :-1]
        for part, labels in self._blocks(x, given):
            run, here = self._run(part, labels), noise.rows(slice(first, None))
            parts.append(drawn_path(run.chain.states, matrix, run.lengths, run.ending, here))
            first += len(part)
        return _stacked(parts, x.shape[1], len(matrix))

    def posterior(self, x: Shaped[Tensor, "B *event"], given: GivenAsked = None) -> Float[Tensor, "B T N"]:
        """γ, the probability of every state at every step given the whole sequence; zero in padding."""
        x, given = self.checked(x), self.checked_given(given, len(x))
        parts = [self._smoothed(self._run(part, labels)).states for part, labels in self._blocks(x, given)]
        return _stacked([part.transpose(0, 1) for part in parts], x.shape[1], 0.0)

    def paths(self, x: Shaped[Tensor, "B *event"], given: GivenAsked = None) -> Int[Tensor, "B T"]:
        """The likeliest path of states, by Viterbi's recursion; −1 in padding."""
        x, given = self.checked(x), self.checked_given(given, len(x))
        parts = []
        for part, labels in self._blocks(x, given):
            seen, matrix = self._seen(part, labels), self.transition[:, :-1]
            parts.append(likeliest_paths(seen.starts[:, :-1], matrix, seen.log_emission, seen.lengths, seen.ending))
        return _stacked(parts, x.shape[1], -1)

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Starts from k-means on single steps, for each class on its rows, and from how the clusters follow."""
        first, x, labels = self._look(batches)
        noise = Noise(first.noise.seed, *first.noise.path, "start", device=x.device)
        steps, there, _ = _steps(x, self.space)
        if there.sum() < self.states:
            raise DataError(
                f"A hidden Markov model needs as many steps as states, got {int(there.sum())} and {self.states}. Pass "
                "more rows, or lower `states`."
            )
        vectors = self.emissions.vectors(steps[there])
        points = vectors.new_zeros(*there.shape, vectors.shape[1])
        points[there] = vectors
        nearest, size = torch.full(there.shape, -1, device=x.device), len(self.transition)
        for c in range(len(self.initial)):
            mine = there & ((labels == c) | ~(labels == c).any())[:, None]  # a class without rows starts from all
            if mine.any():
                centers = lloyd(points[mine], plus_plus(points[mine], self.states, noise.at(c)), rounds=10)
                nearest[mine] = assigned(points[mine], centers) + c * self.states
        soft = 0.1 / size + 0.9 * torch.nn.functional.one_hot(nearest[there].clamp_min(0), size).double()
        self.emissions.start(steps[there], soft)
        self._start_chain(nearest)
        self.reached.fill_(-torch.inf)

    def begin(self) -> None:
        self.emissions.clear()
        for tensor in (self.firsts, self.pairs, self.totals):
            tensor.zero_()

    def accumulate(self, batch: Batch) -> None:
        for x, labels in self._blocks(*self.checked_batch(batch)):
            run = self._run(x, labels)
            found = self._smoothed(run)
            there = run.there.T
            self.emissions.accumulate(run.steps.transpose(0, 1)[there], found.states[there])
            self.pairs[:, :-1] += found.transitions
            self.pairs[:, -1] += _last(found.states, run.lengths)[self._ends_early(run.lengths)].sum(0)
            self.firsts += self._classed(run, found.states[0], labels)
            known = self.class_weights[labels[labels >= 0]].log()
            self.totals[:2] += torch.stack([run.lengths.new_tensor(len(x)), run.lengths.sum()])
            self.totals[2:] += torch.stack([run.log_prob.sum(), known.sum()])

    def statistics(self) -> Sequence[Tensor]:
        return [*self.emissions.sums(), self.firsts, self.pairs, self.totals]

    def finish(self) -> Metrics:
        """The M-step; the loss is −(log p(x | c) + log p(θ)) over the rows, of the parameters of the pass."""
        rows, steps, conditional, labeled = self.totals.tolist()
        prior = self._log_prior()
        gain = (labeled + conditional + prior) / max(steps, 1) - self.reached.item()
        self.reached.fill_((labeled + conditional + prior) / max(steps, 1))
        of_class = self.firsts.sum(1)
        self.class_weights.copy_(of_class / of_class.sum())
        self.initial.copy_(self._shares(self.firsts, self.initial))
        self.transition.copy_(self._shares(self.pairs, self.transition))
        self.emissions.update()
        kind = Done if gain < self.tol else dict
        return kind(loss=-(conditional + prior) / rows, nats_per_step=-conditional / max(steps, 1))

    def lowers(self) -> Objective:
        return Objective("−log p(x) − log p(θ)", nats=("loss",), densities=("loss",))

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, states={self.states}"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "HMM":
        # Probabilities and sums stay float64 whatever the precision of a model around this one.
        return super()._apply(lambda tensor: tensor.to(fn(tensor).device), recurse)

    def _starting(self, n: int, given: Given) -> Float[Tensor, "n after"]:
        return self._starts(labels_of(given, n, self.device))

    def _starts(self, labels: Int[Tensor, " B"]) -> Float[Tensor, "B after"]:
        """p(z_1) of each row, the end in the last column."""
        marginal = self.class_weights @ self.initial
        return torch.where((labels < 0)[:, None], marginal, self.initial[labels.clamp_min(0)])

    def _seen(self, x: Tensor, labels: Tensor) -> "Seen":
        """Some rows as what the passes need."""
        steps, there, lengths = _steps(x, self.space)
        size = len(self.transition)
        density = self.emissions.log_density(steps.transpose(0, 1)[there.T])
        log_emission = density.new_zeros(*there.T.shape, size).index_put((there.T,), density)
        starts = self._starts(labels)
        early = self._ends_early(lengths)[:, None]
        ending = torch.where(early, self.transition[:, -1], torch.ones_like(self.transition[:, -1]))
        return Seen(steps, there, lengths, starts, log_emission, ending)

    def _run(self, x: Tensor, labels: Tensor) -> "Run":
        """The forward pass over some rows."""
        seen = self._seen(x, labels)
        passes = long_chain if long_chain.is_long(*seen.log_emission.shape) else chain
        found = passes.filtered(seen.starts[:, :-1], self.transition[:, :-1], seen.log_emission, seen.lengths)
        empty, early = seen.lengths == 0, self._ends_early(seen.lengths)
        tail = torch.where(empty, seen.starts[:, -1], (found.states[-1] * seen.ending).sum(1))
        log_prob = found.log_prob + torch.where(empty | early, safe_log(tail), 0)
        return Run(*seen, found, log_prob)

    def _smoothed(self, run: "Run") -> Smoothed:
        passes = long_chain if long_chain.is_long(*run.log_emission.shape) else chain
        return passes.smoothed(run.chain, self.transition[:, :-1], run.lengths, run.ending)

    def _ends_early(self, lengths: Tensor) -> Tensor:
        """Which rows end by choice: those shorter than the longest, and not empty."""
        return (lengths < self.space.shape[0]) & (lengths > 0) if self.space.ragged else lengths < 0

    def _classed(self, run: "Run", first: Tensor, labels: Tensor) -> Float[Tensor, "C after"]:
        """The expected starts of each class: a row's own, or for a row without a label its probable ones."""
        empty = (run.lengths == 0).double()[:, None]
        starts = torch.cat([first, empty], dim=1)
        known = torch.nn.functional.one_hot(labels.clamp_min(0), len(self.initial)).double() * (labels >= 0)[:, None]
        ends = self.class_weights * self.initial[:, -1]
        share = torch.cat([self._blocks_of(), (ends / ends.sum().clamp_min(1e-300))[:, None]], dim=1)
        return known.T @ starts + share * starts[labels < 0].sum(0)

    def _blocks_of(self) -> Float[Tensor, "C N"]:
        """One where a state is of a class."""
        return torch.eye(len(self.initial), dtype=torch.float64, device=self.device).repeat_interleave(self.states, 1)

    def _shares(self, counts: Tensor, present: Tensor) -> Tensor:
        """Smoothed frequencies; what is impossible stays impossible."""
        odds = counts + self.smoothing * (present > 0)
        return odds / odds.sum(1, keepdim=True)

    def _log_prior(self) -> float:
        chances = torch.cat([self.initial[self.initial > 0], self.transition[self.transition > 0]])
        return self.smoothing * float(chances.log().sum()) + self.emissions.log_prior()

    def _start_chain(self, nearest: Int[Tensor, "B T"]) -> None:
        """Frequencies of the first clusters and of those that follow, every possible one counted once more."""
        size = len(self.transition)
        both = (nearest[:, :-1] >= 0) & (nearest[:, 1:] >= 0)
        pairs = (nearest[:, :-1] * size + nearest[:, 1:])[both].bincount(minlength=size * size).view(size, size)
        firsts = nearest[nearest[:, 0] >= 0, 0].bincount(minlength=size)
        for chances, counts in ((self.transition, pairs), (self.initial, firsts.expand(len(self.initial), -1))):
            odds = torch.nn.functional.pad(counts.double(), (0, 1), value=len(nearest) / size) + 1
            odds *= chances > 0
            chances.copy_(odds / odds.sum(1, keepdim=True))

    def _blocks(self, x: Tensor, given: Given) -> Iterator[tuple[Tensor, Tensor]]:
        """Rows with their labels, few enough at a time."""
        count = max(1, BLOCK // (self.space.shape[0] * len(self.transition)))
        yield from zip(x.split(count), labels_of(given, len(x), x.device).split(count), strict=True)

    def _look(self, batches: Iterable[Batch]) -> tuple[Batch, Tensor, Tensor]:
        """The first batch, then rows of about `start_steps` steps and their labels."""
        some, enough = [], max(self.start_steps // self.space.shape[0], 10 * len(self.initial))
        for batch in batches:
            some.append(batch)
            if sum(len(batch) for batch in some) >= enough:
                break
        if not some:
            raise DataError("A hidden Markov model starts from data, got no rows. Pass at least one batch.")
        seen = [self.checked_batch(batch) for batch in some]
        fill = torch.nan if self.space.levels is None else self.space.levels
        x = _stacked([rows for rows, _ in seen], max(rows.shape[1] for rows, _ in seen), fill)
        labels = torch.cat([labels_of(given, len(rows), x.device) for rows, given in seen])
        return some[0], x[:enough], labels[:enough]


class Seen(NamedTuple):
    """Some rows as steps, with the logarithms of what they emit."""

    steps: Shaped[Tensor, "B T D"]
    there: Bool[Tensor, "B T"]  # where a step is, and no padding
    lengths: Int[Tensor, " B"]
    starts: Float[Tensor, "B after"]
    log_emission: Float[Tensor, "T B N"]
    ending: Float[Tensor, "B N"]  # the probability to end after the last step, where that is a choice, else one


class Run(NamedTuple):
    """The same with what the forward pass finds."""

    steps: Shaped[Tensor, "B T D"]
    there: Bool[Tensor, "B T"]
    lengths: Int[Tensor, " B"]
    starts: Float[Tensor, "B after"]
    log_emission: Float[Tensor, "T B N"]
    ending: Float[Tensor, "B N"]
    chain: Filtered
    log_prob: Float[Tensor, " B"]


def _steps(x: Tensor, space: Space) -> tuple[Tensor, Tensor, Tensor]:
    """Rows as (B, T, D) steps without what is padding in all of them, where steps are, and the lengths."""
    steps = x.unsqueeze(-1) if len(space.shape) == 1 else x
    if space.levels is None:
        refuse_infinite(x.flatten(1) if len(space.shape) == 1 else x.flatten(0, 1), lacking=space.ragged)
    if not space.ragged:
        there = torch.ones(steps.shape[:2], dtype=torch.bool, device=x.device)
        return steps, there, there.sum(1)
    missing = steps.isnan() if space.levels is None else steps == space.levels
    there = ~missing[..., 0]
    if (missing != missing[..., :1]).any() or (there[:, 1:] & ~there[:, :-1]).any():
        raise ValueError("Padding must fill whole steps at the end of a row, got entries beside or after it. Move it.")
    longest = max(1, int(there.sum(1).max()) if len(there) else 1)
    return steps.masked_fill(missing, 0)[:, :longest], there[:, :longest], there.sum(1)


def _last(states: Float[Tensor, "T B N"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B N"]:
    """The states at each row's last step."""
    return states[(lengths - 1).clamp_min(0), torch.arange(len(lengths), device=lengths.device)]


def _stacked(parts: Sequence[Tensor], length: int, value: float | int) -> Tensor:
    """Rows end to end, their time axis padded to one length."""
    padding = [(*[0, 0] * (part.ndim - 2), 0, length - part.shape[1]) for part in parts]
    return torch.cat([torch.nn.functional.pad(p, pad, value=value) for p, pad in zip(parts, padding, strict=True)])


def _structure(classes: int, states: int, ragged: bool) -> tuple[Tensor, Tensor]:
    """Ones where a state may be first, (C, N + 1), and where one may follow another, (N, N + 1), the end last."""
    block = torch.eye(classes, dtype=torch.float64).repeat_interleave(states, 1)
    first = torch.nn.functional.pad(block, (0, 1), value=float(ragged))
    return first, first.repeat_interleave(states, 0)


def _check(space: Space, states: int, smoothing: float, floor: float | None) -> None:
    if len(space.shape) not in (1, 2):
        raise ValueError(f"HMM is a model of sequences, (T,) or (T, D), got {space}. Flatten each step.")
    if (space.levels or 0) > 4096:
        raise ValueError(f"HMM keeps a table of all symbols, at most 4,096, got {space.levels}. Merge rare ones.")
    if states < 1 or smoothing <= 0 or (floor is not None and floor <= 0):
        raise ValueError(
            f"`states` must be at least 1, `smoothing` and `floor` positive, got {states}, {smoothing} and {floor}."
        )
