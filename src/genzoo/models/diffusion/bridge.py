"""Bridges: from rows of one kind to rows of another, where neither is noise.

The condition is a row y, and x a row of the same shape. Both are joined by an interpolant, and networks learn how a
place between them moves, and what of it is noise,

$$ u(x_t, t) = \\mathbb E[a'x + b'y \\mid x_t], \\qquad \\eta(x_t, t) = \\mathbb E[\\varepsilon \\mid x_t], $$

from which the means of x and of y follow. A sample starts from y and is carried to t = 0, by a flow, or with fresh
noise by a diffusion: each has at every time the law of x_t, so that rows of the one kind become rows of the other.
"""

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core.game import Batch, Objective
from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.model import GenerativeModel
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.models.diffusion.coupling import Coupling, Independent
from genzoo.models.diffusion.interpolant import Interpolant, Line, Place
from genzoo.models.diffusion.time import spread

__all__ = ["Bridge"]

Look = Callable[[Tensor, Tensor], None]


class Bridge(GenerativeModel):
    """A flow or a diffusion from rows of the condition to rows of x,

    $$ L = \\mathbb E_{t, x, y, \\varepsilon}\\,\\|u(x_t, t) - (a'x + b'y)\\|^2
       + \\|\\eta(x_t, t) - \\varepsilon\\|^2. $$

    Which y goes with which x in training is the coupling's to say, whatever pairs the data come in: `Independent`
    keeps the pairs of the data, `MinibatchOT` takes those that lie nearest, and `Entropic` with ε = 2 s² those of the
    Schrödinger bridge, the diffusion of all between both laws that is likest to Brownian motion of variance s².

    Reals are moved and scaled by one factor for all entries of x and y, so that what is near stays near.

    Args:
        space: What one x is.
        given_space: What one y is: a single condition of the shape of x.
        net: u, called as net(x_t, t) with one time a row.
        noise_net: η, likewise; none where the interpolant has no noise.
        path: The interpolant.
        coupling: Which y goes with which x.
        steps: Steps of a sample if nothing else is asked for.

    Raises:
        ValueError: If y is not of the shape and kind of x, or noise is to be told without a network for it.

    Example:
        >>> from genzoo.nn import MLP, Timed
        >>> plane = Space((2,))
        >>> model = Bridge(plane, plane, Timed(MLP(2, [32], 2, given=16), 16))
        >>> model.sample(3, torch.ones(3, 2), seed=0).shape
        torch.Size([3, 2])

    References:
        Tong et al., 2024, "Improving and generalizing flow-based generative models with minibatch optimal transport",
        arXiv:2302.00482
        Albergo, Boffi & Vanden-Eijnden, 2023, "Stochastic interpolants", arXiv:2303.08797
        Tong et al., 2024, "Simulation-free Schrödinger bridges via score and flow matching", arXiv:2307.03672
    """

    block = 1 << 17
    center: Tensor
    other: Tensor
    scale: Tensor

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        net: nn.Module,
        noise_net: nn.Module | None = None,
        *,
        path: Interpolant | None = None,
        coupling: Coupling | None = None,
        steps: int = 20,
    ) -> None:
        super().__init__(space, given_space)
        path = path or Line()
        kinds = list(self.given_space.values())
        if space.ragged or [(kind.shape, kind.is_discrete) for kind in kinds] != [(space.shape, space.is_discrete)]:
            raise ValueError(
                f"A bridge leads from rows of one condition to rows of the same shape, got x of {space} and "
                f"conditions {self.given_space}. Name one that has the shape of x, levels or reals as x."
            )
        if (path.spread > 0) != (noise_net is not None):
            raise ValueError(
                f"Noise on the way is told by a network of its own, got {path} and noise_net={noise_net}. Give both "
                "or neither."
            )
        self.net, self.noise_net = net, noise_net
        self.path, self.coupling, self.steps = path, coupling or Independent(), steps
        self.name, self.source = next(iter(self.given_space.items()))
        self.register_buffer("center", torch.zeros(space.shape))
        self.register_buffer("other", torch.zeros(space.shape))
        self.register_buffer("scale", torch.ones(()))

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Notes where x and y lie, and how far they reach, where they are reals."""
        if self.space.is_discrete:
            return
        sums, count = torch.zeros(4, *self.space.shape, dtype=torch.float64), 0
        for batch in batches:
            x, y = (rows.double().cpu() for rows in self._raw(batch.x, batch.given))
            sums += torch.stack([x.sum(0), y.sum(0), x.square().sum(0), y.square().sum(0)])
            count += len(x)
        means, squares = (sums / max(1, count)).unflatten(0, (2, 2))
        self.center.copy_(means[0])
        self.other.copy_(means[1])
        self.scale.copy_((squares - means.square()).mean().clamp_min(1e-24).sqrt())

    def draw(
        self,
        n: int,
        given: Given,
        noise: Noise,
        *,
        steps: int | None = None,
        fresh: float | None = None,
        watch: Look | None = None,
    ) -> Shaped[Tensor, "n *event"]:
        """Rows of x, each from its y.

        Args:
            n: The number of rows.
            given: The rows of y.
            noise: Where fresh noise comes from.
            steps: Steps from y to x, equal in time.
            fresh: Fresh noise on the way, from 0, the flow, to 1, the diffusion of a Brownian bridge: by default that
                where the interpolant has noise.
            watch: Is shown every time, and the rows there in the units of the data; what it raises ends the sampling.

        Raises:
            ValueError: If there is no step, or fresh noise is asked of a way without any.
        """
        steps = self.steps if steps is None else steps
        fresh = float(self.noise_net is not None) if fresh is None else fresh
        if steps < 1 or not 0 <= fresh <= 1 or (fresh > 0 and self.noise_net is None):
            raise ValueError(
                f"There must be a step at least, and fresh noise from 0 to 1 where the way has noise, got "
                f"steps={steps} and fresh={fresh} on {self.path}."
            )
        x = (self._numbers(given[self.name], self.source) - self.other) / self.scale
        times = torch.linspace(1, 0, steps + 1, dtype=x.dtype, device=x.device)
        for k, t in enumerate(times):
            if watch is not None:
                watch(t, self._back(x, t))
            if k < steps:
                x = self._step(x, t, times[k + 1], fresh, noise.at(k))
        return Numbers(self.space, x.dtype).back(x * self.scale + self.center)

    def ends(
        self, x_t: Float[Tensor, "B *event"], t: Float[Tensor, " B"]
    ) -> tuple[Float[Tensor, "B *event"], Float[Tensor, "B *event"], Float[Tensor, "B *event"]]:
        """E[x | x_t], E[y | x_t] and E[ε | x_t], in units of the model."""
        speed = self.net(x_t, t, None).reshape(x_t.shape)
        noise = torch.zeros_like(x_t) if self.noise_net is None else self.noise_net(x_t, t, None).reshape(x_t.shape)
        x, y = self._at(t, x_t).ends(x_t, speed, noise)
        return x, y, noise

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        x, y = self._raw(batch.x, batch.given)
        x, y = (x - self.center) / self.scale, (y - self.other) / self.scale
        x, y = self.coupling.pair(x, y, {}, batch.noise.at("pairs"))
        t = spread(len(x), batch.noise.at("time")).to(x.dtype)
        at, noise = self._at(t, x), batch.noise.at("noise").normal(*x.shape, dtype=x.dtype)
        x_t = at.mix(x, y, noise)
        loss = (self.net(x_t, t, None).reshape(x.shape) - at.speed(x, y)).square().mean()
        if self.noise_net is None:
            return loss
        return loss + (self.noise_net(x_t, t, None).reshape(x.shape) - noise).square().mean()

    def lowers(self) -> Objective:
        also = "" if self.noise_net is None else " and of the noise"
        return Objective(f"squared error of the speed{also}, the mean over entries")

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, {self.path}, {self.coupling}"

    def _step(self, x_t: Tensor, t: Tensor, s: Tensor, fresh: float, noise: Noise) -> Tensor:
        """The place at s, from that at t."""
        x, y, told = self.ends(x_t, t.expand(len(x_t)))
        if fresh > 0:
            drawn = fresh**2 * (1 - self.path.kept(t, s).square())
            told = (1 - drawn).sqrt() * told + drawn.sqrt() * noise.normal(*x_t.shape, dtype=x_t.dtype)
        return self.path.at(s).mix(x, y, told)

    def _back(self, x_t: Tensor, t: Tensor) -> Tensor:
        """A place in the units of the data."""
        at = self.path.at(t)
        return x_t * self.scale + at.a * self.center + at.b * self.other

    def _at(self, t: Tensor, x: Tensor) -> Place:
        return self.path.at(t.reshape(-1, *[1] * (x.ndim - 1)))

    def _raw(self, x: Tensor, given: Given) -> tuple[Tensor, Tensor]:
        """x and y as numbers, before they are moved and scaled."""
        return self._numbers(x, self.space), self._numbers(given[self.name], self.source)

    def _numbers(self, rows: Tensor, space: Space) -> Tensor:
        return Numbers(space, self.dtype).of(rows)
