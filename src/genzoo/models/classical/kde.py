"""Kernel density estimates: a kernel on every row of the data.

$$ p(x) = \\frac{1}{n \\det H} \\sum_{i=1}^n K\\!\\left(H^{-1} (x - x_i)\\right), \\qquad H = h L, $$

with a radial kernel K of `genzoo.models.classical.kernels`, a frame L that the data set (L Lᵀ their covariance, its
diagonal, or the identity) and a bandwidth h: Scott's $n^{-1/(D+4)}$, Silverman's $(n (D+2)/4)^{-1/(D+4)}$, a number,
or the one of the highest likelihood of each row under the kernels of all others,

$$ \\max_h \\; \\frac1m \\sum_i \\log \\frac{1}{(n-1) \\det H} \\sum_{j \\ne i} K\\!\\left(H^{-1} (x_i - x_j)\\right).
$$
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from torch.linalg import solve_triangular

from genzoo.core.abilities import Ability
from genzoo.core.errors import DataError, refuse_infinite
from genzoo.core.game import Batch, DirectFit, Done, Metrics, Objective
from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.conditioned import Group
from genzoo.distributions.degenerate import refuse_dependent, refuse_still
from genzoo.models.classical.kernels import KERNELS
from genzoo.models.conditioning import GaussianConditioning
from genzoo.models.labels import classes_in, labels_of

__all__ = ["KernelDensity"]

KernelName = Literal["gaussian", "epanechnikov", "linear", "tophat"]
Rule = Literal["scott", "silverman", "likelihood"]
Whiten = Literal["full", "columns", "none"]
PAIRS = 1 << 26  # kernels evaluated for a leave-one-out likelihood, at most: 4,096 rows of 16,384
ROWS, FEW = 4096, 512  # rows left out in turn, at most: to choose a bandwidth, and to say what a given one costs
WIDE = 1 << 11  # squared distance from the center beyond which float32 products lose the fifth digit
STEP = 1 << 16  # rows whitened at a time
GROWING = ("rows", "kept", "kept_labels", "kept_places")


class KernelDensity(GenerativeModel, DirectFit):
    """A kernel density estimate on real data; it keeps the rows. With a class label as condition there is one for each
    class, with a frame and a bandwidth of its own, and the null condition is the exact marginal.

    Until it is fitted it is one kernel at the origin. Rows without a label tell of no class and are left out. Sums run
    over blocks of matrix products, so that memory does not grow with the number of pairs.

    Args:
        space: What one x is; real.
        given_space: A label `Space((), levels=C)`, or `None`.
        kernel: "gaussian", "epanechnikov", "linear" (a cone) or "tophat" (a ball), each of the distance.
        bandwidth: h: "scott", "silverman", "likelihood", or a number.
        whiten: The frame L: "full" covariance, each of the "columns" by its standard deviation, or "none".

    Raises:
        ValueError: If the space is discrete, the condition is not a label, or an argument is out of range; when
            fitted, if rows are not finite, or too few or too alike for their covariance.

    Example:
        >>> model = KernelDensity(Space((1,)), bandwidth=0.5, whiten="none")
        >>> model.begin(); model.accumulate(Batch(torch.tensor([[0.0], [1.0]]))); metrics = model.finish()
        >>> round(model.log_prob(torch.tensor([[0.5]])).item(), 4)
        -0.7258
        >>> model.sample(3, seed=0).shape
        torch.Size([3, 1])

    References:
        Rosenblatt, 1956, "Remarks on some nonparametric estimates of a density function", doi:10.1214/aoms/1177728190
        Duin, 1976, "On the choice of smoothing parameters for Parzen estimators", doi:10.1109/TC.1976.1674577
        Scott, 1992, "Multivariate density estimation" (the rules)
    """

    likelihood = Likelihood.EXACT
    rows: Tensor
    kept: Tensor
    kept_labels: Tensor
    kept_places: Tensor
    seen: Tensor
    counts: Tensor
    center: Tensor
    scale: Tensor
    whitener: Tensor
    reach: Tensor

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        kernel: KernelName = "gaussian",
        bandwidth: Rule | float = "scott",
        whiten: Whiten = "full",
    ) -> None:
        super().__init__(space, given_space)
        _check(space, kernel, bandwidth, whiten)
        self.kernel, self.bandwidth, self.whiten = kernel, bandwidth, whiten
        classes, dims = classes_in("KernelDensity", given_space), space.dims
        self.register_buffer("rows", torch.zeros(0, dims))  # H⁻¹(x − center), sorted by class
        self.register_buffer("kept", torch.zeros(0, dims))  # rows as they come in a pass
        self.register_buffer("kept_labels", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("kept_places", torch.zeros(0, dtype=torch.int64))  # their numbers in the source
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("counts", torch.zeros(classes, dtype=torch.int64))
        self.register_buffer("center", torch.zeros(classes, dims, dtype=torch.float64))
        self.register_buffer("scale", torch.eye(dims, dtype=torch.float64).repeat(classes, 1, 1))
        self.register_buffer("whitener", torch.eye(dims, dtype=torch.float64).repeat(classes, 1, 1))
        self.register_buffer("reach", torch.zeros(classes, dtype=torch.float64))

    @property
    def parameter_count(self) -> int:
        return len(self.counts)  # a bandwidth for each class; the rows themselves are kept, not fitted

    def takes_null(self) -> bool:
        return True

    def log_density(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        flat, labels = x.flatten(1), _labels(given, len(x), x.device)
        if torch.compiler.is_exporting():
            each = torch.stack([self._of_class(flat, c) for c in range(len(self.counts))])
            every = torch.cat([self._mixed(each)[None], each])
            return every.gather(0, labels[None] + 1).squeeze(0)
        out = flat.new_zeros(len(x), dtype=torch.promote_types(x.dtype, self.rows.dtype))
        for label in labels.unique().tolist():
            of = (labels == label).nonzero().squeeze(1)
            out = out.index_put((of,), self._marginal(flat[of]) if label < 0 else self._of_class(flat[of], label))
        return out

    def draw(self, n: int, given: Given, noise: Noise) -> Float[Tensor, "n *event"]:
        (rows, counts), labels = self._sorted(), _labels(given, n, self.device)
        ends = counts.cumsum(0)
        place = labels.clamp_min(0)
        first = torch.where(labels < 0, 0, (ends - counts)[place])
        among = torch.where(labels < 0, ends[-1], counts[place])
        which = first + (noise.uniform(n, dtype=torch.float64) * among).long()
        y = rows[which].double() + KERNELS[self.kernel].draw(n, self.space.dims, noise.at("kernel"))
        classes = ends.le(which[:, None]).sum(1)
        if torch.compiler.is_exporting():
            y = self.center[classes] + (self.scale[classes] @ y.unsqueeze(-1)).squeeze(-1)
            return y.to(self.rows.dtype).unflatten(1, self.space.shape)
        for c in classes.unique().tolist():
            y[classes == c] = self.center[c] + y[classes == c] @ self.scale[c].T
        return y.to(self.rows.dtype).unflatten(1, self.space.shape)

    def abilities(self) -> list[Ability]:
        return [GaussianConditioning(self.space, self.groups)] if self.kernel == "gaussian" else []

    def groups(self, given: Given, n: int) -> list[Group]:
        """The kernels, class by class; those of other classes than a row's have no weight."""
        (rows, counts), labels = self._sorted(), _labels(given, n, self.device)[:, None]
        found = []
        for c, part in enumerate(rows.split(counts.tolist())):
            weight = -torch.where(labels < 0, counts.sum(), counts[c]).double().log()
            of_class = torch.where((labels < 0) | (labels == c), weight, -torch.inf).expand(-1, len(part))
            found.append(Group(of_class, self.center[c] + part.double() @ self.scale[c].T, self.scale[c]))
        return found

    def begin(self) -> None:
        self._forget()

    def accumulate(self, batch: Batch) -> None:
        x, given = self.checked_batch(batch)
        x, n, size = x.flatten(1), int(self.seen), len(x)
        refuse_infinite(x)
        if n + size > len(self.kept):  # twice as long each time, so that n rows are copied about once
            self.kept = _longer(self.kept, max(n + size, 2 * n))
            self.kept_labels = _longer(self.kept_labels, len(self.kept))
            self.kept_places = _longer(self.kept_places, len(self.kept))
        self.kept[n : n + size] = x
        self.kept_labels[n : n + size] = _labels(given, size, x.device)
        self.kept_places[n : n + size] = batch.noise.start + torch.arange(size, device=x.device)
        self.seen += size

    def statistics(self) -> Iterator[Tensor]:
        """The number of rows, then the rows: of several processes each has its own in their places, else zeros."""
        own = int(self.seen)
        yield self.seen
        total = int(self.seen)
        self.kept, self.kept_labels = self.kept[:own], self.kept_labels[:own]
        if total > own:
            places = self.kept_places[:own]
            self.kept = self.kept.new_zeros(total, self.space.dims).index_copy(0, places, self.kept)
            self.kept_labels = self.kept_labels.new_zeros(total).index_copy(0, places, self.kept_labels)
        yield self.kept
        yield self.kept_labels

    def finish(self) -> Metrics:
        """Sorts the rows by class and brings each class into its frame; the loss is that of rows left out in turn."""
        labels = self.kept_labels[: int(self.seen)]
        order = labels.sort(stable=True).indices[int((labels < 0).sum()) :]
        self.rows = self.kept[order]
        self.counts.copy_(labels[labels >= 0].bincount(minlength=len(self.counts)))
        self._forget()
        parts = self.rows.split(self.counts.tolist())
        return Done(loss=sum(self._settle(c, part) * len(part) for c, part in enumerate(parts)) / len(order))

    def lowers(self) -> Objective:
        return Objective("−log p of rows left out in turn", nats=("loss",), densities=("loss",))

    def extra_repr(self) -> str:
        named = f"kernel={self.kernel!r}, bandwidth={self.bandwidth!r}, whiten={self.whiten!r}"
        return f"{self.space}, given={self.given_space}, {named}"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "KernelDensity":
        # Rows are as precise as the model around them; frames stay float64.
        fine = {name: getattr(self, name) for name in ("center", "scale", "whitener", "reach")}
        super()._apply(fn, recurse)
        for name, tensor in fine.items():
            setattr(self, name, tensor.to(self.rows.device))
        return self

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *arguments: Any) -> None:
        """Takes as many rows as there are."""
        for name in GROWING:
            if prefix + name in state_dict:
                mine = getattr(self, name)
                setattr(self, name, mine.new_empty(state_dict[prefix + name].shape))
        super()._load_from_state_dict(state_dict, prefix, *arguments)

    def _forget(self) -> None:
        self.kept, self.kept_labels, self.kept_places = (getattr(self, name)[:0].clone() for name in GROWING[1:])
        self.seen.zero_()

    def _sorted(self) -> tuple[Tensor, Tensor]:
        """The rows in their frames and how many are of each class; unfitted, one for each at the origin."""
        if len(self.rows):
            return self.rows, self.counts
        return self.rows.new_zeros(len(self.counts), self.space.dims), torch.ones_like(self.counts)

    def _marginal(self, x: Tensor) -> Tensor:
        """log Σ_c p(c) p(x | c)."""
        return self._mixed(torch.stack([self._of_class(x, c) for c in range(len(self.counts))]))

    def _mixed(self, each: Float[Tensor, "C B"]) -> Float[Tensor, " B"]:
        """The same of log p(x | c)."""
        counts = self._sorted()[1].double()
        return (each + (counts / counts.sum()).log().to(each.dtype)[:, None]).logsumexp(0)

    def _of_class(self, x: Tensor, c: int) -> Tensor:
        """log p(x | c)."""
        rows, counts = self._sorted()
        part = rows.split(counts.tolist())[c]
        y = (x.double() - self.center[c]) @ self.whitener[c].T
        dtype = torch.promote_types(x.dtype, rows.dtype)
        precise = torch.float64 if torch.compiler.is_exporting() or self.reach[c] > WIDE else dtype
        sums = KERNELS[self.kernel].log_sum(y.to(precise), part.to(precise))
        log_det = self.scale[c].diagonal().log().sum()
        constant = KERNELS[self.kernel].log_constant(self.space.dims)
        return (sums + (constant - log_det - math.log(len(part)))).to(dtype)

    def _settle(self, c: int, rows: Tensor) -> float:
        """Brings the rows of a class into its frame, in place; returns the loss of rows left out."""
        n, dims = rows.shape
        if n < 1 + (self.whiten != "none"):
            raise DataError(
                f"KernelDensity needs two rows or more{f' of class {c}' if self.given_space else ''}, got {n}. "
                "Give more rows, or a number as `bandwidth` and whiten='none'."
            )
        center = rows.mean(0, dtype=torch.float64)
        frame = _frame(rows, center, self.whiten)
        _map(rows, lambda part: solve_triangular(frame, (part - center).T, upper=False).T)
        chooses = self.bandwidth == "likelihood"
        held_out = _HeldOut(rows, self.kernel, ROWS if chooses else FEW)
        h = held_out.best() if chooses else _rule(self.bandwidth, n, dims)
        loss = float(frame.diagonal().log().sum()) - held_out.log_prob(h)
        rows /= h
        self.center[c], self.scale[c] = center, h * frame
        self.whitener[c] = solve_triangular(h * frame, torch.eye(dims).to(frame), upper=False)
        self.reach[c] = _reach(rows)
        return loss


