"""Mixtures of Gaussians: what one Gaussian for each class and many of them have in common.

The E-step finds how much each component answers for each row, the M-step fits the components to the rows so weighted,

$$ r_{ik} = \\frac{w_k N(x_i; \\mu_k, \\Sigma_k)}{\\sum_j w_j N(x_i; \\mu_j, \\Sigma_j)}, \\qquad
   w_k = \\frac{1}{n} \\sum_i r_{ik}, $$

with means and covariances as in `genzoo.models.classical.gaussians`. No step lowers the likelihood of the rows. An
entry that is NaN is missing: it is marginalised, in densities and in the fit.

References:
    Dempster, Laird & Rubin, 1977, "Maximum likelihood from incomplete data via the EM algorithm"
    Ghahramani & Jordan, 1994, "Supervised learning from incomplete data via an EM approach" (missing entries)
"""

import abc
import functools
from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from genzoo.core.abilities import Ability
from genzoo.core.errors import refuse_infinite
from genzoo.core.game import Batch, DirectFit, Done, Metrics
from genzoo.core.given import Given, GivenAsked, GivenSpaceLike, RowsAsked
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.conditioned import Group
from genzoo.distributions.degenerate import refuse_still
from genzoo.models.causes import Causes
from genzoo.models.classical.full_gaussians import FullGaussians, TiedGaussians
from genzoo.models.classical.gaussians import ALL, FAINT, DiagonalGaussians, Gaussians, Lens
from genzoo.models.classical.parts import alike, part_logits
from genzoo.models.classical.refusals import refuse_singular
from genzoo.models.classical.some_entries import MixtureEvents, MixtureImputation
from genzoo.models.conditioning import GaussianConditioning
from genzoo.models.float64_buffers import Wide
from genzoo.models.labels import classes_in, labels_of
from genzoo.models.mapped import Mapped

__all__ = ["Covariance", "Mixture", "responsibilities"]

Covariance = Literal["full", "tied", "diag", "spherical", "low_rank"]
BLOCK = 1 << 19  # numbers in the features of a block of rows, so that it stays in cache


