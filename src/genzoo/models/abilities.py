"""Abilities that many models share, and those behind a map: a standardized diffusion denoises, in the data's units.

What a map leaves to its part is done by the part; what changes is the way from data to numbers and back, and what the
part is given.
"""

import abc
import functools
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.distributions import Distribution, Normal

from genzoo.core.abilities import Ability, Denoiser, Latent, NumbersLike, Sequential
from genzoo.core.given import NOTHING, Given
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.conditioned import ConditionedLike
from genzoo.distributions.region import Region
from genzoo.mcmc.kernel import Kernel

__all__ = [
    "Codes", "Conditioning", "Critic", "Events", "Imputation", "Inference", "Lattice", "Law", "Layers", "Map",
    "MappedDenoiser", "Matching", "NormalLatent", "Settle", "Sweeping", "Timing", "Unfolding", "behind",
]  # fmt: skip


class NormalLatent(Latent):
    """A latent under N(0, I), from the function that turns it into x.

    Args:
        space: What one z is.
        numbers: Between data and what is generated.
        generate: G, called as generate(z, given).
        dtype: The precision of z.
    """

    def __init__(
        self,
        space: Space,
        numbers: NumbersLike,
        generate: Callable[[Tensor, Given], Tensor],
        dtype: torch.dtype | None = None,
    ) -> None:
        self.space, self.numbers, self._generate, self.dtype = space, numbers, generate, dtype

    def draw(self, n: int, given: Given, noise: Noise) -> Float[Tensor, "n *latent"]:
        return noise.normal(n, *self.space.shape, dtype=self.dtype)

    def generate(self, z: Float[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        return self._generate(z, given)


class Timing(Ability):
    """How much noise rows may hold, log p(k | x) of each of some times.

    Attributes:
        log_snr: The log signal-to-noise ratio of the times, which falls.
    """

    log_snr: Float[Tensor, " K"]

    @abc.abstractmethod
    def log_posterior(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Float[Tensor, "B K"]:
        """log p(k | x)."""


class Critic(Ability):
    """What a critic that a model was trained against says of data, and of new samples; large for data.

    Attributes:
        pack: How many rows it judges together.
    """

    pack: int = 1

    @abc.abstractmethod
    def of_rows(self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " packs"]:
        """What it says of rows of data; one number for each pack of rows, where it judges packs."""

    @abc.abstractmethod
    def of_samples(self, n: int, given: Given, noise: Noise) -> Float[Tensor, " packs"]:
        """What it says of n samples, as the generator makes them."""


class Codes(Ability):
    """Symbols that an encoder makes of x, each one of an alphabet of codes."""

    alphabet: int

    @abc.abstractmethod
    def of(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Mapping[str, Int[Tensor, "B T"]]:
        """The codes of rows by the names of their levels, "" where there is one."""


class Matching(Ability):
    """Rows and conditions as unit vectors, which lie the closer the more likely the two belong together."""

    @abc.abstractmethod
    def of_rows(self, x: Shaped[Tensor, "B *event"]) -> Float[Tensor, "B K"]:
        """The vectors of rows."""

    @abc.abstractmethod
    def of_conditions(self, given: Given) -> Float[Tensor, "M K"]:
        """The vectors of conditions."""


class Inference(Ability):
    """A guess at the latent that made x, q(z | x, given), beside the law that it is a guess of, p(z) p(x | z).

    Attributes:
        latent: What one z is.
        exact: Whether it is the posterior itself; where x is seen somewhere in its cell, it is of a place.
    """

    latent: Space
    exact: bool = False

    @abc.abstractmethod
    def posterior(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Distribution:
        """q(z | x, given)."""

    @abc.abstractmethod
    def log_joint(
        self, x: Shaped[Tensor, "B *event"], z: Shaped[Tensor, "B *latent"], given: Given = NOTHING
    ) -> Float[Tensor, " B"]:
        """log p(x | z, given) + log p(z | given), of x in the units that the encoder sees."""

    @abc.abstractmethod
    def joint(
        self, n: int, given: Given, noise: Noise
    ) -> tuple[Shaped[Tensor, "n *event"], Shaped[Tensor, "n *latent"]]:
        """n draws of x and z together."""

    @abc.abstractmethod
    def log_prior(self, z: Shaped[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, " B"]:
        """log p(z | given)."""

    @abc.abstractmethod
    def entries(self, z: Shaped[Tensor, "B *latent"], given: Given, noise: Noise) -> Shaped[Tensor, "B *event"]:
        """A draw of p(x | z, given), whose entries are independent."""


class Layers(Ability):
    """Latents in layers from the top down, and x below them: the entries of a layer are independent given those above.

    Attributes:
        space: What one x is.
        sizes: The lengths of the layers, from the top.
    """

    space: Space
    sizes: tuple[int, ...]

    @abc.abstractmethod
    def guess(self, x: Shaped[Tensor, "B *event"], above: Sequence[Tensor], given: Given = NOTHING) -> Normal:
        """q(z_l | x, z above) of the layer below those above."""

    @abc.abstractmethod
    def expected(self, n: int, above: Sequence[Tensor], given: Given = NOTHING) -> Normal:
        """p(z_l | z above) of n rows."""

    @abc.abstractmethod
    def observed(self, z: Sequence[Tensor], given: Given = NOTHING) -> Distribution:
        """p(x | z), given all layers from the top."""


@runtime_checkable
class Settle(Protocol):
    """Rounds numbers, under a key that is told once."""

    def __call__(self, t: Tensor, /, key: int) -> Tensor: ...


class Lattice(Ability):
    """x as whole numbers in parts, the entries of a part independent given those before; nothing is lost on the way.

    Attributes:
        space: What one x is.
    """

    space: Space

    @abc.abstractmethod
    def parts(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Sequence[Int[Tensor, "B D_k"]]:
        """The whole numbers of rows, part after part."""

    @abc.abstractmethod
    def unfold(self, n: int, given: Given, settle: Settle) -> "Unfolding":
        """Asked for one part after another: each time its law, log P (n, d, m) of m whole numbers for a slice
        of d of its entries; it is sent the part. At its end it returns x. What is rounded on the way, `settle`
        rounds."""


class Imputation(Ability):
    """Entries of a row given the others, drawn without approximation,

    $$ x_m \\sim p(x_m \\mid x_k, given). $$

    Attributes:
        space: What one x is.
        exact: Whether that is so; where x is seen through a random place in its cell, a few places are tried.
        consistent: Whether the conditionals are those of one law; where they are learned one by one, they are nearly.
    """

    space: Space
    exact: bool = True
    consistent: bool = True

    @abc.abstractmethod
    def impute(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Shaped[Tensor, "B *event"]:
        """Rows of the space: entries that are there as they are, those that are missing (NaN) drawn given them."""


class Conditioning(Ability):
    """The law of a row given a linear measurement of it with Gaussian noise, in closed form,

    $$ x \\mid y, \\qquad y = A x + \\varepsilon, \\quad \\varepsilon \\sim N(0, R). $$

    Attributes:
        space: What one x is.
        exact: Whether that is so; where x is seen somewhere in its cell, it is of a place that is not known.
    """

    space: Space
    exact: bool = True

    @abc.abstractmethod
    def condition(
        self, matrix: Float[Tensor, "m D"], y: Float[Tensor, "B m"], variance: Float[Tensor, " m"], given: Given
    ) -> ConditionedLike:
        """The law of x, laid flat and in the data's own units, given each of B measurements; R is diagonal."""


class Sweeping(Ability):
    """Gibbs's sampler of a row that is seen through noise, entry by entry,

    $$ x \\sim p(x \\mid given) \\prod_i g_i(x_i) / Z. $$

    Attributes:
        space: What one x is.
    """

    space: Space

    @abc.abstractmethod
    def kernel(self, evidence: Float[Tensor, "B D L"], given: Given) -> Kernel:
        """A sweep of one chain for each row, log g_i(v) being the evidence; −∞ rules a value out. Chains start at
        rows of numbers, laid flat, that nothing rules out."""


class Events(Ability):
    """Probabilities of regions in closed form, and draws from within,

    $$ P(x \\in R \\mid given), \\qquad x \\sim p(x \\mid x \\in R, given). $$

    Attributes:
        space: What one x is.
        consistent: Whether the probabilities are those of one law; where conditionals are learned one by one, nearly.
    """

    space: Space
    consistent: bool = True

    @abc.abstractmethod
    def log_mass(self, n: int, region: Region, given: Given) -> Float[Tensor, " n"]:
        """log P(x in R | given) for each of n rows of the condition; −∞ where there is none.

        Raises:
            Unsupported: If the region is none whose mass is known.
        """

    @abc.abstractmethod
    def draw_within(self, n: int, region: Region, given: Given, noise: Noise) -> Shaped[Tensor, "n *event"]:
        """Draws from the model within a region that has mass."""


Law = Callable[[Tensor, slice], Tensor]
Unfolding = Generator[Law, Tensor, Tensor]


@runtime_checkable
class Map(Protocol):
    """What an ability needs of the map before it."""

    space: Space

    def within(self, x: Tensor, given: Given) -> tuple[Tensor, Given]:
        """Rows and conditions as the part sees them, without randomness."""

    def outward(self, y: Tensor) -> Tensor:
        """What the part makes, as data."""

    def rule(self, given: Given) -> Given:
        """The condition as the part sees it."""


@functools.singledispatch
def behind(ability: Any, before: Map) -> Ability:
    """An ability of a part as that of the map before it.

    Args:
        ability: The part's.
        before: The map.

    Raises:
        TypeError: If it is an ability of another kind.
    """
    raise TypeError(
        "An ability must be a Latent, a Denoiser, a Sequential, a Critic, Codes, Layers, an Inference or a Timing, "
        f"got {type(ability).__name__}."
    )


class MappedNumbers:
    """Data through a map, then as the part's numbers; and back."""

    def __init__(self, before: Map, inner: NumbersLike) -> None:
        self.before, self.inner = before, inner

    def of(self, x: Shaped[Tensor, "B *event"]) -> Float[Tensor, "B *inner"]:
        """Data as numbers."""
        return self.inner.of(self.before.within(x, NOTHING)[0])

    def back(self, y: Float[Tensor, "B *inner"]) -> Shaped[Tensor, "B *event"]:
        """Numbers as data."""
        return self.before.outward(self.inner.back(y))


class MappedLatent(Latent):
    """The latent of a part."""

    def __init__(self, inner: Latent, before: Map) -> None:
        self.inner, self.before, self.space, self.layers = inner, before, inner.space, inner.layers
        self.numbers = MappedNumbers(before, inner.numbers)

    def draw(self, n: int, given: Given, noise: Noise) -> Shaped[Tensor, "n *latent"]:
        return self.inner.draw(n, self.before.rule(given), noise)

    def log_prior(self, z: Float[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, " B"]:
        return self.inner.log_prior(z, self.before.rule(given))

    def generate(self, z: Shaped[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        return self.inner.generate(z, self.before.rule(given))

    def mixed(self, z: Shaped[Tensor, "B *latent"], other: Tensor, at: int, given: Given = NOTHING) -> Tensor:
        return self.inner.mixed(z, other, at, self.before.rule(given))


class MappedCritic(Critic):
    """The critic of a part."""

    def __init__(self, inner: Critic, before: Map) -> None:
        self.inner, self.before, self.pack = inner, before, inner.pack

    def of_rows(self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " packs"]:
        return self.inner.of_rows(*self.before.within(x, given), noise)

    def of_samples(self, n: int, given: Given, noise: Noise) -> Float[Tensor, " packs"]:
        return self.inner.of_samples(n, self.before.rule(given), noise)


class MappedTiming(Timing):
    """The times that a part tells."""

    def __init__(self, inner: Timing, before: Map) -> None:
        self.inner, self.before, self.log_snr = inner, before, inner.log_snr

    def log_posterior(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Float[Tensor, "B K"]:
        return self.inner.log_posterior(*self.before.within(x, given))


class MappedCodes(Codes):
    """The codes of a part."""

    def __init__(self, inner: Codes, before: Map) -> None:
        self.inner, self.before, self.alphabet = inner, before, inner.alphabet

    def of(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Mapping[str, Int[Tensor, "B T"]]:
        return self.inner.of(*self.before.within(x, given))


class MappedMatching(Matching):
    """What a part says belongs together."""

    def __init__(self, inner: Matching, before: Map) -> None:
        self.inner, self.before = inner, before

    def of_rows(self, x: Shaped[Tensor, "B *event"]) -> Float[Tensor, "B K"]:
        return self.inner.of_rows(self.before.within(x, NOTHING)[0])

    def of_conditions(self, given: Given) -> Float[Tensor, "M K"]:
        return self.inner.of_conditions(self.before.rule(given))


class MappedInference(Inference):
    """The guess of a part."""

    def __init__(self, inner: Inference, before: Map) -> None:
        self.inner, self.before, self.latent = inner, before, inner.latent
        self.exact = inner.exact and before.space.is_real

    def posterior(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Distribution:
        return self.inner.posterior(*self.before.within(x, given))

    def log_joint(
        self, x: Shaped[Tensor, "B *event"], z: Shaped[Tensor, "B *latent"], given: Given = NOTHING
    ) -> Float[Tensor, " B"]:
        y, told = self.before.within(x, given)
        return self.inner.log_joint(y, z, told)

    def joint(
        self, n: int, given: Given, noise: Noise
    ) -> tuple[Shaped[Tensor, "n *event"], Shaped[Tensor, "n *latent"]]:
        y, z = self.inner.joint(n, self.before.rule(given), noise)
        return self.before.outward(y), z

    def log_prior(self, z: Shaped[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, " B"]:
        return self.inner.log_prior(z, self.before.rule(given))

    def entries(self, z: Shaped[Tensor, "B *latent"], given: Given, noise: Noise) -> Shaped[Tensor, "B *event"]:
        return self.before.outward(self.inner.entries(z, self.before.rule(given), noise))


class MappedLayers(Layers):
    """The layers of a part whose x is left as it is, and its condition not."""

    def __init__(self, inner: Layers, before: Map) -> None:
        self.inner, self.before, self.space, self.sizes = inner, before, inner.space, inner.sizes

    def guess(self, x: Shaped[Tensor, "B *event"], above: Sequence[Tensor], given: Given = NOTHING) -> Normal:
        return self.inner.guess(x, above, self.before.rule(given))

    def expected(self, n: int, above: Sequence[Tensor], given: Given = NOTHING) -> Normal:
        return self.inner.expected(n, above, self.before.rule(given))

    def observed(self, z: Sequence[Tensor], given: Given = NOTHING) -> Distribution:
        return self.inner.observed(z, self.before.rule(given))


class MappedDenoiser(Denoiser):
    """The denoiser of a part."""

    def __init__(self, inner: Denoiser, before: Map) -> None:
        self.inner, self.before = inner, before
        self.schedule, self.shape = inner.schedule, inner.shape
        self.numbers = MappedNumbers(before, inner.numbers)

    def denoise(self, x_t: Float[Tensor, "B *event"], t: Tensor, given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        return self.inner.denoise(x_t, t, self.before.rule(given))

    def start(self, n: int, noise: Noise) -> Float[Tensor, "n *event"]:
        return self.inner.start(n, noise)

    def seen(self, mean: Float[Tensor, "B *event"], given: Given = NOTHING) -> Float[Tensor, "B *shape"]:
        return self.inner.seen(mean, self.before.rule(given))

    def told(self, mean: Float[Tensor, "B *event"], given: Given = NOTHING) -> Shaped[Tensor, "B *shape"]:
        return self.before.outward(self.inner.told(mean, self.before.rule(given)))


class MappedSequential(Sequential):
    """The conditionals of a part whose x is left as it is, and its condition not."""

    def __init__(self, inner: Sequential, before: Map) -> None:
        self.inner, self.before = inner, before
        self.space, self.symbols = inner.space, inner.symbols

    def begin(self, n: int, given: Given = NOTHING) -> Any:
        return self.inner.begin(n, self.before.rule(given))

    def logits(self, state: Any) -> Float[Tensor, "n symbols"]:
        return self.inner.logits(state)

    def take(self, state: Any, symbol: Int[Tensor, " n"]) -> Any:
        return self.inner.take(state, symbol)


behind.register(Codes, MappedCodes)
behind.register(Critic, MappedCritic)
behind.register(Inference, MappedInference)
behind.register(Latent, MappedLatent)
behind.register(Layers, MappedLayers)
behind.register(Matching, MappedMatching)
behind.register(Denoiser, MappedDenoiser)
behind.register(Sequential, MappedSequential)
behind.register(Timing, MappedTiming)
