"""Linear probes: how much of the labels a linear map finds in features that were learned without them.

References:
    Alain & Bengio, 2016, "Understanding intermediate layers using linear classifier probes", arXiv:1610.01644
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

__all__ = ["linear_probe"]

STEPS = 100


def linear_probe(features: Float[Tensor, "n D"], label: Int[Tensor, " n"], *, decay: float = 1e-3) -> nn.Linear:
    """Logistic regression of labels on standardized features, as one linear layer on the features as they are.

    $$ \\min_W \\; -\\frac1n \\sum_i \\log \\mathrm{softmax}(W h_i + b)_{y_i} + \\frac{\\lambda}{2} \\|W\\|^2. $$

    Args:
        features: h, one row per label.
        label: y.
        decay: λ.

    Example:
        >>> x = torch.arange(-4.0, 4.0)[:, None] + 0.5
        >>> linear_probe(x, (x[:, 0] > 0).long())(x).argmax(1).tolist()
        [0, 0, 0, 0, 1, 1, 1, 1]
    """
    mean, deviation = features.mean(0), features.std(0).clamp_min(1e-6)
    white, classes = (features - mean) / deviation, int(label.max()) + 1
    weight, bias = torch.zeros(classes, features.shape[1]), torch.zeros(classes)
    optimizer = torch.optim.LBFGS(
        [weight.requires_grad_(), bias.requires_grad_()], max_iter=STEPS, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(white @ weight.T + bias, label) + decay / 2 * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    layer = nn.utils.skip_init(nn.Linear, features.shape[1], classes)  # its first weights would be drawn globally
    layer.weight.data = (weight / deviation).detach()
    layer.bias.data = (bias - layer.weight @ mean).detach()
    return layer
