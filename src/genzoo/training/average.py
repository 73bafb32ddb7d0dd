"""The moving average of weights, its length tied to the run's.

References:
    Polyak & Juditsky, 1992, "Acceleration of stochastic approximation by averaging"
"""

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from genzoo.training.sharding import local

__all__ = ["Average", "decay"]

Tensors = tuple[Tensor, ...] | list[Tensor]
UPDATES = 100  # updates per length of the average: more would cost time and change nothing


def decay(updates: int, length: float | int) -> float:
    """The decay after some updates of an average over `length` of them,

    $$ d_n = \\min\\left(1 - \\frac{1}{\\max(1, L)}, \\frac{1 + n}{10 + n}\\right). $$

    Example:
        >>> decay(0, 100), round(decay(9_000, 100), 3)
        (0.1, 0.99)
    """
    return min(1 - 1 / max(1.0, length), (1 + updates) / (10 + updates))


class Average:
    """A copy of the model whose parameters follow the model's slowly; buffers are copied as they are.

    A fixed decay lags in short runs and forgets in long ones; this average reaches over a share of the run, and grows
    into it. It is updated a hundred times in its length, not at every step.

    Args:
        model: What is followed.
        total: N, the steps that the run was planned for.
        share: f, the length of the average as a share of the run.

    Example:
        >>> line = nn.Linear(1, 1)
        >>> average = Average(line, total=100, share=0.1)
        >>> average.follow(1)
        >>> bool((average.model.weight == line.weight).all())
        True
    """

    def __init__(self, model: nn.Module, total: float, share: float) -> None:
        self.source, self.share = model, share
        self.over(total)

        def blend(mean: Tensors, values: Tensors, updates: Tensor | int) -> None:
            follow = get_ema_multi_avg_fn(decay(int(updates), self.length))
            follow([local(tensor) for tensor in mean], [local(tensor) for tensor in values], updates)

        self.averaged = AveragedModel(model, multi_avg_fn=blend)

    @property
    def model(self) -> nn.Module:
        """The model with averaged weights."""
        return self.averaged.module

    def over(self, total: float) -> None:
        """Sets the steps that the run is planned for."""
        self.every = max(1, int(self.share * total / UPDATES))
        self.length = self.share * total / self.every

    def follow(self, step: int, *, last: bool = False) -> None:
        """Takes in the model's weights after a step, if an update is due or it is the last."""
        if step % self.every == 0 or last:
            self.averaged.update_parameters(self.source)
