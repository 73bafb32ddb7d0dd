"""Retrieval: how often what belongs to a thing is among the k most alike, from rows to conditions and back.

Of n things with likenesses $s_{ij}$ to m others, of which $P_i$ belong to thing i,

$$ \\mathrm{recall@}k = \\frac1n \\sum_i \\mathbf 1[\\,P_i \\cap \\mathrm{top}_k(s_i) \\neq \\varnothing\\,]. $$

Others that are as alike as the best that belongs stand before it, so that what says the same of all finds nothing.

References:
    Radford et al., 2021, "Learning transferable visual models from natural language supervision", arXiv:2103.00020
    Karpathy & Fei-Fei, 2015, "Deep visual-semantic alignments for generating image descriptions", arXiv:1412.2306
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from genzoo._like import first_like
from genzoo.core.given import Given, as_given, map_given
from genzoo.core.model import GenerativeModel, evaluating
from genzoo.distributions.estimate import Estimate, TooFew, mean_of
from genzoo.evaluation.likelihood import RowsLike
from genzoo.evaluation.measurement import Kind, Measurement

__all__ = ["MatchingLike", "recall_at", "retrieval", "says_what_matches", "zero_shot"]

KS, CHUNK = (1, 5), 500


@runtime_checkable
class MatchingLike(Protocol):
    """Rows and conditions as vectors of unit length, close where they belong together."""

    def of_rows(self, x: Tensor) -> Tensor:
        """Those of rows."""

    def of_conditions(self, given: Given) -> Tensor:
        """Those of conditions."""


def recall_at(k: int, likeness: Float[Tensor, "n m"], belongs: Bool[Tensor, "n m"]) -> Estimate:
    """The share of things of whose own one is among the k most alike.

    Args:
        k: How many are looked at.
        likeness: Of each thing to each other.
        belongs: Which others belong to it, at least one.

    Raises:
        TooFew: If there are fewer than two things.

    Example:
        >>> likeness = torch.tensor([[0.9, 0.1, 0.2], [0.5, 0.5, 0.1]])
        >>> own = torch.tensor([[1, 0, 0], [0, 1, 0]]).bool()
        >>> recall_at(1, likeness, own).value, recall_at(2, likeness, own).value
        (0.5, 1.0)
    """
    if len(likeness) < 2:
        raise TooFew(f"Retrieval is told of at least two things, got {len(likeness)}. Give more rows.")
    best = likeness.masked_fill(~belongs, -math.inf).amax(1, keepdim=True)
    ahead = ((likeness >= best) & ~belongs).sum(1)
    return mean_of((ahead < k).double())


def zero_shot(codes: Float[Tensor, "n K"], prompts: Mapping[str, Float[Tensor, "m K"]]) -> Int[Tensor, " n"]:
    """The class of each row whose prompts lie closest on average: zero-shot classification.

    Args:
        codes: Unit vectors of rows.
        prompts: By the name of each class, unit vectors of what may be said of it.

    Example:
        >>> zero_shot(torch.eye(2), {"a": torch.tensor([[0.0, 1.0]]), "b": torch.tensor([[1.0, 0.0]])}).tolist()
        [1, 0]
    """
    means = torch.stack([torch.nn.functional.normalize(each.mean(0), dim=0) for each in prompts.values()])
    return (codes @ means.mT).argmax(1)


def retrieval(model: GenerativeModel, rows: RowsLike, most: int = 1000) -> list[Measurement]:
    """How often a model that says what belongs together finds the condition of a row, and the row of a condition.

    Beside each stands what chance would reach. Rows whose conditions are equal belong to each other.

    Args:
        model: A model with such vectors.
        rows: Rows with their conditions.
        most: At most how many of them, the first.

    Raises:
        Unsupported: If the model has none.
    """
    matching = _matching(model)
    if matching is None:
        raise model.lacks("vectors of rows and conditions")
    codes, told, given = _vectors(model, matching, rows, min(most, len(rows)))
    likeness, belongs = codes @ told.mT, _equal(given)
    share, n = belongs.double().mean(1), len(codes)
    found = []
    for way, matrix in (("condition of a row", likeness), ("row of a condition", likeness.mT)):
        for k in KS:
            value, error = recall_at(k, matrix, belongs)
            chance = (1 - (1 - share) ** k).mean().item()
            made = Measurement(f"recall@{k}, {way}", value, error, Kind.STATISTIC, "", n, rows.fingerprint)
            found.append(dataclasses.replace(made, better="higher", control=chance))
    return found


def says_what_matches(model: GenerativeModel) -> bool:
    """Whether a model has vectors of rows and of conditions.

    Args:
        model: Any model.
    """
    return _matching(model) is not None


def _matching(model: GenerativeModel) -> MatchingLike | None:
    return first_like(model.abilities(), MatchingLike)


def _vectors(
    model: GenerativeModel, matching: MatchingLike, rows: RowsLike, n: int
) -> tuple[Float[Tensor, "n K"], Float[Tensor, "n K"], Given]:
    """The vectors of the first n rows and of their conditions, and these."""
    codes, told, parts = list[Tensor](), list[Tensor](), list[Given]()
    with torch.no_grad(), evaluating(model):
        for start in range(0, n, CHUNK):
            x, given = rows.gather(torch.arange(start, min(n, start + CHUNK)))
            parts.append(as_given(given))
            codes.append(matching.of_rows(x.to(model.device)).double().cpu())
            told.append(
                matching.of_conditions(map_given(lambda part: part.to(model.device), parts[-1])).double().cpu()
            )
    return torch.cat(codes), torch.cat(told), {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _equal(given: Given) -> Bool[Tensor, "n n"]:
    """Which rows have equal conditions."""
    each = [torch.unique(rows.reshape(len(rows), -1), dim=0, return_inverse=True)[1] for rows in given.values()]
    numbers = torch.stack(each, 1)
    return (numbers[:, None] == numbers[None]).all(2)
