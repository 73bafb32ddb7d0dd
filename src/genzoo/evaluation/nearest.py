"""Which judge suits images that none was made for: of those for images of the same color and nearly the same size, the
one that tells these apart best, whatever they show.

Every image of a few is shown to a judge twice, as it is and moved, shrunk and dimmed a little. A judge whose features
say what an image shows finds its own second view among those of all others; one that is blind to what tells these
images apart takes another for it. No label is asked, and no test row.

References:
    Wu et al., 2018, "Unsupervised feature learning via non-parametric instance discrimination", arXiv:1805.01978
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Shaped
from torch import Tensor

from genzoo.core import Space
from genzoo.data import Data
from genzoo.evaluation.extractors import Extractor
from genzoo.evaluation.judge import Judge, judge_made_for, judges, seen, shipped_judge, span_of
from genzoo.evaluation.rows import spread

__all__ = ["judge_for", "nearest_judge", "recognition"]

LOOKED_AT = 300  # images


def judge_for(data: Data) -> Judge | None:
    """The judge that comes with the package for data: the one made for them, else the nearest one.

    Args:
        data: The data whose samples are to be judged.

    Example:
        >>> from genzoo.data import read
        >>> judge_for(read("digits")).name, judge_for(read("ring"))
        ('judge-digits', None)
    """
    return judge_made_for(data) or nearest_judge(data)


def nearest_judge(data: Data, names: Sequence[str] | None = None) -> Judge | None:
    """Of the judges that come with the package, the one for which images change least, first in color, then in size,
    and of such ones that which recognizes validation images best; None for other rows, and for images of colors if all
    judges are of grey ones.

    Args:
        data: The data.
        names: The data sets of the judges that are asked; by default all.
    """
    found = []
    for name in judges() if names is None else names:
        judge = seen(name)
        try:
            if judge.settings.rate == getattr(data.codec, "rate", None) and not _is_colorblind(judge, data.space):
                found.append(shipped_judge(name).on(data.space, span_of(data)))
        except ValueError:  # it cannot see such rows
            continue
    found.sort(key=lambda judge: _conversion(judge, data.space))
    found = [judge for judge in found if _conversion(judge, data.space) == _conversion(found[0], data.space)]
    if not found:
        return None
    rows = data.valid if len(data.valid) >= LOOKED_AT else data.train
    x = spread(rows, LOOKED_AT).x
    return found[0] if len(found) == 1 else max(found, key=lambda judge: recognition(judge, x, data.space))


def _is_colorblind(judge: Judge, space: Space) -> bool:
    """Whether a judge sees grey only of images that have colors."""
    return judge.settings.rate is None and len(space.shape) == 3 and judge.settings.shape[0] < min(space.shape[0], 3)


def _conversion(judge: Judge, space: Space) -> tuple[int, int]:
    """How far images are from those that a judge was made for: in colors, then in octaves of size."""
    if judge.settings.rate is not None:
        return 0, 0
    (channels, *size), (own, *side) = space.shape, judge.settings.shape
    return abs(min(channels, 3) - own), abs(round(math.log2(max(size) / max(side))))


def recognition(eye: Extractor, x: Shaped[Tensor, "n C H W"], space: Space) -> float:
    """The share of images whose second view is nearest to the first, in standardized features.

    Args:
        eye: What sees them.
        x: Images.
        space: Their space.

    Example:
        >>> from genzoo.data import read
        >>> digits = read("digits")
        >>> recognition(shipped_judge("digits"), digits.valid.x, digits.space) > 20 / len(digits.valid)
        True
    """
    one, other = eye(x), eye(second_view(x, space))
    both = torch.cat([one, other])
    scale = both.std(0).clamp_min(1e-6)
    nearest = torch.cdist(one / scale, other / scale).argmin(1)
    return (nearest == torch.arange(len(x))).double().mean().item()


def second_view(x: Shaped[Tensor, "n C H W"], space: Space) -> Shaped[Tensor, "n C H W"]:
    """Images turned by eight degrees, shrunk by a tenth and moved by a twentieth, in their own space."""
    angle, scale = 0.14, 1.1
    turn = torch.tensor([[scale, -angle, 0.1], [angle, scale, -0.1]])
    low = float(x.min())
    y = x.float() - low
    grid = torch.nn.functional.affine_grid(turn.expand(len(x), 2, 3), list(x.shape), align_corners=False)
    y = torch.nn.functional.grid_sample(y, grid, padding_mode="border", align_corners=False) + low
    return y if space.levels is None else y.round().clamp(0, space.levels - 1).to(x.dtype)
