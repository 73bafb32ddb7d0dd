"""What reaches a terminal: the one way to it, on which escape sequences from data become plain characters.

A column's name, a word in a cell, a class or a file may hold control characters that move the cursor, change the
window's title or hide what stands there; none is ever sent as such.
"""

import logging
import re
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

__all__ = ["Lines", "Screen", "say", "visible"]

# Control characters but tab and line end; marks that turn the direction of writing; halves of characters.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """A text whose control characters are spelled out, as JSON spells them.

    Example:
        >>> print(visible("\\x1b[31mred\\x07"))
        \\u001b[31mred\\u0007
    """
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def say(text: object = "", *, err: bool = False, end: str = "\n") -> None:
    """Writes a line to the standard output, or to the standard error.

    Args:
        text: The line.
        err: Which of the two.
        end: What stands after it.
    """
    stream = sys.stderr if err else sys.stdout
    encoding = stream.encoding or "utf-8"
    stream.write(visible(str(text)).encode(encoding, "backslashreplace").decode(encoding) + end)
    stream.flush()


class Screen(Console):
    """A console on which everything is visible, whatever is rendered: tables, bars and plain text, in which brackets
    are no markup.

    Args:
        options: Those of the console.

    Example:
        >>> Screen().print("\\x1b]0;title")
        \\u001b]0;title
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


class Lines(logging.Formatter):
    """Messages of the log as they are, and visible."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))