class Mixture(Wide, GenerativeModel, DirectFit, abc.ABC):
    """A mixture of Gaussians for each class, and a weight for each class.

    Args:
        space: What one x is; real.
        given_space: A label `Space((), levels=C)`, or `None`.
        components: K, the number of Gaussians of each class.
        covariance: The kind of their covariances.
        rank: Of covariances of low rank.
        floor: The smallest variance, as a share of the data's. `None` is 1e-6 for components that collapse, and
            refuses data whose own covariance is singular.
        tol: The fit has converged when a pass gains less than this, in nats per row.

    Raises:
        ValueError: If the space is discrete, the condition is not a label, or a number is out of range.
    """

    likelihood = Likelihood.EXACT
    weights: Tensor
    class_weights: Tensor
    totals: Tensor
    reached: Tensor
    used: Tensor

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        components: int,
        covariance: Covariance,
        rank: int | None,
        floor: float | None,
        tol: float,
    ) -> None:
        super().__init__(space, given_space)
        self._check(components, covariance, rank, floor)
        classes = classes_in(type(self).__name__, given_space)
        self.components, self.covariance, self.rank = components, covariance, rank
        self.floor, self.tol = floor, tol
        self.gaussians = _gaussians(covariance, classes * components, space.dims, rank)
        self.register_buffer("weights", torch.full((classes, components), 1 / components, dtype=torch.float64))
        self.register_buffer("class_weights", torch.full((classes,), 1 / classes, dtype=torch.float64))
        # Rows, Σ log p(c), Σ log p(x | c), and the rows of which something is hidden.
        self.register_buffer("totals", torch.zeros(4, dtype=torch.float64))
        self.register_buffer("reached", torch.tensor(-torch.inf, dtype=torch.float64))
        self.register_buffer("used", torch.tensor(components))  # the first so many of each class are

    def takes_null(self) -> bool:
        return True

    def takes_missing(self) -> bool:
        return True

    def log_density(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        flat = x.flatten(1)
        numbers = torch.arange(len(x), device=x.device)
        found, order = [flat[:0, :1].sum(1)], [numbers[:0]]
        for rows, _, joint in self._joints(flat, given):
            found.append(joint.logsumexp(1).to(x.dtype))
            order.append(numbers[rows])
        return torch.cat(found)[torch.cat(order).argsort()]

    def responsibilities(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B parts"]:
        """p(k | x, given), how much each component answers for a row, by what is there of it.

        Components are numbered through all classes, c K + k; those of other classes than the row's have no share.

        Args:
            x: Rows, the missing entries as NaN.
            given: Their classes; a row without one may be of any.

        Raises:
            ValueError: If x or `given` does not fit.

        Example:
            >>> from genzoo.models.classical import GaussianMixture
            >>> GaussianMixture(Space((2,)), components=1).responsibilities(torch.zeros(2, 2)).tolist()
            [[1.0], [1.0]]
        """
        flat, given = self.checked(x).flatten(1), self.checked_given(given, len(x))
        shares = flat.new_zeros(len(x), self.weights.numel())
        for rows, part, joint in self._joints(flat, given):
            shares[rows, part] = joint.softmax(1).to(flat.dtype)
        return shares

    def component_of(self, x: Float[Tensor, "B D"], given: Given, noise: Noise) -> Int[Tensor, " B"]:
        """A component for each row, drawn from p(k | x, given), x being what is there of it.

        Args:
            x: Flat rows, the missing entries as NaN.
            given: Their classes.
            noise: One row for each.
        """
        which = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        for rows, part, joint in self._joints(x, given):
            which[rows] = (part.start or 0) + noise.rows(rows).categorical(joint)
        return which

    def abilities(self) -> list[Ability]:
        parts, found = self.weights.numel(), [MixtureImputation(self), MixtureEvents(self)]
        found.append(GaussianConditioning(self.space, self.groups))
        return [*found, Causes(Space((), levels=parts), self._causes)] if parts > 1 else found

    def _causes(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Int[Tensor, " B"]:
        return self.component_of(x.flatten(1), given, noise)

    def groups(self, given: Given, n: int) -> list[Group]:
        """The components that rows of a condition may be of, by their covariances."""
        logits = part_logits(self.weights, self.class_weights, labels_of(given, n, self.device))
        means, roots = self.gaussians.means, self.gaussians.roots()
        return [Group(logits[:, part], means[part], root) for part, root in roots if logits[:, part].isfinite().any()]

    def draw(self, n: int, given: Given, source: Noise, /, *, noise: bool = True) -> Float[Tensor, "n *event"]:
        """Samples; of covariances of low rank, without `noise` the mean of p(x | z, k), $\\mu_k + W_k z$."""
        which = source.categorical(part_logits(self.weights, self.class_weights, labels_of(given, n, self.device)))
        x = self.gaussians.draw(which, source)
        x = x if noise else self.gaussians.without_noise(which, x)
        return x.to(torch.get_default_dtype()).unflatten(1, self.space.shape)

    def options(self, method: str) -> frozenset[str]:
        # Only a low rank has a latent behind the noise of single entries: without it, others would be K pictures.
        return super().options(method) - (frozenset() if self.covariance == "low_rank" else {"noise"})

    def begin(self) -> None:
        self.gaussians.clear()
        self.totals.zero_()

    def accumulate(self, batch: Batch) -> None:
        x, given = self.checked_batch(batch)
        x = x.flatten(1)
        log_prob, hidden = torch.zeros_like(self.totals[0]), torch.zeros(len(x), dtype=torch.bool, device=x.device)
        for rows, part, log_weights, lacking in self._blocks(x, given):
            lens = self.gaussians.lens(part, self.precision(x), lacking)
            sums, reached = _expected(lens, x[rows], log_weights)
            self.gaussians.add(sums, part)
            log_prob += reached
            hidden[rows] = lacking
        if not log_prob.isfinite():
            refuse_infinite(x, lacking=True)
        labels = labels_of(given, len(x), x.device)
        seen = self.class_weights[labels[labels >= 0]].log().sum()
        hidden |= (labels < 0) & (len(self.class_weights) > 1)
        self.totals += torch.stack([seen.new_tensor(len(x)), seen, log_prob, hidden.sum()])

    def precision(self, x: Tensor) -> torch.dtype:
        """The precision in which rows are summed, where that does for them."""
        return x.dtype

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
        rows, labels, conditional, _ = self.totals.tolist()
        reached = (labels + conditional) / rows
        gain = reached - self.reached.item()
        self.reached.fill_(reached)
        return (Done if gain < self.tol else dict)(loss=-conditional / rows)

    @property
    def parameter_count(self) -> int:
        """The number of free parameters, of the components that are used."""
        classes, count = len(self.weights), int(self.used)
        with torch.device("meta"):  # only its shapes are asked for
            like = _gaussians(self.covariance, classes * count, self.space.dims, self.rank)
        return like.freedom + classes * (count - 1) + classes - 1

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, components={self.components}, covariance={self.covariance!r}"

    def scale_to(self, x: Float[Tensor, "n D"]) -> None:
        """The center and the floor follow the data; a constant column gets the floor of an average one."""
        mean = x.nanmean(0)
        variance = (x - mean).square().nanmean(0)
        if self.floor is None and self.covariance == "spherical":
            refuse_still(mean, variance.sqrt(), every=True)
        elif self.floor is None:
            refuse_singular(x, full=self.covariance in ("full", "tied"), rank=self.rank)
        typical = variance.mean() if variance.any() else torch.ones_like(variance[0])
        self.gaussians.center.copy_(mean)
        self.gaussians.floor.copy_((self.floor or 1e-6) * torch.where(variance > 0, variance, typical))

    def _joints(self, x: Tensor, given: Given) -> Iterator[tuple[Tensor | slice, slice, Tensor]]:
        """Rows with the components that may have made them, and log w_k N(x_i; μ_k, Σ_k)."""
        new_lens = functools.cache(lambda a, b, lacking: self.gaussians.new_lens(slice(a, b), x.dtype, lacking))
        for rows, part, log_weights, lacking in self._blocks(x, given):
            lens = new_lens(part.start, part.stop, lacking)
            joint = lens.log_density(lens.features(x[rows]))
            yield rows, part, joint + log_weights.to(joint.dtype)

    def _blocks(self, x: Tensor, given: Given) -> Iterator[tuple[Tensor | slice, slice, Tensor, bool]]:
        """Rows with the components that may have made them, the logarithms of their weights, and whether
        entries lack."""
        labels, lacking = labels_of(given, len(x), x.device), x.sum(1).isnan()
        if torch.compiler.is_exporting():  # all rows alike, none of them with entries that lack
            return (yield slice(None), ALL, part_logits(self.weights, self.class_weights, labels), False)
        for kind, rows in alike(2 * (labels + 1) + lacking, 2 * len(self.weights) + 2):
            part, weights = self._part(kind // 2 - 1)
            most = max(64, BLOCK // self.gaussians.width(weights.numel(), kind % 2 == 1))
            for first in range(0, len(x) if isinstance(rows, slice) else len(rows), most):
                block = slice(first, first + most)
                yield block if isinstance(rows, slice) else rows[block], part, weights.flatten().log(), kind % 2 == 1

    def _part(self, label: int) -> tuple[slice, Tensor]:
        """The components of a class, or of all, and their weights."""
        used, of_all = int(self.used), len(self.weights) > 1
        if label < 0 and of_all:
            return ALL, self.class_weights[:, None] * self.weights
        first = max(label, 0) * self.components
        return slice(first, first + used), self.weights[max(label, 0), :used]

    def _check(self, components: int, covariance: str, rank: int | None, floor: float | None) -> None:
        name, space = type(self).__name__, self.space
        if space.is_discrete or space.ragged:
            raise ValueError(
                f"{name} is a density on reals of a fixed shape, got {space}. For integers use "
                f"Dequantized({name}(Space({space.shape})), levels={space.levels})."
            )
        if components < 1 or (floor is not None and floor <= 0):
            raise ValueError(
                f"`components` must be at least 1 and `floor` positive, got {components} and {floor}. Raise them."
            )
        if covariance not in get_args(Covariance):
            raise ValueError(
                f"`covariance` must be one of {', '.join(get_args(Covariance))}, got {covariance!r}. Choose one."
            )
        if (rank is not None) != (covariance == "low_rank") or not 0 <= (rank or 0) < space.dims:
            raise ValueError(
                f"`rank` must be in [0, {space.dims}) with covariance='low_rank' and None else, got {rank} with "
                f"{covariance!r}. Set both, or neither."
            )


def responsibilities(
    model: GenerativeModel, x: Shaped[Tensor, "B *event"], given: GivenAsked = None
) -> Float[Tensor, "B parts"]:
    """p(k | x, given) of a mixture, or of one that sees its data scaled or dequantized, as those of recipes do.

    Args:
        model: The mixture, or a map around it.
        x: Rows as the model takes them.
        given: Their classes, for a mixture of each class.

    Raises:
        TypeError: If there is no mixture of Gaussians inside.

    Example:
        >>> from genzoo.models import Standardized
        >>> from genzoo.models.classical import Gaussian
        >>> model = Standardized(Gaussian(Space((1,)), Space((), levels=2)))
        >>> data = Batch(torch.tensor([[0.0], [1.0], [9.0], [10.0]]), torch.tensor([0, 0, 1, 1]))
        >>> model.prepare([data]); model.begin(); model.accumulate(data); metrics = model.finish()
        >>> responsibilities(model, torch.tensor([[0.5], [5.0]])).tolist()  # p(c | x)
        [[1.0, 0.0], [0.5, 0.5]]
    """
    given = model.checked_given(given, len(x))
    while isinstance(model, Mapped):
        x, given = model.within(model.checked(x), given)
        model = model.model
    if not isinstance(model, Mixture):
        raise TypeError(f"Components answer for rows in a mixture of Gaussians, got {type(model).__name__}. Pass one.")
    return model.responsibilities(x, given)


def _expected(lens: Lens[Any], x: Tensor, log_weights: Tensor) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
    """The E-step: sums weighted by r_ik, and Σ log p(x_i)."""
    features = lens.features(x)
    joint = lens.log_density(features)
    joint = joint + log_weights.to(joint.dtype)
    highest = joint.amax(1, keepdim=True)
    # Below FAINT nothing is noticed, and denormal numbers would be ten times as slow.
    joint = joint.sub_(highest).clamp_min_(FAINT).exp_()
    total = joint.sum(1, keepdim=True)
    log_prob = (total.log() + highest).sum(dtype=torch.float64)
    return lens.sums(features, joint.div_(total)), log_prob


def _gaussians(covariance: Covariance, count: int, dims: int, rank: int | None) -> Gaussians:
    match covariance:
        case "full" | "low_rank":
            return FullGaussians(count, dims, rank=rank)
        case "tied":
            return TiedGaussians(count, dims)
        case _:
            return DiagonalGaussians(count, dims, spherical=covariance == "spherical")
