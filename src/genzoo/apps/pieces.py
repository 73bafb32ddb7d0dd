"""Text as it comes, symbol by symbol: what of it may be shown already."""

from collections.abc import Sequence

from genzoo.data.codecs.text import SpellingCodec

__all__ = ["Pieces"]


class Pieces:
    """What is shown of a text whose symbols come one by one; what may be the beginning of a stop waits until it is
    known, and so does a character of which some bytes are missing.

    Args:
        codec: Spells the symbols.
        stops: Texts before which it ends.

    Attributes:
        stopped: Whether it has ended before one.

    Example:
        >>> from genzoo.data import TextCodec
        >>> pieces = Pieces(TextCodec("abc"), ["bc"])
        >>> [pieces.take(i) for i in (0, 1, 0, 1, 2)], pieces.stopped
        (['a', '', 'ba', '', ''], True)
    """

    def __init__(self, codec: SpellingCodec, stops: Sequence[str] = ()) -> None:
        self.codec, self.stops, self.stopped = codec, stops, False
        self.symbols: list[int] = []
        self.shown = 0

    def take(self, symbol: int) -> str:
        """What may be shown now that one more symbol is known; padding and ends stand for nothing."""
        if symbol < self.codec.levels:
            self.symbols.append(symbol)
        text = self.codec.text(self.symbols)
        if ends := [found for stop in self.stops if (found := text.find(stop)) >= 0]:
            self.stopped = True
            return text[self.shown : min(ends)]
        known = len(text) - max((_overlap(text, stop) for stop in self.stops), default=0)
        if text.endswith("\N{REPLACEMENT CHARACTER}"):  # bytes of a character that is not whole yet
            known = min(known, len(text) - 1)
        return self._until(text, known)

    def rest(self) -> str:
        """What has waited, once nothing more comes."""
        text = self.codec.text(self.symbols)
        return self._until(text, len(text))

    def _until(self, text: str, known: int) -> str:
        piece, self.shown = text[self.shown : known], max(self.shown, known)
        return piece


def _overlap(text: str, stop: str) -> int:
    """How much of a stop's beginning a text ends with."""
    return next((k for k in range(min(len(stop), len(text)), 0, -1) if text.endswith(stop[:k])), 0)
