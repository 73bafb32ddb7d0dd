"""Diffusion time estimation: a network that tells how much noise is in a row, and all that follows from that.

Rows are noised along a schedule up to one of K times, from hardly any noise to nothing else, and a classifier tells
which. With all times alike in number Bayes' rule gives the ratio of their densities,

$$ \\log p_k(x) - \\log p_K(x) = \\log p(k \\mid x) - \\log p(K \\mid x), $$

and the last is that of noise, N(0, I). So one call tells a density; its slope is the score at every time, along which
samples are drawn as any diffusion's; and what lies far from the data looks like much noise, which makes the posterior
mean of the time a score of outliers.

References:
    Livernoche, Jain, Hezaveh & Ravanbakhsh, 2024, "On diffusion modeling for anomaly detection", arXiv:2305.18593 (the
        time as a score)
    Yadin, Elata & Michaeli, 2024, "Classification diffusion models: revitalizing density ratio estimation",
        arXiv:2402.10095 (densities and samples from the classifier)
"""

import math
from collections.abc import Callable, Iterable
from typing import Unpack

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core.abilities import Ability, Denoise
from genzoo.core.game import Batch, Objective
from genzoo.core.given import NOTHING, Given, GivenAsked, RowsAsked
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.abilities import Timing
from genzoo.models.diffusion.diffusion import AskedOfDraws, Diffusion
from genzoo.models.diffusion.parametrization import Predicts
from genzoo.models.diffusion.samplers.sampler import Sampler
from genzoo.models.diffusion.schedule import Cosine

__all__ = ["TimeEstimation"]

FINEST = 8.0  # the log-SNR of the first time, for rows in standard units
BOUND = 1e-6  # of a share of the way between two times


