"""Adaptive augmentation: what a critic sees is changed at random, the more the better it knows the data by heart.

Data and samples are changed by the same law, so that samples like the data are still what fools the critic; and as
long as each change happens to fewer than all rows, the generator does not learn to make it.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

from genzoo.core.game import Instant
from genzoo.core.noise import Noise

__all__ = ["Augment", "Augmentation"]

MOST = 0.9  # the largest share of rows that a change happens to: at one, the generator would learn it


@dataclass(frozen=True)
class Augment:
    """How an augmentation adapts.

    Args:
        target: What r is held at, r being the mean sign of what the critic says of data: 0 where it tells nothing, 1
            where it knows every row. Of critics that say only differences it is that of D(x) − D(x̃).
        reach: The rows of data that it takes p, the share of rows that a change happens to, from 0 to 1.
        fixed: p, where it is not to adapt.

    Raises:
        ValueError: If a number lies outside its range.
    """

    target: float = 0.6
    reach: int = 50_000
    fixed: float | None = None

    def __post_init__(self) -> None:
        if not -1 < self.target < 1 or self.reach < 1 or not 0 <= (self.fixed or 0) <= MOST:
            raise ValueError(
                f"The target must lie in (−1, 1), the reach be positive and a fixed share lie in [0, {MOST}], got "
                f"{self}. Set target=0.6."
            )


class Augmentation(nn.Module):
    """Images flipped, turned, scaled, moved, with other brightness, contrast and a hole, each with probability p,

    $$ p \\leftarrow p + \\mathrm{sign}(r - t)\\,\\frac{B}{N}, \\qquad r = \\mathbb E\\, \\mathrm{sign}\\, D(x). $$

    p is a buffer.

    Args:
        how: How it adapts.

    Example:
        >>> augmented = Augmentation(Augment(fixed=0.5))
        >>> augmented(torch.zeros(4, 3, 8, 8), Noise(0)).shape
        torch.Size([4, 3, 8, 8])

    References:
        Karras et al., 2020, "Training generative adversarial networks with limited data", arXiv:2006.06676
    """

    p: Tensor

    def __init__(self, how: Augment) -> None:
        super().__init__()
        self.how = how
        self.register_buffer("p", torch.tensor(how.fixed or 0.0, dtype=torch.float64))
        self.seen: Tensor | None = None  # the sum of signs and the rows of the last batch, until the step after it

    def forward(self, x: Float[Tensor, "B C H W"], noise: Noise) -> Float[Tensor, "B C H W"]:
        """Images changed at random.

        Args:
            x: Images, as the critic sees them.
            noise: The source of the changes.

        Raises:
            ValueError: If they are no images.
        """
        if x.ndim != 4:
            raise ValueError(f"Images are augmented, got rows of shape {tuple(x.shape[1:])}. Train without it.")
        if (p := self.p.item()) == 0:
            return x
        happens = (noise.uniform(len(x), 7) < p).to(x.dtype)
        drawn, even = noise.normal(len(x), 4, dtype=x.dtype), noise.uniform(len(x), 5, dtype=x.dtype)
        moved = self._moved(x, happens, drawn, even)
        contrast = (happens[:, 4] * drawn[:, 2] * 0.5 * math.log(2)).exp()[:, None, None, None]
        bright = (happens[:, 5] * drawn[:, 3] * 0.2)[:, None, None, None]
        return (moved * contrast + bright) * (1 - _hole(x, even[:, 3:]) * happens[:, 6, None, None, None])

    def tell(self, of_real: Float[Tensor, "B patches"]) -> None:
        """Takes note of what the critic says of data.

        Args:
            of_real: It.
        """
        signs = of_real.detach().sign()
        self.seen = torch.stack([signs.sum(), signs.new_tensor(float(signs.numel())), signs.new_tensor(len(signs))])

    def adapt(self, now: Instant) -> None:
        """Changes p after the critic's step.

        Args:
            now: The moment.
        """
        if self.seen is None or self.how.fixed is not None:
            return
        total, count, rows = now.total(self.seen.double()).tolist()
        self.p.add_(math.copysign(rows / self.how.reach, total / count - self.how.target)).clamp_(0, MOST)
        self.seen = None

    def _moved(self, x: Tensor, happens: Tensor, drawn: Tensor, even: Tensor) -> Tensor:
        """Images flipped, turned, scaled and moved, by one map of places."""
        angle = happens[:, 0] * drawn[:, 0] * 0.15
        scale = (happens[:, 1] * drawn[:, 1] * 0.2 * math.log(2)).exp()
        flip = 1 - 2 * happens[:, 2] * (even[:, 0] < 0.5)
        shift = happens[:, 3, None] * (even[:, 1:3] - 0.5) * 0.5
        cosine, sine = angle.cos() / scale, angle.sin() / scale
        first = torch.stack([cosine * flip, -sine, shift[:, 0]], dim=1)
        second = torch.stack([sine * flip, cosine, shift[:, 1]], dim=1)
        places = affine_grid(torch.stack([first, second], dim=1), list(x.shape), align_corners=False)
        return grid_sample(x, places, padding_mode="reflection", align_corners=False)


def _hole(x: Tensor, center: Tensor) -> Tensor:
    """1 within a square of half the size around a center, else 0."""
    inside = x.new_ones(len(x), 1, *x.shape[2:])
    for axis, length in enumerate(x.shape[2:]):
        place = (torch.arange(length, device=x.device, dtype=x.dtype) + 0.5) / length
        near = ((place - center[:, axis, None]).abs() < 0.25).to(x.dtype)
        inside = inside * (near[:, None, :, None] if axis == 0 else near[:, None, None, :])
    return inside
