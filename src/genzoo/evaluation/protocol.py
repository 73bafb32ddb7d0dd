"""The standard protocol: what is measured of every model, in one order, and how much of it.

An examiner holds what models are held against, so that several are measured alike: on the same test rows, with the
same noise, their samples against the same real rows seen by the same extractor.
"""

import copy
import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor

from genzoo._ranks import rows_by_rank
from genzoo.core.given import GivenLike, map_given
from genzoo.core.model import GenerativeModel
from genzoo.data import Data, TableCodec
from genzoo.evaluation.extractors import Extractor
from genzoo.evaluation.judge import is_picture
from genzoo.evaluation.likelihood import code_length, options_of, score
from genzoo.evaluation.matching import retrieval, says_what_matches
from genzoo.evaluation.measurement import Estimate, Measurement
from genzoo.evaluation.nearest import judge_for
from genzoo.evaluation.raw_values import plain_values
from genzoo.evaluation.reconstruction import reconstruction_error
from genzoo.evaluation.rows import complete, spread
from genzoo.evaluation.shown import as_shown
from genzoo.evaluation.suites import Exam

__all__ = ["Examiner", "Findings", "Protocol", "evaluate"]

PROBE = 16  # rows of a first look at how fast a model is
LEAST = (200, 100)  # samples and rows: of fewer, classifiers and intervals cost the same, and some numbers need more
LEAST_OF_TABLES = (1000, 500)  # boosted trees tell a good model from a poor one no sooner


@dataclass(frozen=True)
class Protocol:
    """How much is measured, and with what seed.

    Args:
        rows: Test rows whose likelihood is taken, evenly spread; None for all.
        samples: Samples that are held against real rows.
        importance: Draws per row of a tighter bound as well, for models whose likelihood has `samples` or `draws`.
        seed: Names the noise and the samples.
        split: The rows measured on.
        sampling: Options of sampling, for the models that know them all; `noise` also for those that know it alone.

    Raises:
        ValueError: If the split is unknown.
    """

    rows: int | None = None
    samples: int = 2000
    importance: int | None = None
    seed: int = 0
    split: str = "test"
    sampling: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.split not in ("train", "valid", "test"):
            raise ValueError(f"A split must be train, valid or test, got {self.split!r}. Choose one of them.")


STANDARD = Protocol()


@dataclass(frozen=True)
class Findings:
    """What was found out about a model.

    Attributes:
        measurements: The numbers.
        samples: The samples that they were made on.
        given: Their conditions.
        by_class: The share of samples of each class that the judge takes for what was asked.
        neighbors: The training rows nearest to the first samples.
        sampling: Seconds for a sample.
        scoring: Seconds for a row scored; None without a likelihood.
        seconds: What the examination took.
        omitted: What could not be measured, and why: too few rows, with the number needed, as a rule.
    """

    measurements: list[Measurement]
    samples: Tensor = field(repr=False)
    given: GivenLike = field(repr=False)
    by_class: dict[str, Estimate]
    neighbors: Tensor = field(repr=False)
    sampling: float
    scoring: float | None
    seconds: float
    omitted: dict[str, str] = field(default_factory=dict)


