"""Where a proposal can take the place of a model: its noise, or its data.

Every sample is a map of the numbers drawn for it. The normal ones among them are standard and independent, whatever
the model: a flow's z, the z and the observation noise of a VAE, the whole path of a diffusion. Drawing *those* from
elsewhere and weighting by their densities changes no model and needs no likelihood. Where no normal number is drawn, x
itself can be drawn from elsewhere, if its density is known exactly.
"""

import abc
from typing import Any, cast

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from genzoo.core.given import Given, GivenLike
from genzoo.core.model import GenerativeModel, Likelihood, Unsupported, evaluating
from genzoo.core.noise import Noise
from genzoo.tasks.expectations import in_turn
from genzoo.tasks.proposal import Proposal, standard

__all__ = ["DataSource", "NoiseSource", "Source", "WholeNoise", "source_of"]

Key = tuple[Any, ...]
LOOKED_AT = 2000  # rows that tell the units of data


class Source(abc.ABC):
    """Samples of a model, a part u of which may come from a proposal.

    Attributes:
        dims: The length of u.
        noise: Where all draws come from.
    """

    dims: int

    def __init__(self, model: GenerativeModel, given: GivenLike, noise: Noise) -> None:
        self.model, self.given, self.noise = model, given, noise

    @abc.abstractmethod
    def draw(
        self, proposal: Proposal, rows: Int[Tensor, " n"], noise: Noise
    ) -> tuple[Float[Tensor, "n D"], Shaped[Tensor, "n *event"], Float[Tensor, " n"]]:
        """u of some rows, the x of each, and log p(u)."""

    def _given(self, rows: Tensor) -> Given:
        return self.model.checked_given(in_turn(self.given, rows), len(rows))


class NoiseSource(Source):
    """u is all the normal numbers that the model draws for one x.

    Args:
        model: The model.
        given: Rows of its condition.
        noise: Where all draws come from.

    Raises:
        Unsupported: If the model draws no normal numbers.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import Gaussian
        >>> source = NoiseSource(Gaussian(Space((3,))), None, Noise(0))
        >>> u, x, _ = source.draw(Proposal.of_model(3), torch.arange(5), Noise(1))
        >>> torch.equal(u.float(), x)
        True
    """

    def __init__(self, model: GenerativeModel, given: GivenLike, noise: Noise) -> None:
        super().__init__(model, given, noise)
        two = torch.arange(2)
        self.layout: dict[Key, slice] = {}
        self._run(Steered(noise.rows(two), self.layout, None), two)
        self.dims = max((part.stop for part in self.layout.values()), default=0)
        if not self.dims:
            raise Unsupported(
                f"{type(model).__name__} draws no normal numbers, so its noise cannot be shifted. "
                "Count events by `expectation`, or use where='data' if its density is exact."
            )

    def draw(
        self, proposal: Proposal, rows: Int[Tensor, " n"], noise: Noise
    ) -> tuple[Float[Tensor, "n D"], Shaped[Tensor, "n *event"], Float[Tensor, " n"]]:
        noise = noise.rows(rows)
        u, _ = proposal.draw(len(rows), noise.at("proposal").to("cpu"))
        return u, self._run(Steered(noise.at("rest"), self.layout, u), rows), standard(u)

    def _run(self, noise: "Steered", rows: Tensor) -> Tensor:
        with torch.no_grad(), evaluating(self.model):
            return self.model.draw(len(rows), self._given(rows), noise)


class WholeNoise(Source):
    """u is every number that the model draws for one x, normal or uniform, in units of standard normals.

    A uniform number is Φ(u), so that a choice among components, levels or tokens can be steered like all else.

    Args:
        model: The model.
        given: Rows of its condition.
        noise: Where all draws come from.

    Raises:
        Unsupported: If the model draws nothing.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import GaussianMixture
        >>> WholeNoise(GaussianMixture(Space((3,)), components=2), None, Noise(0)).dims
        4
    """

    def __init__(self, model: GenerativeModel, given: GivenLike, noise: Noise) -> None:
        super().__init__(model, given, noise)
        two = torch.arange(2)
        self.layout: dict[Key, slice] = {}
        self._run(Guided(noise.rows(two), self.layout, None), two)
        self.dims = max((part.stop for part in self.layout.values()), default=0)
        if not self.dims:
            raise Unsupported(f"{type(model).__name__} draws no numbers, so its samples are all alike. Look at one.")

    def draw(
        self, proposal: Proposal, rows: Int[Tensor, " n"], noise: Noise
    ) -> tuple[Float[Tensor, "n D"], Shaped[Tensor, "n *event"], Float[Tensor, " n"]]:
        u, _ = proposal.draw(len(rows), noise.rows(rows).at("proposal").to("cpu"))
        return u, self.run(u, rows, noise.at("rest")), standard(u)

    def run(self, u: Float[Tensor, "n D"], rows: Int[Tensor, " n"], noise: Noise) -> Shaped[Tensor, "n *event"]:
        """The x that some numbers make; what has no place among them is drawn by the number of the row."""
        return self._run(Guided(noise.rows(rows), self.layout, u), rows)

    def _run(self, noise: "Steered", rows: Tensor) -> Tensor:
        with torch.no_grad(), evaluating(self.model):
            return self.model.draw(len(rows), self._given(rows), noise)


