"""Outliers among rows, by any model.

A score alone says nothing: a likelihood of −700 may be usual. So the rows are held against calibration rows, which the
model has not learned from and which are taken for usual: their ranks give p-values that are right whatever the score,
and flags of which at most a share is false.

`auto` takes every statistic that the model has. On half of the calibration rows it learns how each is spread and how
they move together, as a density of states does (Morningstar et al.). A density asks how rare a row is, on either side
alike; here a row is strange by how far out each number is, and each given the others (`tails.Together`), and where low
values are strange, too, the upper tail has nearly all of the weight. The other half gives the p-values.

References:
    Morningstar et al., 2021, "Density of states estimation for out-of-distribution detection", arXiv:2006.09273
    Bates et al., 2023, "Testing for outliers with conformal p-values", arXiv:2104.08279
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from genzoo.core.model import GenerativeModel, Unsupported
from genzoo.core.noise import Noise
from genzoo.distributions.estimate import TooFew
from genzoo.tasks.outliers.chances import benjamini_hochberg, conformal, rows_needed
from genzoo.tasks.outliers.distances import LatentNorm, Neighborhood, Neighbors, Reconstruction
from genzoo.tasks.outliers.judged import Critic, DiffusionTime
from genzoo.tasks.outliers.likelihoods import Complexity, Likelihood, Ratio
from genzoo.tasks.outliers.noised import Denoising, ScoreNorm
from genzoo.tasks.outliers.remarks import refuse_training_rows, remarks
from genzoo.tasks.outliers.statistic import Choice, Drawn, Setting, Statistic, Told, part_of
from genzoo.tasks.outliers.tails import Together, united

__all__ = ["STATISTICS", "Outliers", "methods", "outliers"]

STATISTICS: tuple[Statistic, ...] = (
    Likelihood(), Complexity(), Ratio(), Reconstruction(), LatentNorm(), Denoising(), ScoreNorm(),
    DiffusionTime(), Critic(), Neighborhood(), Neighbors(),
)  # fmt: skip
LEAST = 20  # calibration rows; half of them say how a statistic is spread


@dataclass(frozen=True)
class Outliers:
    """How strange rows are.

    Attributes:
        score: Of each row; higher is stranger. Of `auto` about the −log of a chance, else the statistic itself.
        p: The chance that a usual row scores as high.
        flagged: Which rows are outliers, if a share of false flags was named.
        method: How they were scored.
        by: Of `auto` the statistics it took, and −log of the chance of each for every row.
        calibration: How many calibration rows p-values stand on.
        remarks: What was odd.
    """

    score: Float[Tensor, " B"]
    p: Float[Tensor, " B"]
    flagged: Bool[Tensor, " B"] | None
    method: str
    by: dict[str, Float[Tensor, " B"]]
    calibration: int
    remarks: tuple[str, ...] = ()

    @property
    def smallest_p(self) -> float:
        """The smallest p-value that there can be."""
        return 1 / (self.calibration + 1)


class Fitted(NamedTuple):
    """What scores rows, and the calibration rows that it has not seen."""

    score: Callable[[Told], tuple[Tensor, dict[str, Tensor]]]
    left: Told


def methods(
    model: GenerativeModel, *, known: Told | None = None, background: GenerativeModel | None = None
) -> list[Choice]:
    """Every way to score rows, those that fit the model first.

    Args:
        model: The model.
        known: Rows that it learned from.
        background: A model of what all rows have in common.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import GaussianMixture
        >>> [choice.name for choice in methods(GaussianMixture(Space((2,)), components=3)) if not choice.why_not]
        ['auto', 'likelihood', 'typicality', 'reconstruction', 'diffusion_time', 'neighborhood', 'neighbors']
    """
    setting = Setting(model, known, background)
    why = {statistic.name: statistic.why_not(setting) for statistic in STATISTICS}
    fits = "" if any(not reason for reason in why.values()) else "none of its statistics fits"
    choices = [Choice("auto", fits), Choice("likelihood", why["likelihood"]), Choice("typicality", why["likelihood"])]
    choices += [Choice(name, reason) for name, reason in why.items() if name != "likelihood"]
    return sorted(choices, key=lambda choice: bool(choice.why_not))


def outliers(
    model: GenerativeModel,
    rows: Told,
    *,
    calibration: Told,
    known: Told | None = None,
    background: GenerativeModel | None = None,
    method: str = "auto",
    fdr: float | None = None,
    seed: int = 0,
) -> Outliers:
    """Scores rows by how strange they are to a model, with p-values and, at a rate of false flags, flags.

    Args:
        model: A model of what is usual.
        rows: What is scored.
        calibration: Usual rows that the model has not learned from, such as a validation split.
        known: The rows that it learned from; neighbors are looked for among them, else among samples.
        background: For `ratio`, a model of what all rows have in common.
        method: A name from `methods`, or "auto".
        fdr: The share of flags that may be false, on average.
        seed: Names what is drawn: noise, halves, ties.

    Raises:
        Unsupported: If the model has no such statistic.
        TooFew: If there are fewer than 20 calibration rows.
        ValueError: If these are rows that the model learned from, or `fdr` is not between 0 and 1.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import GaussianMixture
        >>> model = GaussianMixture(Space((2,)), components=3)
        >>> usual, x = model.sample(200, seed=1), torch.tensor([[0.0, 0.1], [9.0, -9.0]])
        >>> found = outliers(model, x, calibration=usual, fdr=0.1)
        >>> found.flagged.tolist(), found.calibration
        ([False, True], 100)
    """
    if len(calibration) < LEAST:
        raise TooFew(
            f"p-values stand on at least {LEAST} calibration rows, got {len(calibration)}. Hold more rows back from "
            "the training, as validation rows or in a file of their own (--calibration FILE)."
        )
    if known is not None:
        refuse_training_rows(calibration, known)
    setting = Setting(model, known, background, seed)
    fitted = _fitted(setting, method, calibration)
    (score, by), (usual, _) = fitted.score(rows), fitted.score(fitted.left)
    p = conformal(score, usual, Noise(seed, "outliers", "ties"))
    flagged = None if fdr is None else benjamini_hochberg(p, fdr)
    said = remarks(model.space, rows, calibration, known)
    if fdr is not None:
        said += _too_few(len(usual), len(score), fdr)
    return Outliers(score, p, flagged, method, by, len(usual), tuple(said))


def _fitted(setting: Setting, method: str, calibration: Told) -> Fitted:
    """What scores rows by a method."""
    chosen = [s for s in STATISTICS if s.name == ("likelihood" if method == "typicality" else method)]
    if method == "auto":
        able = [statistic for statistic in STATISTICS if not statistic.why_not(setting)]
        chosen = [statistic for statistic in able if not statistic.repeats(setting)]
    if not chosen or (method != "auto" and chosen[0].why_not(setting)):
        _refuse(setting, method, chosen)
    numbers = {statistic.name: statistic.number(setting) for statistic in chosen}
    if method not in ("auto", "typicality") and (one := _plain(setting, chosen[0], numbers, calibration)):
        return one
    order = Noise(setting.seed, "outliers", "halves").permutation(len(calibration))
    first, left = (part_of(calibration, half.sort().values) for half in order.chunk(2))
    spread = setting.of_each(first, numbers)
    both = {statistic.name: statistic.both_ways for statistic in chosen}
    together = Together(spread, both_ways=both) if method == "auto" else None

    def score(rows: Told) -> tuple[Tensor, dict[str, Tensor]]:
        found = setting.of_each(rows, numbers)
        if method == "typicality":
            return (found["likelihood"] - spread["likelihood"].mean()).abs()[:, 0], {}
        if together is None:
            return united(found[method], spread[method]), {}
        return together(found, setting.of(rows, _whole)[:, 0] == 1)

    return Fitted(score, left)


def _whole(rows: Drawn) -> Float[Tensor, " B"]:
    """1 for rows without missing entries."""
    return 1 - rows.x.flatten(1).isnan().any(1).double()


def _plain(
    setting: Setting, statistic: Statistic, numbers: dict[str, Callable[..., Tensor]], calibration: Told
) -> Fitted | None:
    """What scores rows by one number that needs no calibration rows of its own; None where there are several."""
    number = numbers[statistic.name]
    if setting.of(part_of(calibration, torch.arange(1)), number).shape[1] > 1:
        return None
    return Fitted(lambda rows: (setting.of(rows, number)[:, 0], {}), calibration)


def _refuse(setting: Setting, method: str, chosen: Sequence[Statistic]) -> None:
    choices = methods(setting.model, known=setting.known, background=setting.background)
    able = ", ".join(choice.name for choice in choices if not choice.why_not) or "none"
    why = f"{method} cannot: {chosen[0].why_not(setting)}" if chosen else f"there is no {method}"
    raise Unsupported(f"A method must fit the model; {why}. Of those that do: {able}.")


def _too_few(calibration: int, rows: int, fdr: float) -> list[str]:
    """A remark if calibration rows are so few that not even one clear outlier could be flagged."""
    needed = rows_needed(fdr, rows)
    if calibration >= needed or not rows:
        return []
    flags = math.ceil(rows / (fdr * (calibration + 1)))
    return [
        f"with {calibration:,} calibration rows p is at least {1 / (calibration + 1):.2g}, so nothing is flagged at "
        f"{fdr:g} unless {flags:,} of {rows:,} rows are that strange; a single one needs {needed:,}"
    ]