class Examiner:
    """Measures models of one space by one protocol.

    Args:
        data: The data: test rows to measure on, training rows for the floor and for copies.
        protocol: How much.
        extractor: What sees the samples; by default the judge that suits the data, else their raw values.
        now: The clock: `time.perf_counter`, or `time.process_time` on a shared machine.

    Raises:
        ValueError: If the split has no rows.

    Example:
        >>> import genzoo
        >>> from genzoo.models.classical import Gaussian
        >>> data = genzoo.read("ring")
        >>> examiner = Examiner(data, Protocol(rows=300, samples=300))
        >>> examiner(Gaussian(data.space)).measurements[0].n
        300
    """

    def __init__(
        self,
        data: Data,
        protocol: Protocol = STANDARD,
        extractor: Extractor | None = None,
        *,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.data, self.protocol, self.now = data, protocol, now
        rows = data.split(protocol.split)
        if not len(rows):
            raise ValueError(f"The split {protocol.split} of {data.name} must have rows, got none. Choose another.")
        self.rows = spread(rows, protocol.rows or len(rows))
        known = complete(data.valid if protocol.split == "train" else data.train)
        self.extractor = (
            extractor
            or judge_for(data)
            or plain_values(complete(data.train), table=isinstance(data.codec, TableCodec))
        )
        sampling = ({"noise": False} if is_picture(data.space) else {}) | dict(protocol.sampling)
        self.exam = Exam(
            data,
            complete(rows),
            known,
            self.extractor,
            samples=protocol.samples,
            seed=protocol.seed,
            sampling=sampling,
        )

    def __call__(self, model: GenerativeModel) -> Findings:
        """Measures a model."""
        began, made, scoring = self.now(), list[Measurement](), None
        if model.can("log_prob"):
            start = self.now()
            made.append(code_length(model, self.rows, seed=self.protocol.seed, known=self.exam.known))
            scoring = (self.now() - start) / len(self.rows)
            made += self._tighter(model)
        if not model.can("sample"):
            if model.can("decode"):
                made.append(reconstruction_error(model, self.rows))
            if says_what_matches(model):
                made += retrieval(model, self.rows)
            none = torch.empty(0, *model.space.shape)
            return Findings(made, none, None, {}, none, math.nan, scoring, self.now() - began)
        n, start = self.protocol.samples, self.now()
        given = None if not model.given_space else self.exam.conditions(n)
        x = draw(model, n, given, seed=self.protocol.seed, **self.options(model))
        x = self.data.codec.written(x)
        sampling = (self.now() - start) / n
        found = self.exam(x, given)
        return Findings(
            [*made, *found.measurements],
            x,
            given,
            found.by_class,
            found.neighbors,
            sampling,
            scoring,
            self.now() - began,
            found.omitted,
        )

    def options(self, model: GenerativeModel) -> dict[str, Any]:
        """The options that samples are drawn with: how they are shown, and the protocol's if the model knows them."""
        known, asked = set(options_of(model, "draw")), self.protocol.sampling
        noise = {name: value for name, value in asked.items() if name == "noise" and name in known}
        rest = {name: value for name, value in asked.items() if name != "noise"}
        return as_shown(model) | noise | (rest if set(rest) <= known else {})

    def with_noise(self, model: GenerativeModel) -> Measurement | None:
        """The first distance of as many samples with the noise of their decoder, where pictures are shown without it;
        None for all others.

        Args:
            model: The model.
        """
        options = self.options(model)
        if not is_picture(self.data.space) or options.get("noise", True):
            return None
        given = None if not model.given_space else self.exam.conditions(self.protocol.samples)
        seed, options = self.protocol.seed, options | {"noise": True}
        x = draw(model, self.protocol.samples, given, seed=seed, **options)
        return self.exam.first(x, sampling=dict(self.protocol.sampling) | {"noise": True})

    def probe(self, model: GenerativeModel) -> tuple[float, float]:
        """Seconds for a sample and for a row scored, from a few of each."""
        given = None if not model.given_space else self.exam.conditions(PROBE)
        if not model.can("sample"):
            return 0.0, 0.0
        draw(model, PROBE, given, seed=0, **self.options(model))  # the first call of anything is slow
        start = self.now()
        draw(model, PROBE, given, seed=0, **self.options(model))
        sampling, start = (self.now() - start) / PROBE, self.now()
        if model.can("log_prob"):
            score(model, spread(self.rows, PROBE))
        return sampling, (self.now() - start) / PROBE

    def within(self, seconds: float, models: Sequence[GenerativeModel]) -> "Examiner":
        """An examiner that takes about so long for some models, with fewer rows and samples if it must.

        It takes longer rather than look at fewer than tell models apart: 200 samples and 100 rows, of tables 1,000
        samples, as told by boosted trees, and 500 rows.
        """
        start = self.now()
        samples, rows = self._fewest()
        brief = self._of(samples, rows)
        brief.exam.floors, brief.exam.controls  # noqa: B018 — timed here, and kept
        if 2 * (self.now() - start) * (len(models) + 1) > seconds:  # as for larger ones
            return brief
        start = self.now()
        self.exam.floors, self.exam.controls  # noqa: B018
        seconds -= (self.now() - start) * (len(models) + 1)
        probes = [self.probe(model) for model in models]
        draws = [1 if self.options(model).get("noise", True) else 2 for model in models]
        sampling = sum(p[0] * d for p, d in zip(probes, draws, strict=True))
        need = sampling * self.protocol.samples + sum(p[1] for p in probes) * len(self.rows)
        share = max(0.0, seconds) / max(need, 1e-9)
        if share >= 1:
            return self
        return self._of(max(samples, _round(share * self.protocol.samples)), max(rows, _round(share * len(self.rows))))

    def _fewest(self) -> tuple[int, int]:
        """The fewest samples and rows that tell models of this data apart, or all that there are."""
        samples, rows = LEAST_OF_TABLES if isinstance(self.data.codec, TableCodec) else LEAST
        samples = max(samples, 2 * self.extractor.dims)
        return min(samples, self.protocol.samples), min(rows, len(self.rows))

    def _of(self, samples: int, rows: int) -> "Examiner":
        """The same examiner for fewer samples and rows."""
        other = copy.copy(self)
        other.rows = spread(self.rows, rows)
        other.protocol = dataclasses.replace(self.protocol, samples=samples, rows=len(other.rows))
        other.exam = self.exam.of(samples)
        return other

    def _tighter(self, model: GenerativeModel) -> list[Measurement]:
        draws, known = self.protocol.importance, options_of(model, "log_density")
        name = next((option for option in ("samples", "draws") if option in known), None)
        if not draws or name is None:
            return []
        return [code_length(model, self.rows, seed=self.protocol.seed, known=self.exam.known, **{name: draws})]


def evaluate(model: GenerativeModel, data: Data, protocol: Protocol = STANDARD) -> list[Measurement]:
    """Measures a model on held-out rows: its code length, if it has a likelihood, and its samples.

    Args:
        model: A trained model.
        data: Data of the same space.
        protocol: How much is measured.
    """
    return Examiner(data, protocol)(model).measurements


def draw(
    model: GenerativeModel, n: int, given: GivenLike, *, seed: int, chunk: int = 500, **options: Any
) -> Shaped[Tensor, "n *shape"]:
    """n samples, a chunk at a time; row i depends on the seed and i alone.

    Args:
        model: Any model.
        n: How many.
        given: A condition for each, or None.
        seed: Names the noise.
        chunk: How many at a time.
        options: The model's own.
    """

    def drawn(first: int, last: int) -> Tensor:
        part = map_given(lambda rows: rows[first:last].to(model.device), given)
        return model.sample(last - first, part, seed=seed, start=first, **options).cpu()

    return torch.cat(list(rows_by_rank(n, chunk, drawn)))


def _round(count: float) -> int:
    """A count with two figures, rounded down."""
    digits = 10 ** max(0, len(str(int(count))) - 2)
    return int(count) // digits * digits
