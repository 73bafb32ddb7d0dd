"""Texts for several requests at once, symbol by symbol: each is told its own as soon as it is drawn."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.apps.pieces import Pieces
from genzoo.apps.serve.drawing import beside, noise_of
from genzoo.apps.serve.line import Job
from genzoo.core.abilities import Sequential
from genzoo.core.given import NOTHING, Given
from genzoo.core.model import GenerativeModel, evaluating
from genzoo.data.codecs.text import SpellingCodec
from genzoo.models.choice import Choice
from genzoo.models.revisable import Revisable
from genzoo.models.stepping import stream

__all__ = ["Piece", "Said", "Spoken", "Told", "speak"]

WORTH = 0.75  # of the rows are left, at most, when the others are left out


@dataclasses.dataclass(frozen=True)
class Spoken:
    """Texts that are asked for.

    Attributes:
        n: How many.
        seed: Names their noise.
        given: Their condition in full.
        prefix: The symbols that each begins with.
        choice: How the next symbol is chosen.
        most: How many symbols follow, at most.
        stops: Texts before which one ends.
        in_pieces: Whether each piece is told as soon as it is there.
        likely: If told, each symbol comes with its log-probability, and with those of so many likeliest.
    """

    n: int
    seed: int
    given: Given
    prefix: Int[Tensor, " t"]
    choice: Choice
    most: int
    stops: tuple[str, ...] = ()
    in_pieces: bool = False
    likely: int | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What requests have in common that are answered together."""
        return "speak", self.choice


class Said(NamedTuple):
    """A symbol that was said.

    Attributes:
        symbol: Which.
        log_prob: log p(x_t | x_<t, given) of the model, whatever it was chosen by.
        likeliest: Symbols that were likelier than all others, with theirs.
        offset: Where its text begins in that of the answer.
    """

    symbol: int
    log_prob: float
    likeliest: list[tuple[int, float]]
    offset: int = 0


class Piece(NamedTuple):
    """What one more symbol adds to a text.

    Attributes:
        row: Which text.
        text: What it adds.
        finish: Why it ends here, if it does: at a stop or its own end, or by its length.
        said: Its symbols, where they were asked for.
    """

    row: int
    text: str
    finish: str | None
    said: tuple[Said, ...] = ()


class Told(NamedTuple):
    """A text, why it ended, after how many symbols, and those, where they were asked for."""

    text: str
    finish: str
    symbols: int
    said: tuple[Said, ...] = ()


class Writer:
    """One text while it is written."""

    def __init__(self, codec: SpellingCodec, asked: Spoken, dims: int) -> None:
        self.asked, self.begun, self.codec = asked, len(asked.prefix), codec
        self.last = min(dims, self.begun + asked.most) - 1
        self.pieces = Pieces(codec, asked.stops)
        self.parts: list[str] = []
        self.symbols, self.finish = 0, ""
        self.said: list[Said] = []
        self.pending, self.length = 0, 0

    def take(self, place: int, symbol: int, said: Said | None = None) -> Piece | None:
        """One more symbol, which may be one of the prompt or come after the end."""
        if self.finish or place < self.begun:
            return None
        self.symbols += symbol < self.codec.levels
        if said is not None:
            self.said.append(said._replace(offset=self.length))
            self.length += len(self.codec.text([symbol])) if symbol < self.codec.levels else 0
        text = self._shown(symbol)
        if symbol >= self.codec.levels or self.pieces.stopped:
            self.finish = "stop"
        elif place >= self.last:
            self.finish = "length"
        if self.finish and not self.pieces.stopped:
            text += self.pieces.rest()
        self.parts.append(text)
        return self._piece(text) if text or self.finish else None

    def _piece(self, text: str) -> Piece:
        """What is shown now, with the symbols since what was shown before, but for those of a stop."""
        if self.pieces.stopped:
            self.said = [each for each in self.said if each.offset < self.pieces.shown + len(text)]
        new = tuple(self.said[self.pending :])
        self.pending = len(self.said)
        return Piece(0, text, self.finish or None, new)

    def _shown(self, symbol: int) -> str:
        if self.asked.in_pieces or self.asked.stops:
            return self.pieces.take(symbol)
        if symbol < self.codec.levels:  # spelled once, at the end
            self.pieces.symbols.append(symbol)
        return ""

    def told(self) -> Told:
        """The whole text."""
        return Told("".join(self.parts), self.finish or "stop", self.symbols, tuple(self.said))


