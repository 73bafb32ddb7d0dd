"""What is odd about rows that are held against each other."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from genzoo.core.space import Space
from genzoo.tasks.outliers.statistic import Told, gathered

__all__ = ["learned", "refuse_training_rows", "remarks"]

LOOKED_AT = 10_000  # rows
SAME = 0.9  # the share of calibration rows that are training rows, from which on they are taken for such
SEEN = 0.1  # the share of new rows that are training rows, from which on it is said
REPEATED = 0.7  # the share of different training rows below which a row that is one of them says nothing
FEW = 100  # calibration rows
UNITS = 10.0  # deviations by which the middle of new rows may be off
CHANCE = 1e-3  # of saying that usual calibration rows differ from training rows


def refuse_training_rows(calibration: Told, known: Told) -> None:
    """Raises if calibration rows are those that a model learned from: it knows them, and nothing else looks usual.

    Args:
        calibration: The calibration rows.
        known: The training rows.

    Raises:
        ValueError: If they are the same.
    """
    if (share := _share_known(calibration, known)) > SAME:
        raise ValueError(
            f"Calibration rows must be such that the model has not learned from, got {share:.0%} training rows. Hold "
            "rows back, such as a validation split."
        )


def _share_known(rows: Told, known: Told) -> float:
    """The share of rows that are training rows."""
    return float(learned(rows, known, LOOKED_AT).double().mean()) if len(rows) else 0.0


def learned(rows: Told, known: Told, most: int | None = None) -> Bool[Tensor, " B"]:
    """Which rows are training rows; none where training rows repeat by themselves.

    Args:
        rows: The rows.
        known: The training rows.
        most: Of the first rows alone.

    Example:
        >>> learned(torch.tensor([[1.0], [2.0]]), torch.tensor([[2.0], [3.0]])).tolist()
        [False, True]
    """
    some, others = _head(rows, len(rows) if most is None else most), _head(known, len(known))
    seen = {row.tobytes() for row in others.numpy()}
    if len(seen) < REPEATED * len(others):
        return torch.zeros(len(some), dtype=torch.bool)
    return torch.tensor([row.tobytes() in seen for row in some.to(others).numpy()], dtype=torch.bool)


def remarks(space: Space, rows: Told, calibration: Told, known: Told | None) -> list[str]:
    """What a reader should know.

    Args:
        space: What one row is.
        rows: New rows.
        calibration: Calibration rows.
        known: Training rows, if they are at hand.
    """
    said = []
    if len(calibration) < FEW:
        said.append(f"{len(calibration)} calibration rows are few: p-values are coarse; hold back at least {FEW}")
    if known is not None and (share := _share_known(rows, known)) > SEEN:
        said.append(f"{share:.0%} of the rows are training rows, which the model knows: their p-values say nothing")
    if space.ragged or len(space.shape) != 1 or space.levels is not None or not len(rows):
        return said
    numbers = [i for i, column in enumerate(space.columns or ()) if column.kind == "categorical"]
    usual = _head(calibration, LOOKED_AT).double()
    center, scale = usual.nanmean(0), _deviation(usual)
    off = (_head(rows, LOOKED_AT).double().nanmedian(0).values - center) / scale
    off[numbers] = 0.0
    still = usual.nan_to_num(0).amax(0) == usual.nan_to_num(0).amin(0)
    for i in (off.abs() > UNITS).nonzero().flatten().tolist():
        said.append(
            f"column {i} is one value in all calibration rows, and another in the middle of the new rows"
            if still[i]
            else f"column {i} is {abs(off[i]):.3g} deviations off in the middle of the new rows: are its units others?"
        )
    if known is not None:
        said += _shift(usual, _head(known, LOOKED_AT).double())
    return said


def _shift(usual: Float[Tensor, "n D"], known: Float[Tensor, "m D"]) -> list[str]:
    """The column of calibration rows that is most off training rows, if that is no chance: by the test of two means
    and that of two mean squares, Bonferroni over all."""
    center, scale = known.nanmean(0), _deviation(known)
    z = []
    for power in (1, 2):
        a, b = ((part - center).div(scale) ** power for part in (usual, known))
        error = (_deviation(a).square() / len(a) + _deviation(b).square() / len(b)).sqrt()
        z.append((a.nanmean(0) - b.nanmean(0)) / error)
    found = torch.stack(z).abs().amax(0).nan_to_num(0)
    column = int(found.argmax())
    chance = math.erfc(float(found[column]) / math.sqrt(2)) * found.numel() * 2
    if chance > CHANCE:
        return []
    return [
        f"calibration rows are of another law than training rows (column {column}, chance {chance:.1g}): p-values "
        "hold for rows like the calibration rows"
    ]


def _deviation(x: Float[Tensor, "n D"]) -> Float[Tensor, " D"]:
    center = x.nanmean(0)
    return (x - center).square().nanmean(0).sqrt().clamp_min(1e-12)


def _head(told: Told, n: int) -> Tensor:
    """The first rows, as a matrix."""
    return gathered(told, 0, min(n, len(told)))[0].detach().cpu().flatten(1)
