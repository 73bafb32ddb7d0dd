"""k-means: centers, and rows that belong to the nearest.

Lloyd's passes lower the sum of squared distances by turns, in the assignment a(i) and in the centers,

$$ J = \\sum_i \\| x_i - c_{a(i)} \\|^2, \\qquad a(i) = \\arg\\min_k \\| x_i - c_k \\|, \\qquad
   c_k = \\frac{1}{n_k} \\sum_{i : a(i) = k} x_i. $$

It is what EM becomes on a mixture of spherical Gaussians with one variance σ² for all when σ → 0: responsibilities
turn into assignments.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, get_args, no_type_check

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo._compiled import compiled, is_there
from genzoo.core.errors import refuse_infinite
from genzoo.core.game import Batch, DirectFit, Done, Metrics
from genzoo.core.given import Given, GivenAsked, GivenSpaceLike, RowsAsked
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.degenerate import refuse_still
from genzoo.models.classical.parts import alike, part_logits
from genzoo.models.classical.refusals import some_rows
from genzoo.models.float64_buffers import Wide
from genzoo.models.labels import classes_in, labels_of

__all__ = ["KMeans", "assigned", "lloyd", "plus_plus"]

Empty = Literal["split", "keep", "error"]
CHUNK = 1 << 18  # numbers of a chunk of rows and their scores, so that both stay in cache
FEW, THIN = 32, 15  # centers, up to which another product is the faster one
ROWS = 2000  # of a chunk in the compiled pass
LARGE = 1 << 18  # scores of a batch from which compiling is worth its second


class KMeans(Wide, GenerativeModel, DirectFit):
    """k-means as a generative model: the mixture of spherical Gaussians with one variance that it fits,

    $$ p(x) = \\sum_k w_k N(x; c_k, \\sigma^2 1), \\qquad w_k = \\frac{n_k}{n}, \\quad \\sigma^2 = \\frac{J}{n D}, $$

    with each row wholly its nearest center's. `encode` gives the number of the nearest center, `decode` the center.
    With a class label as condition there are K centers for each class.

    Args:
        space: What one x is; real.
        given_space: A label `Space((), levels=C)`, or `None`.
        clusters: K, the number of centers (of each class).
        restarts: The number of starts on the first rows, of which the best is kept.
        tol: Converged when the squared moves of all centers sum to less than this, as a share of the variance.
        empty: What becomes of a center without rows: it "split"s the widest cluster, is "keep"t, or is an "error".
        start_rows: The rows that the start may look at, at most.

    Raises:
        ValueError: If the space is discrete, the condition is not a label, or a number is out of range.

    Example:
        >>> model = KMeans(Space((1,)), clusters=2)
        >>> data = Batch(torch.tensor([[0.0], [1.0], [9.0], [10.0]]))
        >>> model.prepare([data])
        >>> model.begin(); model.accumulate(data); metrics = model.finish()
        >>> sorted(model.centers.flatten().tolist()), round(model.variance.item(), 6)
        ([0.5, 9.5], 0.25)

    References:
        Lloyd, 1982, "Least squares quantization in PCM"
        Arthur & Vassilvitskii, 2007, "k-means++: the advantages of careful seeding"
        Linde, Buzo & Gray, 1980, "An algorithm for vector quantizer design" (splitting)
    """

    likelihood = Likelihood.EXACT
    centers: Tensor
    origin: Tensor
    weights: Tensor
    class_weights: Tensor
    variance: Tensor
    counts: Tensor
    sums: Tensor
    squares: Tensor
    total: Tensor
    lonely: Tensor

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        clusters: int = 10,
        restarts: int = 1,
        tol: float = 1e-4,
        empty: Empty = "split",
        start_rows: int = 10_000,
    ) -> None:
        super().__init__(space, given_space)
        _check(space, clusters, restarts, empty)
        classes = classes_in("KMeans", given_space)
        self.clusters, self.restarts, self.tol = clusters, restarts, tol
        self.empty, self.start_rows = empty, start_rows
        count, zero = classes * clusters, torch.zeros((), dtype=torch.float64)
        self.register_buffer("centers", torch.randn(count, space.dims, dtype=torch.float64))
        self.register_buffer("origin", zero.repeat(space.dims))
        self.register_buffer("weights", zero.repeat(classes, clusters) + 1 / clusters)
        self.register_buffer("class_weights", zero.repeat(classes) + 1 / classes)
        self.register_buffer("variance", zero + 1)
        self.register_buffer("counts", zero.repeat(count))
        self.register_buffer("sums", zero.repeat(count, space.dims))
        self.register_buffer("squares", zero.repeat(count))  # by cluster, where one is to be split
        self.register_buffer("total", zero.clone())  # Σ |x − origin|²
        self.register_buffer("lonely", torch.tensor(False))  # whether a cluster had no rows

    @property
    def parameter_count(self) -> int:
        return self.centers.numel() + self.weights.numel()  # of weights one less, and the variance

    def takes_null(self) -> bool:
        return True

    def log_density(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        off = x.flatten(1).double() - self.origin
        centers = self.centers - self.origin
        distance = off.square().sum(1, keepdim=True) - 2 * off @ centers.T + centers.square().sum(1)
        constant = self.space.dims / 2 * (2 * math.pi * self.variance).log()
        odds = part_logits(self.weights, self.class_weights, labels_of(given, len(x), x.device))
        return (odds - distance / (2 * self.variance) - constant).logsumexp(1).to(x.dtype)

    def draw(self, n: int, given: Given, noise: Noise) -> Float[Tensor, "n *event"]:
        which = noise.categorical(part_logits(self.weights, self.class_weights, labels_of(given, n, self.device)))
        normal = noise.normal(n, self.space.dims, dtype=torch.float64)
        return self._rows(self.centers[which] + self.variance.sqrt() * normal)

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Int[Tensor, " B"]:
        """The number of the nearest center, of the row's class if that is given."""
        flat, given = self.checked(x).flatten(1), self.checked_given(given, len(x))
        nearest = torch.zeros(len(x), dtype=torch.int64, device=flat.device)
        for rows, first, centers in self._groups(given, len(x)):
            nearest[rows] = first + assigned(flat[rows] - self.origin.to(flat.dtype), centers)
        return nearest

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B *event"]:
        """The centers of these numbers."""
        return self._rows(self.centers[self.latents(z).long()])

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Starts from greedy k-means++, for each class on its rows."""
        first, x, labels = some_rows(self, batches, self.start_rows, least=self.clusters)
        refuse_still(x.mean(0), x.std(0, correction=0), "take another model", every=True)
        mean, spread = x.mean(0), x.var(0, correction=0).mean().sqrt()
        self.origin.copy_(torch.where((mean.abs() > 10 * spread).any(), mean, 0))
        noise = Noise(first.noise.seed, *first.noise.path, "start", device=x.device)
        for c in range(len(self.weights)):
            rows = x[labels == c] if (labels == c).sum() >= self.clusters else x
            self._of_class(self.centers, c).copy_(self._best_start(rows, noise.at(c)))
        if self.given_space:
            counts = labels[labels >= 0].bincount(minlength=len(self.weights)) + 1
            self.class_weights.copy_(counts / counts.sum())
        self.variance.copy_((spread**2).clamp_min(1e-12))

    def begin(self) -> None:
        for tensor in self.statistics():
            tensor.zero_()

    def accumulate(self, batch: Batch) -> None:
        x, given = self.checked_batch(batch)
        x = x.flatten(1)
        for rows, first, centers in self._groups(given, len(x)):
            part = slice(first, first + len(centers))
            for buffer, found in zip(self.statistics(), self._summed(x[rows], centers), strict=True):
                buffer[part if buffer.ndim else ...] += found
        if not self.total.isfinite():
            refuse_infinite(x)

    def statistics(self) -> Sequence[Tensor]:
        return [self.counts, self.sums, self.squares, self.total]

    def finish(self) -> Metrics:
        """Moves the centers to the means of their rows; the loss is that of the centers before."""
        rows, old = self.counts.sum(), self.centers - self.origin
        alive = self.counts > 0
        means = torch.where(alive[:, None], self.sums / self.counts.clamp_min(1)[:, None], old)
        J = self.total - 2 * (old * self.sums).sum() + (self.counts * old.square().sum(1)).sum()
        J_after = self.total - (self.counts * means.square().sum(1)).sum()
        scatter = (self.total / rows - (self.sums.sum(0) / rows).square().sum()) / self.space.dims
        least = 1e-9 * scatter if scatter > 0 else scatter.new_tensor(1e-12)
        variances = (torch.stack([J, J_after]) / (rows * self.space.dims)).clamp_min(least)
        self.variance.copy_(variances[1])
        moves = (means - old).square().sum()
        self._weigh()
        split = self._split(means, alive)
        self.centers.copy_(means + self.origin)
        loss = self.space.dims / 2 * (1 + math.log(2 * math.pi * float(variances[0]))) + math.log(self.clusters)
        done = not split and moves <= self.tol * scatter
        return (Done if done else dict)(loss=loss)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, clusters={self.clusters}"

    def _rows(self, flat: Tensor) -> Tensor:
        return flat.to(torch.get_default_dtype()).unflatten(1, self.space.shape)

    def _of_class(self, tensor: Tensor, c: int) -> Tensor:
        return tensor[c * self.clusters : (c + 1) * self.clusters]

    def _groups(self, given: Given, n: int) -> Iterator[tuple[Tensor | slice, int, Tensor]]:
        """Rows with the centers they may belong to, about the origin, and the number of the first of those."""
        centers = self.centers - self.origin
        if not self.given_space:
            yield slice(0, n), 0, centers
            return
        labels = labels_of(given, n, self.device)
        for kind, rows in alike(labels + 1, len(self.weights) + 1):
            first = max(kind - 1, 0) * self.clusters
            yield rows, first, self._of_class(centers, kind - 1) if kind else centers

    def _summed(self, x: Tensor, centers: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What rows add to the statistics, chunk by chunk, so that scores stay in cache."""
        x = x - self.origin.to(x.dtype) if self.origin.any() else x
        counts, squares = torch.zeros_like(centers[:, 0]), torch.zeros_like(centers[:, 0])
        sums, centers = torch.zeros_like(centers), centers.to(x.dtype)
        fast = x.device.type == "cpu" and len(x) * len(centers) >= LARGE and is_there()
        total = (_compiled_pass if fast else _pass)(x, centers, counts, sums)
        if self.lonely:
            squares.index_add_(0, assigned(x, centers), x.square().sum(1).double())
        return counts, sums, squares, total

    def _best_start(self, x: Tensor, noise: Noise) -> Tensor:
        """The start, or the best end of several on these rows."""
        starts = [plus_plus(x, self.clusters, noise.at(r)) for r in range(self.restarts)]
        if len(starts) == 1:
            return starts[0]
        ends = [lloyd(x, start, rounds=100) for start in starts]
        return min(ends, key=lambda end: float((x - end[assigned(x, end)]).square().sum()))

    def _weigh(self) -> None:
        counts = self.counts.reshape(self.weights.shape)
        of_class = counts.sum(1)
        seen = of_class > 0
        self.weights[seen] = counts[seen] / of_class[seen, None]
        self.class_weights.copy_(of_class / of_class.sum())

    def _split(self, means: Tensor, alive: Tensor) -> bool:
        """Sets centers without rows beside that of the widest cluster, once its width is known; J cannot rise."""
        if alive.all() or self.empty == "keep":
            self.lonely.fill_(False)
            return False
        if self.empty == "error":
            raise ValueError(
                f"Every cluster must have rows, got none in {(~alive).nonzero().flatten().tolist()[:10]}. "
                "Lower `clusters`, or set empty='split'."
            )
        if not self.lonely:  # the next pass looks how wide the clusters are
            self.lonely.fill_(True)
            return True
        width = (self.squares - self.counts * means.square().sum(1)).clamp_min(0)
        moved = False
        for c in range(len(self.weights)):
            ours, wide, there = (self._of_class(tensor, c) for tensor in (means, width, alive))
            for k in (~there).nonzero().flatten().tolist():
                j = int(wide.argmax())
                if wide[j] <= 1e-12 * self.total:
                    break
                spread = (wide[j] / self._of_class(self.counts, c)[j] / self.space.dims).sqrt()
                ours[k] = ours[j] + spread * Noise(0, "split", c, k).normal(1, self.space.dims)[0].to(ours)
                wide[j], moved = 0, True
        self.lonely.fill_(moved)
        return moved


