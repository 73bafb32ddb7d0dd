"""Whether made pictures are told from real ones: how many real ones are called made, and what writers gave away.

A score is larger for what looks made. Its threshold is that of calibration rows, real ones on which nothing else was
fitted: with the smallest k of n + 1 ranks kept,

$$ \\tau = c_{(\\lceil (1 - a)(n + 1) \\rceil)}, \\qquad P(s > \\tau) \\le a $$

for a real picture of the same law, whatever the score. What was found is about these generators, this set and these
transforms, and about no others. Two simple scores stand beside any network: a regression on the power of waves by
their length, and neighbors among real pictures.

References:
    Wang, Wang, Zhang, Owens & Efros, 2020, "CNN-generated images are surprisingly easy to spot… for now",
        arXiv:1912.11035 (the ranking survives in unseen generators, the threshold does not)
    Durall, Keuper & Keuper, 2020, "Watch your up-convolution: CNN based generative deep neural networks are failing to
        reproduce spectral distributions", arXiv:2003.01826 (power by length)
    Vovk, Gammerman & Shafer, 2005, "Algorithmic learning in a random world" (thresholds by ranks)
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo._files import read_bytes
from genzoo.data.pixels import writing
from genzoo.distributions.estimate import Estimate
from genzoo.distributions.resampling import require_rows, share_of

__all__ = ["Told", "require_one_writer", "told_apart", "wave_powers"]

LEAST = 20  # rows of each kind


class Told(NamedTuple):
    """How well made rows are told from real ones.

    Attributes:
        auroc: The chance that a made row scores higher than a real one, ties being half.
        found: The share of made rows above the threshold.
        alarms: The share of real rows above it.
        threshold: Of the score.

    Example:
        >>> Told(Estimate(1.0, 0.0), Estimate(0.75, 0.1), Estimate(0.25, 0.02), 0.5).accuracy
        0.75
    """

    auroc: Estimate
    found: Estimate
    alarms: Estimate
    threshold: float

    @property
    def accuracy(self) -> float:
        """The mean of how many made rows are found and how many real ones are passed."""
        return (self.found.value + 1 - self.alarms.value) / 2


def told_apart(
    made: Float[Tensor, " m"],
    real: Float[Tensor, " n"],
    calibration: Float[Tensor, " k"],
    *,
    alarms: float = 0.05,
) -> Told:
    """Ranking and decisions of a score, larger for made rows, at a threshold by ranks.

    Args:
        made: Scores of made rows.
        real: Scores of real rows.
        calibration: Scores of other real rows, on which nothing was fitted.
        alarms: The share of real rows that may be called made.

    Raises:
        TooFew: If there are fewer than 20 rows of a kind, or too few calibration rows for so small a share.
        ValueError: If a score is NaN, or the share no probability.

    Example:
        >>> told = told_apart(torch.arange(100.0) + 150, torch.arange(100.0), torch.arange(99.0))
        >>> told.auroc.value, told.found.value, told.threshold
        (1.0, 1.0, 94.0)
    """
    if not 0 < alarms < 1:
        raise ValueError(f"`alarms` must lie between 0 and 1, got {alarms}. Take 0.05.")
    for scores in (made, real, calibration):
        require_rows(len(scores), LEAST, "A detection")
        if bool(scores.isnan().any()):
            raise ValueError("Scores must be numbers, got NaN. Look at the rows that they are of.")
    require_rows(len(calibration), math.ceil(1 / alarms) - 1, f"A threshold at {alarms:g} of false alarms")
    kept = math.ceil((1 - alarms) * (len(calibration) + 1)) - 1
    threshold = calibration.double().sort().values[kept].item()
    return Told(auroc(made, real), share_of(made > threshold), share_of(real > threshold), threshold)


def auroc(made: Float[Tensor, " m"], real: Float[Tensor, " n"]) -> Estimate:
    """The chance that a made row scores higher than a real one, with the standard error of DeLong's two parts.

    Args:
        made: Scores of made rows.
        real: Scores of real rows.

    Example:
        >>> auroc(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0])).value
        0.875
    """
    made, real = made.double(), real.double()
    above = _share_below(real, made)  # of each made row, the share of real ones that it beats
    below = 1 - _share_below(made, real)
    variance = above.var(correction=0) / len(made) + below.var(correction=0) / len(real)
    return Estimate(above.mean().item(), variance.sqrt().item())


def _share_below(known: Tensor, asked: Tensor) -> Float[Tensor, " asked"]:
    """The share of known numbers below each that is asked, equal ones being half."""
    ordered = known.sort().values
    low, high = (torch.searchsorted(ordered, asked, right=right) for right in (False, True))
    return (low + high).double() / (2 * len(known))


def wave_powers(x: Shaped[Tensor, "B C H W"]) -> Float[Tensor, "B bins"]:
    """The logarithm of the mean power of waves of about one length, whatever their direction: what upsampling leaves.

    Args:
        x: Pictures.

    Raises:
        ValueError: If rows are no pictures.

    Example:
        >>> wave_powers(torch.randn(3, 1, 8, 8)).shape
        torch.Size([3, 5])
    """
    if x.ndim != 4:
        raise ValueError(f"Waves are of pictures (B, C, H, W), got rows of {tuple(x.shape[1:])}. Take pictures.")
    height, width = x.shape[2:]
    power = torch.fft.fft2(x.double()).abs().square().mean(1).flatten(1)
    down, across = (torch.fft.fftfreq(size, device=x.device, dtype=torch.float64) for size in (height, width))
    radius = (down[:, None].square() + across.square()).sqrt().flatten()
    bins = min(height, width) // 2 + 1
    which = (radius * 2 * (bins - 1)).round().long().clamp_max(bins - 1)
    total = torch.zeros(len(x), bins, dtype=torch.float64, device=x.device).index_add_(1, which, power)
    return (total / which.bincount(minlength=bins) + 1e-6 * power.mean().clamp_min(1e-300)).log()


def require_one_writer(made: Iterable[str | Path], real: Iterable[str | Path]) -> str:
    """What all files of two sets have in common that a writer decides: format, mode, size, tables, kinds of chunks.

    A detector that is shown PNGs of a model and JPEGs of a camera learns the format. So files are looked at before
    pictures are.

    Args:
        made: Files of made pictures.
        real: Files of real ones.

    Raises:
        ValueError: If the two sets were not written alike, or a set is empty; a `DataError` if one is no picture.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("a.png", "b.png"):
        ...     Image.new("L", (4, 4)).save(folder / name)
        >>> require_one_writer([folder / "a.png"], [folder / "b.png"])
        'PNG, L, 4×4'
    """
    ways = [{writing(Path(path).name, read_bytes(path)) for path in paths} for paths in (made, real)]
    if not all(ways):
        raise ValueError("Two sets of files must be compared, got none of one. Name files of both.")
    if ways[0] != ways[1]:
        said = " and real ones by ".join("; ".join(sorted(each)[:3]) for each in ways)
        raise ValueError(
            f"Made and real pictures must pass through one writer, got made ones by {said}: whoever looks at the "
            "files alone could tell them apart. Save all of them anew by one writer, at one size and quality."
        )
    return "; ".join(sorted(ways[0]))
