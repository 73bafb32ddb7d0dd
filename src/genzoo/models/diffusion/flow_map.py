"""Flow maps: a flow's rows carried from any time to any other in one call of a network.

A flow needs many calls because its velocity changes on the way. A flow map knows the average velocity between two
times, and is learned together with the flow itself, without a teacher: flow matching teaches the diagonal, where both
times are one, and an equation that every flow map obeys carries what is known there to all pairs of times. Mean flows,
shortcut models and consistency models are this with one equation or another.
"""

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any, Unpack

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core.abilities import Ability, Denoise
from genzoo.core.game import Batch, Objective
from genzoo.core.given import NOTHING, Given, GivenAsked, RowsAsked, null_like
from genzoo.core.model import Capability, GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.abilities import NormalLatent
from genzoo.models.diffusion.diffusion import FEW, AskedOfDraws, Diffusion
from genzoo.models.diffusion.flow_likelihood import in_cells
from genzoo.models.diffusion.flow_map_losses import Distillation, Lagrangian, Said
from genzoo.models.diffusion.parametrization import Predicts
from genzoo.models.diffusion.time import spread
from genzoo.nn.fields import traces

__all__ = ["FlowMap"]


class FlowMap(GenerativeModel):
    """A flow, and the map along it: $X_{s,t}(x) = x + (t - s)\\,v_{s,t}(x)$ with $v_{t,t} = b_t$, the flow's velocity.

    The loss is the flow's own and the error of an equation between the map and its diagonal,

    $$ L = \\mathbb E\\,\\|v_{t,t}(x_t) - (\\alpha' x + \\sigma' \\varepsilon)\\|^2
       + \\mathbb E_{s > t}\\,\\|e_{s,t}(x_s)\\|^2, $$

    for rows of noise as often as for rows on the way, for samples start there. A sample is drawn by few jumps,
    $X_{1,t_1}$, $X_{t_1,t_2}$ and so on, each one call of the network. With a sampler named it is drawn along the flow
    instead, by many calls, where a condition may be guided.

    Args:
        flow: The flow: its network says a velocity, and takes a second time, net(x, s, given, until=t). What it is
            taught at which times, and which noise goes with which row, is its emphasis.
        distillation: The equation.
        share: The share of a batch's rows by which it is learned.
        starts: Of these, the share that are noise.
        guidance: How much more the condition counts in the flow that is learned; 0 is the data's.
        divergence: The average divergence along a way, a network called likewise that says one number a row: with it
            `log_prob` is an estimate of the flow's density by jumps. Read off the slope of few jumps it would be
            nonsense, so without it there is none.
        steps: Jumps of a sample if nothing else is asked for.

    Raises:
        ValueError: If the flow says no velocity, or its velocity is not finite at all times, or a number is out of
            range.

    Example:
        >>> from genzoo.models.diffusion import Straight
        >>> from genzoo.nn import MLP, Timed
        >>> net = Timed(MLP(2, [32], 2, given=16), 16, spans=True)
        >>> flow = Diffusion(Space((2,)), None, net, schedule=Straight(), predicts=Predicts.VELOCITY)
        >>> model = FlowMap(flow)
        >>> model.sample(5, seed=0, steps=1).shape, model.sample(5, seed=0, sampler="heun", steps=25).shape
        (torch.Size([5, 2]), torch.Size([5, 2]))

    References:
        Boffi, Albergo & Vanden-Eijnden, 2025, "How to build a consistency model: learning flow maps via
        self-distillation", arXiv:2505.18825
        Geng, Deng, Bai, Kolter & He, 2025, "Mean flows for one-step generative modeling", arXiv:2505.13447
        Frans, Hafner, Levine & Abbeel, 2025, "One step diffusion via shortcut models", arXiv:2410.12557
    """

    def __init__(
        self,
        flow: Diffusion,
        distillation: Distillation | None = None,
        *,
        share: float = 0.5,
        starts: float = 0.5,
        guidance: float = 0.0,
        divergence: nn.Module | None = None,
        steps: int = 4,
    ) -> None:
        super().__init__(flow.space, flow.given_space)
        if flow.predicts is not Predicts.VELOCITY or not flow.schedule.is_smooth or flow.schedule.learns:
            raise ValueError(
                f"A flow map is of a flow whose network says a velocity that is finite at all times, got "
                f"{flow.predicts} on {flow.schedule}. Take Predicts.VELOCITY and Straight() or Cosine()."
            )
        if not 0 < share <= 1 or not 0 <= starts <= 1 or guidance < 0 or steps < 1:
            raise ValueError(
                f"`share` must be in (0, 1], `starts` in [0, 1], `guidance` at least 0 and `steps` at least 1, got "
                f"{share}, {starts}, {guidance} and {steps}."
            )
        self.flow, self.distillation = flow, distillation or Lagrangian()
        self.share, self.starts, self.guidance, self.steps = share, starts, guidance, steps
        self.divergence = divergence
        if divergence is not None:
            self.likelihood = Likelihood.ESTIMATE
        self.drop_given, self.required = flow.drop_given, flow.required

    def prepare(self, batches: Iterable[Batch]) -> None:
        self.flow.prepare(batches)

    def require(self, *names: str) -> None:
        super().require(*names)
        self.flow.require(*names)

    def average(
        self, x: Float[Tensor, "B *event"], s: Tensor, t: Tensor, given: Given = NOTHING
    ) -> Float[Tensor, "B *event"]:
        """v, the average velocity from s to t of rows that are at x, with times to be multiplied with rows."""
        return self._asked(self.flow.net, x, s, t, given).reshape(x.shape).to(x.dtype)

    def jump(
        self, x: Float[Tensor, "B *event"], s: Tensor, t: Tensor, given: Given = NOTHING
    ) -> Float[Tensor, "B *event"]:
        """X, where rows that are at x at time s are at time t."""
        return x + (t - s) * self.average(x, s, t, given)

    def draw(
        self,
        n: int,
        given: Given,
        noise: Noise,
        *,
        wrap: Callable[[Denoise], Denoise] | None = None,
        **asked: Unpack[AskedOfDraws],
    ) -> Shaped[Tensor, "n *event"]:
        """Samples.

        Args:
            n: The number of rows.
            given: The condition.
            noise: Where the draws come from.
            wrap: From the flow's denoiser to another one, along which samples are then drawn.
            asked: How many jumps, `steps`, or `calls`, which are as many; or a sampler along the flow, and what it may
                be asked. Only there may a condition be guided: the average of two velocities along a way is not the
                average along the way of their average.
        """
        if asked.get("sampler") is not None or wrap is not None:
            return self.flow.draw(n, given, noise, wrap=wrap, **asked)
        if asked.get("guidance") or asked.get("grid"):
            raise ValueError(
                "Jumps are of the flow that was learned and follow no guidance and no grid. Train with `guidance`, or "
                'name a sampler along the flow, as sampler="heun".'
            )
        z = noise.normal(n, *self.space.shape, dtype=self.flow.dtype)
        calls = asked.get("calls") if asked.get("steps") is None else asked.get("steps")
        if (steps := self.steps if calls is None else calls) < 1:
            raise ValueError(f"`steps` must be at least 1, got {steps}.")
        y, (low, high) = self._generated(z, given, steps), self.flow.span
        return self.flow.numbers.back(torch.minimum(torch.maximum(y, low.to(y)), high.to(y)))

    def options(self, method: str) -> frozenset[str]:
        return super().options(method) | (frozenset(AskedOfDraws.__annotations__) if method == "draw" else frozenset())

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Shaped[Tensor, "B *event"]:
        """The x to which jumps carry noise."""
        z, given = self.latents(z), self.checked_given(given, len(z))
        with torch.set_grad_enabled(torch.is_grad_enabled() and z.requires_grad):
            return self.flow.numbers.back(self.generate(z, given))

    def generate(self, z: Float[Tensor, "B *event"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        """The numbers to which jumps carry noise; differentiable in the noise."""
        return self._generated(z, given, self.steps)

    def log_density(
        self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise, *, steps: int = 8
    ) -> Float[Tensor, " B"]:
        """The flow's density, from where few jumps lead and how much room they say that rows take on the way."""
        if self.divergence is None:
            raise self.lacks(Capability.LOG_PROB)
        if steps < 1:
            raise ValueError(f"`steps` must be at least 1, got {steps}.")
        y, volume = in_cells(self.flow, x, noise)
        first, last = self._ends(y)
        schedule, said = self.flow.schedule, self._said_of(given)
        y, total = schedule(first)[0] * y, y.new_zeros(len(y)) + volume + self.space.dims * schedule(first)[0].log()
        for s, t in itertools.pairwise(torch.linspace(0, 1, steps + 1, dtype=y.dtype, device=y.device)):
            s, t = (first + (last - first) * each for each in (s, t))
            moved, spread_out = said(y, s, t)
            y, total = y + (t - s) * moved, total + (t - s) * spread_out.flatten()
        size = torch.hypot(*schedule(last))
        return total + (-(y / size).square().flatten(1) / 2 - math.log(2 * math.pi) / 2 - size.log()).sum(1)

    def can(self, capability: Capability | str) -> bool:
        told = self.divergence is not None or Capability(capability) is not Capability.LOG_PROB
        return super().can(capability) and told

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        rows = batch[: max(1, round(self.share * len(batch)))]
        given, noise, x = self.training_given(rows), rows.noise.at("map"), self.flow.numbers.of(rows.x)
        s, t = self._times(x, noise)
        x_s, _ = self._mixed(x, s, given, noise)
        share = noise.at("share").uniform(len(x), dtype=x.dtype).reshape(s.shape)
        errors = self.distillation.errors(self._said_of(given), x_s, s, t, share)
        loss = self.flow.loss(batch) if self.guidance == 0 else self._guided_loss(batch)
        if self.divergence is not None:
            loss = loss + self._divergence_loss(x_s, s, given, noise)
        return loss + sum(error.square().mean() for error in errors)

    def lowers(self) -> Objective:
        return Objective("squared error of the velocity, and of the map along it, the mean over entries")

    def abilities(self) -> list[Ability]:
        flow = [] if self.guidance else [a for a in self.flow.abilities() if not isinstance(a, NormalLatent)]
        latent = NormalLatent(Space(self.space.shape), self.flow.numbers, self.generate, self.flow.dtype)
        return [latent, *flow]

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, {self.flow.schedule}, {self.distillation}"

    def _generated(self, z: Tensor, given: Given, steps: int) -> Tensor:
        """Data as numbers, from unit noise."""
        first, last = self._ends(z)
        x = z * torch.hypot(*self.flow.schedule(last))
        for s, t in itertools.pairwise(torch.linspace(1, 0, steps + 1, dtype=z.dtype, device=z.device)):
            x = self.jump(x, first + (last - first) * s, first + (last - first) * t, given)
        return x / self.flow.schedule(first)[0]

    def _ends(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """The first and the last time that training looks at."""
        first, _, last = self.flow.marks()
        return like.new_tensor(first), like.new_tensor(last)

    def _said_of(self, given: Given) -> Said:
        """What adds up along a way: the velocity, and the divergence where it is told."""

        def said(x: Tensor, s: Tensor, t: Tensor) -> tuple[Tensor, ...]:
            average = self.average(x, s, t, given)
            return (average,) if self.divergence is None else (average, self._spread(x, s, t, given))

        return said

    def _spread(self, x: Tensor, s: Tensor, t: Tensor, given: Given) -> Tensor:
        """The average divergence along the ways of rows, to be multiplied with rows."""
        told: Tensor = self._asked(self.divergence, x, s, t, given)
        return told.reshape(-1, *[1] * (x.ndim - 1)).to(x.dtype)

    def _asked(self, net: Any, x: Tensor, s: Tensor, t: Tensor, given: Given) -> Tensor:
        start, until = s.flatten().expand(len(x)), t.flatten().expand(len(x))
        asked: Tensor = net(x / torch.hypot(*self.flow.schedule(s)), start, given or None, until=until)
        return asked

    def _times(self, x: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        """From when to when, for each row: from noise to data, and where densities are wanted the other way too."""
        n, ends = len(x), self.flow.marks()[::2]
        a, b = (self.flow.times.at(spread(n, noise.at(name)), self.flow.schedule, ends) for name in ("from", "to"))
        s, t = torch.maximum(a, b), torch.minimum(a, b)
        coins = noise.at("coins").uniform(n, 2, dtype=torch.float64)
        back = coins[:, 1] < (0.0 if self.divergence is None else 0.5)
        s, t = torch.where(back, t, s), torch.where(back, s, t)
        is_end = coins[:, 0] < self.starts  # then every time is alike where the way ends; the lesser of two is early
        s = torch.where(is_end, torch.where(back, ends[0], ends[1]), s)
        shape = (-1, *[1] * (x.ndim - 1))
        return s.to(x.dtype).reshape(shape), torch.where(is_end, b, t).to(x.dtype).reshape(shape)

    def _mixed(self, x: Tensor, t: Tensor, given: Given, noise: Noise) -> tuple[Tensor, Tensor]:
        """Rows with noise that goes with them, and how they move."""
        z = noise.at("noise").normal(*x.shape, dtype=x.dtype)
        x, z = self.flow.emphasis.coupling.pair(x, z, given, noise.at("pairs"))
        at = self.flow.schedule.at(t)
        return at.mix(x, z), self.flow.predicts.target(x, z, at)

    def _guided_loss(self, batch: Batch) -> Float[Tensor, ""]:
        """The flow's, of a velocity that a condition has changed by more: where there is none, it is the same."""
        x, given, noise = self.flow.numbers.of(batch.x), self.training_given(batch), batch.noise
        looks = self.flow.times.at(spread(len(x), noise.at("time")), self.flow.schedule, self.flow.marks()[::2])
        t = looks.to(x.dtype).reshape(-1, *[1] * (x.ndim - 1))
        x_t, target = self._mixed(x, t, given, noise)
        with torch.no_grad():
            target = target + self.guidance * (target - self.average(x_t, t, t, null_like(given)))
        return (self.average(x_t, t, t, given) - target).square().mean()

    def _divergence_loss(self, x: Tensor, t: Tensor, given: Given, noise: Noise) -> Tensor:
        """The error of the divergence on the diagonal, exact for few entries."""
        signs = None
        if self.space.dims > FEW:
            signs = noise.at("probes").integers(2, len(x), 1, *x.shape[1:]).to(x) * 2 - 1
        with torch.no_grad():
            goal = traces(lambda x: self.average(x, t, t, given), x, signs)[1].mean(1)
        return (self._spread(x, t, t, given).flatten() - goal).square().mean()
