"""Answers about a model in words, with their intervals."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from genzoo.core import Space
from genzoo.data.codec import Codec
from genzoo.data.codecs.table import PointsCodec, TableCodec
from genzoo.tasks import Column, Expectation, Expression, Form, Interval, RareEvent
from genzoo.zoo.mistakes import Mistake

__all__ = ["Answer", "columns_of", "parsed_quantiles", "written"]


@dataclass(frozen=True)
class Answer:
    """What was asked, what was found, and from how much.

    Attributes:
        what: The question, as P(…) or E[…].
        interval: The answer.
        source: From how many samples, with which seed.
        rows: Further answers, as rows of a table.
        more: Further facts.
        remark: What to do, if the answer says little.
        form: How the answers are written, where that is not as plain numbers.
    """

    what: str
    interval: Interval
    source: str
    rows: list[tuple[str, float, float, float]] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    remark: str = ""
    form: Form | None = None

    @classmethod
    def of_values(cls, asked: Expression, found: Expectation, quantiles: list[float]) -> "Answer":
        """The answer by counting or averaging."""
        source = f"{len(found):,} samples with seed {found.seed}"
        facts = {"n": len(found), "seed": found.seed}
        if found.is_event:
            hits = int(found.values.sum())
            few = "Too few to say more: --rare reaches for rare events." if hits < 10 else ""
            return cls(f"P({asked.text})", found.mean(), source, more=facts | {"hits": hits}, remark=few)
        answers = {"variance": found.variance()} | {f"{q:g} quantile": found.quantile(q) for q in quantiles}
        rows = [(name, *interval) for name, interval in answers.items()]
        form = None if asked.column is None else asked.column.form
        return cls(f"E[{asked.text}]", found.mean(), source, rows, facts, form=form)

    @classmethod
    def of_event(cls, asked: Expression, found: RareEvent, seed: int) -> "Answer":
        """The answer by importance sampling."""
        source = f"{found.draws:,} samples with seed {seed}; {found.hits:,} weighted hits, worth {found.ess:,.0f}"
        facts = {"n": found.n, "seed": seed, "hits": found.hits, "ess": found.ess, "draws": found.draws}
        bound = "" if found.hits else "It was never seen: this is an upper bound, which more samples (-n) lower."
        facts |= {"levels": list(found.levels)}
        return cls(f"P({asked.text})", found.probability, source, more=facts, remark=bound)

    @property
    def sentence(self) -> str:
        """The answer in words."""
        value, low, high = map(self.shown, self.interval)
        said = f"{self.what} = {value}, with 95 % confidence between {low} and {high} ({self.source})."
        return f"{said} {self.remark}".strip()

    def shown(self, number: float) -> str:
        """A number in words."""
        return f"{number:.4g}" if self.form is None or not math.isfinite(number) else self.form.spelled(repr(number))

    def table(self) -> list[tuple[Any, ...]]:
        """The further answers as rows of a table; a variance is no value of the column."""
        return [
            (name, *numbers) if name == "variance" else (name, *map(self.shown, numbers))
            for name, *numbers in self.rows
        ]

    def to_json(self) -> dict[str, Any]:
        """The answer as plain JSON; bounds that are not known are None."""
        rows = {name: _plain(Interval(*interval)) for name, *interval in self.rows}
        shown = (
            {}
            if self.form is None
            else {"shown": dict(zip(Interval._fields, map(self.shown, self.interval), strict=True))}
        )
        return {"of": self.what, **_plain(self.interval), **shown, **self.more, **({"answers": rows} if rows else {})}


def _plain(interval: Interval) -> dict[str, float | None]:
    finite = {name: value if abs(value) < float("inf") else None for name, value in interval._asdict().items()}
    return {"value": finite["value"], "low": finite["low"], "high": finite["high"]}


def columns_of(codec: Codec, space: Space) -> dict[str, Column]:
    """The columns that a question about a run's data can name.

    Args:
        codec: How the run's samples become files.
        space: What one row is.
    """
    if isinstance(codec, TableCodec):
        ordered = [column.kind == "ordered" for column in space.columns or ()] or [False] * len(codec.columns)
        return {name: _column(codec, place, name, ordered[place]) for place, name in enumerate(codec.columns)}
    if isinstance(codec, PointsCodec):
        return {name: Column(place) for place, name in enumerate(codec.columns)}
    return {}


def written(asked: Callable[[Tensor], Tensor], codec: Codec) -> Callable[[Tensor], Tensor]:
    """A question about samples as one about what would be written of them.

    Args:
        asked: A function of rows.
        codec: How the run's samples become files.
    """
    return lambda x: asked(codec.written(x))


def _column(codec: TableCodec, place: int, name: str, ordered: bool) -> Column:
    return Column(place, tuple(codec.words.get(name, ())), name in codec.whole, codec.forms.get(name), ordered)


def parsed_quantiles(text: str) -> list[float]:
    """Quantiles from words such as 0.05,0.5.

    Args:
        text: The words.

    Raises:
        Mistake: If one is no number between 0 and 1.

    Example:
        >>> parsed_quantiles("0.1, 0.9")
        [0.1, 0.9]
    """
    try:
        found = [float(word) for word in text.split(",") if word.strip()]
    except ValueError:
        found = [0.0]
    if not all(0 < q < 1 for q in found):
        raise Mistake(
            f"--quantiles must be numbers between 0 and 1, got {text!r}.", "Write --quantiles 0.05,0.5,0.95."
        )
    return found
