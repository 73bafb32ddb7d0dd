"""Products of models: p(a, b | given) = p(a | given) p(b | a, given)."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn.functional import pad

from genzoo.core.abilities import Ability, Latent, Sequential
from genzoo.core.game import Batch, DirectFit, Done, Metrics, Objective, Player
from genzoo.core.given import NOTHING, Given
from genzoo.core.model import Capability, GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import unflattened
from genzoo.models.mapped import some

__all__ = ["Joint"]

FIRST = "a"  # what the second part calls the first


class Joint(GenerativeModel, DirectFit):
    """A model of two parts of x, the second given the first,

    $$ \\log p(x \\mid given) = \\log p(a \\mid given) + \\log p(b \\mid a, given), \\qquad x = (a, b). $$

    Codes at several levels, tables of numbers and categories, rows with their labels. The parts are entries of x laid
    flat: a where `first_entries` says, b the rest, each in the shape and type of its own model's space. A mass for
    discrete entries times a density for the others is what `log_prob` gives. Both parts are trained together: by their
    players, or by their passes where both are direct fits.

    Args:
        space: What one x is: reals if either part is real.
        first: p(a | given).
        second: p(b | a, given); its condition is {"a": first.space} and all that the first part is given, under the
            same names. It is never shown a null a.
        first_entries: Which entries of x laid flat are a.

    Raises:
        ValueError: If the parts do not make up the space, the second is not conditioned on the first and on what the
            first is given, a condition is called "a" as well, or only one of the parts is a direct fit.

    Example:
        >>> from genzoo.models.autoencoders import VAE, GaussianAutoencoder
        >>> height, sex = Space((1,)), Space((1,), levels=2)
        >>> first = VAE(height, None, GaussianAutoencoder.mlp(height, latent=1, hidden=[8]))
        >>> rule = {"a": height}
        >>> second = VAE(sex, rule, GaussianAutoencoder.mlp(sex, rule, latent=1, hidden=[8]))
        >>> model = Joint(Space((2,)), first, second, [0])
        >>> model.sample(3, seed=0).shape, model.likelihood.value
        (torch.Size([3, 2]), 'bound')
    """

    by_column = True
    first_entries: Tensor
    second_entries: Tensor

    def __init__(
        self, space: Space, first: GenerativeModel, second: GenerativeModel, first_entries: Sequence[int]
    ) -> None:
        super().__init__(space, first.given_space)
        _check(space, first, second, first_entries)
        self.first, self.second = first, second
        rest = [entry for entry in range(space.dims) if entry not in set(first_entries)]
        self.register_buffer("first_entries", torch.tensor(first_entries), persistent=False)
        self.register_buffer("second_entries", torch.tensor(rest), persistent=False)
        self.likelihood = Likelihood.weakest(first.likelihood, second.likelihood)
        self.drop_given, self.required = first.drop_given, first.required
        second.require(FIRST)

    def draw(self, n: int, given: Given, noise: Noise, /, **options: Any) -> Shaped[Tensor, "n *event"]:
        """Samples; an option goes to each part that knows it."""
        a = self.first.draw(n, given, noise.at("first"), **_known(self.first, "draw", options))
        rule = self.rule(a, given)
        b = self.second.draw(n, rule, noise.at("second"), **_known(self.second, "draw", options))
        return self.joined(a.to(self._dtype()), b.to(self._dtype()))

    def log_density(
        self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise, **options: Any
    ) -> Float[Tensor, " B"]:
        """The sum of both; an option, as a number of draws, goes to each part that knows it."""
        if not self.can(Capability.LOG_PROB):
            raise self.lacks(Capability.LOG_PROB)
        (a, b), rule = self.parts(x), _known(self.second, "log_density", options)
        first = self.first.log_density(a, given, noise.at("first"), **_known(self.first, "log_density", options))
        return first + self.second.log_density(b, self.rule(a, given), noise.at("second"), **rule)

    def options(self, method: str) -> frozenset[str]:
        return self.first.options(method) | self.second.options(method)

    def require(self, *names: str) -> None:
        super().require(*names)
        self.first.require(*names)
        self.second.require(*names)

    def parts(self, x: Shaped[Tensor, "B *event"]) -> tuple[Shaped[Tensor, "B *a"], Shaped[Tensor, "B *b"]]:
        """a and b, each in its own space."""
        flat = x.flatten(1)
        return _as(flat[:, self.first_entries], self.first.space), _as(flat[:, self.second_entries], self.second.space)

    @property
    def parameter_count(self) -> int:
        return self.first.parameter_count + self.second.parameter_count

    def players(self) -> Sequence[Player]:
        """The players of both parts, who move nothing in common."""
        ours = [replace(p, name=f"first/{p.name}", loss=self._through(p, self._first)) for p in self.first.players()]
        return ours + [
            replace(p, name=f"second/{p.name}", loss=self._through(p, self._second)) for p in self.second.players()
        ]

    def loss(self, batch: Batch) -> Tensor:
        return self.first.loss(self._first(batch)) + self.second.loss(self._second(batch))

    def lowers(self) -> Objective:
        """The sum of both, if both are nats per row."""
        first, second = self.first.lowers(), self.second.lowers()
        if not (first.nats and second.nats):
            return Objective()
        names = {part.name or "−log p" for part in (first, second)}
        return Objective("" if names == {"−log p"} else " + ".join(sorted(names)), nats=("loss",), densities=("loss",))

    def prepare(self, batches: Iterable[Batch]) -> None:
        first, second = itertools.tee(some(batches))  # a part that does not look costs nothing
        self.first.prepare(self._first(batch) for batch in first)
        self.second.prepare(self._second(batch) for batch in second)

    def begin(self) -> None:
        for part in self._passes():
            part.begin()

    def accumulate(self, batch: Batch) -> None:
        for part, rows in zip(self._passes(), (self._first(batch), self._second(batch)), strict=True):
            part.accumulate(rows)

    def statistics(self) -> Iterable[Tensor]:
        return itertools.chain.from_iterable(part.statistics() for part in self._passes())

    def looks(self) -> int:
        return max(part.looks() for part in self._passes())

    def finish(self) -> Metrics:
        first, second = (part.finish() for part in self._passes())
        kind = Done if isinstance(first, Done) and isinstance(second, Done) else dict
        named = {f"first/{name}": value for name, value in first.items()}
        return kind(named | {f"second/{name}": value for name, value in second.items()})

    def takes_null(self) -> bool:
        return self.first.takes_null() and self.second.takes_null()

    def can(self, capability: Capability | str) -> bool:
        match Capability(capability):
            case Capability.LOG_PROB | Capability.LOSS | Capability.DIRECT_FIT as both:
                return self.first.can(both) and self.second.can(both)
            case Capability.SCORE:
                return self.can(Capability.LOG_PROB) and self.first.space.is_real and self.second.space.is_real
            case Capability.SAMPLE:
                return True
            case Capability.CONDITION | Capability.LATENT | Capability.DENOISE | Capability.STEP as other:
                return super().can(other)
            case _:
                return False

    def abilities(self) -> list[Ability]:
        """A latent of both parts, and the conditionals of one after those of the other, where both have them."""
        found: list[Ability] = []
        first, second = self.first.ability(Latent), self.second.ability(Latent)
        if first is not None and second is not None:
            found.append(Both(self, first, second))
        before, after = self.first.ability(Sequential), self.second.ability(Sequential)
        if before is not None and after is not None and self._is_in_order():
            found.append(OneAfterAnother(self, before, after))
        return found

    def joined(self, a: Shaped[Tensor, "B *a"], b: Shaped[Tensor, "B *b"]) -> Shaped[Tensor, "B *event"]:
        """Parts put together, in the type of the first that has reals."""
        dtype = a.dtype if a.is_floating_point() else b.dtype
        x = torch.zeros(len(a), self.space.dims, dtype=dtype, device=a.device)
        x = x.index_copy(1, self.first_entries, a.flatten(1).to(dtype))
        return x.index_copy(1, self.second_entries, b.flatten(1).to(dtype)).reshape(len(a), *self.space.shape)

    def _passes(self) -> list[DirectFit]:
        parts: list[DirectFit] = [part for part in (self.first, self.second) if isinstance(part, DirectFit)]
        if not self.can(Capability.DIRECT_FIT):
            raise self.lacks(Capability.DIRECT_FIT)
        return parts

    def _first(self, batch: Batch) -> Batch:
        given = self.given_of(batch)
        return replace(batch, x=self.parts(batch.x)[0], given=given, noise=batch.noise.at("first"))

    def _second(self, batch: Batch) -> Batch:
        a, b = self.parts(batch.x)
        return replace(batch, x=b, given=self.rule(a, self.given_of(batch)), noise=batch.noise.at("second"))

    def _through(self, player: Player, part: Any) -> Any:
        def loss(batch: Batch) -> Tensor | Mapping[str, Tensor]:
            return player.loss(part(batch))

        return loss

    def rule(self, a: Tensor, given: Given) -> dict[str, Tensor]:
        """The condition of the second part."""
        return {FIRST: a.long() if self.first.space.is_discrete else a, **given}

    def _is_in_order(self) -> bool:
        """Whether the first part's entries come first, so that symbols are drawn in the order of x."""
        spaces = (self.space, self.first.space, self.second.space)
        flat = all(len(space.shape) == 1 and not space.ragged for space in spaces)
        return flat and self.first_entries.tolist() == list(range(len(self.first_entries)))

    def _dtype(self) -> torch.dtype:
        return _dtype(self.space)


