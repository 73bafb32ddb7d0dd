"""Matrix factorization: codes without an encoder.

All rows together are a matrix that is to be a product of two thin ones, $X \\approx Z W^\\top + 1 b^\\top$. Each of
the two is easy when the other stands: alternating least squares. A row's code is found from W alone, so codes need not
be kept, and a pass over any number of rows is a sum of small matrices,

$$ z_i = \\arg\\min_z \\sum_d \\rho(x_{id} - b_d - w_d^\\top z), \\qquad
   (w_d, b_d) = \\Big(\\sum_i \\omega_{id}\\,u_i u_i^\\top\\Big)^{-1} \\sum_i \\omega_{id}\\,x_{id}\\,u_i,
   \\quad u_i = (z_i, 1), $$

where ω is 1 for squared errors, and for other losses the weight of the residual.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.game import Batch, DirectFit, Done, Metrics
from genzoo.core.space import Space
from genzoo.models.representation.losses import Loss
from genzoo.models.representation.representation import Representation

__all__ = ["MatrixFactorization"]


class MatrixFactorization(Representation, DirectFit):
    """A linear decoder and free codes, by alternating least squares; with squared errors the subspace is PCA's.

    W has orthonormal columns. What is stored is float64.

    Args:
        space: What one x is.
        code: K, the length of z, at most D.
        loss: ρ; squared by default.
        tol: The fit has converged when a pass gains less than this share of the loss.
        steps: Rounds of reweighting for the codes, for losses that are not squared.

    Raises:
        ValueError: If the space is ragged, or the code is not between 1 and D.

    Example:
        >>> from genzoo.core import Noise
        >>> data = Batch(Noise(0).normal(50, 2) @ Noise(1).normal(2, 6))
        >>> model = MatrixFactorization(Space((6,)), code=2)
        >>> model.prepare([data])
        >>> for _ in range(3):
        ...     model.begin(); model.accumulate(data); metrics = model.finish()
        >>> torch.allclose(model.decode(model.encode(data.x)), data.x, atol=1e-4)
        True

    References:
        Young, Householder & Eckart, 1936, "The approximation of one matrix by another of lower rank"
        de la Torre & Black, 2003, "A framework for robust subspace learning"
    """

    weights: Tensor
    offset: Tensor
    gram: Tensor
    cross: Tensor
    totals: Tensor
    reached: Tensor

    def __init__(
        self, space: Space, *, code: int = 8, loss: Loss | None = None, tol: float = 1e-6, steps: int = 30
    ) -> None:
        super().__init__(space, code=code, loss=loss)
        if code > space.dims:
            raise ValueError(f"`code` must be at most the {space.dims} entries of x, got {code}. Lower it.")
        self.tol, self.steps, self.is_squared = tol, steps, self.rho.name == "squared"
        size, double = code + 1, torch.float64
        entries = () if self.is_squared else (space.dims,)  # other losses weigh every entry on its own
        self.register_buffer("weights", torch.eye(space.dims, code, dtype=double))  # W
        self.register_buffer("offset", torch.zeros(space.dims, dtype=double))  # b
        self.register_buffer("gram", torch.zeros(*entries, size, size, dtype=double))
        self.register_buffer("cross", torch.zeros(space.dims, size, dtype=double))
        self.register_buffer("totals", torch.zeros(2, dtype=double))  # rows, Σ loss
        self.register_buffer("reached", torch.tensor(torch.inf, dtype=double))

    @property
    def parameter_count(self) -> int:
        return self.weights.numel() + self.offset.numel()

    def codes(self, y: Float[Tensor, "B D"]) -> Float[Tensor, "B K"]:
        return self._codes(y).to(y.dtype)

    def image(self, z: Float[Tensor, "B K"]) -> Float[Tensor, "B D"]:
        return self.offset.to(z.dtype) + z @ self.weights.to(z.dtype).T

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        y = self.numbers_in(batch)
        return self.distortion(y, self.codes(y)).mean()

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Starts from the mean of the first rows and random directions."""
        y, noise = self.first_numbers(batches)
        self.offset.copy_(y.mean(0))
        directions = noise.normal(*self.weights.shape, dtype=torch.float64)
        self.weights.copy_(torch.linalg.qr(directions).Q)
        self.reached.fill_(torch.inf)

    def begin(self) -> None:
        for tensor in self.statistics():
            tensor.zero_()

    def accumulate(self, batch: Batch) -> None:
        y = self.numbers_in(batch).double()
        z = self._codes(y)
        u, residual = torch.nn.functional.pad(z, (0, 1), value=1.0), y - self.image(z)
        if self.is_squared:
            self.gram += u.T @ u
            self.cross += y.T @ u
        else:
            weight = self.rho.weight(residual)
            self.gram += torch.einsum("bd,bk,bl->dkl", weight, u, u)
            self.cross += (weight * y).T @ u
        self.totals += torch.stack([self.totals.new_tensor(len(y)), self.rho(residual).sum()])

    def statistics(self) -> Sequence[Tensor]:
        return [self.gram, self.cross, self.totals]

    def finish(self) -> Metrics:
        """The decoder's half of the step; the loss is that of the parameters that the pass was made with."""
        rows, loss = self.totals.tolist()
        self.refuse_few(rows)
        loss /= rows
        inverse = torch.linalg.pinv(self.gram, hermitian=True)
        both = self.cross @ inverse if self.is_squared else torch.einsum("dk,dkl->dl", self.cross, inverse)
        self.weights.copy_(torch.linalg.qr(both[:, :-1]).Q)
        self.offset.copy_(both[:, -1])
        gain = self.reached.item() - loss
        self.reached.fill_(loss)
        return (Done if gain <= self.tol * abs(loss) else dict)(loss=loss)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "MatrixFactorization":
        # Sums and factors stay float64 whatever the precision of a model around this one.
        return super()._apply(lambda tensor: tensor.to(fn(tensor).device), recurse)

    def _codes(self, y: Float[Tensor, "B D"]) -> Float[Tensor, "B K"]:
        """The codes that fit best, in float64."""
        weights, y = self.weights, y.double() - self.offset
        z = y @ weights  # least squares, W's columns being orthonormal
        if not self.is_squared:
            ridge = 1e-9 * torch.eye(weights.shape[1], dtype=y.dtype, device=y.device)
            for _ in range(self.steps):
                weight = self.rho.weight(y - z @ weights.T)
                gram = torch.einsum("bd,dk,dl->bkl", weight, weights, weights)
                z = torch.linalg.solve(gram + ridge, (weight * y) @ weights)
        return z
