"""Integer discrete flows: bijections of whole numbers, so that the mass of levels is exact.

A coupling that adds a rounded number maps ℤ^D onto itself,

$$ z_a = x_a, \\qquad z_b = x_b + \\lfloor t(x_a) \\rceil, $$

and a bijection of a countable set changes no mass: $P(x) = P_z(f(x))$. Gradients pass the rounding as if it were not
there (straight through). Nothing is taken modulo the number of levels: a step over the end would be a leap which such
gradients do not see. So the flow is one of ℤ, and what it lays outside the levels is lost, which `log_prob` charges.

A shift gives no scale, so scales are the base's: half of the channels is done at each scale, under mixtures of
discretized logistics whose parameters are a function of the other half, which goes on.

References:
    Hoogeboom, Peters, van den Berg & Welling, 2019, "Integer discrete flows and lossless compression",
        arXiv:1905.07376
    van den Berg et al., 2021, "IDF++", arXiv:2006.12459 (gradients that pass the rounding are good enough)
"""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from genzoo.core.abilities import Ability
from genzoo.core.given import NOTHING, Given, GivenAsked, GivenSpaceLike, RowsAsked
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.abilities import Lattice, Law, Settle, Unfolding
from genzoo.models.flows.bijection import Bijection, Chain, Embedded
from genzoo.models.flows.coupling import Coupling, Elementwise, zeroed
from genzoo.models.flows.couplings import Nets
from genzoo.models.flows.rearrange import Flatten, Shuffle, Squeeze
from genzoo.nn.embedding import Embedding

__all__ = ["GridLogistics", "IntegerFlow", "Rounded"]

BOUND = 9.0  # of log-scales, in steps


@dataclass(frozen=True)
class Rounded(Elementwise):
    """$z = x + h \\lfloor t / h \\rceil$ on the grid h ℤ, whose gradient is that of $x + t$.

    Attributes:
        step: h, a power of two, so that sums of numbers of the grid are exact.
        settle: Rounds t / h; another way lets who decodes a file round as who wrote it did.

    Example:
        >>> z, ladj = Rounded(0.5).forward(torch.ones(1, 1), torch.tensor([[[0.7]]]))
        >>> z.item(), ladj.item()
        (1.5, 0.0)

    References:
        Bengio, Léonard & Courville, 2013, "Estimating or propagating gradients through stochastic neurons",
        arXiv:1308.3432 (straight through)
    """

    step: float
    settle: Callable[[Tensor], Tensor] = torch.round

    @property
    def numbers(self) -> int:
        return 1

    def forward(
        self, x: Float[Tensor, "B C *rest"], raw: Float[Tensor, "B 1 C *rest"]
    ) -> tuple[Float[Tensor, "B C *rest"], Float[Tensor, "B C *rest"]]:
        return x + self._shift(raw[:, 0]), torch.zeros_like(x)

    def inverse(self, z: Float[Tensor, "B C *rest"], raw: Float[Tensor, "B 1 C *rest"]) -> Float[Tensor, "B C *rest"]:
        return z - self._shift(raw[:, 0])

    def _shift(self, t: Tensor) -> Tensor:
        rounded = self.settle(t.detach() / self.step) * self.step
        return rounded + (t - t.detach())