class Both(Latent):
    """The latents of two parts side by side; the second part is given what the first one's becomes."""

    def __init__(self, model: Joint, first: Latent, second: Latent) -> None:
        self.model, self.first, self.second, self.numbers = model, first, second, BothNumbers(model, first, second)
        self.space = Space((first.space.dims + second.space.dims,))

    def draw(self, n: int, given: Given, noise: Noise) -> Float[Tensor, "n latent"]:
        z = self.first.draw(n, given, noise.at("first"))
        rule = self.model.rule(self.first.numbers.back(self.first.generate(z, given)), given)
        return torch.cat([z.flatten(1), self.second.draw(n, rule, noise.at("second")).flatten(1)], dim=1)

    def log_prior(self, z: Float[Tensor, "B latent"], given: Given = NOTHING) -> Float[Tensor, " B"]:
        first, second, rule = self._parts(z, given)
        return self.first.log_prior(first, given) + self.second.log_prior(second, rule)

    def generate(self, z: Float[Tensor, "B latent"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        first, second, rule = self._parts(z, given)
        return self.model.joined(self.first.generate(first, given), self.second.generate(second, rule))

    def _parts(self, z: Tensor, given: Given) -> tuple[Tensor, Tensor, Given]:
        first, second = z.split([self.first.space.dims, self.second.space.dims], dim=1)
        first = first.reshape(len(z), *self.first.space.shape)
        a = self.first.numbers.back(self.first.generate(first, given))
        return first, second.reshape(len(z), *self.second.space.shape), self.model.rule(a, given)


class BothNumbers:
    """The numbers of both parts, at their entries."""

    def __init__(self, model: Joint, first: Latent, second: Latent) -> None:
        self.model, self.first, self.second = model, first.numbers, second.numbers

    def of(self, x: Shaped[Tensor, "B *event"]) -> Float[Tensor, "B *event"]:
        """Data as numbers."""
        a, b = self.model.parts(x)
        return self.model.joined(self.first.of(a), self.second.of(b))

    def back(self, y: Float[Tensor, "B *event"]) -> Shaped[Tensor, "B *event"]:
        """Numbers as data."""
        flat = y.flatten(1)
        a = flat[:, self.model.first_entries].reshape(len(y), *self.model.first.space.shape)
        b = flat[:, self.model.second_entries].reshape(len(y), *self.model.second.space.shape)
        return self.model.joined(self.first.back(a), self.second.back(b))


@dataclass
class Told:
    """How far two chains have come: the first's symbols, and the state of the one that is asked."""

    given: Given
    state: Any
    symbols: list[Tensor]


class OneAfterAnother(Sequential):
    """The conditionals of the first part, then those of the second given the first."""

    def __init__(self, model: Joint, first: Sequential, second: Sequential) -> None:
        self.model, self.first, self.second, self.space = model, first, second, model.space
        self.symbols = max(first.symbols, second.symbols)

    def begin(self, n: int, given: Given = NOTHING) -> Told:
        return Told(given, self.first.begin(n, given), [])

    def logits(self, state: Told) -> Float[Tensor, "n symbols"]:
        chain = self.first if len(state.symbols) < self.first.space.dims else self.second
        return pad(chain.logits(state.state), (0, self.symbols - chain.symbols), value=-torch.inf)

    def take(self, state: Told, symbol: Int[Tensor, " n"]) -> Told:
        known = len(state.symbols)
        state.symbols.append(symbol)
        if known + 1 == self.first.space.dims:
            a = unflattened(torch.stack(state.symbols, dim=1), self.first.space)
            state.state = self.second.begin(len(symbol), self.model.rule(a, state.given))
        else:
            chain = self.first if known < self.first.space.dims else self.second
            state.state = chain.take(state.state, symbol)
        return state


def _as(flat: Shaped[Tensor, "B d"], space: Space) -> Tensor:
    rows = flat.reshape(len(flat), *space.shape)
    return rows.to(_dtype(space))


def _dtype(space: Space) -> torch.dtype:
    plain = not space.is_discrete and space.columns is None
    return torch.get_default_dtype() if plain else getattr(torch, space.dtype)


def _check(space: Space, first: GenerativeModel, second: GenerativeModel, entries: Sequence[int]) -> None:
    if len(set(entries)) != first.space.dims or first.space.dims + second.space.dims != space.dims:
        raise ValueError(
            f"The parts must make up {space.dims} entries, got {first.space.dims} ({len(set(entries))} named) and "
            f"{second.space.dims}. Name each entry of the first part once."
        )
    real = not (first.space.is_discrete and second.space.is_discrete)
    if real == space.is_discrete:
        raise ValueError(f"The space must be real if a part is, got {space} for {first.space} and {second.space}.")
    if space.columns is not None:
        _check_columns(space, first.space, second.space, entries)
    if first.can(Capability.DIRECT_FIT) != second.can(Capability.DIRECT_FIT):
        raise ValueError(
            f"Both parts must be trained in the same way, got {type(first).__name__} and {type(second).__name__}, one "
            "of them a direct fit. Choose two models with players, or two direct fits."
        )
    if FIRST in first.given_space:
        raise ValueError(f"No condition may be called {FIRST!r}, which is the first part's name. Rename it.")
    rule = {FIRST: first.space, **first.given_space}
    if second.given_space != rule:
        raise ValueError(f"The second part must be conditioned on {rule}, got {second.given_space}. Build it so.")


def _check_columns(space: Space, first: Space, second: Space, entries: Sequence[int]) -> None:
    """Raises if an entry has other levels in the whole than in its part."""
    rest = [entry for entry in range(space.dims) if entry not in set(entries)]
    columns = space.columns or ()
    for part, places in ((first, entries), (second, rest)):
        own = [part.levels] * part.dims if part.columns is None else [column.levels for column in part.columns]
        for entry, levels in zip(places, own, strict=True):
            if columns[entry].levels != levels:
                raise ValueError(
                    f"The column of entry {entry} must be what its part models, got {columns[entry]} and {part}. "
                    "Build both over the same levels."
                )


def _known(part: GenerativeModel, method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name in part.options(method)}