def plus_plus(x: Float[Tensor, "B D"], count: int, noise: Noise) -> Float[Tensor, "K D"]:
    """Rows to start from by greedy k-means++: each is the best of 2 + ⌊log K⌋ drawn with odds ∝ squared distance.

    Args:
        x: The rows.
        count: K.
        noise: Where the draws come from.

    Example:
        >>> sorted(plus_plus(torch.tensor([[0.0], [0.0], [5.0]]), 2, Noise(0)).flatten().tolist())
        [0.0, 5.0]

    References:
        Arthur & Vassilvitskii, 2007, "k-means++: the advantages of careful seeding"
    """
    trials = 2 + int(math.log(count))
    centers = x[noise.integers(len(x), 1)]
    distance = (x - centers).square().sum(1)
    for _ in range(count - 1):
        odds = distance if distance.any() else torch.ones_like(distance)
        tried = x[noise.categorical(odds.log().expand(trials, -1))]
        closer = torch.minimum(distance, torch.cdist(tried, x).square())
        best = closer.sum(1).argmin()
        centers, distance = torch.cat([centers, tried[best][None]]), closer[best]
    return centers


def lloyd(x: Float[Tensor, "B D"], centers: Float[Tensor, "K D"], *, rounds: int) -> Float[Tensor, "K D"]:
    """The centers after up to so many of Lloyd's passes over rows in memory; those without rows stay.

    Args:
        x: The rows.
        centers: Where to start.
        rounds: The most passes; fewer if the centers stand still.

    Example:
        >>> lloyd(torch.tensor([[0.0], [1.0], [9.0]]), torch.tensor([[0.0], [1.0]]), rounds=5).flatten().tolist()
        [0.5, 9.0]
    """
    for _ in range(rounds):
        nearest = assigned(x, centers)
        counts = nearest.bincount(minlength=len(centers))[:, None]
        moved = torch.where(counts > 0, torch.zeros_like(centers).index_add_(0, nearest, x) / counts, centers)
        if torch.equal(moved, centers):
            break
        centers = moved
    return centers


