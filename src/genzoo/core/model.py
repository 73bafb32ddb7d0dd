"""The contract: a generative model is a trainable distribution p(x | given).

Everything outside a model — training, metrics, tasks, the command line — sees `GenerativeModel` and nothing more. A
model has one required method, `draw`; what else it can do it says itself, instance by instance, because a composite
can do what its parts can.
"""

import abc
import contextlib
import enum
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo._memory import FEW, in_parts
from genzoo.core.abilities import Ability, Denoiser, Latent, Sequential
from genzoo.core.game import Batch, DirectFit, Objective, Trainable
from genzoo.core.given import (
    Given,
    GivenAsked,
    GivenSpaceLike,
    RowsAsked,
    as_given_space,
    as_tensor,
    asked,
    checked_values,
    complete,
    drops,
    given_rows,
    is_null,
    with_nulls,
)
from genzoo.core.noise import Noise, fresh_seed
from genzoo.core.space import Column, Space

__all__ = ["Capability", "GenerativeModel", "Likelihood", "Unsupported"]


class Unsupported(NotImplementedError):
    """The model cannot do what was asked of it; ask `model.can(…)` first."""


class Likelihood(enum.Enum):
    """What `log_prob` returns, from the strongest claim to none.

    A composite takes the weakest of its parts:

    Example:
        >>> Likelihood.weakest(Likelihood.EXACT, Likelihood.BOUND).value
        'bound'
    """

    EXACT = "exact"
    BOUND = "bound"
    ESTIMATE = "estimate"
    UNNORMALIZED = "unnormalized"
    NONE = "none"

    @staticmethod
    def weakest(*kinds: "Likelihood") -> "Likelihood":
        """The weakest of some kinds of likelihood."""
        order = list(Likelihood)
        return max(kinds, key=order.index)


class Capability(enum.Enum):
    """What a model may be able to do: a closed list, asked of the instance.

    Example:
        >>> Capability("log_prob").name
        'LOG_PROB'
    """

    SAMPLE = "sample"
    LOG_PROB = "log_prob"
    ENCODE = "encode"
    DECODE = "decode"
    SCORE = "score"
    LATENT = "latent"
    DENOISE = "denoise"
    STEP = "step"
    LOSS = "loss"
    CONDITION = "condition"
    MISSING = "missing"
    DIRECT_FIT = "direct_fit"


ABILITIES: dict[Capability, type[Ability]] = {
    Capability.LATENT: Latent,
    Capability.DENOISE: Denoiser,
    Capability.STEP: Sequential,
}
A = TypeVar("A", bound=Ability)


