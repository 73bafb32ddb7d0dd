"""Diffusion models, assembled: network × schedule × parametrization × (times, weight) × sampler.

Data are noised, x_t = α(t) x + σ(t) ε, and a network learns to say what they were. From E[x | x_t] at every t follow
the score, the flow from noise to data, and a bound of the likelihood. DDPM is (Cosine, NOISE, Ancestral); flow
matching is (Straight, VELOCITY, Euler).
"""

import math
from collections.abc import Callable, Iterable
from typing import Unpack

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core.abilities import Ability, Denoise, Denoiser
from genzoo.core.game import Batch, Objective
from genzoo.core.given import NOTHING, Given, GivenAsked, GivenSpaceLike, RowsAsked
from genzoo.core.model import Capability, GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.models.abilities import NormalLatent
from genzoo.models.diffusion.bound import denoising_rate, level_log_prob, prior_rate, real_log_prob
from genzoo.models.diffusion.flow_likelihood import TRAINED, flow_log_density
from genzoo.models.diffusion.guidance.asked import AskedGuide, guided
from genzoo.models.diffusion.guidance.clipped import Clipped
from genzoo.models.diffusion.parametrization import Predicts
from genzoo.models.diffusion.samplers.asked import Asked, chosen
from genzoo.models.diffusion.samplers.ddim import DDIM
from genzoo.models.diffusion.samplers.heun import Heun
from genzoo.models.diffusion.samplers.sampler import Sampler, Watch
from genzoo.models.diffusion.schedule import Moment, Schedule
from genzoo.models.diffusion.time import spread
from genzoo.models.diffusion.weight import Emphasis

__all__ = ["Diffusion"]

# Noise in units of the signal. Training goes down to the least that steps of a sampler meet. The bound stops earlier:
# over reals below the finest structure, over levels where Bayes' rule for each entry alone does as well as a network.
FINEST, FINEST_ON_LEVELS, COARSEST = 0.02, 0.05, 400.0
FOLLOWED, FEW = 50, 16  # steps along a flow for its density; entries up to which its divergence is exact


class AskedOfDraws(Asked, AskedGuide):
    """What may be asked of samples."""


