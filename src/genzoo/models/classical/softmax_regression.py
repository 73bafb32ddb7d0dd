"""Softmax regression: the label given the row.

$$ p(y \\mid x) = \\frac{e^{w_y \\cdot x + b_y}}{\\sum_c e^{w_c \\cdot x + b_c}} $$

A classifier is a model of the label given the row: labels are data too. What is lowered is the forward divergence of
Kullback and Leibler from the conditional that the data show,

$$ E_x\\, KL\\big(\\hat p(y \\mid x) \\,\\|\\, p(y \\mid x)\\big)
   = -E_{x, y} \\log p(y \\mid x) - E_x H\\big(\\hat p(y \\mid x)\\big), $$

whose second term no model moves, so it is the cross-entropy, plus a penalty on the weights. A row's gradient and its
second derivatives are

$$ (p - e_y)\\, x^\\top, \\qquad (\\mathrm{diag}\\,p - p p^\\top) \\otimes x x^\\top
   \\preceq \\tfrac12 (I - \\tfrac1C 1 1^\\top) \\otimes x x^\\top. $$

A small model takes Newton's steps with them. A large one starts from Böhning's bound on the right and learns from its
steps (L-BFGS), so that the fit goes the same way in all units of x.
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Integer, Shaped
from torch import Tensor

from genzoo.core.errors import DataError
from genzoo.core.game import Batch, DirectFit, Done, Metrics, Objective
from genzoo.core.given import SINGLE, Given, GivenLike, GivenSpaceLike, as_given, as_given_space, complete
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.classical.quasi_newton import QuasiNewton

__all__ = ["SoftmaxRegression"]

NEWTON = 1024  # weights whose second derivatives are kept
WIDEST = 2048  # features whose products with each other are kept; of more, only their squares


class SoftmaxRegression(GenerativeModel, DirectFit):
    """Softmax regression of a label on a condition,

    $$ \\min_{W, b} \\; -\\sum_i \\log p(y_i \\mid x_i) + \\frac{\\lambda}{2} \\|W\\|^2, $$

    fitted by Newton's method or L-BFGS, a pass over the data for each step. Reals are features as they are, levels as
    shares of the highest, and labels as indicators of their classes.

    Args:
        space: What one y is: one integer below C, of shape () or (1,).
        given_space: What one x is: reals or levels of a fixed shape, or a mapping of names to such and to labels.
        penalty: λ; 1/C of scikit-learn. For two classes scikit-learn penalizes the difference of their weights alone:
            there its C is 2/λ.
        tol: The fit has converged when a step promises less than this, in nats per row.

    Raises:
        ValueError: If the space is no label, there is no condition, or an argument is out of range; when fitted, if a
            row's condition is missing.

    Example:
        >>> model = SoftmaxRegression(Space((), levels=2), Space((1,)), penalty=0.1)
        >>> data = Batch(torch.tensor([0, 0, 1, 1]), torch.tensor([[0.0], [1.0], [2.0], [3.0]]))
        >>> for _ in range(20):
        ...     model.begin(); model.accumulate(data); metrics = model.finish()
        >>> model.log_probs(torch.tensor([[1.5], [3.0]])).exp().max(1).values.round(decimals=2).tolist()
        [0.5, 0.99...]

    References:
        Cox, 1966, "Some procedures connected with the logistic qualitative response curve"
        Böhning, 1992, "Multinomial logistic regression algorithm", doi:10.1007/BF00048682
    """

    likelihood = Likelihood.EXACT
    one: Tensor
    curvature: Tensor
    sums: Tensor
    totals: Tensor

    def __init__(self, space: Space, given_space: GivenSpaceLike, *, penalty: float = 1.0, tol: float = 1e-6) -> None:
        super().__init__(space, given_space)
        _check(space, given_space, penalty, tol)
        self.penalty, self.tol = penalty, tol
        width = 1 + sum(_width(part) for part in self.given_space.values())
        shape = (space.levels or 1, width)  # the last column is b
        self.is_small = math.prod(shape) <= NEWTON
        self.solver = QuasiNewton(shape, memory=0 if self.is_small else 20)
        self.register_buffer("sums", torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("one", torch.ones(1))  # the last feature, in the precision of the model
        self.register_buffer("totals", torch.zeros(2, dtype=torch.float64))  # rows, Σ −log p(y | x)
        size = [math.prod(shape)] * 2 if self.is_small else [width] * (2 if width <= WIDEST else 1)
        self.register_buffer("curvature", torch.zeros(size, dtype=torch.float64))

    @property
    def parameter_count(self) -> int:
        classes, width = self.sums.shape
        return (classes - 1) * width  # the same added to all classes changes nothing

    @property
    def weight(self) -> Float[Tensor, "C D"]:
        """W, a row for each class."""
        return self.solver.point[:, :-1]

    @property
    def bias(self) -> Float[Tensor, " C"]:
        """b."""
        return self.solver.point[:, -1]

    def log_probs(self, given: GivenLike) -> Float[Tensor, "B C"]:
        """log p(c | given) of every class."""
        features = self.features(given)
        return (features @ self.solver.point.to(features.dtype).T).log_softmax(1)

    def features(self, given: GivenLike) -> Float[Tensor, "B D"]:
        """Conditions as rows of reals, the last of which is one."""
        rows = complete(given, self.given_space, len(next(iter(as_given(given).values()))), self.one.device)
        parts = [_reals(rows[name], space).to(self.one.device) for name, space in self.given_space.items()]
        return torch.cat([*parts, self.one.expand(len(parts[0]), 1)], dim=1)

    def log_density(self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        return self.log_probs(given).gather(1, x.long().reshape(-1, 1)).squeeze(1)

    def draw(self, n: int, given: Given, noise: Noise) -> Integer[Tensor, "n *event"]:
        labels = noise.categorical(self.log_probs(given).double())
        return labels.to(getattr(torch, self.space.dtype)).reshape(n, *self.space.shape)

    def takes_null(self) -> bool:
        return False

    def looks(self) -> int:
        return 1  # the value and the slope at zero, from where the first step goes

    def begin(self) -> None:
        self.sums.zero_()
        self.totals.zero_()
        if self._bends:
            self.curvature.zero_()

    def accumulate(self, batch: Batch) -> None:
        features = self.features(self._known(batch))
        features = features.double() if self.is_small else features  # second derivatives in float32 are not positive
        logits = features @ self.solver.trial.to(features.dtype).T
        labels = batch.x.long().reshape(-1, 1)
        log_probs = logits.log_softmax(1)
        residual = log_probs.exp().scatter_add(1, labels, log_probs.new_full(labels.shape, -1.0))
        self.sums += residual.T @ features
        self.totals[0] += len(batch)
        self.totals[1] -= log_probs.gather(1, labels).sum(dtype=torch.float64)
        if self._bends:
            self.curvature += self._curvature(features, log_probs.exp())

    def statistics(self) -> Sequence[Tensor]:
        return [self.sums, self.totals, *([self.curvature] if self._bends else [])]

    def finish(self) -> Metrics:
        """A step; the loss is what is lowered, penalty included, as the mean over rows."""
        rows, nats = self.totals.tolist()
        if self._bends:
            self._factor(rows)
        weights = torch.nn.functional.pad(self.solver.trial[:, :-1], (0, 1))
        value = (nats + self.penalty * float(weights.square().sum()) / 2) / rows
        self.solver.tell(value, (self.sums + self.penalty * weights) / rows, self._precondition)
        return (Done if self.solver.promise < self.tol else dict)(loss=self.solver.value)

    def lowers(self) -> Objective:
        return Objective("−log p(class | row) and its penalty", nats=("loss",), densities=("loss",))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "SoftmaxRegression":
        # Weights and sums stay float64 whatever the precision of a model around this one, which `one` remembers.
        precise = fn(self.one)
        super()._apply(lambda tensor: tensor.to(fn(tensor).device), recurse)
        self.one = precise
        return self

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, penalty={self.penalty}"

    @property
    def _bends(self) -> bool:
        """Whether this pass looks at second derivatives: every one, or the first for a bound of them."""
        return self.is_small or self.solver.value == torch.inf

    def _known(self, batch: Batch) -> Given:
        """The batch's condition, if every row has its own in full."""
        _, given = self.checked_batch(batch)
        for name, rows in given.items():
            bad = (~rows.isfinite() if rows.is_floating_point() else rows < 0).reshape(len(rows), -1).any(0)
            if bad.any():
                where = name if name != SINGLE else f"column {int(bad.nonzero()[0])} (counted from 0)"
                raise DataError(
                    f"SoftmaxRegression needs every row's condition in full, got {where} with values missing or "
                    "infinite. Read the data with missing='drop' or 'impute'."
                )
        return given

    def _curvature(self, features: Float[Tensor, "B D"], probs: Float[Tensor, "B C"]) -> Float[Tensor, "*size"]:
        """Second derivatives in all weights, or a bound: in the features, or in each of them."""
        if not self.is_small:
            return (features.T @ features if self.curvature.ndim == 2 else features.square().sum(0)) / 2
        outer = (probs[:, :, None] * features[:, None]).flatten(1)
        blocks = [features.T @ (share[:, None] * features) for share in probs.T]
        return torch.block_diag(*blocks) - outer.T @ outer

    def _factor(self, rows: float) -> None:
        """Cholesky's factor of the second derivatives, with the penalty, in their place."""
        ridge = torch.full(self.sums.shape[1:], self.penalty).to(self.curvature)
        ridge[-1] = 0.0
        ridge = ridge.repeat(len(self.sums)) if self.is_small else ridge
        if self.curvature.ndim == 1:
            self.curvature.copy_(((self.curvature + ridge) / rows).clamp_min(1e-12))
        else:
            # A common shift of all b changes nothing: a little more, so that the matrix is regular.
            little = (1e-10 if self.is_small else 1e-6) * self.curvature.diagonal().mean()
            self.curvature.copy_(torch.linalg.cholesky((self.curvature + (ridge + little).diag()) / rows))

    def _precondition(self, gradient: Float[Tensor, "C D"]) -> Float[Tensor, "C D"]:
        if self.curvature.ndim == 1:
            return gradient / self.curvature
        columns = gradient.reshape(-1, 1) if self.is_small else gradient.T
        solved = torch.cholesky_solve(columns, self.curvature)
        return solved.reshape(gradient.shape) if self.is_small else solved.T


