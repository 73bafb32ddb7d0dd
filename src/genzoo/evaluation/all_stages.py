"""Features of all stages of a judge, for one that was taught without labels."""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core import seeded
from genzoo.data import Data
from genzoo.evaluation.judge import Judge
from genzoo.evaluation.rows import spread

__all__ = ["AllStages", "with_all_stages"]

LOOKED_AT = 2000  # rows that the units are taken from


class AllStages(Judge):
    """A judge whose features are the means over places after every stage, in the standard units of some rows.

    Where a judge was taught without labels, its last stage is blind to what two views of an image do not share, such
    as color and sharpness; the stages before still see them.

    Args:
        judge: The judge.
        x: The rows.

    Example:
        >>> from genzoo.data import read
        >>> from genzoo.evaluation import shipped_judge
        >>> digits = read("digits")
        >>> AllStages(shipped_judge("digits"), digits.train.x)(digits.test.x).shape
        torch.Size([160, 112])
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, judge: Judge, x: Shaped[Tensor, "n *shape"]) -> None:
        with seeded(0):  # its weights are the judge's, not drawn
            super().__init__(judge.settings, judge.record)
        self.load_state_dict(judge.state_dict())
        self.eval().requires_grad_(False)
        self.space, self.span = judge.space, judge.span
        self.dims = judge.settings.widths[0] + sum(judge.settings.widths)
        self.register_buffer("mean", torch.zeros(self.dims))
        self.register_buffer("scale", torch.ones(self.dims))
        features = self(x)
        deviation = features.std(0, correction=0)
        self.mean.copy_(features.mean(0))
        self.scale.copy_(deviation.clamp_min(max(1e-6, 1e-3 * float(deviation.max()))))  # some units hardly ever fire

    def forward(self, x: Shaped[Tensor, "n *shape"]) -> Float[Tensor, "n D"]:
        """The features of rows."""

        def means(part: Tensor) -> Tensor:
            return torch.cat([maps.mean((2, 3)) for maps in self.net.every(self.shown(part))], dim=1)

        return (self._of(x, means) - self.mean) / self.scale


def with_all_stages(judge: Judge, data: Data) -> Judge:
    """A judge with the features of all its stages, in the units of training rows; as it is where test rows are too few
    for distances in so many dimensions.

    Args:
        judge: The judge, for rows of the data's space.
        data: The data.
    """
    every = AllStages(judge, spread(data.train, LOOKED_AT).x)
    return every if len(data.test) > every.dims else judge