class Attended(Sequential):
    """The conditionals of the rows that somebody still waits for. What the others would say costs nothing, where
    states can be taken apart, and is not looked at.

    Args:
        chain: The conditionals of all rows.

    Attributes:
        rows: Those that are left.
        heard: The last logits of all rows.
    """

    def __init__(self, chain: Sequential) -> None:
        self.chain, self.space, self.symbols = chain, chain.space, chain.symbols
        self.rows = torch.arange(0)
        self.left: Tensor | None = None

    def begin(self, n: int, given: Given = NOTHING) -> Any:
        self.n, self.rows = n, torch.arange(n)
        return self.chain.begin(n, given)

    def logits(self, state: Any) -> Float[Tensor, "n symbols"]:
        some = self.chain.logits(state)
        self.heard = some if len(some) == self.n else some.new_zeros(self.n, self.symbols).index_copy(
            0, self.rows.to(some.device), some)  # fmt: skip
        return self.heard

    def take(self, state: Any, symbol: Int[Tensor, " n"]) -> Any:
        if self.left is not None and isinstance(self.chain, Revisable):
            state = self.chain.select(state, self.left.nonzero().flatten().to(symbol.device))
            self.rows = self.rows[self.left]
        self.left = None
        return self.chain.take(state, symbol if len(self.rows) == self.n else symbol[self.rows.to(symbol.device)])

    def only(self, waited_for: Sequence[bool]) -> None:
        """Leaves rows out from the next symbol on, once they are worth it: those that are left must be copied."""
        if all(waited_for):
            return
        left = torch.tensor(waited_for)[self.rows]
        self.left = left if int(left.sum()) <= WORTH * len(self.rows) else None

    def said(self, symbols: Int[Tensor, " n"], rows: slice, k: int) -> list[Said]:
        """The last symbols of some rows, with their log-probabilities."""
        log_probs = self.heard[rows].double().log_softmax(-1)
        own = log_probs.gather(1, symbols[rows, None].to(log_probs.device))[:, 0].tolist()
        top = log_probs.topk(min(k, self.symbols), dim=-1)
        likeliest = [
            list(zip(*each, strict=True)) for each in zip(top.indices.tolist(), top.values.tolist(), strict=True)
        ]
        return [Said(*each) for each in zip(symbols[rows].tolist(), own, likeliest, strict=True)]


def speak(model: GenerativeModel, codec: SpellingCodec, jobs: Sequence[Job]) -> Iterator[None]:
    """Writes texts for requests with the same choice, a symbol of all at a time, until each has what it asked for.

    Args:
        model: A model that steps.
        codec: Spells its symbols.
        jobs: The requests, of texts that are `Spoken`.
    """
    asked: list[Spoken] = [job.asked for job in jobs]
    chain = Attended(model.able(Sequential))
    writers = [[Writer(codec, each, chain.space.dims) for _ in range(each.n)] for each in asked]
    given, noise = beside([each.given for each in asked]), noise_of(model, asked)
    with torch.no_grad(), evaluating(model):
        drawn = stream(chain, sum(each.n for each in asked), given, noise=noise, prefix=_prefixes(asked),
                       choice=asked[0].choice)  # fmt: skip
        for place, symbols in enumerate(drawn):
            first = 0
            for job, own in zip(jobs, writers, strict=True):
                rows = slice(first, first := first + len(own))
                _write(job, own, place, chain, symbols, rows)
            pairs = zip(jobs, writers, strict=True)
            waited_for = [not (job.over or writer.finish) for job, own in pairs for writer in own]
            if not any(waited_for):
                break
            chain.only(waited_for)
            yield
    for job, own in zip(jobs, writers, strict=True):
        job.end([writer.told() for writer in own])


def _write(
    job: Job, own: Sequence[Writer], place: int, chain: Attended, symbols: Int[Tensor, " n"], rows: slice
) -> None:
    """One more symbol of each text of a request."""
    if job.over:
        return
    wanted = job.asked.likely is not None and place >= len(job.asked.prefix)
    said = chain.said(symbols, rows, job.asked.likely) if wanted else [None] * len(own)
    for row, (writer, symbol, each) in enumerate(zip(own, symbols[rows].tolist(), said, strict=True)):
        piece = writer.take(place, symbol, each)
        if piece is not None and job.asked.in_pieces:
            job.part(place * len(own) + row, piece._replace(row=row))
    if all(writer.finish for writer in own):
        job.end([writer.told() for writer in own])


def _prefixes(asked: Sequence[Spoken]) -> Int[Tensor, "n t"] | None:
    """What each row begins with, −1 where it has no more."""
    longest = max(len(each.prefix) for each in asked)
    if not longest:
        return None
    rows = torch.full((sum(each.n for each in asked), longest), -1)
    first = 0
    for each in asked:
        rows[first : first + each.n, : len(each.prefix)] = each.prefix
        first += each.n
    return rows
