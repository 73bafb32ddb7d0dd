"""Mixtures of Gaussians, fitted by expectation maximization.

The E-step finds how much each component answers for each row, the M-step fits the components to the rows so weighted,

$$ r_{ik} = \\frac{w_k N(x_i; \\mu_k, \\Sigma_k)}{\\sum_j w_j N(x_i; \\mu_j, \\Sigma_j)}, \\qquad
   w_k = \\frac{1}{n} \\sum_i r_{ik}, $$

with means and covariances as in `genzoo.models.classical.gaussians`. No step lowers the likelihood of the rows.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.game import Batch, DirectFit, Done, Metrics
from genzoo.core.given import Given, GivenSpace, resolve_given
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.classical.gaussians import DiagonalGaussians, FullGaussians, Gaussians, TiedGaussians

__all__ = ["GaussianMixture"]

Covariance = Literal["full", "tied", "diag", "spherical"]
BLOCK = 1 << 19  # numbers in a block of whitened rows, so that it stays in cache


class GaussianMixture(GenerativeModel, DirectFit):
    """A mixture of Gaussians,

    $$ p(x) = \\sum_k w_k N(x; \\mu_k, \\Sigma_k), $$

    on real data. With a class label as condition there is one mixture per class and a weight for each class, so the
    null condition is the exact marginal $\\sum_c p(c)\\,p(x \\mid c)$, and rows without a label are fitted as well.
    Discrete data comes in through `Dequantized`.

    Args:
        space: What one x is; real.
        given: A label `Space((), levels=C)`, or `None`.
        components: K, the number of Gaussians (of each class).
        covariance: One matrix for each component, one for all, a diagonal each, or one variance each.
        floor: The smallest variance, as a share of the data's.
        tol: The fit has converged when a pass gains less than this, in nats per row.
        start_rows: The rows that the start may look at, at most.

    Raises:
        ValueError: If the space is discrete, the condition is not a label, or a number is out of range.

    Example:
        >>> model = GaussianMixture(Space((2,)), components=3)
        >>> data = Batch(torch.arange(40.0).reshape(20, 2).sin())
        >>> model.prepare([data])
        >>> for _ in range(10):
        ...     model.begin(); model.accumulate(data); metrics = model.finish()
        >>> model.sample(5, seed=0).shape
        torch.Size([5, 2])

    References:
        Dempster, Laird & Rubin, 1977, "Maximum likelihood from incomplete data via the EM algorithm"
        Arthur & Vassilvitskii, 2007, "k-means++: the advantages of careful seeding" (the start)
    """

    likelihood = Likelihood.EXACT
    weights: Tensor
    class_weights: Tensor
    totals: Tensor
    reached: Tensor

    def __init__(
        self,
        space: Space,
        given: GivenSpace = None,
        *,
        components: int = 10,
        covariance: Covariance = "full",
        floor: float = 1e-6,
        tol: float = 1e-4,
        start_rows: int = 10_000,
    ) -> None:
        super().__init__(space, given)
        _check(space, given, components, covariance, floor)
        classes = (given.levels or 1) if isinstance(given, Space) else 1
        self.components, self.covariance, self.tol, self.start_rows = components, covariance, tol, start_rows
        self.least = floor
        self.gaussians = _gaussians(covariance, classes * components, space.dims)
        self.register_buffer("weights", torch.full((classes, components), 1 / components, dtype=torch.float64))
        self.register_buffer("class_weights", torch.full((classes,), 1 / classes, dtype=torch.float64))
        self.register_buffer("totals", torch.zeros(3, dtype=torch.float64))  # rows, Σ log p(x, c), Σ log p(x | c)
        self.register_buffer("reached", torch.tensor(-torch.inf, dtype=torch.float64))

    def takes_null(self) -> bool:
        return True

    def log_density(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        flat, out = x.flatten(1), x.new_empty(len(x))
        for rows, part, log_weights in self._blocks(flat, given):
            joint = self.gaussians.log_density(self.gaussians.features(flat[rows], part), part)
            out = out.index_put((rows,), (joint + log_weights.to(joint.dtype)).logsumexp(1).to(x.dtype))
        return out

    def draw(self, n: int, given: Given, noise: Noise) -> Float[Tensor, "n *event"]:
        labels = _labels(given, n, self.device)
        logits = torch.where(
            labels[:, None, None] < 0,
            (self.class_weights[:, None] * self.weights).log(),
            self.weights.log().masked_fill(_other_classes(labels, len(self.weights))[:, :, None], -torch.inf),
        )
        which = noise.categorical(logits.flatten(1))
        return self.gaussians.draw(which, noise).to(torch.get_default_dtype()).unflatten(1, self.space.shape)

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Starts from k-means++ and a few rounds of k-means, for each class on its rows."""
        first, x, labels = self._look(batches)
        self._scale_to(x)
        noise = Noise(first.noise.seed, *first.noise.path, "start", device=x.device)
        means, within = [], torch.zeros(self.space.dims, self.space.dims).to(x)
        for c in range(len(self.weights)):
            rows = x[labels == c] if (labels == c).any() else x
            centers, nearest = k_means(rows, self.components, noise.at(c))
            residual = rows - centers[nearest]
            within += residual.T @ residual / len(rows) / len(self.weights)
            means.append(centers)
            self.weights[c] = (nearest.bincount(minlength=self.components) + 1) / (len(rows) + self.components)
        if self.given is not None:
            counts = labels[labels >= 0].bincount(minlength=len(self.weights)) + 1
            self.class_weights.copy_(counts / counts.sum())
        self.gaussians.start(torch.cat(means), within)
        self.reached.fill_(-torch.inf)

    def begin(self) -> None:
        self.gaussians.clear()
        self.totals.zero_()

    def accumulate(self, batch: Batch) -> None:
        x, given = batch.x.flatten(1), resolve_given(batch.given, self.given, len(batch), batch.x.device)
        labels = _labels(given, len(x), x.device)
        for rows, part, log_weights in self._blocks(x, given):
            features = self.gaussians.features(x[rows], part)
            joint = self.gaussians.log_density(features, part)
            joint += log_weights.to(joint.dtype)
            log_prob = joint.logsumexp(1, keepdim=True)
            self.gaussians.accumulate(features, (joint - log_prob).exp_(), part)
            self.totals[2] += log_prob.sum(dtype=torch.float64)
        self.totals[0] += len(x)
        self.totals[1] += self.class_weights[labels[labels >= 0]].log().sum()

    def statistics(self) -> Sequence[Tensor]:
        return [*self.gaussians.sums(), self.totals]

    def finish(self) -> Metrics:
        """The M-step; the loss is that of the parameters that the pass was made with."""
        counts = self.gaussians.counts.reshape(self.weights.shape)
        of_class = counts.sum(1)
        seen = of_class > 0
        self.weights[seen] = counts[seen] / of_class[seen, None]
        self.class_weights.copy_(of_class / of_class.sum())
        self.gaussians.update()
        rows, labels, conditional = self.totals.tolist()
        reached = (labels + conditional) / rows
        gain = reached - self.reached.item()
        self.reached.fill_(reached)
        return (Done if gain < self.tol else dict)(loss=-conditional / rows)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "GaussianMixture":
        # Sums and factors stay float64 whatever the precision of a model around this one.
        return super()._apply(lambda tensor: tensor.to(fn(tensor).device), recurse)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given}, components={self.components}, covariance={self.covariance!r}"

    def _blocks(self, x: Tensor, given: Given) -> Iterator[tuple[Int[Tensor, " b"], slice, Float[Tensor, " K"]]]:
        """Row numbers with the components that may have made them and the logarithms of their weights."""
        labels = _labels(given, len(x), x.device)
        for label in labels.unique().tolist():
            part = slice(None) if label < 0 else slice(label * self.components, (label + 1) * self.components)
            weights = self.class_weights[:, None] * self.weights if label < 0 else self.weights[label]
            rows = (labels == label).nonzero().squeeze(1)
            count = weights.numel() * (self.space.dims if self.covariance == "full" else 1)
            for block in rows.split(max(64, BLOCK // count)):
                yield block, part, weights.flatten().log()

    def _look(self, batches: Iterable[Batch]) -> tuple[Batch, Tensor, Tensor]:
        """The first batch, then up to `start_rows` rows and their labels."""
        some, seen = [], 0
        for batch in batches:
            some.append(batch)
            seen += len(batch)
            if seen >= self.start_rows:
                break
        if not some:
            raise ValueError("A mixture starts from data, got no rows. Pass at least one batch.")
        x = torch.cat([batch.x.flatten(1) for batch in some])[: self.start_rows].double()
        labels = [_labels(batch.given, len(batch), x.device) for batch in some]
        return some[0], x, torch.cat(labels)[: len(x)]

    def _scale_to(self, x: Tensor) -> None:
        """The center and the floor follow the data; a constant column gets the floor of an average one."""
        variance = x.var(0, correction=0)
        typical = variance.mean() if variance.any() else torch.ones_like(variance[0])
        self.gaussians.center.copy_(x.mean(0))
        self.gaussians.floor.copy_(self.least * torch.where(variance > 0, variance, typical))


def k_means(
    x: Float[Tensor, "B D"], count: int, noise: Noise, *, rounds: int = 10
) -> tuple[Float[Tensor, "K D"], Int[Tensor, " B"]]:
    """Centers and the number of the one nearest to each row, started from rows chosen with odds ∝ squared distance.

    Example:
        >>> centers, nearest = k_means(torch.tensor([[0.0], [0.1], [5.0], [5.1]]), 2, Noise(0))
        >>> sorted(round(center, 2) for center in centers.flatten().tolist())
        [0.05, 5.05]
    """
    centers, distance = x[noise.integers(len(x), 1)], x.new_full((len(x),), torch.inf)
    for _ in range(count - 1):
        distance = torch.minimum(distance, (x - centers[-1]).square().sum(1))
        odds = distance if distance.any() else torch.ones_like(distance)
        centers = torch.cat([centers, x[noise.categorical(odds.log()[None])]])
    for _ in range(rounds):
        nearest = torch.cdist(x, centers).argmin(1)
        rows = nearest.bincount(minlength=count)[:, None]
        sums = torch.zeros_like(centers).index_add_(0, nearest, x)
        centers = torch.where(rows > 0, sums / rows.clamp_min(1), centers)
    return centers, torch.cdist(x, centers).argmin(1)


def _check(space: Space, given: GivenSpace, components: int, covariance: str, floor: float) -> None:
    if space.is_discrete or space.ragged:
        raise ValueError(
            f"GaussianMixture is a density on reals of a fixed shape, got {space}. For integers use "
            f"Dequantized(GaussianMixture(Space({space.shape})), levels={space.levels})."
        )
    if given is not None and not (isinstance(given, Space) and given.is_discrete and given.shape == ()):
        raise ValueError(f"GaussianMixture is conditioned on one label, Space((), levels=C), got {given}.")
    if components < 1 or floor <= 0:
        raise ValueError(f"`components` must be at least 1 and `floor` positive, got {components} and {floor}.")
    if covariance not in get_args(Covariance):
        raise ValueError(f"`covariance` must be one of {', '.join(get_args(Covariance))}, got {covariance!r}.")


def _gaussians(covariance: Covariance, count: int, dims: int) -> Gaussians:
    match covariance:
        case "full":
            return FullGaussians(count, dims)
        case "tied":
            return TiedGaussians(count, dims)
        case _:
            return DiagonalGaussians(count, dims, spherical=covariance == "spherical")


def _labels(given: Given, n: int, device: torch.device) -> Tensor:
    """The label of each row, −1 where there is none."""
    return given if isinstance(given, Tensor) else torch.full((n,), -1, device=device)


def _other_classes(labels: Tensor, classes: int) -> Tensor:
    """(n, C): where a class is not the row's label."""
    return labels[:, None] != torch.arange(classes, device=labels.device)
