"""Diffusions against a denoiser of which all is known: that of data which are one row c,

$$ E[x \\mid x_t] = c, \\qquad x_t = \\alpha_t c + \\sigma_t \\varepsilon. $$

Every step of every solver is exact for it, however long: at each time that a sampler names, what is left of x_t
without its share of c is noise of one size, and at the end it is c. So a time that is one step off is seen, however
small the step, and one that is missing at the end leaves noise in the samples.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genzoo.core import Denoiser, Given
from genzoo.testing.promise import Subject, hold, promise

__all__: list[str] = []

NUMBERS, SURE = 4000, 5.0  # what the size of noise is told from; standard errors
SLACK = 0.015  # Langevin's steps of a corrector leave noise 1.3 % too large
BEGINS = 0.1  # how far the first noise may be off: some signal may be left at the last time
TIMES = 33


class Seen(NamedTuple):
    """What a denoiser is shown in a call: when it is told it is, and what is left as noise."""

    t: float
    noise: Tensor


def takes_a_denoiser(subject: Subject) -> bool:
    """a diffusion whose samples can be drawn with another denoiser"""
    return "wrap" in subject.model.options("draw") and subject.model.ability(Denoiser) is not None


@promise("denoise", kind="use")
def a_schedule_leads_from_data_to_noise(subject: Subject) -> None:
    """α(0) = 1 and σ(0) = 0, and the ratio of signal to noise falls."""
    schedule = subject.model.able(Denoiser).schedule
    t = torch.linspace(0.0, schedule.t_max, TIMES, dtype=torch.float64)
    alpha, sigma = _mix(schedule, t)
    hold(abs(alpha[0].item() - 1) < 1e-6, f"at time 0 the signal is {alpha[0].item():.6g}, not 1")
    hold(abs(sigma[0].item()) < 1e-6, f"at time 0 the noise is {sigma[0].item():.3g}, not 0")
    hold((alpha / sigma).diff()[1:].max() < 0, "signal over noise does not fall with time")


@promise("sample", "denoise", kind="use", asked=takes_a_denoiser)
def a_sampler_tells_the_time_and_ends_at_the_data(subject: Subject) -> None:
    """In double precision, since there are solvers that go on to noise of the size of single's rounding."""
    subject = subject.double()
    model, denoiser, x = subject.model, subject.model.able(Denoiser), subject.x[:1]
    n = -(-NUMBERS // math.prod(denoiser.shape))
    c, seen = denoiser.numbers.of(x).to(model.dtype), list[Seen]()
    options: dict[str, Any] = {"noise": False} if "noise" in model.options("draw") else {}
    with torch.no_grad():
        found = model.sample(n, subject.alike(n), seed=1, wrap=_known(denoiser.schedule, c, seen), **options)
    _hold_times(seen)
    end = denoiser.numbers.back(c).double()
    off = (found.double() - end).abs().max().item()
    hold(
        off <= 1e-3 * max(1.0, end.abs().max().item()), f"samples of data that are one row end {off:.3g} away from it"
    )


def _known(
    schedule: Any, c: Tensor, seen: list[Seen]
) -> Callable[[object], Callable[[Tensor, Tensor, Given], Tensor]]:
    """A wrap that puts the denoiser of data c in the place of the model's, and notes what it is shown."""

    def denoise(x_t: Tensor, t: Tensor, given: Given) -> Tensor:
        alpha, sigma = (part.reshape(-1, *[1] * (x_t.ndim - 1)).to(x_t) for part in _mix(schedule, t))
        seen.append(Seen(t.double().mean().item(), ((x_t - alpha * c) / sigma).flatten().double()))
        return c.expand_as(x_t)

    return lambda model_s_own: denoise


def _mix(schedule: Any, t: Tensor) -> tuple[Tensor, Tensor]:
    """α and σ at some times."""
    alpha, sigma = schedule(t)
    return alpha.detach(), sigma.detach()


def _hold_times(seen: list[Seen]) -> None:
    """Holds that noise is of one size at all times: where a sampler draws none of its own, it is the same noise, and
    its size is known without sampling error."""
    hold(len(seen) > 0, "the denoiser is never asked")
    first = seen[0].noise
    size, center = first.std().item(), first.mean().item()
    begins = abs(size - 1) < BEGINS and abs(center) < BEGINS
    hold(begins, f"told time {seen[0].t:.4g}, it begins with noise of size {size:.3g} around {center:.2g}")
    for t, noise in seen[1:]:
        own = 1 - torch.corrcoef(torch.stack([first, noise]))[0, 1].square().item()  # the share that is drawn anew
        sure = 2e-3 + min(SLACK, 10 * SLACK * own) + SURE * math.sqrt(max(0.0, own) / len(noise))
        grown = (noise.std() / first.std()).item()
        hold(
            abs(grown - 1) < sure,
            f"told time {t:.4g}, what it sees has noise of size {grown:.4g} times what it began with",
        )
