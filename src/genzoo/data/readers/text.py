"""Text: one long text, as characters, cut into stretches of one length."""

from pathlib import Path

from genzoo.core import Space
from genzoo.data.codec import TextCodec
from genzoo.data.error import DataError
from genzoo.data.source import Asked, Source
from genzoo.data.split import tail

__all__ = ["from_text", "read_text"]


def read_text(path: Path, asked: Asked) -> Source:
    """A text file in UTF-8.

    Raises:
        DataError: If it is not UTF-8, or shorter than ten stretches.
    """
    try:
        return from_text(path.name.removesuffix(path.suffix), path.read_bytes().decode(), asked)
    except UnicodeDecodeError as problem:
        raise DataError(f"{path.name} must be text in UTF-8, got: {problem}. Save it again as UTF-8.") from problem


def from_text(name: str, text: str, asked: Asked) -> Source:
    """A text as rows of `asked.window` characters; what is left over at the end is dropped.

    Raises:
        DataError: If it is shorter than ten stretches, or has more characters than a codec can number.
    """
    window = asked.window
    if window < 1 or len(text) < 10 * window:
        raise DataError(
            f"A text must be at least ten windows long, got {len(text)} characters for windows of {window}. "
            "Pass a smaller `window`."
        )
    codec = TextCodec("".join(sorted(set(text))))
    n = len(text) // window
    x = codec.ids(text[: n * window]).reshape(n, window)
    return Source(name, x, Space((window,), levels=codec.levels), codec, splits=tail(n))