def assigned(x: Float[Tensor, "B D"], centers: Float[Tensor, "K D"]) -> Int[Tensor, " B"]:
    """The number of the nearest center of each row, the k with the largest x · c_k − |c_k|² / 2.

    Example:
        >>> assigned(torch.tensor([[0.2], [0.9]]), torch.tensor([[0.0], [1.0]])).tolist()
        [0, 1]
    """
    centers = centers.to(x.dtype)
    scores = torch.addmm(-centers.square().sum(1) / 2, x, centers.T)
    return scores.argmax(1) if x.is_cuda else torch.from_numpy(scores.numpy().argmax(1))  # the faster on a CPU


def _compiled_pass(x: Tensor, centers: Tensor, counts: Tensor, sums: Tensor) -> Tensor:
    """`_pass` with a compiled loop: scores of one center lie together, so that it looks at many rows at a time."""
    gather, x, half = compiled(_gather), x.contiguous(), (centers.square().sum(1) / 2).numpy()
    product, nearest, total = centers.new_empty(len(half), ROWS), np.empty(ROWS, np.int32), 0.0
    rows, columns, scores = x.numpy(), centers.T.contiguous().numpy(), product.numpy()
    by_row, top, n, s = np.empty_like(scores.T, order="C"), np.empty_like(scores[0]), counts.numpy(), sums.numpy()
    for first in range(0, len(x), ROWS):
        chunk = rows[first : first + ROWS]
        size = len(chunk)
        if len(half) > THIN:
            torch.mm(centers, x[first : first + ROWS].T, out=product[:, :size])
        else:  # NumPy's library is the faster one, if rows stay rows
            np.dot(chunk, columns, out=by_row[:size])
            np.copyto(scores[:, :size], by_row[:size].T)
        gather(chunk, scores, half, top, nearest, n, s)
        flat = chunk.reshape(-1)
        total += float(flat.dot(flat))
    return sums.new_tensor(total)