class DataSource(Source):
    """u is x itself, in units of its mean and covariance.

    Args:
        model: A model with an exact density of reals.
        given: Rows of its condition.
        noise: Where all draws come from.

    Raises:
        Unsupported: If its density is none of reals, or not exact.
    """

    def __init__(self, model: GenerativeModel, given: GivenLike, noise: Noise) -> None:
        super().__init__(model, given, noise)
        if model.space.is_discrete or model.space.ragged or model.likelihood is not Likelihood.EXACT:
            raise Unsupported(
                f"A proposal of x needs an exact density of reals, and {type(model).__name__} is "
                f"{model.likelihood.value} over {model.space}. Count events by `expectation`, or use where='noise'."
            )
        self.dims = model.space.dims
        rows = torch.arange(LOOKED_AT)
        x = self._own(rows, noise.at("units").rows(rows)).flatten(1).double()
        covariance = x.T.cov().reshape(self.dims, self.dims)
        self.mean, floor = x.mean(0), 1e-9 * covariance.diagonal().max() * torch.eye(self.dims).to(x)
        self.factor = torch.linalg.cholesky(covariance + floor)

    def draw(
        self, proposal: Proposal, rows: Int[Tensor, " n"], noise: Noise
    ) -> tuple[Float[Tensor, "n D"], Shaped[Tensor, "n *event"], Float[Tensor, " n"]]:
        noise = noise.rows(rows)
        u, own = proposal.draw(len(rows), noise.at("proposal").to("cpu"))
        u = u.to(self.mean)
        x = (self.mean + u @ self.factor.T).reshape(len(rows), *self.model.space.shape).to(self.model.dtype)
        x = torch.where(own.to(x.device).reshape(-1, *[1] * (x.ndim - 1)), self._own(rows, noise.at("own")), x)
        with torch.no_grad(), evaluating(self.model):
            log_prob = self.model.log_density(x, self._given(rows), noise.at("density")).double()
        u = torch.linalg.solve_triangular(self.factor, (x.flatten(1).double() - self.mean).T, upper=False).T
        return u.cpu(), x, (log_prob + self.factor.diagonal().log().sum()).cpu()

    def _own(self, rows: Tensor, noise: Noise) -> Tensor:
        with torch.no_grad(), evaluating(self.model):
            return self.model.draw(len(rows), self._given(rows), noise)


class Steered(Noise):
    """Noise whose normal numbers are told, as far as a layout has a place for them; the rest is drawn as ever.

    Args:
        noise: The noise that it follows.
        layout: The part of each row of u that each draw takes; without u it is written down here.
        u: The normal numbers of each row.
    """

    layout: dict[Key, slice]
    u: Tensor | None
    root: int

    def __init__(self, noise: Noise, layout: dict[Key, slice], u: Tensor | None) -> None:
        vars(self).update(vars(noise) | {"layout": layout, "u": u, "root": len(noise.path)})

    def at(self, *path: int | str) -> "Steered":
        return cast(Steered, self._copy(**vars(super().at(*path))))

    def rows(self, index: slice | Int[Tensor, " n"]) -> "Steered":
        u = None if self.u is None else self.u[index]
        return cast(Steered, self._copy(**vars(super().rows(index)) | {"u": u}))

    def normal(self, *shape: int, dtype: torch.dtype | None = None) -> Float[Tensor, "n *rest"]:
        u = self.told(shape)
        if u is None:
            return super().normal(*shape, dtype=dtype)
        return u.to(self.device, dtype or torch.get_default_dtype())

    def told(self, shape: tuple[int, ...]) -> Float[Tensor, "n *rest"] | None:
        """The numbers of the next draw, if they are told; without u its place is written down."""
        key = (self.path[self.root :], self.page, self.draws, shape[1:])
        if self.u is None:
            start = max((part.stop for part in self.layout.values()), default=0)
            self.layout.setdefault(key, slice(start, start + torch.Size(shape[1:]).numel()))
        elif key in self.layout and shape[0] == len(self.u):
            self.draws += 1
            return self.u[:, self.layout[key]].reshape(shape)
        return None


class Guided(Steered):
    """Noise of which uniform numbers are told as well, each as the normal number of the same rank."""

    def uniform(self, *shape: int, dtype: torch.dtype | None = None) -> Float[Tensor, "n *rest"]:
        u = self.told(shape)
        if u is None:
            return super().uniform(*shape, dtype=dtype)
        kind = dtype or torch.get_default_dtype()
        below_one = 1 - torch.finfo(kind).eps / 2
        return torch.special.ndtr(u).clamp_max(below_one).to(self.device, kind).clamp_max(below_one)

    def words(self, *shape: int) -> Int[Tensor, "n *rest"]:
        u = self.told(shape)
        if u is None:
            return super().words(*shape)
        return (torch.special.ndtr(u) * 2.0**32).long().clamp_max(2**32 - 1).to(self.device)


def source_of(model: GenerativeModel, given: GivenLike, where: str | None, noise: Noise) -> Source:
    """The noise or the data of a model; by default the noise, if it draws normal numbers.

    Args:
        model: The model.
        given: Rows of its condition.
        where: `noise`, `data` or None.
        noise: Where all draws come from.

    Raises:
        Unsupported: If the model has neither.
    """
    require_place(where)
    if where == "data":
        return DataSource(model, given, noise)
    try:
        return NoiseSource(model, given, noise)
    except Unsupported:
        if where == "noise" or model.space.is_discrete or model.likelihood is not Likelihood.EXACT:
            raise
        return DataSource(model, given, noise)


def require_place(where: str | None) -> None:
    """Refuses places that there are none of.

    Args:
        where: `noise`, `data` or None.

    Raises:
        ValueError: If it is another.
    """
    if where not in (None, "noise", "data"):
        raise ValueError(f"`where` must be 'noise' or 'data', got {where!r}. Leave it out to choose by the model.")
