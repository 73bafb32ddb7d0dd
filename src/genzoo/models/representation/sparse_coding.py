"""Sparse coding: every row is a sum of few atoms of a dictionary that is learned.

$$ \\min_{A, z} \\sum_i \\tfrac12 \\|x_i - b - z_i A\\|^2 + \\lambda \\|z_i\\|_1, \\qquad \\|a_k\\| = 1. $$

A pass finds the codes of all rows, and keeps of them only $G = \\sum z^\\top z$ and $H = \\sum z^\\top (x - b)$. Then
the atoms move in turn, each to its best place with the others still,

$$ a_k \\leftarrow \\Pi\\big(a_k + (H_k - G_k A) / G_{kk}\\big), $$

Π pulling into the unit ball. An atom shorter than one is stretched to one: its code shrinks, which costs less. No pass
raises the objective.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.game import Batch, DirectFit, Done, Metrics
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.representation.lasso import lasso_objective, sparse_codes
from genzoo.models.representation.representation import Representation

__all__ = ["SparseCoding"]

SWEEPS = 5


class SparseCoding(Representation, DirectFit):
    """A dictionary of unit atoms, and codes by the lasso; passes as in online dictionary learning.

    An atom that no row uses is moved beside the one that is used most. What is stored is float64.

    Args:
        space: What one x is.
        code: K, the number of atoms; it may exceed D.
        penalty: λ, the price of an entry of z, in units of x (levels span 2).
        tol: The fit has converged when a pass gains less than this share of the objective.
        steps: The most iterations of FISTA for a code.

    Raises:
        ValueError: If the space is ragged, the code is not at least 1 long, or λ is not positive.

    Example:
        >>> data = Batch(Noise(0).normal(50, 6))
        >>> model = SparseCoding(Space((6,)), code=4, penalty=0.5)
        >>> model.prepare([data])
        >>> for _ in range(3):
        ...     model.begin(); model.accumulate(data); metrics = model.finish()
        >>> model.atoms.norm(dim=1).round(decimals=6).tolist()
        [1.0, 1.0, 1.0, 1.0]

    References:
        Olshausen & Field, 1996, "Emergence of simple-cell receptive field properties by learning a sparse code for
        natural images"
        Mairal, Bach, Ponce & Sapiro, 2010, "Online learning for matrix factorization and sparse coding",
        arXiv:0908.0050
    """

    atoms: Tensor
    offset: Tensor
    gram: Tensor
    cross: Tensor
    totals: Tensor
    reached: Tensor

    def __init__(
        self, space: Space, *, code: int = 64, penalty: float = 0.1, tol: float = 1e-4, steps: int = 300
    ) -> None:
        super().__init__(space, code=code)
        if penalty <= 0:
            raise ValueError(f"`penalty` must be positive, got {penalty}. Without one, take MatrixFactorization.")
        self.penalty, self.tol, self.steps, double = penalty, tol, steps, torch.float64
        self.register_buffer("atoms", torch.nn.functional.normalize(torch.randn(code, space.dims, dtype=double)))
        self.register_buffer("offset", torch.zeros(space.dims, dtype=double))  # b
        self.register_buffer("gram", torch.zeros(code, code, dtype=double))  # G
        self.register_buffer("cross", torch.zeros(code, space.dims, dtype=double))  # H
        self.register_buffer("totals", torch.zeros(3, dtype=double))  # rows, Σ objective, Σ entries not zero
        self.register_buffer("reached", torch.tensor(torch.inf, dtype=double))

    @property
    def parameter_count(self) -> int:
        return self.atoms.numel() + self.offset.numel()

    def codes(self, y: Float[Tensor, "B D"]) -> Float[Tensor, "B K"]:
        atoms, centered = self.atoms.to(y.dtype), y - self.offset.to(y.dtype)
        tol = 1e-9 if y.dtype == torch.float64 else 1e-6
        return sparse_codes(centered, atoms, self.penalty, tol=tol, steps=self.steps)

    def image(self, z: Float[Tensor, "B K"]) -> Float[Tensor, "B D"]:
        return self.offset.to(z.dtype) + z @ self.atoms.to(z.dtype)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        y = self.numbers_in(batch)
        return self._objective(y, self.codes(y)).mean()

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Starts from the mean of the first rows and from rows as atoms, each with a little noise."""
        y, noise = self.first_numbers(batches)
        self.offset.copy_(y.mean(0))
        rows = (y - self.offset)[noise.integers(len(y), len(self.atoms))]
        spread = 0.1 * y.std(correction=0) + 1e-6
        self.atoms.copy_(torch.nn.functional.normalize(rows + spread * noise.normal(*rows.shape, dtype=y.dtype)))
        self.reached.fill_(torch.inf)

    def begin(self) -> None:
        for tensor in self.statistics():
            tensor.zero_()

    def accumulate(self, batch: Batch) -> None:
        y = self.numbers_in(batch)
        z = self.codes(y)
        objective = self._objective(y, z).sum(dtype=torch.float64)
        y, z = y.double() - self.offset, z.double()
        self.gram += z.T @ z
        self.cross += z.T @ y
        self.totals += torch.stack([self.totals.new_tensor(len(y)), objective, (z != 0).sum().double()])

    def statistics(self) -> Sequence[Tensor]:
        return [self.gram, self.cross, self.totals]

    def finish(self) -> Metrics:
        """Moves the atoms; the loss is that of the dictionary that the pass was made with."""
        rows, loss, active = self.totals.tolist()
        self.refuse_few(rows)
        use = self.gram.diagonal()
        dead = use <= 1e-12 * use.max().clamp_min(1e-300)
        for _ in range(SWEEPS):
            for k in (~dead).nonzero().flatten().tolist():
                moved = self.atoms[k] + (self.cross[k] - self.gram[k] @ self.atoms) / use[k]
                self.atoms[k] = moved / moved.norm().clamp_min(1)
        self.atoms.copy_(torch.nn.functional.normalize(self.atoms))
        self._revive(dead, rows)
        gain, loss = self.reached.item() - loss / rows, loss / rows
        self.reached.fill_(loss)
        kind = Done if gain <= self.tol * abs(loss) else dict
        return kind(loss=loss, active=active / rows, dead=float(dead.sum()))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, penalty={self.penalty}"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "SparseCoding":
        # Sums and atoms stay float64 whatever the precision of a model around this one.
        return super()._apply(lambda tensor: tensor.to(fn(tensor).device), recurse)

    def _objective(self, y: Float[Tensor, "B D"], z: Float[Tensor, "B K"]) -> Float[Tensor, " B"]:
        return lasso_objective(y - self.offset.to(y.dtype), self.atoms.to(y.dtype), z, self.penalty)

    def _revive(self, dead: Tensor, rows: float) -> None:
        """Atoms that no row uses go beside the one used most, by noise that every process draws alike."""
        noise = Noise(int(rows), "revive", device=self.atoms.device)
        shake = noise.normal(*self.atoms.shape, dtype=torch.float64) / self.atoms.shape[1] ** 0.5
        beside = torch.nn.functional.normalize(self.atoms[self.gram.diagonal().argmax()] + shake)
        self.atoms[dead] = beside[dead]
