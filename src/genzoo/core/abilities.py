"""Three things that a model may be, beyond what it can do: what tasks hold on to.

Editing, inversion and Hamiltonian walks want a **latent**; inverse problems and guidance want a **denoiser**; coding,
streaming and particle methods want **conditionals over an order**. A model is asked for one, `model.ability(Latent)`,
and answers with an object or None; a composite answers from its parts. So what works with one diffusion works with a
standardized one, and with one in the latents of an autoencoder.

Networks see levels as numbers in [−1, 1] and reals in standard units. What an ability takes and gives are such
numbers, differentiable; between them and data stand its `numbers`.
"""

import abc
import math
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, Int, Shaped
from torch import Tensor

from genzoo.core.given import NOTHING, Given
from genzoo.core.noise import Noise
from genzoo.core.space import Space

__all__ = ["Ability", "Denoise", "Denoiser", "Latent", "NumbersLike", "Sequential"]

Denoise = Callable[[Tensor, Tensor, Given], Tensor]  # (x_t, t, given) to E[x | x_t, given]


@runtime_checkable
class NumbersLike(Protocol):
    """Between data and what networks see of them."""

    def of(self, x: Tensor) -> Tensor:
        """Data as numbers."""

    def back(self, y: Tensor) -> Tensor:
        """Numbers as data: the nearest level, or raw units."""


class Ability(abc.ABC):  # noqa: B024 — a family of interfaces, each with methods of its own
    """An object that a model answers with when it is asked for what it is."""


class Latent(Ability):
    """A latent z with its law, and the way from z to x,

    $$ z \\sim p(z \\mid given), \\qquad x = G(z, given). $$

    By default the law is N(0, I).

    Attributes:
        space: What one z is.
        numbers: Between data and what `generate` makes.
        layers: How many layers of G may see another z than the layers before them; 1 for a G in one piece.

    Example:
        >>> from genzoo.nn import MLP, Conditioned
        >>> from genzoo.models.adversarial import GAN, Rules
        >>> generator, critic = Conditioned(MLP(8, [32], 2)), Conditioned(MLP(2, [32], 1))
        >>> latent = GAN(Space((2,)), None, generator, critic, Rules(), latent=8).able(Latent)
        >>> z = latent.draw(3, {}, Noise(0)).requires_grad_()
        >>> latent.generate(z).requires_grad, latent.log_prior(z).shape
        (True, torch.Size([3]))
    """

    space: Space
    numbers: NumbersLike
    layers: int = 1

    def draw(self, n: int, given: Given, noise: Noise) -> Shaped[Tensor, "n *latent"]:
        """n draws of z."""
        return noise.normal(n, *self.space.shape)

    def log_prior(self, z: Float[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, " B"]:
        """log p(z | given)."""
        return -z.square().flatten(1).sum(1) / 2 - self.space.dims * math.log(2 * math.pi) / 2

    @abc.abstractmethod
    def generate(self, z: Shaped[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        """x as numbers, differentiable in z; where p(x | z) has a spread, its mean."""

    def mixed(self, z: Shaped[Tensor, "B *latent"], other: Tensor, at: int, given: Given = NOTHING) -> Tensor:
        """x of z in the layers before one, and of another latent from that layer on."""
        return self.generate(z if at >= self.layers else other, given)


class Denoiser(Ability):
    """E[x | x_t, given] at every time of a schedule, x_t = α(t) x + σ(t) ε.

    Attributes:
        schedule: α and σ, and the last time `t_max`.
        shape: The shape of one x_t.
        numbers: Between data and x.
    """

    schedule: Any
    shape: tuple[int, ...]
    numbers: NumbersLike

    @abc.abstractmethod
    def denoise(self, x_t: Float[Tensor, "B *event"], t: Tensor, given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        """E[x | x_t, given] at one time for all rows or one for each, 0 < t ≤ t_max."""

    @abc.abstractmethod
    def start(self, n: int, noise: Noise) -> Float[Tensor, "n *event"]:
        """x at the last time, where nothing of the data is left."""

    def seen(self, mean: Float[Tensor, "B *event"], given: Given = NOTHING) -> Float[Tensor, "B *shape"]:
        """The data that a mean stands for, as differentiable numbers; where x is a latent, what it decodes to."""
        return mean

    def told(self, mean: Float[Tensor, "B *event"], given: Given = NOTHING) -> Shaped[Tensor, "B *shape"]:
        """The same as data."""
        return self.numbers.back(mean)


class Sequential(Ability):
    """Conditionals over an order of the entries,

    $$ p(x \\mid given) = \\prod_t p(x_t \\mid x_{<t}, given). $$

    What has been said stands in a state, of whatever kind: `begin`, then in turn `logits` and `take`.

    Attributes:
        space: What one x is.
        symbols: How many symbols an entry may take, the end included where lengths vary.
    """

    space: Space
    symbols: int

    @abc.abstractmethod
    def begin(self, n: int, given: Given = NOTHING) -> Any:
        """The state before the first entry of n rows."""

    @abc.abstractmethod
    def logits(self, state: Any) -> Float[Tensor, "n symbols"]:
        """log p(x_t | x_<t, given) of every symbol, up to a constant of each row; asked at most once
        for each entry."""

    @abc.abstractmethod
    def take(self, state: Any, symbol: Int[Tensor, " n"]) -> Any:
        """The state after the next entry: a new one, or the old one changed."""
