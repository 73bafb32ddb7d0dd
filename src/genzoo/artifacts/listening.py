"""Noise that listens: what a model asks of its noise becomes the inputs of a graph.

A sampler is a function of noise. Run once with a `Listening` it shows which numbers it asks for; run a second time,
while it is traced, it is handed the inputs of the graph in their place. Seeds would be of no use in a graph: whatever
is exported forgets them.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genzoo._stream import Maker
from genzoo.artifacts.refusal import CannotExport
from genzoo.core.noise import Noise

__all__ = ["Answer", "Asked", "Listening", "fed", "numbers"]


class Asked(NamedTuple):
    """One draw that a model makes: what the counter and the key of its numbers are, and their form.

    Attributes:
        path: The names of the stream.
        page: Its page.
        draw: The number of the draw, from 1 on.
        kind: words, uniform or normal.
        shape: The shape of one row.
        dtype: The type of the numbers.
    """

    path: tuple[int | str, ...]
    page: int
    draw: int
    kind: str
    shape: tuple[int, ...]
    dtype: torch.dtype

    def to_json(self) -> dict[str, Any]:
        """The draw as plain JSON, as `philox.made` understands it."""
        told = {"path": list(self.path), "page": self.page, "draw": self.draw, "kind": self.kind}
        return told | {"shape": ["n", *self.shape], "dtype": str(self.dtype).removeprefix("torch.")}


Answer = Callable[[Asked, int], Tensor]  # a draw and the number of rows, to the numbers


def numbers(seed: int, start: int = 0) -> Answer:
    """The numbers that genzoo's own noise has for a seed."""

    def answer(asked: Asked, n: int) -> Tensor:
        own = Noise(seed, *asked.path, start=start).tick(asked.page)
        own.draws, own.pages = asked.draw - 1, None
        made: Callable[..., Tensor] = getattr(own, asked.kind)
        shape = (n, *asked.shape)
        return made(*shape) if asked.kind == "words" else made(*shape, dtype=asked.dtype)

    return answer


class Listening(Noise):
    """A noise that keeps what it is asked, and answers as it is told to.

    Args:
        n: The number of rows; every draw must have one row for each.
        path: The names of the stream.
        answer: Gives the numbers of a draw.

    Attributes:
        asked: The draws, in the order in which they were first made.

    Example:
        >>> noise = Listening(3, "sample", answer=numbers(7))
        >>> torch.equal(noise.normal(3, 2), Noise(7, "sample").normal(3, 2))
        True
        >>> [(draw.kind, draw.shape) for draw in noise.asked]
        [('normal', (2,))]
    """

    def __init__(self, n: int, *path: int | str, answer: Answer) -> None:
        super().__init__(0, *path)
        self.n, self.answer = n, answer
        self.asked: dict[Asked, Tensor] = {}

    def at(self, *path: int | str) -> "Listening":
        return self._copy(path=(*self.path, *path), draws=0)

    def tick(self, page: int) -> "Listening":
        return self._copy(page=page, draws=0)

    def rows(self, index: slice | Tensor) -> "Noise":
        whole = not isinstance(index, Tensor) and index.start in (None, 0) and index.stop in (None, self.n)
        if not whole:
            raise CannotExport("it draws some rows apart from others", "Export what it can of its log_prob.")
        return self

    def permutation(self, n: int) -> Tensor:
        raise CannotExport("it draws an order of all rows", "Export what it can of its log_prob.")

    def _copy(self, **changes: Any) -> Any:
        return super()._copy(**changes)

    def _draw(self, kind: str, make: Maker, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        self.draws += 1
        if shape[0] != self.n:
            raise CannotExport(
                f"a draw of {kind} numbers must have a row for each row of x, got {tuple(shape)} for {self.n} rows",
                "Ask for it with other options, or export what it can of its log_prob.",
            )
        asked = Asked(self.path, self.page, self.draws, kind, tuple(shape[1:]), dtype)
        if asked not in self.asked:
            self.asked[asked] = self.answer(asked, self.n)
        return self.asked[asked].clone()  # what a model changes in place is no input


def fed(inputs: Mapping[Asked, Tensor]) -> Answer:
    """The inputs of a graph as answers.

    Raises:
        CannotExport: If the model asks for other noise when it is traced.
    """

    def answer(asked: Asked, n: int) -> Tensor:
        if asked not in inputs:
            raise CannotExport(
                f"it asks for other noise when it is traced, {asked.kind} of {asked.shape}", "Report this, please."
            )
        return inputs[asked]

    return answer