def _is_label(space: Space) -> bool:
    return space.shape == () and (space.levels or 0) > 2


def _width(space: Space) -> int:
    """How many features a condition makes."""
    return space.levels if _is_label(space) and space.levels else space.dims


def _reals(rows: Shaped[Tensor, "B *shape"], space: Space) -> Float[Tensor, "B D"]:
    if space.levels is None:
        return rows.reshape(len(rows), space.dims)
    if _is_label(space):
        return torch.nn.functional.one_hot(rows, space.levels).to(torch.get_default_dtype())
    return rows.reshape(len(rows), space.dims).to(torch.get_default_dtype()) / max(1, space.levels - 1)


def _check(space: Space, given_space: GivenSpaceLike, penalty: float, tol: float) -> None:
    if not space.is_discrete or space.dims != 1 or space.ragged:
        raise ValueError(
            f"SoftmaxRegression is a model of one label, Space((), levels=C), got {space}. Make the label x, as "
            "x='label' with given='image', or its column."
        )
    parts = list(as_given_space(given_space).values())
    if not parts or any(part.ragged for part in parts):
        raise ValueError(
            f"SoftmaxRegression needs conditions of a fixed shape, got {given_space}. Name what the label follows "
            "from as `given`."
        )
    if penalty < 0 or tol <= 0:
        raise ValueError(f"`penalty` must not be negative and `tol` must be positive, got {penalty} and {tol}.")
