"""Conditionals over an order that can be asked about several places at once, and take back what they were told."""

import abc
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.abilities import Sequential

__all__ = ["Revisable"]


class Revisable(Sequential):
    """What guessing ahead and searching need beyond one symbol after another."""

    @abc.abstractmethod
    def foresee(self, state: Any, symbols: Int[Tensor, "n k"]) -> Float[Tensor, "n places symbols"]:
        """`logits` of the next entry and of each one after k supposed symbols, k + 1 in all, which are taken in."""

    @abc.abstractmethod
    def rewind(self, state: Any, count: int) -> Any:
        """The state before its last symbols; one has to be taken before it is asked again."""

    @abc.abstractmethod
    def select(self, state: Any, rows: Int[Tensor, " m"]) -> Any:
        """The state of some of its rows, of which one may come several times."""
