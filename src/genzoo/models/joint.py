"""Products of models: p(a, b | given) = p(a | given) p(b | a, given)."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core.game import Batch, DirectFit, Done, Metrics, Player
from genzoo.core.given import Given
from genzoo.core.model import Capability, GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.mapped import some

__all__ = ["Joint"]


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
        second: p(b | a, given); its condition is the mapping {"a": first.space} and the parts of given, a single
            condition being called "given".
        first_entries: Which entries of x laid flat are a.

    Raises:
        ValueError: If the parts do not make up the space, the second is not conditioned on the first, or only one of
            them is a direct fit.

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
        super().__init__(space, first.given)
        _check(space, first, second, first_entries)
        self.first, self.second = first, second
        rest = [entry for entry in range(space.dims) if entry not in set(first_entries)]
        self.register_buffer("first_entries", torch.tensor(first_entries), persistent=False)
        self.register_buffer("second_entries", torch.tensor(rest), persistent=False)
        self.likelihood = Likelihood.weakest(first.likelihood, second.likelihood)
        self.drop_given = first.drop_given

    def draw(self, n: int, given: Given, noise: Noise) -> Shaped[Tensor, "n *event"]:
        a = self.first.draw(n, given, noise.at("first"))
        b = self.second.draw(n, self._rule(a, given), noise.at("second"))
        x = torch.zeros(n, self.space.dims, dtype=self._dtype(), device=a.device)
        x[:, self.first_entries] = a.flatten(1).to(x.dtype)
        x[:, self.second_entries] = b.flatten(1).to(x.dtype)
        return x.reshape(n, *self.space.shape)

    def log_density(
        self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise, **options: Any
    ) -> Float[Tensor, " B"]:
        if not self.can(Capability.LOG_PROB):
            raise self.lacks(Capability.LOG_PROB)
        a, b = self.parts(x)
        first = self.first.log_density(a, given, noise.at("first"))
        return first + self.second.log_density(b, self._rule(a, given), noise.at("second"))

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

    def prepare(self, batches: Iterable[Batch]) -> None:
        kept = list(some(batches))
        self.first.prepare(self._first(batch) for batch in kept)
        self.second.prepare(self._second(batch) for batch in kept)

    def begin(self) -> None:
        for part in self._passes():
            part.begin()

    def accumulate(self, batch: Batch) -> None:
        for part, rows in zip(self._passes(), (self._first(batch), self._second(batch)), strict=True):
            part.accumulate(rows)

    def statistics(self) -> Iterable[Tensor]:
        return itertools.chain.from_iterable(part.statistics() for part in self._passes())

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
            case Capability.CONDITION:
                return self.given is not None
            case _:
                return False

    def _passes(self) -> list[DirectFit]:
        parts: list[DirectFit] = [part for part in (self.first, self.second) if isinstance(part, DirectFit)]
        if not self.can(Capability.DIRECT_FIT):
            raise self.lacks(Capability.DIRECT_FIT)
        return parts

    def _first(self, batch: Batch) -> Batch:
        return replace(batch, x=self.parts(batch.x)[0], noise=batch.noise.at("first"))

    def _second(self, batch: Batch) -> Batch:
        a, b = self.parts(batch.x)
        return replace(batch, x=b, given=self._rule(a, batch.given), noise=batch.noise.at("second"))

    def _through(self, player: Player, part: Any) -> Any:
        def loss(batch: Batch) -> Tensor | Mapping[str, Tensor]:
            return player.loss(part(batch))

        return loss

    def _rule(self, a: Tensor, given: Given) -> dict[str, Tensor]:
        """The condition of the second part."""
        rule = {"a": a.long() if self.first.space.is_discrete else a}
        if given is None:
            return rule
        return rule | ({"given": given} if isinstance(given, Tensor) else dict(given))

    def _dtype(self) -> torch.dtype:
        return _dtype(self.space)


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
    rule = second.given
    if not (isinstance(rule, Mapping) and rule.get("a") == first.space):
        raise ValueError(f"The second part must be conditioned on {{'a': {first.space}}}, got {rule}.")


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
