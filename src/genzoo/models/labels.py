"""Models that are conditioned on one label of each row, or on nothing."""

import torch
from jaxtyping import Int
from torch import Tensor

from genzoo.core.given import Given, GivenSpaceLike, as_given_space

__all__ = ["classes_in", "labels_of"]


def classes_in(name: str, given_space: GivenSpaceLike) -> int:
    """The number of classes of a condition, one without a condition.

    Args:
        name: Whose condition it is, for the error.
        given_space: A label, or `None`.

    Raises:
        ValueError: If the condition is not one label.

    Example:
        >>> from genzoo.core import Space
        >>> classes_in("Gaussian", None), classes_in("Gaussian", Space((), levels=3))
        (1, 3)
    """
    spaces = list(as_given_space(given_space).values())
    if not spaces:
        return 1
    if len(spaces) > 1 or not spaces[0].is_discrete or spaces[0].shape:
        raise ValueError(
            f"{name} is conditioned on one label, Space((), levels=C), got {given_space}. Name one column of classes."
        )
    return spaces[0].levels or 1


def labels_of(given: Given, n: int, device: torch.device | str = "cpu") -> Int[Tensor, " n"]:
    """The label of each row, −1 where there is none.

    Example:
        >>> labels_of({}, 2), labels_of({"species": torch.tensor([1, 0])}, 2)
        (tensor([-1, -1]), tensor([1, 0]))
    """
    return next(iter(given.values()), torch.full((n,), -1, device=device))
