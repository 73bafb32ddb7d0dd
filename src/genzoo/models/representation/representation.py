"""What representations have in common.

A representation gives every x a short code z and makes x from it again. Of the two maps one or both are learned, so
that what comes back is close:

| | autoencoder | factorization | sparse coding |
|---|---|---|---|
| how z is found | an encoder, z = f(x) | free: the z that fits best | free, and few entries are not zero |
| linear decoder | `CodeAutoencoder.linear` | `MatrixFactorization` | `SparseCoding` |
| nonlinear decoder | `CodeAutoencoder.mlp` | `FreeCodes`, a ridge on z | `FreeCodes`, a lasso on z |

None says how probable a code is, so none has a density, and none can sample. A density over the codes, fitted
afterwards, gives both: `LatentModel(space, PointAutoencoder(representation), prior)`.
"""

import abc
from collections.abc import Iterable

from jaxtyping import Float, Shaped
from torch import Tensor
from torch.distributions import Distribution

from genzoo.core.component import Autoencoder
from genzoo.core.errors import DataError, refuse_infinite
from genzoo.core.game import Batch, Objective
from genzoo.core.given import NOTHING, Given, GivenAsked, RowsAsked
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.distributions.point_mass import PointMass
from genzoo.models.representation.encoding import Encoding
from genzoo.models.representation.losses import Loss, squared

__all__ = ["PointAutoencoder", "Representation"]


class Representation(Encoding):
    """A code for every x, and an x for every code. Levels are seen as numbers in [−1, 1].

    Args:
        space: What one x is.
        code: K, the length of z.
        loss: ρ, what the residual of an entry costs; squared by default.

    Raises:
        ValueError: If the space is ragged, or the code is not at least 1 long.

    References:
        Olshausen & Field, 1997, "Sparse coding with an overcomplete basis set: a strategy employed by V1?"
        Baldi & Hornik, 1989, "Neural networks and principal component analysis"
    """

    def __init__(self, space: Space, *, code: int, loss: Loss | None = None) -> None:
        super().__init__(space, code=code)
        self.rho = loss or squared()

    @abc.abstractmethod
    def codes(self, y: Float[Tensor, "B D"]) -> Float[Tensor, "B K"]:
        """The codes of rows of numbers."""

    @abc.abstractmethod
    def image(self, z: Float[Tensor, "B K"]) -> Float[Tensor, "B D"]:
        """The rows of numbers that codes stand for."""

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B K"]:
        """The code of each x."""
        return self.codes(self.numbers(self.checked(x)))

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Shaped[Tensor, "B *event"]:
        """The x of each code; over levels the nearest."""
        y = self.image(self.latents(z)).reshape(len(z), *self.space.shape)
        return Numbers(self.space).back(y)

    def distortion(self, y: Float[Tensor, "B D"], z: Float[Tensor, "B K"]) -> Float[Tensor, " B"]:
        """Σ_d ρ(y_d − ŷ_d) of each row."""
        return self.rho(y - self.image(z)).sum(1)

    def lowers(self) -> Objective:
        return Objective("distortion of the numbers seen, and what is added to it, per row")

    def numbers(self, x: Shaped[Tensor, "B *event"]) -> Float[Tensor, "B D"]:
        """Rows as flat numbers, levels between −1 and 1.

        Raises:
            ColumnError: If a number is infinite or missing.
        """
        y = x.flatten(1)
        if self.space.levels is not None:
            return Numbers(self.space, self.dtype).of(y)
        refuse_infinite(y)
        return y

    def numbers_in(self, batch: Batch) -> Float[Tensor, "B D"]:
        """The rows of a batch as flat numbers, for a fit.

        Raises:
            ValueError: If the rows are not of the space, or have conditions.
            ColumnError: If a number is infinite or missing.
        """
        return self.numbers(self.checked_batch(batch)[0])

    def first_numbers(self, batches: Iterable[Batch]) -> tuple[Float[Tensor, "B D"], Noise]:
        """The first rows as flat numbers in float64, and the noise of a start from them.

        Raises:
            DataError: If there are none.
        """
        for batch in batches:
            if len(batch):
                noise = Noise(batch.noise.seed, *batch.noise.path, "start", device=batch.x.device)
                return self.numbers_in(batch).double(), noise
        raise DataError(f"{type(self).__name__} starts from data, got no rows. Pass at least one batch.")

    def refuse_few(self, rows: float) -> None:
        """Raises if there are fewer rows than entries of a code, for which every row could be an entry of its own.

        Raises:
            DataError: If there are.
        """
        if rows < self.code.dims:
            raise DataError(
                f"`code` must be at most the number of rows, got {self.code.dims} and {rows:.0f}. Lower `code`, or "
                "bring more rows."
            )

    def extra_repr(self) -> str:
        return f"{self.space}, code={self.code.dims}, loss={self.rho.name}"


class PointAutoencoder(Autoencoder):
    """A representation as an autoencoder whose posterior and likelihood are point masses, for a prior over its codes.

    Args:
        representation: The representation.

    Example:
        >>> from genzoo.models.classical import PPCA
        >>> from genzoo.models.latent import LatentModel
        >>> from genzoo.models.representation import CodeAutoencoder
        >>> both = PointAutoencoder(CodeAutoencoder.linear(Space((5,)), code=2))
        >>> model = LatentModel(Space((5,)), both, PPCA(both.latent, rank=1))
        >>> model.sample(3, seed=0).shape, model.can("log_prob")
        (torch.Size([3, 5]), False)

    References:
        Ghosh et al., 2020, "From variational to deterministic autoencoders", arXiv:1903.12436
    """

    has_density = False

    def __init__(self, representation: Representation) -> None:
        super().__init__()
        self.representation, self.latent = representation, representation.code

    def posterior(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Distribution:
        return PointMass(self.representation.encode(x), 1)

    def likelihood(self, z: Float[Tensor, "B K"], given: Given = NOTHING) -> Distribution:
        x = self.representation.decode(z.to(self.representation.dtype))
        return PointMass(x, len(self.representation.space.shape))

    def mean(self, z: Float[Tensor, "B K"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        y = self.representation.image(z.to(self.representation.dtype))
        space = self.representation.space
        numbers = y.reshape(len(z), *space.shape)
        return numbers if space.levels is None else (numbers + 1) * (max(1, space.levels - 1) / 2)
