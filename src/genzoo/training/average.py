"""The moving average of weights, its length tied to the run's.

References:
    Polyak & Juditsky, 1992, "Acceleration of stochastic approximation by averaging"
"""

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

__all__ = ["averaged", "decay"]

Tensors = tuple[Tensor, ...] | list[Tensor]


def decay(updates: int, total: int, share: float) -> float:
    """The decay after some updates of an average over the last `share` of a run of `total` steps,

    $$ d_n = \\min\\left(1 - \\frac{1}{\\max(1, f N)}, \\frac{1 + n}{10 + n}\\right). $$

    A fixed decay lags in short runs and forgets in long ones; this one is a share of the run, and grows into it.

    Example:
        >>> decay(0, 10_000, 0.05), round(decay(9_000, 10_000, 0.05), 3)
        (0.1, 0.998)
    """
    return min(1 - 1 / max(1.0, share * total), (1 + updates) / (10 + updates))


def averaged(model: nn.Module, total: int, share: float) -> AveragedModel:
    """A copy of the model whose parameters follow the model's slowly; buffers are copied as they are.

    Example:
        >>> line = nn.Linear(1, 1)
        >>> average = averaged(line, total=100, share=0.1)
        >>> average.update_parameters(line)
        >>> bool((average.module.weight == line.weight).all())
        True
    """

    def follow(mean: Tensors, values: Tensors, updates: Tensor | int) -> None:
        get_ema_multi_avg_fn(decay(int(updates), total, share))(mean, values, updates)

    return AveragedModel(model, multi_avg_fn=follow)
