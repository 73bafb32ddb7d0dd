"""Texts for several requests at once, symbol by symbol: each is told its own as soon as it is drawn."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from genzoo.apps.pieces import Pieces
from genzoo.apps.serve.drawing import beside, noise_of
from genzoo.apps.serve.line import Job
from genzoo.core.abilities import Sequential
from genzoo.core.given import Given
from genzoo.core.model import GenerativeModel, evaluating
from genzoo.data.codecs.text import SpellingCodec
from genzoo.models.choice import Choice
from genzoo.models.stepping import stream

__all__ = ["Piece", "Spoken", "Told", "speak"]


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
    """

    n: int
    seed: int
    given: Given
    prefix: Int[Tensor, " t"]
    choice: Choice
    most: int
    stops: tuple[str, ...] = ()
    in_pieces: bool = False

    @property
    def key(self) -> tuple[object, ...]:
        """What requests have in common that are answered together."""
        return "speak", self.choice


class Piece(NamedTuple):
    """What one more symbol adds to a text.

    Attributes:
        row: Which text.
        text: What it adds.
        finish: Why it ends here, if it does: at a stop or its own end, or by its length.
    """

    row: int
    text: str
    finish: str | None


class Told(NamedTuple):
    """A text, why it ended, and after how many symbols."""

    text: str
    finish: str
    symbols: int


class Writer:
    """One text while it is written."""

    def __init__(self, codec: SpellingCodec, asked: Spoken, dims: int) -> None:
        self.asked, self.begun, self.codec = asked, len(asked.prefix), codec
        self.last = min(dims, self.begun + asked.most) - 1
        self.pieces = Pieces(codec, asked.stops)
        self.parts: list[str] = []
        self.symbols, self.finish = 0, ""

    def take(self, place: int, symbol: int) -> Piece | None:
        """One more symbol, which may be one of the prompt or come after the end."""
        if self.finish or place < self.begun:
            return None
        self.symbols += symbol < self.codec.levels
        said = self._said(symbol)
        if symbol >= self.codec.levels or self.pieces.stopped:
            self.finish = "stop"
        elif place >= self.last:
            self.finish = "length"
        if self.finish and not self.pieces.stopped:
            said += self.pieces.rest()
        self.parts.append(said)
        return Piece(0, said, self.finish or None) if said or self.finish else None

    def _said(self, symbol: int) -> str:
        if self.asked.in_pieces or self.asked.stops:
            return self.pieces.take(symbol)
        if symbol < self.codec.levels:  # spelled once, at the end
            self.pieces.symbols.append(symbol)
        return ""

    def told(self) -> Told:
        """The whole text."""
        return Told("".join(self.parts), self.finish or "stop", self.symbols)


def speak(model: GenerativeModel, codec: SpellingCodec, jobs: Sequence[Job]) -> Iterator[None]:
    """Writes texts for requests with the same choice, a symbol of all at a time, until each has what it asked for.

    Args:
        model: A model that steps.
        codec: Spells its symbols.
        jobs: The requests, of texts that are `Spoken`.
    """
    asked: list[Spoken] = [job.asked for job in jobs]
    chain = model.able(Sequential)
    writers = [[Writer(codec, each, chain.space.dims) for _ in range(each.n)] for each in asked]
    given, noise = beside([each.given for each in asked]), noise_of(model, asked)
    with torch.no_grad(), evaluating(model):
        drawn = stream(chain, sum(each.n for each in asked), given, noise=noise, prefix=_prefixes(asked),
                       choice=asked[0].choice)  # fmt: skip
        for place, symbols in enumerate(drawn):
            rows = iter(symbols.tolist())
            for job, own in zip(jobs, writers, strict=True):
                _write(job, own, place, [next(rows) for _ in own])
            yield
    for job, own in zip(jobs, writers, strict=True):
        job.end([writer.told() for writer in own])


def _write(job: Job, own: Sequence[Writer], place: int, symbols: Sequence[int]) -> None:
    if job.over:
        return
    for row, (writer, symbol) in enumerate(zip(own, symbols, strict=True)):
        piece = writer.take(place, symbol)
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
