"""Normalizing flows.

Noise z ~ N(0, I) is turned into data by an invertible map; read backwards, the map turns data into noise and tells
how much it stretches space, which gives the density exactly. Training is maximum likelihood.
"""

import math
from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.abilities import Ability, Latent
from genzoo.core.game import Batch
from genzoo.core.given import NOTHING, Given, GivenAsked, GivenSpaceLike, RowsAsked
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.models.flows.base import Base, StandardNormal
from genzoo.models.flows.bijection import Bijection
from genzoo.models.flows.lost import lost_layer, refuse_degenerate, refuse_lost
from genzoo.nn.embedding import Embedding

__all__ = ["Flow"]


class Flow(GenerativeModel):
    """The density of x where z = f(x; given) has a simple law, by default N(0, I),

    $$ \\log p(x) = \\log p_z(f(x)) + \\log \\left| \\det \\frac{\\partial f}{\\partial x} \\right|. $$

    The condition is embedded once, and f sees the embedding. In training the determinant may be an estimate.

    Args:
        space: What one x is: real numbers of a fixed shape.
        given_space: What the model is conditioned on, if anything.
        bijection: f.
        latent: The shape of z, if it is not that of x.
        base: The law of z.
        embedding: The length of the condition's embedding, which f was built for.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.
        rows: The rows that the data-dependent start is taken from, in whole batches.

    Attributes:
        floor: The variance of noise that rows have in training, 0 for none: a width of the density, where columns that
            determine each other would leave it none.

    Raises:
        ValueError: If the space is not real, or `latent` has another number of entries than x.

    Example:
        >>> from genzoo.models.flows import Chain, Coupling
        >>> from genzoo.nn import MLP
        >>> couplings = [Coupling(MLP(1, [16], 2), channels=2, flip=flip) for flip in (False, True)]
        >>> model = Flow(Space((2,)), None, Chain(*couplings))
        >>> x = model.sample(3, seed=0)
        >>> bool(torch.allclose(model.decode(model.encode(x)), x, atol=1e-5)), model.log_prob(x).shape
        (True, torch.Size([3]))

    References:
        Rezende & Mohamed, 2015, "Variational inference with normalizing flows", arXiv:1505.05770
        Dinh, Sohl-Dickstein & Bengio, 2017, "Density estimation using Real NVP", arXiv:1605.08803
    """

    likelihood = Likelihood.EXACT
    block = 1 << 17
    floor: float = 0.0

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        bijection: Bijection,
        *,
        latent: tuple[int, ...] | None = None,
        base: Base | None = None,
        embedding: int = 32,
        drop_given: float = 0.0,
        rows: int = 1000,
    ) -> None:
        super().__init__(space, given_space)
        if space.is_discrete or space.ragged:
            raise ValueError(
                f"A flow needs real numbers of a fixed shape, got {space}. "
                f"Build it over Space({space.shape}) and wrap it in Dequantized."
            )
        self.latent = space.shape if latent is None else tuple(latent)
        if math.prod(self.latent) != space.dims:
            raise ValueError(f"z must have as many entries as x: expected {space.dims}, got shape {self.latent}.")
        self.bijection, self.drop_given, self.rows = bijection, drop_given, rows
        self.base = base or StandardNormal()
        self.embedding = Embedding(given_space, embedding) if given_space else None

    def log_density(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        embedded = self.embedded(given)
        if self.training:
            z, ladj = self.bijection.estimated(self._widened(x, noise), embedded, noise)
        else:
            refuse_lost(x)
            z, ladj = self.bijection(x, embedded)
        log_prob = self.base.log_prob(z, embedded) + ladj
        if not self.training and log_prob.isnan().any() and (error := lost_layer(self.bijection, x, embedded)):
            raise error  # in training the loop says it, and goes on
        return log_prob

    def draw(self, n: int, given: Given, noise: Noise, *, temperature: float = 1.0) -> Float[Tensor, "n *event"]:
        """Samples; a `temperature` below 1 shrinks the noise, for cleaner and less varied samples."""
        if temperature < 0:
            raise ValueError(f"`temperature` must not be negative, got {temperature}.")
        embedded = self.embedded(given)
        z = temperature * noise.normal(n, *self.latent, dtype=self.dtype)
        return self.bijection.inverse(self.base.moved(z, embedded), embedded)

    def abilities(self) -> list[Ability]:
        return [Inverted(self)]

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B *latent"]:
        """z = f(x; given).

        Raises:
            DataError: If an entry of x is not finite.
            ArithmeticError: If one of z is not; it names the layer.
        """
        x, embedded = self.checked(x), self.embedded(self.checked_given(given, len(x)))
        refuse_lost(x)
        z, ladj = self.bijection(x, embedded)
        if not (z.sum() + ladj.sum()).isfinite() and (error := lost_layer(self.bijection, x, embedded)):
            raise error
        return z

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B *event"]:
        """The x whose z this is."""
        return self.bijection.inverse(self.latents(z), self.embedded(self.checked_given(given, len(z))))

    @torch.no_grad()
    def prepare(self, batches: Iterable[Batch]) -> None:
        """Starts the bijections one after another from the first rows, each from what those before it make.

        Raises:
            DataError: If an entry is not finite.
            ColumnError: If columns of vectors never vary, or determine each other: their density has no bound.
        """
        some: list[Batch] = []
        for batch in batches:
            some.append(batch)
            if sum(map(len, some)) >= self.rows:
                break
        given = [self.embedded(self.given_of(b)) for b in some]
        embedded = torch.cat([g for g in given if g is not None]) if self.embedding else None
        x = torch.cat([self._widened(batch.x, batch.noise.at("start")) for batch in some])
        refuse_lost(x)
        if len(self.space.shape) == 1 and len(x) > self.space.dims:
            refuse_degenerate(x)
        self.bijection.start(x, embedded)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, latent={self.latent}"

    def _widened(self, x: Tensor, noise: Noise) -> Tensor:
        """Rows with the floor's noise."""
        if not self.floor:
            return x
        return x + self.floor**0.5 * noise.at("floor").normal(*x.shape, dtype=x.dtype)

    def embedded(self, given: Given) -> Tensor | None:
        """The condition as a vector, if there is one."""
        return self.embedding(given) if self.embedding is not None and given else None


class Inverted(Latent):
    """The z of a flow, under its base."""

    def __init__(self, model: Flow) -> None:
        self.model, self.space = model, Space(model.latent)
        self.numbers = Numbers(model.space, model.dtype)

    def draw(self, n: int, given: Given, noise: Noise) -> Float[Tensor, "n *latent"]:
        z = noise.normal(n, *self.space.shape, dtype=self.model.dtype)
        return self.model.base.moved(z, self.model.embedded(given))

    def log_prior(self, z: Float[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, " B"]:
        return self.model.base.log_prob(z, self.model.embedded(given))

    def generate(self, z: Float[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        return self.model.bijection.inverse(z, self.model.embedded(given))