class GenerativeModel(Trainable):
    """A trainable distribution p(x | given) over a space.

    A concrete model implements `draw` and, where it can, `log_density`, `encode`, `decode`. Callers use `sample` and
    `log_prob`, which check what comes in and turn a seed into noise: row i of the result depends on (seed, start + i)
    alone, whatever the batch size.

    Args:
        space: What one x is.
        given_space: What the model is conditioned on, if anything: a space, or names of spaces.

    Attributes:
        by_column: Whether a row may have columns of several kinds; what models one kind says no.
        given_space: The same by names; empty for an unconditional model.
        likelihood: What `log_prob` returns.
        drop_given: The share of conditions dropped in training, name by name; a model trained with 0 refuses null
            conditions.
        block: How many entries of rows are drawn or scored at a time, where that is faster and takes less memory;
            None: all of them. What is made of parts takes the least of theirs.
        required: Names that are never dropped and never null, such as the first part's in a product.
        spelled: Makes rows of the words of a condition, of which there are n; a run's model knows its classes.

    Raises:
        ValueError: If the space has columns of several kinds, and the model is one of a single kind.

    Example:
        >>> import math
        >>> class Uniform(GenerativeModel):
        ...     likelihood = Likelihood.EXACT
        ...     def draw(self, n, given, noise):
        ...         return noise.integers(self.space.levels, n, *self.space.shape).to(torch.uint8)
        ...     def log_density(self, x, given, noise):
        ...         return torch.full((len(x),), -self.space.dims * math.log(self.space.levels), dtype=torch.float64)
        >>> model = Uniform(Space((8, 8), levels=256))
        >>> x = model.sample(16, seed=0)
        >>> model.space.bits_per_dim(model.log_prob(x).mean().item())
        8.0
    """

    by_column: bool = False
    likelihood: Likelihood = Likelihood.NONE
    drop_given: float = 0.0
    block: int | None = None
    required: frozenset[str] = frozenset()
    spelled: Callable[[Any, int], GivenAsked] | None = None

    def __init__(self, space: Space, given_space: GivenSpaceLike = None) -> None:
        super().__init__()
        if space.columns is not None and not self.by_column:
            raise ValueError(
                f"{type(self).__name__} is a model of entries of one kind, got {space}. Build it over "
                f"Space({space.shape}) and pass it to Dequantized with these columns."
            )
        self.space, self.given_space = space, as_given_space(given_space)

    @abc.abstractmethod
    def draw(self, n: int, given: Given, noise: Noise, /, *_: Any, **options: Any) -> Tensor:
        """n rows of the space from noise, one per row of `given`; the typed keywords are `sample`'s options."""
        # Ending in *Any, **Any lets a concrete model name its options in place of these and still be a subtype.

    def log_density(self, x: Tensor, given: Given, noise: Noise, *_: Any, **options: Any) -> Tensor:
        """(B,) log-densities in nats: a probability mass if the space is discrete, else a density in raw units. What
        a bound or an estimate draws comes from `noise`; the typed keywords are `log_prob`'s options."""
        raise self.lacks(Capability.LOG_PROB)

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Tensor:
        """The latent of each x, without randomness."""
        raise self.lacks(Capability.ENCODE)

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Tensor:
        """The x of each latent, in the space, without randomness."""
        raise self.lacks(Capability.DECODE)

    def sample(
        self, n: int, given: GivenAsked = None, *, seed: int | None = None, start: int = 0, **options: Any
    ) -> Shaped[Tensor, "n *shape"]:
        """Samples x ~ p(x | given), in the space: bytes come out as bytes.

        Args:
            n: The number of rows.
            given: The condition, one row per sample or one value for all; null rows ask for the marginal.
            seed: Names the noise; without one a fresh seed is taken.
            start: The number of the first row: rows 0…9 and 10…19 of a seed are rows 0…19 of it.
            options: The model's own, as in its `draw`.

        Raises:
            Unsupported: If the model cannot sample: it codes x and has no density.
            ValueError: If n is negative or `given` does not fit.
            TypeError: If the model has no such option.
        """
        if not self.can(Capability.SAMPLE):
            raise self.lacks(Capability.SAMPLE)
        if n < 0:
            raise ValueError(f"The number of samples must not be negative, got {n}.")
        self._refuse_unknown("draw", options)
        noise = Noise(fresh_seed() if seed is None else seed, "sample", start=start, device=self.device)
        rows, size = self.checked_given(given, n), n if self.can(Capability.STEP) else self._rows_at_once(n, options)
        draw = functools.partial(self.draw, **options)
        with torch.no_grad(), evaluating(self):
            return in_parts(n, size, lambda i: draw(len(range(n)[i]), given_rows(rows, i), noise.rows(i)))

    def log_prob(
        self, x: RowsAsked, given: GivenAsked = None, *, seed: int = 0, start: int = 0, **options: Any
    ) -> Float[Tensor, " B"]:
        """log p(x | given) in nats with respect to the data space, or what `likelihood` says: a bound or estimate.

        Args:
            x: Rows of the space: a tensor, an array or a list.
            given: The condition, one row per row of x, or one value for all.
            seed: Names the noise of a bound or estimate.
            start: The number of the first row.
            options: The model's own, as in its `log_density`.

        Raises:
            Unsupported: If the model has no likelihood.
            ValueError: If x or `given` does not fit.
            TypeError: If the model has no such option.
        """
        self._refuse_unknown("log_density", options)
        noise = Noise(seed, "log_prob", start=start, device=self.device)
        x, rows = self.checked(x), self.checked_given(given, len(x))
        size = len(x) if torch.is_grad_enabled() else self._rows_at_once(len(x), options)
        return in_parts(len(x), size, lambda i: self.log_density(x[i], given_rows(rows, i), noise.rows(i), **options))

    def score(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B *shape"]:
        """∇ₓ log p(x | given)."""
        if not self.can(Capability.SCORE):
            raise self.lacks(Capability.SCORE)
        with torch.enable_grad():
            x = self.checked(x).detach().requires_grad_()
            return torch.autograd.grad(self.log_prob(x, given).sum(), x)[0]

    def loss(self, batch: Batch) -> Tensor:
        """−log p(x | given), the mean over rows, with a share `drop_given` of the conditions dropped."""
        return -self.log_density(batch.x, self.training_given(batch), batch.noise).mean()

    def lowers(self) -> Objective:
        """−log p(x | given) in nats per row, where a model has no other loss."""
        return Objective() if self._overrides("loss") else Objective(nats=("loss",), densities=("loss",))

    def can(self, capability: Capability | str) -> bool:
        """Whether this instance has a capability.

        Example:
            >>> class Constant(GenerativeModel):
            ...     def draw(self, n, given, noise):
            ...         return torch.zeros(n, *self.space.shape)
            >>> Constant(Space((2,))).can("sample"), Constant(Space((2,))).can("log_prob")
            (True, False)
        """
        match Capability(capability):
            case Capability.CONDITION:
                return bool(self.given_space)
            case Capability.MISSING:
                return self.takes_missing()
            case Capability.DIRECT_FIT:
                return isinstance(self, DirectFit)
            case Capability.SCORE:
                return self._overrides("score") or (self.can("log_prob") and self.space.is_real)
            case Capability.LOG_PROB:
                return self._overrides("log_density")
            case Capability.LOSS:
                return self._overrides("loss") or self.can("log_prob")
            case Capability.SAMPLE:
                return True
            case Capability.LATENT | Capability.DENOISE | Capability.STEP as other:
                return self.ability(ABILITIES[other]) is not None
            case other:
                return self._overrides(other.value)

    def ability(self, kind: type[A]) -> A | None:
        """What this model is, as an object of one of the kinds in `genzoo.core.abilities`, or None.

        Example:
            >>> class Constant(GenerativeModel):
            ...     def draw(self, n, given, noise):
            ...         return torch.zeros(n, *self.space.shape)
            >>> Constant(Space((2,))).ability(Latent) is None
            True
        """
        return next((found for found in self.abilities() if isinstance(found, kind)), None)

    def abilities(self) -> Sequence[Ability]:
        """All that this model is, of the kinds in `genzoo.core.abilities`."""
        return ()

    def able(self, kind: type[A]) -> A:
        """The same, for a caller that cannot do without.

        Raises:
            Unsupported: If the model is nothing of that kind.
        """
        if (found := self.ability(kind)) is None:
            known = {other: name for name, other in ABILITIES.items()}
            raise self.lacks(known.get(kind, kind.__name__))
        return found

    def lacks(self, capability: Capability | str) -> Unsupported:
        """The error to raise for a capability that this model lacks: it says what the model offers instead."""
        offers = ", ".join(sorted(c.value for c in Capability if self.can(c)))
        does = f"cannot {capability.value}" if isinstance(capability, Capability) else f"has no {capability}"
        return Unsupported(f"{type(self).__name__} {does} (likelihood: {self.likelihood.value}). It can: {offers}.")

    def checked(self, x: RowsAsked) -> Tensor:
        """x as a tensor, if it is made of rows of the space; whole numbers in a list or an array are reals, too.

        Raises:
            ValueError: If its shape, type or range is not the space's.
        """
        space, dtype = self.space, torch.float64 if self.space.dtype == "float64" else self.dtype
        if not isinstance(x, Tensor):
            x = as_tensor(x, "x", dtype).to(self.device, None if space.is_discrete else dtype)
        shape = tuple(x.shape[1:])
        if shape != space.shape and not (space.ragged and self._is_shorter(shape)):
            raise ValueError(f"Rows of x must have shape {space.shape}, got {shape}. Reshape or resize the data.")
        if space.is_discrete and x.is_floating_point():
            raise ValueError(f"x must hold {space}, got {x.dtype}. Give the levels themselves, as integers.")
        if space.is_discrete and len(x) and not 0 <= int(x.min()) <= int(x.max()) <= self._highest:
            raise ValueError(f"x must hold {space}, got values {int(x.min())} to {int(x.max())}. Check the range.")
        if not space.is_discrete and not x.is_floating_point():
            raise ValueError(f"x must hold {space}, got {x.dtype}. Convert with .float().")
        if space.columns is not None:
            _check_columns(x, space.columns)
        return x

    def latents(self, z: RowsAsked) -> Tensor:
        """z as a tensor."""
        return as_tensor(z, "z", self.dtype).to(self.device)

    def checked_batch(self, batch: Batch) -> tuple[Tensor, Given]:
        """The rows of a batch and their conditions in full, for a fit: null conditions are let through.

        Raises:
            ValueError: If they are not those of the model's spaces.
        """
        return self.checked(batch.x), checked_values(self.given_of(batch), self.given_space)

    def checked_given(self, given: GivenAsked, n: int) -> Given:
        """The condition in full, null rows standing for what is missing: where it enters, and nowhere else.

        Raises:
            ValueError: If it does not fit, or holds null rows where the model knows of none.
        """
        given = given if self.spelled is None else self.spelled(given, n)
        rows = complete(asked(given, self.given_space, n, self.device), self.given_space, n, self.device)
        checked_values(rows, self.given_space)
        always = list(rows) if not self.takes_null() else sorted(self.required)
        lacking = [name for name in always if is_null(rows[name], ragged=self.given_space[name].ragged).any()]
        if lacking:
            needs = f"needs {sorted(self.required)}" if self.required.issuperset(lacking) else ""
            raise ValueError(
                f"{type(self).__name__} {needs or 'was trained with drop_given=0'}, so every row needs its condition, "
                f"got null rows of {lacking}. Pass `given`{'' if needs else ', or train with drop_given=0.1'}."
            )
        return rows

    def given_of(self, batch: Batch) -> Given:
        """The condition of a batch in full; names, shapes and types are looked at, values are not."""
        return complete(batch.given, self.given_space, len(batch), batch.x.device)

    def require(self, *names: str) -> None:
        """Makes names of the condition such that are always there: never dropped in training, refused where null."""
        self.required = self.required | set(names)

    def takes_null(self) -> bool:
        """Whether null conditions are allowed: learned by dropping some, unless the model can marginalise."""
        return self.drop_given > 0

    def takes_missing(self) -> bool:
        """Whether entries of x may be missing, NaN: densities and fits are then of what is there."""
        return False

    def training_given(self, batch: Batch) -> Given:
        """The batch's condition with a share `drop_given` of the rows of each name made null.

        In half of these all names go together, which guidance asks for; in the others each goes on its own, so that a
        name that is missing later means the marginal over it.
        """
        given = self.given_of(batch)
        names = [name for name in given if name not in self.required]
        if not names or self.drop_given == 0 or not self.training:
            return given
        return with_nulls(given, drops(names, self.drop_given, batch.noise.at("drop_given"), len(batch)))

    def options(self, method: str) -> frozenset[str]:
        """The names of a method's typed options, those of parts included: "draw" for `sample`'s, "log_density" for
        `log_prob`'s.

        Example:
            >>> class Cold(GenerativeModel):
            ...     def draw(self, n, given, noise, *, temperature: float = 1.0):
            ...         return temperature * noise.normal(n, *self.space.shape)
            >>> sorted(Cold(Space((2,))).options("draw"))
            ['temperature']
        """
        return _keywords(getattr(type(self), method))

    def __repr__(self) -> str:
        """One line; the networks within print themselves in full."""
        return f"{type(self).__name__}({f'{self.extra_repr()}; '.lstrip('; ')}{self.parameter_count:,} parameters)"

    @property
    def device(self) -> torch.device:
        """Where the model's parameters (or buffers) are."""
        return next((tensor.device for tensor in chain(self.parameters(), self.buffers())), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the model's parameters, torch's default if it has none."""
        return next((parameter.dtype for parameter in self.parameters()), torch.get_default_dtype())

    def _rows_at_once(self, n: int, options: dict[str, Any]) -> int:
        """How many of n rows are drawn or scored at a time; all, where an option may be of each row."""
        by_row = any(not isinstance(value, int | float | str | None) for value in options.values())
        parts = () if by_row or n <= FEW else self.modules()
        blocks = (part.block for part in parts if isinstance(part, GenerativeModel))
        return min((block // self.space.dims for block in blocks if block), default=n)

    def _is_shorter(self, shape: tuple[int, ...]) -> bool:
        longest = self.space.shape
        return len(shape) == len(longest) and shape[1:] == longest[1:] and shape[0] <= longest[0]

    @property
    def _highest(self) -> int:
        return (self.space.levels or 0) - (0 if self.space.ragged else 1)

    def _refuse_unknown(self, method: str, options: dict[str, Any]) -> None:
        if unknown := sorted(set(options) - self.options(method)):
            known = ", ".join(sorted(self.options(method))) or "none"
            raise TypeError(f"{type(self).__name__} has no option {', '.join(unknown)} there. It has: {known}.")

    def _overrides(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(GenerativeModel, method)


@functools.cache
def _keywords(method: Callable[..., Any]) -> frozenset[str]:
    parameters = inspect.signature(method).parameters.values()
    return frozenset(parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY)


def _check_columns(x: Tensor, columns: Sequence[Column]) -> None:
    """Raises if an entry is no value of its column; one that is missing is looked at elsewhere."""
    low = [-torch.inf if column.levels is None else 0 for column in columns]
    high = [torch.inf if column.levels is None else column.levels - 1 for column in columns]
    ends, y = torch.tensor([low, high], dtype=torch.float64, device=x.device), x.double()
    whole = torch.tensor([column.is_discrete for column in columns], device=x.device)
    bad = ((y < ends[0]) | (y > ends[1]) | (whole & (y != y.round()))) & ~y.isnan()
    if bad.any():
        row, entry = bad.nonzero()[0].tolist()
        kind = "whole numbers" if columns[entry].levels is None else f"integers in [0, {columns[entry].levels})"
        raise ValueError(
            f"Entry {entry} of x must hold {kind}, got {x[row, entry].item():g} in row {row}. Check the columns."
        )


@contextlib.contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """The module in eval mode for a while, every part put back as it was."""
    modes = [vars(part) for part in module.modules() if part.training]
    for (
        part
    ) in modes:  # not by `part.training = …`: for a few rows a module's way of setting it would be a fifth of all
        part["training"] = False
    try:
        yield
    finally:
        for part in modes:
            part["training"] = True
