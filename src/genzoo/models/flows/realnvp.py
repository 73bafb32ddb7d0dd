"""RealNVP: a flow of affine couplings.

References:
    Dinh, Sohl-Dickstein & Bengio, 2017, "Density estimation using Real NVP", arXiv:1605.08803
"""

from typing import Literal

from genzoo.core.given import GivenSpace
from genzoo.core.space import Space
from genzoo.models.flows.coupling import Affine
from genzoo.models.flows.couplings import Nets, coupling_flow
from genzoo.models.flows.flow import Flow

__all__ = ["real_nvp"]


def real_nvp(
    space: Space,
    given: GivenSpace = None,
    *,
    net: Literal["mlp", "conv"] = "mlp",
    depth: int = 8,
    width: int = 64,
    layers: int = 2,
    high: int | float | None = None,
    drop_given: float = 0.0,
) -> Flow:
    """A RealNVP over vectors, or over images at all scales down to an odd side.

    Args:
        space: What one x is: real numbers of a fixed shape.
        given: What the model is conditioned on, if anything.
        net: `mlp`, which takes x as a vector, or `conv`, for images of even sides.
        depth: Couplings, at each scale.
        width: Hidden entries of a perceptron, or channels of the convolutions.
        layers: Hidden layers of a perceptron, or residual blocks.
        high: L, if x lies in [0, L]: the flow then begins with a logit.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If there is nothing to couple, or convolutions are asked for over anything but even images.

    Example:
        >>> model = real_nvp(Space((1, 12, 12)), net="conv", depth=2, width=8)
        >>> model.sample(2, seed=0).shape, model.latent
        (torch.Size([2, 1, 12, 12]), (144,))
    """
    nets = Nets(net, width, layers)
    return coupling_flow(space, given, Affine(), nets, depth=depth, high=high, drop_given=drop_given)
