"""The likelihood of the probability flow, by the change of variables along it.

Along the flow dx/dt = f(x, t) a density changes by the divergence of f. With λ = log α²/σ² as the clock,

$$ \\log p(x_{t_0}) = \\log p(x_{t_1}) + d \\log \\frac{\\sigma_1}{\\sigma_0}
   - \\frac12 \\int_{\\lambda_1}^{\\lambda_0} \\alpha\\,\\nabla \\cdot \\hat x(x_\\lambda)\\,d\\lambda, $$

whose integrand goes from 0 in pure noise to d in the data. The divergence is a trace: exact by one look at each entry,
or estimated without bias by v·∇(v·x̂) with random signs v.

References:
    Hutchinson, 1989, "A stochastic estimator of the trace of the influence matrix"
    Chen et al., 2018, "Neural ordinary differential equations", arXiv:1806.07366
    Song et al., 2021, "Score-based generative modeling through stochastic differential equations", arXiv:2011.13456
"""

import math
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core.given import Given, GivenAsked, RowsAsked
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.models.diffusion.samplers.heun import Heun
from genzoo.models.diffusion.samplers.sampler import Passed
from genzoo.models.diffusion.schedule import Moment, Schedule
from genzoo.nn.fields import traces

__all__ = ["TRAINED", "FlowLikelihood", "flow_log_density", "flow_log_prob", "in_cells"]

TRAINED = 0.002  # the noise, in units of the signal, down to which steps go and training looks


class FlowLikelihood(NamedTuple):
    """log p of each row in nats, and its standard error from the probes; 0 for the exact trace, NaN for one probe."""

    value: Float[Tensor, " B"]
    error: Float[Tensor, " B"]


@runtime_checkable
class Flowing(Protocol):
    """What a flow from noise to data is asked for."""

    schedule: Schedule
    space: Space

    @property
    def device(self) -> torch.device:
        """Where it is."""

    def checked(self, x: RowsAsked) -> Tensor:
        """Rows of its space, or a refusal."""

    def checked_given(self, given: GivenAsked, n: int) -> Given:
        """As many rows of its condition, or a refusal."""

    @property
    def numbers(self) -> Numbers:
        """Data as numbers."""

    def mean(self, x_t: Tensor, t: Tensor, given: Given) -> Tensor:
        """What it says the data are."""

    def ends(self) -> tuple[Moment, Moment]:
        """The last of the two times is where it starts."""


def flow_log_prob(
    model: Flowing,
    x: RowsAsked,
    given: GivenAsked = None,
    *,
    seed: int = 0,
    steps: int = 60,
    probes: int | None = None,
) -> FlowLikelihood:
    """log p(x | given) under the flow that samplers without fresh noise follow; an estimate, no bound.

    It is the density of data blurred by σ = 0.002 α. Of levels it is that of the levels spread over their cells by
    uniform noise, times the cells: below the log of their mass in expectation.

    Args:
        model: The diffusion.
        x: Rows of data.
        given: Their conditions.
        seed: Names the noise.
        steps: Heun's steps along the flow, equal in λ.
        probes: Random directions for the trace; by default it is exact, one look at the network for each entry.

    Raises:
        ValueError: If there is no probe.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.diffusion import Cosine, Diffusion, Predicts
        >>> from genzoo.nn import MLP, Timed
        >>> net = Timed(MLP(2, [32], 2, given=16), 16)
        >>> model = Diffusion(Space((2,)), None, net, schedule=Cosine(), predicts=Predicts.PRECONDITIONED)
        >>> flow_log_prob(model, torch.zeros(3, 2), steps=5, probes=2).error.shape
        torch.Size([3])
    """
    if probes is not None and probes < 1:
        raise ValueError(f"A trace needs at least one probe, got {probes}. Leave `probes` out for the exact one.")
    rows = model.checked(x)
    condition = model.checked_given(given, len(rows))
    return flow_log_density(model, rows, condition, Noise(seed, "flow", device=model.device), steps, probes)


def flow_log_density(
    model: Flowing, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise, steps: int, probes: int | None
) -> FlowLikelihood:
    """The same for rows and conditions in full, with noise of their own.

    Args:
        model: The diffusion.
        x: The rows.
        given: Their conditions.
        noise: Where probes, and the places of levels in their cells, come from.
        steps: Heun's steps.
        probes: Random directions for the trace, or None for the exact one.
    """
    y, volume = in_cells(model, x, noise)
    last = model.ends()[1]
    times = model.schedule.time(torch.linspace(-2 * math.log(TRAINED), last.log_snr.item(), steps + 1).double())
    first = model.schedule.at(times[0].to(y))
    signs = None if probes is None else noise.at("probes").integers(2, len(y), probes, *y.shape[1:]).to(y) * 2 - 1
    seen: list[tuple[Tensor, Tensor]] = []

    def watch(passed: Passed) -> None:
        seen.append((passed.at.log_snr, passed.at.alpha * traces(lambda x: mean(x, passed.at.t), passed.x, signs)[1]))

    def mean(x_t: Tensor, t: Tensor) -> Tensor:
        return model.mean(x_t, t, given)

    with torch.no_grad():
        z = Heun().along(times.to(y), mean, model.schedule, first.alpha * y, noise, watch)
        watch(Passed(last, z, z))
    clocks, found = (torch.stack(each) for each in zip(*seen, strict=True))
    per_probe = (found[1:] + found[:-1]).mul((clocks[:-1] - clocks[1:])[:, None, None] / 4).sum(0)
    dims = math.prod(model.space.shape)
    base = -(z / last.scale).flatten(1).square().sum(1) / 2 - dims * (math.log(2 * math.pi) / 2 + last.scale.log())
    value = base + dims * (last.sigma * first.alpha / first.sigma).log() - per_probe.mean(1) + volume
    return FlowLikelihood(value, torch.zeros_like(value) if probes is None else _error(per_probe))


def in_cells(model: Flowing, x: Shaped[Tensor, "B *event"], noise: Noise) -> tuple[Float[Tensor, "B *event"], float]:
    """Rows as reals, levels anywhere in their cells, and the log of a cell's volume.

    Args:
        model: Whose rows they are.
        x: The rows.
        noise: Where the places in cells come from.
    """
    y = model.numbers.of(x)
    if not model.space.is_discrete:
        return y, 0.0
    width = 2 / max(1, (model.space.levels or 2) - 1)
    cell = noise.at("cell").uniform(*y.shape, dtype=y.dtype) - 0.5
    return y + width * cell, model.space.dims * math.log(width)


def _error(per_probe: Float[Tensor, "B probes"]) -> Float[Tensor, " B"]:
    """The standard error of the mean over probes."""
    count = per_probe.shape[1]
    return per_probe.std(1) / math.sqrt(count) if count > 1 else torch.full_like(per_probe[:, 0], torch.nan)