class Diffusion(GenerativeModel):
    """A diffusion model; its loss is the weighted error of what the network predicts,

    $$ L = \\mathbb E_{t, \\varepsilon}\\,w(t)\\,\\|F(x_t/\\rho, t, given) - (a x + b \\varepsilon)\\|^2. $$

    The network sees x_t in unit size, x_t / ρ. `log_prob` is the variational bound of the reverse process in
    continuous time, whatever the weight; samples take finitely many steps of it. Levels are numbers in [−1, 1] inside,
    and samples go to the nearest level. Reals should have about unit variance: see `Standardized`.

    Where noise goes with chosen rows (`Emphasis.coupling`), x_t is no row with independent noise: the flow still leads
    from noise to data, and `log_prob` is an estimate of its density; there is no score, and samples take no new noise.

    Args:
        space: What one x is.
        given_space: What the model is conditioned on, if anything.
        net: F, called as net(x, t, given) with one time a row; as many numbers as x has entries.
        schedule: α and σ.
        predicts: What F predicts, that is a and b.
        emphasis: At which times training looks, at which pairs of rows and noise, and how much an error counts there;
            by default all alike.
        sampler: How samples are drawn if nothing else is asked for; by default DDIM.
        drop_given: The share of conditions dropped in training, which guidance needs.

    Attributes:
        in_half: Whether samples are drawn with the network in bfloat16: one trained so, where that is quick. Levels
            of 256 then differ by one here and there. Bounds, codes and scores stay as they are.

    Raises:
        ValueError: If what the network predicts does not determine the mean at every time of the schedule.

    Example:
        >>> from genzoo.models.diffusion import Straight
        >>> from genzoo.nn import MLP, Timed
        >>> net = Timed(MLP(2, [32], 2, given=16), 16)
        >>> model = Diffusion(Space((2,)), None, net, schedule=Straight(), predicts=Predicts.VELOCITY)
        >>> model.sample(5, seed=0, steps=10, sampler="heun").shape
        torch.Size([5, 2])

    References:
        Ho, Jain & Abbeel, 2020, "Denoising diffusion probabilistic models", arXiv:2006.11239
        Lipman et al., 2023, "Flow matching for generative modeling", arXiv:2210.02747
        Kingma, Salimans, Poole & Ho, 2021, "Variational diffusion models", arXiv:2107.00630 (the bound)
    """

    likelihood = Likelihood.BOUND
    block = 1 << 17
    in_half: bool = False
    log_share: Tensor
    low: Tensor
    high: Tensor

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        net: nn.Module,
        *,
        schedule: Schedule,
        predicts: Predicts,
        emphasis: Emphasis | None = None,
        sampler: Sampler | None = None,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        if space.ragged:
            raise ValueError(f"A diffusion model needs rows of one shape, got {space}. Cut windows of equal length.")
        predicts.refuse(schedule)
        self.net, self.schedule, self.predicts = net, schedule, predicts
        self.emphasis, self.sampler, self.drop_given = emphasis or Emphasis(), sampler or DDIM(), drop_given
        self.emphasis.refuse(predicts, schedule)
        if not self.emphasis.coupling.is_independent:
            self.likelihood = Likelihood.ESTIMATE
        self.times = self.emphasis.times  # so that what it learns is among the parameters
        self._marks: tuple[float, float, float] | None = None
        self._marks, levels = None if schedule.learns else self.marks(), space.levels or 0
        self.register_buffer("log_share", torch.full((levels,), -math.log(max(1, levels))))
        if not space.is_discrete:
            self.register_buffer("low", torch.full(space.shape, -torch.inf))
            self.register_buffer("high", torch.full(space.shape, torch.inf))

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Notes between what values the data lie, or how often each level occurs, which the last step of the bound
        knows."""
        if not self.space.is_discrete:
            ends = [(batch.x.amin(0), batch.x.amax(0)) for batch in batches]
            self.low.copy_(torch.stack([low for low, _ in ends]).amin(0))
            self.high.copy_(torch.stack([high for _, high in ends]).amax(0))
            return
        counts = torch.ones(len(self.log_share), dtype=torch.float64)
        for batch in batches:
            counts += batch.x.flatten().long().bincount(minlength=len(counts)).cpu()
        self.log_share.copy_((counts / counts.sum()).log())

    def denoise(
        self, x_t: Float[Tensor, "B *event"], t: Tensor, given: GivenAsked = None
    ) -> Float[Tensor, "B *event"]:
        """E[x | x_t, given] at one time for all rows or one for each, 0 < t ≤ t_max; levels are numbers in [−1, 1]."""
        return self.mean(x_t, t, self.checked_given(given, len(x_t)))

    def mean(self, x_t: Float[Tensor, "B *event"], t: Tensor, given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        """E[x | x_t, given] for a condition in full."""
        at = self.schedule.at(t.reshape(-1)).over(x_t)  # of one row, where one time is that of all
        mean = self.predicts.mean(self._said(x_t, at, given), x_t, at)
        return mean.clamp(-1, 1) if self.space.is_discrete else mean

    def draw(
        self,
        n: int,
        given: Given,
        noise: Noise,
        *,
        wrap: Callable[[Denoise], Denoise] | None = None,
        watch: Watch | None = None,
        **asked: Unpack[AskedOfDraws],
    ) -> Shaped[Tensor, "n *event"]:
        """Samples.

        Args:
            n: The number of rows.
            given: The condition.
            noise: Where the draws come from.
            wrap: From the denoiser of the samples to another one: a guide, a measurement that is to be met, a range.
            watch: Is shown every time that is passed, with x there and the mean of the data; what it raises ends the
                sampling. Many rows are drawn in blocks, one after the other.
            asked: How steps are taken, and how strongly the condition is followed.
        """
        sampler, start = chosen(self.sampler, asked), self.start(n, noise)
        if sampler.is_fresh and not self.emphasis.coupling.is_independent:
            raise ValueError(
                f"What learned from noise that goes with chosen rows draws without fresh noise, got {sampler}. Take "
                "heun, euler, unipc, dpm2 or adaptive."
            )
        denoise = self._guided(n, asked)
        denoise = denoise if wrap is None else wrap(denoise)
        with torch.autocast(
            start.device.type, torch.bfloat16, enabled=False
        ):  # keeps halved weights from call to call
            x = sampler(denoise, self.schedule, start, given, noise.at("steps"), watch)
        return self.numbers.back(x)

    def options(self, method: str) -> frozenset[str]:
        return super().options(method) | (frozenset(AskedOfDraws.__annotations__) if method == "draw" else frozenset())

    def start(self, n: int, noise: Noise) -> Float[Tensor, "n *event"]:
        """x at the last time, where nothing of the data is left."""
        return noise.normal(n, *self.space.shape, dtype=self.dtype) * self.ends()[1].scale

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B *event"]:
        """The noise that flows to x, by Heun's steps back along the flow."""
        y, given = self.numbers.of(self.checked(x)), self.checked_given(given, len(x))
        first, last = self.ends()
        with _graph_for(y):
            return self.flow(first.t, last.t, first.alpha * y, given) / last.scale

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Shaped[Tensor, "B *event"]:
        """The x to which noise flows, by Heun's steps."""
        z, given = self.latents(z), self.checked_given(given, len(z))
        with _graph_for(z):
            return self.numbers.back(self.generate(z, given))

    def generate(self, z: Float[Tensor, "B *event"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        """The numbers to which noise flows, by Heun's steps; differentiable in the noise."""
        last = self.ends()[1]
        return self.flow(last.t, torch.zeros_like(last.t), z * last.scale, given)

    def score(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B *event"]:
        """∇ log p of data blurred by the finest noise that the bound knows."""
        if not self.can(Capability.SCORE):
            raise self.lacks(Capability.SCORE)
        at = self.ends()[0]
        x_t = at.alpha * self.numbers.of(self.checked(x))
        return -at.alpha * at.noise_in(x_t, self.denoise(x_t, at.t, given)) / at.sigma

    def log_density(
        self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise, *, samples: int = 8
    ) -> Float[Tensor, " B"]:
        """The bound, its integral from `samples` noise levels a row; where noise went with chosen rows, the flow's
        density, from as many probes."""
        if samples < 1:
            raise ValueError(f"`samples` must be at least 1, got {samples}.")
        if not self.emphasis.coupling.is_independent:
            probes = None if self.space.dims <= FEW else samples
            return flow_log_density(self, x, given, noise, FOLLOWED, probes).value
        first, last = self.ends()
        y = self.numbers.of(x)
        ends = first.log_snr.item(), last.log_snr.item()
        levels = self.space.is_discrete

        def mean(x_t: Tensor, t: Tensor) -> Tensor:
            return self.mean(x_t, t, given)

        rate = denoising_rate(y, mean, self.schedule, ends, noise, samples, calm=not levels)
        if levels:
            x_t = first.mix(y, noise.at("first").normal(*y.shape, dtype=y.dtype))
            fit = level_log_prob(x, x_t, first, self.log_share)
        else:
            fit = real_log_prob(y, first)
        return fit - prior_rate(y, last) - rate

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        x, given = self.numbers.of(batch.x), self.training_given(batch)
        ends, u = self.marks()[::2], spread(len(x), batch.noise.at("time"))
        t = self.times.at(u, self.schedule, ends).to(x.dtype)
        at = self.schedule.at(t).over(x)
        noise = batch.noise.at("noise").normal(*x.shape, dtype=x.dtype)
        x, noise = self.emphasis.coupling.pair(x, noise, given, batch.noise.at("pairs"))
        error = (self._said(at.mix(x, noise), at, given) - self.predicts.target(x, noise, at)).square()
        if self.emphasis.weight is None:
            return error.mean()
        error = self.emphasis.weight(at.log_snr) * self.predicts.reach(at).square() * error
        if not self.emphasis.weight.integrates:
            return error.mean()
        losses = error.flatten(1).mean(1) * self.times.stretch(u, self.schedule, ends).to(x.dtype)
        return losses.mean() + self._regret(t, ends, losses)

    def _regret(self, t: Tensor, ends: tuple[float, float], losses: Tensor) -> Tensor:
        """What learned clocks lower: 0, with a gradient for them alone."""
        regret = losses.new_zeros(())
        if self.times.learns:
            regret = regret + self.times.regret((t - ends[0]) / (ends[1] - ends[0]), losses)
        return regret + self.schedule.regret(t, losses) if self.schedule.learns else regret

    def lowers(self) -> Objective:
        weighted = "" if self.emphasis.weight is None else ", weighted"
        return Objective(f"squared error of the {self.predicts.value}{weighted}, the mean over entries")

    @property
    def numbers(self) -> Numbers:
        """x as the network sees it."""
        return Numbers(self.space, self.dtype)

    @property
    def span(self) -> tuple[Tensor, Tensor]:
        """Between what numbers the data lie."""
        if not self.space.is_discrete:
            return self.low, self.high
        return self.log_share.new_tensor(-1.0), self.log_share.new_tensor(1.0)

    def abilities(self) -> list[Ability]:
        latent = NormalLatent(Space(self.space.shape), self.numbers, self.generate, self.dtype)
        return [Denoised(self), latent] if self.emphasis.coupling.is_independent else [latent]

    def can(self, capability: Capability | str) -> bool:
        scored = not self.space.is_discrete and self.emphasis.coupling.is_independent
        return super().can(capability) and (scored or Capability(capability) is not Capability.SCORE)

    def extra_repr(self) -> str:
        parts = f"{self.schedule}, {self.predicts}, {self.emphasis}, {self.sampler}"
        return f"{self.space}, given={self.given_space}, {parts}"

    def _said(self, x_t: Tensor, at: Moment, given: Given) -> Tensor:
        """F, in the precision of the data even where the network runs in less."""
        said: Tensor = self.net(x_t / at.scale, at.t.flatten().expand(len(x_t)), given or None)
        return said.reshape(x_t.shape).to(x_t.dtype)

    def _guided(self, n: int, asked: AskedGuide) -> Denoise:
        """The denoiser of samples, with its guidance.

        A mean of data lies between the least and the greatest of them. What a network says of nearly pure noise is
        off by its error over alpha and would run away from there, so samples take what lies within. The bound takes
        all that the network says, for held-out rows may lie outside.
        """
        ends, against = self.span, asked.get("against")
        lone = sorted(asked.keys() & AskedGuide.__annotations__.keys())
        if lone and "guidance" not in asked:
            raise ValueError(
                f"{', '.join(lone)} must come with guidance, got none. Pass guidance=2, say, or leave it out."
            )
        if not asked.get("guidance"):
            return Clipped(self._sampled_mean, *ends)
        if not self.given_space or (against is None and not self.takes_null()):
            raise ValueError(
                f"Guidance needs a model that knows its condition and its absence, got given={self.given_space} and "
                f"drop_given={self.drop_given}. Train with a condition and drop_given=0.1, or sample with guidance=0."
            )
        worse = None if against is None else self.checked_given(against, n)
        return Clipped(guided(self._sampled_mean, self.schedule, asked, worse), *ends)

    def _sampled_mean(self, x_t: Tensor, t: Tensor, given: Given = NOTHING) -> Tensor:
        with torch.autocast(x_t.device.type, torch.bfloat16, enabled=self.in_half):
            return self.mean(x_t, t, given)

    def flow(self, start: Tensor, end: Tensor, x: Tensor, given: Given) -> Tensor:
        """x carried along the flow from one time to another."""
        count = self.sampler.steps + 1
        times = torch.linspace(start.item(), end.item(), count, dtype=x.dtype, device=x.device)

        def mean(x_t: Tensor, t: Tensor) -> Tensor:
            return self.mean(x_t, t, given)

        return Heun().along(times, mean, self.schedule, x, Noise(0, device=x.device))

    def marks(self) -> tuple[float, float, float]:
        """The first time of training, the first and the last of the bound, by their noise."""
        if self._marks is not None:
            return self._marks
        finest = FINEST_ON_LEVELS if self.space.is_discrete else FINEST
        noises = torch.tensor([TRAINED, finest, COARSEST], dtype=torch.float64)
        trained, first, last = self.schedule.time(-2 * noises.log()).tolist()
        return trained, first, last

    def ends(self) -> tuple[Moment, Moment]:
        """The first time of the bound, of the finest noise that it knows, and the last."""
        first, last = torch.tensor(self.marks()[1:], dtype=self.dtype, device=self.device)
        return self.schedule.at(first), self.schedule.at(last)


def _graph_for(x: Tensor) -> torch.set_grad_enabled:
    """A graph of all steps along a flow where the gradient of rows is asked for, and no memory for one elsewhere."""
    return torch.set_grad_enabled(torch.is_grad_enabled() and x.requires_grad)


class Denoised(Denoiser):
    """A diffusion as what it says of the data in noise."""

    def __init__(self, model: Diffusion) -> None:
        self.model, self.schedule = model, model.schedule
        self.shape, self.numbers = model.space.shape, model.numbers

    def denoise(self, x_t: Float[Tensor, "B *event"], t: Tensor, given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        return self.model.mean(x_t, t, given)

    def start(self, n: int, noise: Noise) -> Float[Tensor, "n *event"]:
        return self.model.start(n, noise)