class _HeldOut:
    """The likelihood of rows under the kernels of all other rows, in a frame where they are as wide as one.

    Args:
        rows: The rows.
        kernel: The name of the kernel.
        most: How many of them are left out in turn, at most.
    """

    def __init__(self, rows: Float[Tensor, "n D"], kernel: str, most: int) -> None:
        n, self.dims = rows.shape
        count = max(1, min(n, most, PAIRS // n))
        self.rows, self.kernel = rows, KERNELS[kernel]
        self.own = torch.arange(count, device=rows.device) * n // count
        self.reach = _reach(rows)

    def log_prob(self, h: float) -> float:
        """The mean of the rows left out in turn; minus infinity for a row that no other kernel reaches."""
        return float(self._each(h).mean())

    def best(self) -> float:
        """The bandwidth of the highest likelihood within a factor of twenty of Scott's, by golden section.

        While there are rows that no other kernel reaches, fewer of them are better, and wider kernels.
        """

        def value(log_h: float) -> tuple[int, float]:
            each = self._each(math.exp(log_h))
            unreached = int(each.isinf().sum())
            return -unreached, log_h if unreached else float(each.mean())

        middle = math.log(_rule("scott", len(self.rows), self.dims))
        return math.exp(_golden(value, middle - math.log(20), middle + math.log(20)))

    def _each(self, h: float) -> Tensor:
        y = (self.rows.double() if self.reach > WIDE * h**2 else self.rows) / h
        sums = self.kernel.log_sum(y[self.own], y, self.own).double()
        constant = self.kernel.log_constant(self.dims) - self.dims * math.log(h)
        return sums + constant - math.log(max(1, len(y) - 1))


def _golden(value: Callable[[float], tuple[int, float]], low: float, high: float, *, steps: int = 18) -> float:
    """Where a function with one hill is highest, by golden section."""
    ratio = (math.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = value(left), value(right)
    for _ in range(steps):
        if at_left > at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = value(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = value(right)
    return left if at_left > at_right else right


def _rule(bandwidth: Rule | float, n: int, dims: int) -> float:
    match bandwidth:
        case "scott" | "likelihood":
            return n ** (-1 / (dims + 4))
        case "silverman":
            return (n * (dims + 2) / 4) ** (-1 / (dims + 4))
        case number:
            return float(number)


def _frame(rows: Float[Tensor, "n D"], center: Float[Tensor, " D"], whiten: Whiten) -> Float[Tensor, "D D"]:
    """L, lower triangular: Cholesky's factor of the covariance of rows, its diagonal's, or the identity.

    Raises:
        ColumnError: If a column never varies, or the columns are collinear.
        DataError: If there are too few rows for their covariance.
    """
    n, dims = rows.shape
    if whiten == "none":
        return torch.eye(dims, dtype=center.dtype, device=center.device)
    covariance = sum((part - center).T @ (part - center) for part in rows.double().split(STEP)) / (n - 1)
    deviations = covariance.diagonal().sqrt()
    refuse_still(center, deviations, "give a number as `bandwidth` and whiten='none'")
    if whiten == "columns":
        return deviations.diag()
    if n <= dims:
        raise DataError(
            f"KernelDensity with whiten='full' needs more rows than the {dims} columns, got {n}. Give more, or take "
            "whiten='columns'."
        )
    refuse_dependent(covariance, "take whiten='columns'")
    return deviations[:, None] * torch.linalg.cholesky(covariance / deviations / deviations[:, None])


def _map(rows: Tensor, function: Callable[[Tensor], Tensor]) -> None:
    """Rows in place, some at a time and in float64."""
    for part in rows.split(STEP):
        part.copy_(function(part.double()))


def _reach(rows: Tensor) -> Tensor:
    return rows.double().square().sum(1).max() if len(rows) else torch.zeros((), dtype=torch.float64)


def _longer(tensor: Tensor, length: int) -> Tensor:
    longer = tensor.new_zeros(length, *tensor.shape[1:])
    longer[: len(tensor)] = tensor
    return longer


def _labels(given: Given, n: int, device: torch.device) -> Tensor:
    """The label of each row: −1 where there is none, and zero for all rows of an unconditional model."""
    return labels_of(given, n, device) if given else torch.zeros(n, dtype=torch.int64, device=device)


def _check(space: Space, kernel: str, bandwidth: Rule | float, whiten: str) -> None:
    if space.is_discrete or space.ragged:
        raise ValueError(
            f"KernelDensity is a density on reals of a fixed shape, got {space}. Use Dequantized on levels."
        )
    if kernel not in KERNELS:
        raise ValueError(f"`kernel` must be one of {', '.join(KERNELS)}, got {kernel!r}.")
    if whiten not in get_args(Whiten):
        raise ValueError(f"`whiten` must be one of {', '.join(get_args(Whiten))}, got {whiten!r}.")
    if not (bandwidth in get_args(Rule) or (isinstance(bandwidth, int | float) and 0 < bandwidth < math.inf)):
        raise ValueError(f"`bandwidth` must be {', '.join(get_args(Rule))} or a positive number, got {bandwidth!r}.")
