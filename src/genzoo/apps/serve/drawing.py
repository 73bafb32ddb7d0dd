"""Samples for several requests at once: row i of a request is row i of its seed, whoever is served beside it."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genzoo.apps.serve.joined import Joined
from genzoo.apps.serve.line import Job, deadline
from genzoo.apps.serve.refusals import Refusal, refused
from genzoo.core.abilities import Denoiser
from genzoo.core.game import Trainable
from genzoo.core.given import Given
from genzoo.core.model import GenerativeModel, evaluating
from genzoo.core.noise import Noise
from genzoo.evaluation.shown import as_shown

__all__ = ["Drawn", "Part", "beside", "draw", "noise_of"]


def _themselves(x: Tensor) -> Tensor:
    """Rows, where a request reads them."""
    return x.cpu()


@dataclasses.dataclass(frozen=True)
class Drawn:
    """Rows that are asked for.

    Attributes:
        n: How many.
        seed: Names their noise.
        given: Their condition in full.
        options: Of sampling.
        parts: How often it is told what has come of them before they are done.
        told: What is told of rows, one of each, as their files; by default the rows.
    """

    n: int
    seed: int
    given: Given
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    parts: int = 0
    told: Callable[[Tensor], Any] = _themselves

    @property
    def key(self) -> tuple[Any, ...]:
        """What requests have in common that are drawn together."""
        return "draw", self.told, tuple(sorted(self.options.items()))


class Part(NamedTuple):
    """What is told of rows as far as they have come."""

    number: int
    rows: Sequence[Any]


class Watching:
    """Tells requests what their rows have come to: the mean of the data at times that are spread evenly.

    Args:
        jobs: The requests, of rows that are `Drawn`.
        denoiser: What the model's means are means of.
    """

    def __init__(self, jobs: Sequence[Job], denoiser: Denoiser) -> None:
        self.jobs, self.denoiser = jobs, denoiser
        self.told, self.first = [0] * len(jobs), math.nan

    def __call__(self, passed: Any) -> None:
        t = float(passed.at.t)
        self.first = t if math.isnan(self.first) else self.first
        gone, start = 1 - t / self.first, 0
        for k, job in enumerate(self.jobs):
            asked, place = job.asked, slice(start, start + job.asked.n)
            start += asked.n
            if self.told[k] < asked.parts and gone * (asked.parts + 1) >= self.told[k] + 1:
                rows = asked.told(self.denoiser.told(passed.mean[place], asked.given))
                job.part(self.told[k], Part(self.told[k], rows))
                self.told[k] += 1


def draw(model: GenerativeModel, jobs: Sequence[Job]) -> Iterator[None]:
    """Draws rows for requests with the same options.

    What is asked alone is `model.sample`, as the command line asks it; several are drawn as one, from noise that has
    for each row the numbers that it has alone.

    Args:
        model: The model.
        jobs: The requests, of rows that are `Drawn`.
    """
    asked: list[Drawn] = [job.asked for job in jobs]

    with deadline(jobs):
        x = _drawn(model, asked, _watching(model, jobs))
    rows, end = asked[0].told(x), 0  # of all at once: many small calls would cost more than the model
    for job, each in zip(jobs, asked, strict=True):
        job.end(rows[end : (end := end + each.n)])
    yield


def _watching(model: GenerativeModel, jobs: Sequence[Job]) -> dict[str, Any]:
    """The option by which requests are told parts, where one asks for them and the model draws in steps."""
    denoiser = model.ability(Denoiser) if any(job.asked.parts for job in jobs) else None
    return {} if denoiser is None or "watch" not in model.options("draw") else {"watch": Watching(jobs, denoiser)}


def _drawn(model: GenerativeModel, asked: Sequence[Drawn], watch: Mapping[str, Any]) -> Tensor:
    """Rows of all, one's after another's.

    Args:
        model: The model.
        asked: The requests.
        watch: The option by which they are told parts; nothing if they are not.

    Raises:
        Refusal: If the options do not suit the model.
    """
    options = asked[0].options
    try:
        if len(asked) == 1 and not watch:
            return model.sample(asked[0].n, asked[0].given or None, seed=asked[0].seed, **options)
        with torch.no_grad(), evaluating(model):
            n, given = sum(each.n for each in asked), beside([each.given for each in asked])
            return model.draw(n, given, noise_of(model, asked), **options, **watch)
    except ValueError as error:
        raise refused(error, "options") from error
    except TypeError as error:
        own = [(name, value) for name, value in options.items() if (name, value) not in as_shown(model).items()]
        told = ", ".join(f"{name}={value!r:.40}" for name, value in own)
        raise Refusal(400, f"options must suit the run, got {told or 'none'}. Correct their types.", "options",
                      "invalid_type") from error  # fmt: skip


def noise_of(model: Trainable, asked: Sequence[Any]) -> Noise:
    """The noise of the samples of some requests."""
    device = next((each.device for each in model.parameters()), torch.device("cpu"))
    parts = [(Noise(each.seed, "sample", device=device), each.n) for each in asked]
    return parts[0][0] if len(parts) == 1 else Joined(parts)


def beside(given: Sequence[Given]) -> dict[str, Tensor]:
    """Rows of conditions, one request's after another's."""
    return {name: torch.cat([each[name] for each in given]) for name in given[0]}
