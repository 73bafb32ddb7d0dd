"""RealNVP: affine couplings, alternating between halves; over images at several scales.

$$ f = f_K \\circ \\dots \\circ f_1, \\qquad f_k = \\text{coupling} \\circ \\text{actnorm} $$

Over images a squeeze turns squares of pixels into channels, so that couplings between halves of the channels are
those between the colors of a checkerboard, and after a shuffle those between rows; then half of the channels is
factored out, and the rest goes on at half the resolution.

References:
    Dinh, Sohl-Dickstein & Bengio, 2017, "Density estimation using Real NVP", arXiv:1605.08803
"""

from collections.abc import Callable

from torch import nn

from genzoo.core.given import GivenSpace
from genzoo.core.space import Space
from genzoo.models.flows.actnorm import ActNorm
from genzoo.models.flows.bijection import Bijection, Chain
from genzoo.models.flows.coupling import AffineCoupling
from genzoo.models.flows.flow import Flow
from genzoo.models.flows.logit import Logit
from genzoo.models.flows.rearrange import Flatten, Shuffle, Squeeze
from genzoo.models.flows.split import Split
from genzoo.nn.mlp import MLP
from genzoo.nn.residual import ResidualConv

__all__ = ["real_nvp"]

Net = Callable[[int, int], nn.Module]  # channels in, channels out


def real_nvp(
    space: Space,
    given: GivenSpace = None,
    *,
    net: str = "mlp",
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
    embedding = 0 if given is None else 32
    if net == "conv":
        if len(space.shape) != 3 or space.shape[1] % 2 or space.shape[2] % 2:
            raise ValueError(f"Convolutions need an image of even sides, got {space}. Use net='mlp', or crop it.")
        body = scales(space.shape, depth, lambda a, b: ResidualConv(a, width, b, blocks=layers, given=embedding))
    else:
        body = Chain(
            Flatten(space.shape),
            couplings(
                space.dims, depth, lambda a, b: MLP(a, [width] * layers, b, given=embedding, activation=nn.ReLU)
            ),
        )
    start = [] if high is None else [Logit(high)]
    return Flow(
        space, given, Chain(*start, body), latent=(space.dims,), embedding=embedding or 32, drop_given=drop_given
    )


def couplings(channels: int, depth: int, net: Net) -> Chain:
    """Pairs of couplings that change one half and then the other, with a shuffle between pairs."""
    front, back = (channels + 1) // 2, channels // 2
    parts: list[Bijection] = []
    for k in range(depth):
        flip = k % 2 == 1
        inside = net(back, 2 * front) if flip else net(front, 2 * back)
        parts += [ActNorm(channels), AffineCoupling(inside, channels, flip=flip)]
        if flip:
            parts.append(Shuffle())
    return Chain(*parts, ActNorm(channels))


def scales(shape: tuple[int, ...], depth: int, net: Net) -> Chain:
    """Couplings at half the resolution, and what they leave at a quarter, as long as sides are even."""
    channels, height, width = 4 * shape[0], shape[1] // 2, shape[2] // 2
    half = (channels // 2, height, width)
    here: list[Bijection] = [Squeeze(), couplings(channels, depth, net)]
    if height % 2 or width % 2 or min(height, width) < 4:
        return Chain(*here, Flatten((channels, height, width)))
    return Chain(*here, Split(scales(half, depth, net), (channels, height, width)))