class TimeEstimation(GenerativeModel):
    """A classifier of the time of noised rows, by which it is a diffusion with a density in one call.

    The loss is the cross-entropy of the time, and the squared error of the noise that the slope of the classifier
    says, for ratios that are right need not have slopes that are,

    $$ L = -\\mathbb E \\log p(k \\mid x_{t_k}) + w\\,\\mathbb E\\,\\|\\hat\\varepsilon(x_t) - \\varepsilon\\|^2 / D,
       \\qquad \\hat\\varepsilon(x) = \\sigma_t\\,(x - \\nabla \\log p(t \\mid x) + \\nabla \\log p(K \\mid x)). $$

    `log_prob` is that of rows with the noise of the first time, which data hardly notice. In standard units the last
    noise is as wide as the data, and what lies beyond is unlike all that was seen; rows of a smaller spread are lost
    in noise that leads farther out, where the time grows with the distance.

    Args:
        space: What one x is: reals in standard units.
        net: Called as net(x, None); K logits a row.
        times: K.
        denoising: w, 0 for the classifier alone.
        spread: The deviation of rows; `net` sees them over it.
        sampler: How samples are drawn if nothing else is asked for; by default DDIM.

    Raises:
        ValueError: If x is no row of reals of one length, there are fewer than two times, w is negative, or the spread
            is not in (0, 1].

    Example:
        >>> from genzoo.nn import MLP, Conditioned
        >>> model = TimeEstimation(Space((2,)), Conditioned(MLP(2, [16], 8)), times=8)
        >>> model.log_prob(torch.zeros(3, 2)).shape, model.sample(3, seed=0, steps=5).shape
        (torch.Size([3]), torch.Size([3, 2]))
        >>> model.able(Timing).log_posterior(torch.zeros(3, 2)).shape
        torch.Size([3, 8])

    References:
        Livernoche et al., 2024, arXiv:2305.18593; Yadin et al., 2024, arXiv:2402.10095
    """

    likelihood = Likelihood.ESTIMATE

    def __init__(
        self,
        space: Space,
        net: nn.Module,
        *,
        times: int = 24,
        denoising: float = 1.0,
        spread: float = 1.0,
        sampler: Sampler | None = None,
    ) -> None:
        super().__init__(space)
        if not space.is_real or space.ragged or times < 2 or denoising < 0 or not 0 < spread <= 1:
            raise ValueError(
                "A time is told of rows of reals, one of two or more, the weight of denoising is at least 0 and the "
                f"spread in (0, 1], got {space}, {times}, {denoising} and {spread}. Levels go through Dequantized."
            )
        ratio = _Ratio(net, times, spread)
        self.flow = Diffusion(space, None, ratio, schedule=ratio.schedule, predicts=Predicts.NOISE, sampler=sampler)
        self.denoising = denoising

    @property
    def ratio(self) -> "_Ratio":
        """The classifier, which the diffusion holds."""
        found = self.flow.net
        assert isinstance(found, _Ratio)
        return found

    def log_density(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        told, alpha = self.ratio.logits(x), self.ratio.first
        y = alpha * x
        of_noise = -y.square().flatten(1).sum(1) / 2 - self.space.dims * math.log(2 * math.pi) / 2
        return of_noise + told[:, 0] - told[:, -1] + self.space.dims * math.log(alpha)

    def draw(
        self,
        n: int,
        given: Given,
        noise: Noise,
        *,
        wrap: Callable[[Denoise], Denoise] | None = None,
        **asked: Unpack[AskedOfDraws],
    ) -> Shaped[Tensor, "n *event"]:
        """Samples, along the slope of the classifier.

        Args:
            n: The number of rows.
            given: Nothing.
            noise: Where the draws come from.
            wrap: From the denoiser of the samples to another one.
            asked: How steps are taken.
        """
        return self.flow.draw(n, given, noise, wrap=wrap, **asked)

    def options(self, method: str) -> frozenset[str]:
        return super().options(method) | (self.flow.options(method) if method == "draw" else frozenset())

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B *event"]:
        """The noise that flows to x."""
        return self.flow.encode(x, given)

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Shaped[Tensor, "B *event"]:
        """The x to which noise flows."""
        return self.flow.decode(z, given)

    def prepare(self, batches: Iterable[Batch]) -> None:
        self.flow.prepare(batches)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        x, noise = batch.x, batch.noise.at("told")
        k = noise.at("level").integers(self.ratio.times, len(x))
        alpha, sigma = (part.to(x)[k].reshape(-1, *[1] * (x.ndim - 1)) for part in self.ratio.mix())
        told = self.ratio.logits(alpha * x + sigma * noise.normal(*x.shape, dtype=x.dtype))
        loss = nn.functional.cross_entropy(told, k)
        return loss + self.denoising * self.flow.loss(batch) if self.denoising else loss

    def lowers(self) -> Objective:
        return Objective("cross-entropy of the time, and squared error of the noise")

    def abilities(self) -> list[Ability]:
        return [*self.flow.abilities(), _Told(self)]

    def extra_repr(self) -> str:
        return f"{self.space}, times={self.ratio.times}, denoising={self.denoising:g}, spread={self.ratio.spread:g}"


class _Ratio(nn.Module):
    """The noise in x_t, by the slope of the log-ratio of densities; between two times the ratio is taken from both.

    Args:
        net: K logits a row.
        times: K.
        spread: The deviation of rows.
    """

    def __init__(self, net: nn.Module, times: int, spread: float) -> None:
        super().__init__()
        self.net, self.times, self.spread, self.schedule = net, times, spread, Cosine()
        last = float(self.schedule.log_snr(torch.tensor(self.schedule.t_max, dtype=torch.float64)))
        self.log_snr = torch.linspace(FINEST - 2 * math.log(spread), last, times, dtype=torch.float64)
        self.first = float(self.mix()[0][0])

    def mix(self) -> tuple[Tensor, Tensor]:
        """α and σ of all times."""
        return self.log_snr.sigmoid().sqrt(), (-self.log_snr).sigmoid().sqrt()

    def logits(self, x: Float[Tensor, "B *event"]) -> Float[Tensor, "B K"]:
        """log p(k | x) but for a constant of each row."""
        told: Tensor = self.net(x / self.spread, None)
        return told.to(x.dtype)

    def forward(self, x: Float[Tensor, "B *event"], t: Float[Tensor, " B"], given: Given | None) -> Tensor:
        keep = torch.is_grad_enabled()
        with torch.enable_grad():
            y = x if x.requires_grad else x.detach().requires_grad_()
            found = self._between(self.logits(y), t)
            slope = torch.autograd.grad(found.sum(), y, create_graph=keep)[0]
        sigma = self.schedule(t)[1].reshape(-1, *[1] * (x.ndim - 1))
        return sigma * (x - slope)

    def _between(self, told: Float[Tensor, "B K"], t: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """log p_t − log p_K."""
        span = float(self.log_snr[0] - self.log_snr[-1])
        place = (float(self.log_snr[0]) - self.schedule.log_snr(t.double())) / span * (self.times - 1)
        place = place.clamp(0, self.times - 1 - BOUND)
        low = place.floor().long()
        share = (place - low).to(told.dtype)
        near, far = (told.gather(1, k[:, None])[:, 0] for k in (low, low + 1))
        return near + share * (far - near) - told[:, -1]


class _Told(Timing):
    """What a classifier of the time says."""

    def __init__(self, model: TimeEstimation) -> None:
        self.model, self.log_snr = model, model.ratio.log_snr

    def log_posterior(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Float[Tensor, "B K"]:
        return self.model.ratio.logits(x).log_softmax(1)