class GridLogistics(nn.Module):
    """Mixtures of logistics whose mass is gathered at the nearest number of a grid h ℤ,

    $$ P(z) = \\sum_k \\pi_k \\, [\\sigma(a_k) - \\sigma(b_k)], \\qquad
       a_k, b_k = \\frac{z \\pm h / 2 - \\mu_k}{s_k}. $$

    Args:
        step: h.
        components: K.

    Example:
        >>> law, z = GridLogistics(0.25, 2), 0.25 * torch.arange(-400, 401)[:, None]
        >>> round(law.log_prob(z, torch.randn(1, 6, 1).expand(801, -1, -1)).exp().sum().item(), 4)
        1.0
    """

    def __init__(self, step: float, components: int) -> None:
        super().__init__()
        self.step, self.components, self.numbers = step, components, 3 * components

    def log_prob(
        self, z: Float[Tensor, "#B #C *#rest"], raw: Float[Tensor, "#B numbers #C *#rest"]
    ) -> Float[Tensor, "..."]:
        """log P of each number, by parameters along axis 1; axes of one are broadcast."""
        weights, places, scales = self._mixture(raw)
        narrow = self.step * (-scales).exp()
        middle = (z.unsqueeze(1) - places) * (-scales).exp()
        a, b = middle + narrow / 2, middle - narrow / 2
        return (weights + logsigmoid(a) + logsigmoid(-b) + torch.log(-torch.expm1(-narrow))).logsumexp(1)

    def draw(
        self, raw: Float[Tensor, "B numbers C *rest"], noise: Noise, temperature: float
    ) -> Float[Tensor, "B C *rest"]:
        """Numbers of the grid; a temperature scales the spread of each logistic."""
        weights, places, scales = self._mixture(raw)
        which = noise.at("which").uniform(len(raw), 1, *raw.shape[2:], dtype=raw.dtype)
        k = (which > weights.exp().cumsum(1)).sum(1, keepdim=True).clamp_max(self.components - 1)
        place, scale = (part.gather(1, k).squeeze(1) for part in (places, scales))
        eps = torch.finfo(raw.dtype).eps
        spread = torch.logit(noise.at("where").uniform(*place.shape, dtype=raw.dtype), eps)
        return ((place + temperature * scale.exp() * spread) / self.step).round() * self.step

    def _mixture(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """log π, μ and log s, which starts broad and with the logistics apart."""
        weights, places, scales = raw.chunk(3, dim=1)
        apart = torch.linspace(-0.5, 0.5, self.components, dtype=raw.dtype, device=raw.device)
        apart = apart.reshape(-1, *[1] * (raw.ndim - 2)) if self.components > 1 else apart.new_zeros(())
        log_scale = math.log(self.step) + BOUND * torch.tanh((scales - math.log(4 * self.step)) / BOUND)
        return weights.log_softmax(1), places + apart, log_scale


class Scale(nn.Module):
    """What is done at one resolution: a bijection, and the law of the half that is done given the other half.

    Args:
        body: The bijection, which keeps the number of channels.
        law: The law of what is done.
        net: What tells its parameters from the front half and the condition.
        channels: Channels.
    """

    def __init__(self, body: Bijection, law: GridLogistics, net: nn.Module, channels: int) -> None:
        super().__init__()
        self.body, self.law, self.net, self.sizes = body, law, net, [(channels + 1) // 2, channels // 2]

    def told(self, front: Float[Tensor, "B C *rest"], given: Embedded) -> Float[Tensor, "B numbers D *rest"]:
        """The parameters of the back half."""
        return self.net(front, given).to(front.dtype).unflatten(1, (self.law.numbers, -1))


class Table(nn.Module):
    """Parameters of the law of the last numbers, with a part that the condition says."""

    def __init__(self, shape: tuple[int, ...], embedding: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(shape))
        self.told = nn.Linear(embedding, math.prod(shape), bias=False) if embedding else None
        if self.told is not None:
            nn.init.zeros_(self.told.weight)

    def forward(self, n: int, given: Embedded) -> Tensor:
        table = self.table.expand(n, *self.table.shape)
        return table if self.told is None or given is None else table + self.told(given).reshape(table.shape)


class IntegerFlow(GenerativeModel):
    """A mass of levels by a flow of whole numbers,

    $$ \\log P(x) = \\log P_z(f(x)), \\qquad f : \\mathbb Z^D \\to \\mathbb Z^D. $$

    As a mass on ℤ^D it is exact. The masses of all levels add up to what the flow does not lay outside them, at most
    1. A draw outside goes to the nearest level, whose mass is then understated, never overstated: of samples it is a
    bound.

    Networks round what they say, and where it lies on an edge, another number of rows or threads may round it the
    other way: `decode` brings back what `encode` was given from the same rows on the same machine; `double()` makes
    edges rare.

    Args:
        space: What one x is: levels of a fixed shape.
        given_space: What the model is conditioned on, if anything.
        nets: What tells couplings their shifts and laws their parameters; by default convolutions over images of even
            sides, at several scales, else perceptrons.
        depth: Couplings, at each scale.
        components: Logistics of a mixture.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If x is not of levels of a fixed shape, or has but one entry.

    Example:
        >>> model = IntegerFlow(Space((1, 4, 4), levels=256), nets=Nets("conv", 8, 1), depth=2)
        >>> x = model.sample(3, seed=0)
        >>> x.dtype, torch.equal(model.decode(model.encode(x)), x)
        (torch.uint8, True)

    References:
        Hoogeboom, Peters, van den Berg & Welling, 2019, "Integer discrete flows and lossless compression",
        arXiv:1905.07376
    """

    likelihood = Likelihood.BOUND  # of what is drawn, for what lies outside is drawn as the nearest level

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        nets: Nets | None = None,
        *,
        depth: int = 4,
        components: int = 5,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        if space.levels is None or space.ragged or space.dims < 2:
            raise ValueError(f"An integer flow is of two or more levels of a fixed shape, got {space}. Take realnvp.")
        even = len(space.shape) == 3 and not space.shape[1] % 2 and not space.shape[2] % 2
        nets = nets or Nets("conv" if even else "mlp")
        self.step, self.drop_given = 2.0 ** (1 - max(1, (space.levels - 1).bit_length())), drop_given
        self.embedding = Embedding(given_space, 32) if given_space else None
        self.law = GridLogistics(self.step, components)
        given, shape, scales = 32 if given_space else 0, space.shape, list[Scale]()
        while True:
            order: Bijection = Squeeze() if nets.kind == "conv" else Flatten(shape)
            shape = (4 * shape[0], shape[1] // 2, shape[2] // 2) if nets.kind == "conv" else (math.prod(shape),)
            scales.append(self._scale(order, shape[0], nets, depth, given))
            shape = (scales[-1].sizes[0], *shape[1:])
            if nets.kind == "mlp" or shape[1] % 2 or shape[2] % 2:
                break
        self.scales, self.last = nn.ModuleList(scales), Table((self.law.numbers, *shape), given)

    def _scale(self, order: Bijection, channels: int, nets: Nets, depth: int, given: int) -> Scale:
        front, back = (channels + 1) // 2, channels // 2
        parts: list[Bijection] = [order]
        for k in range(depth):
            flip = k % 2 == 1
            net = nets.of(back if flip else front, front if flip else back, given)
            parts += [Coupling(net, channels, Rounded(self.step), flip=flip), *([Shuffle()] if flip else [])]
        net = zeroed(nets.of(front, self.law.numbers * back, given))
        return Scale(Chain(*parts), self.law, net, channels)

    def log_density(self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        h, embedded = self._on_grid(x), self.embedded(given)
        total = h.new_zeros(len(h))
        for scale in self.stages():
            h, back = scale.body(h, embedded)[0].split(scale.sizes, dim=1)
            total = total + self.law.log_prob(back, scale.told(h, embedded)).flatten(1).sum(1)
        return total + self.law.log_prob(h, self.last(len(h), embedded)).flatten(1).sum(1)

    def draw(self, n: int, given: Given, noise: Noise, *, temperature: float = 1.0) -> Shaped[Tensor, "n *event"]:
        """Samples; a `temperature` below 1 narrows every logistic, for cleaner and less varied samples."""
        if temperature < 0:
            raise ValueError(f"`temperature` must not be negative, got {temperature}.")
        embedded = self.embedded(given)
        h = self.law.draw(self.last(n, embedded), noise.at("last"), temperature)
        for k, scale in reversed(list(enumerate(self.stages()))):
            back = self.law.draw(scale.told(h, embedded), noise.at(k), temperature)
            h = scale.body.inverse(torch.cat([h, back], dim=1), embedded)
        return self.as_levels(h)

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B D"]:
        """z = f(x; given), as whole numbers times the grid's step, the last of the scales first."""
        return torch.cat(self.parts(self.checked(x), self.checked_given(given, len(x))), dim=1)

    def parts(self, x: Shaped[Tensor, "B *event"], given: Given) -> list[Float[Tensor, "B D_k"]]:
        """The same, scale by scale."""
        h, embedded = self._on_grid(x), self.embedded(given)
        done: list[Tensor] = []
        for scale in self.stages():
            h, back = scale.body(h, embedded)[0].split(scale.sizes, dim=1)
            done.append(back.flatten(1))
        return [h.flatten(1), *reversed(done)]

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Shaped[Tensor, "B *event"]:
        """The levels whose z this is."""
        z, embedded = torch.as_tensor(z), self.embedded(self.checked_given(given, len(z)))
        used = self.last.table[0].numel()
        h, rest = z[:, :used].unflatten(1, self.last.table.shape[1:]), z[:, used:]
        for scale in reversed(self.stages()):
            shape = (scale.sizes[1], *h.shape[2:])
            back, rest = rest[:, : math.prod(shape)].unflatten(1, shape), rest[:, math.prod(shape) :]
            h = scale.body.inverse(torch.cat([h, back], dim=1), embedded)
        return self.as_levels(h)

    def abilities(self) -> Sequence[Ability]:
        return (Numbers(self),)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, step={self.step}"

    def stages(self) -> list[Scale]:
        """The scales, from the data on."""
        return list(self.scales)  # type: ignore[arg-type]

    def embedded(self, given: Given) -> Tensor | None:
        """The condition as networks see it."""
        return self.embedding(given) if self.embedding is not None and given else None

    def _on_grid(self, x: Tensor) -> Tensor:
        """Levels as numbers of the grid in [−1, 1]."""
        return (x.to(self.dtype) - (self.space.levels or 1) // 2) * self.step

    def as_levels(self, h: Tensor) -> Tensor:
        """Numbers of the grid as the nearest levels."""
        levels = self.space.levels or 1
        return ((h / self.step).round() + levels // 2).clamp(0, levels - 1).to(getattr(torch, self.space.dtype))


class Numbers(Lattice):
    """An integer flow as its z, those of the last scale first, each under its law.

    Args:
        model: The flow.
    """

    def __init__(self, model: IntegerFlow) -> None:
        self.model, self.space = model, model.space

    def parts(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Sequence[Int[Tensor, "B D_k"]]:
        return [(part / self.model.step).round().long() for part in self.model.parts(x, given)]

    def unfold(self, n: int, given: Given, settle: Settle) -> Unfolding:
        model, embedded = self.model, self.model.embedded(given)
        with self._settled(settle):
            h = self._on_grid((yield self._law(model.last(n, embedded))), model.last.table.shape[1:])
            for scale in reversed(model.stages()):
                back = self._on_grid((yield self._law(scale.told(h, embedded))), (scale.sizes[1], *h.shape[2:]))
                h = scale.body.inverse(torch.cat([h, back], dim=1), embedded)
        return model.as_levels(h)

    def _law(self, raw: Float[Tensor, "B numbers C *rest"]) -> Law:
        raw = raw.flatten(2)[..., None]
        grid = self.model.step
        return lambda values, part: self.model.law.log_prob(grid * values.to(raw)[None, None], raw[:, :, part])

    def _on_grid(self, numbers: Int[Tensor, "B D_k"], shape: Sequence[int]) -> Tensor:
        return (numbers.to(self.model.dtype) * self.model.step).unflatten(1, shape)

    @contextlib.contextmanager
    def _settled(self, settle: Settle) -> Iterator[None]:
        """For a while each coupling rounds under a key of its own."""
        couplings = [part for part in self.model.modules() if isinstance(part, Coupling)]
        before = [coupling.transform for coupling in couplings]
        for key, coupling in enumerate(couplings):
            coupling.transform = Rounded(self.model.step, functools.partial(settle, key=key))
        try:
            yield
        finally:
            for coupling, transform in zip(couplings, before, strict=True):
                coupling.transform = transform
