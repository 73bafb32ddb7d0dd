"""What is logged, for the few tests that read it: pytest's own plugin would listen to all loggers thrice a test."""

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def logged(name: str) -> Iterator[list[str]]:
    """The messages of a logger and of those below it, of any level."""
    said: list[str] = []
    handler, logger = logging.Handler(), logging.getLogger(name)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
