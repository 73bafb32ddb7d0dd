"""Questions that are one call of the library: asked in the line like all others, and ended like them."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from genzoo.apps.serve.line import Job, deadline

__all__ = ["Called", "call"]


@dataclasses.dataclass(frozen=True, eq=False)
class Called:
    """A call.

    Attributes:
        n: How many rows it is about.
        answer: The call.
    """

    n: int
    answer: Callable[[], Any]

    @property
    def key(self) -> tuple[object, ...]:
        """Nothing else is answered with it."""
        return "call", id(self)


def call(jobs: Sequence[Job]) -> Iterator[None]:
    """Answers a question, unless nobody waits for it any more.

    Args:
        jobs: One request, of what is `Called`.
    """
    (job,) = jobs

    with deadline(jobs):
        found = job.asked.answer()
    job.end(found)
    yield