@no_type_check
def _gather(x, scores, half, top, nearest, counts, sums):
    """Adds each row x to the center c of its largest x · c − |c|² / 2."""
    for i in range(len(x)):
        top[i], nearest[i] = scores[0, i] - half[0], 0
    for k in range(1, len(scores)):
        less, number = half[k], np.int32(k)
        for i in range(len(x)):  # without a branch
            score = scores[k, i] - less
            nearer = score > top[i]
            top[i] = score if nearer else top[i]
            nearest[i] = number if nearer else nearest[i]
    for i in range(len(x)):
        k = nearest[i]
        counts[k] += 1
        for j in range(x.shape[1]):
            sums[k, j] += x[i, j]


def _pass(x: Tensor, centers: Tensor, counts: Tensor, sums: Tensor) -> Tensor:
    """Adds rows to the counts and sums of their centers, chunk by chunk; returns the sum of their squares."""
    most, total = min(8192, max(1024, CHUNK // sum(centers.shape))), sums.new_zeros(())
    scratch = centers.new_empty(len(centers) * min(most, len(x)))  # new for each chunk it would cost as much again
    for chunk in x.split(most):
        total += _add(chunk, centers, scratch, counts, sums)
    return total


def _add(x: Tensor, centers: Tensor, scratch: Tensor, counts: Tensor, sums: Tensor) -> Tensor:
    """Adds rows to the counts and sums of their centers; returns the sum of their squares.

    For few centers the assignment is a matrix of zeros and ones: on a CPU a product with it costs less than to look
    for the number of the largest score.
    """
    flat = x.reshape(-1)
    if len(centers) <= FEW:
        scores = scratch[: len(centers) * len(x)].view(len(centers), len(x))
        torch.addmm(-centers.square().sum(1, keepdim=True) / 2, centers, x.T, out=scores)
        member = scores.sub_(scores.amax(0)).sign_().add_(1)
        more = member.sum(1)
        if more.sum() == len(x):  # no row is as near to two
            counts += more
            sums += _product(member, x)
            return torch.dot(flat, flat)
    nearest = assigned(x, centers)
    counts += nearest.bincount(minlength=len(centers))
    sums.index_add_(0, nearest, x.to(sums.dtype))
    return torch.dot(flat, flat)


def _product(member: Tensor, x: Tensor) -> Tensor:
    """The product of a few long rows with many short ones, for which NumPy's library is twice as fast as torch's."""
    return member @ x if x.is_cuda else torch.from_numpy(member.numpy() @ x.numpy())


def _check(space: Space, clusters: int, restarts: int, empty: str) -> None:
    if space.is_discrete or space.ragged:
        raise ValueError(
            f"KMeans is a density on reals of a fixed shape, got {space}. For integers use "
            f"Dequantized(KMeans(Space({space.shape})), levels={space.levels})."
        )
    if clusters < 1 or restarts < 1:
        raise ValueError(f"`clusters` and `restarts` must be at least 1, got {clusters} and {restarts}. Raise them.")
    if empty not in get_args(Empty):
        raise ValueError(f"`empty` must be one of {', '.join(get_args(Empty))}, got {empty!r}. Choose one.")
