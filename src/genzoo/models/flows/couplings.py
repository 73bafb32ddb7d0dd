"""Flows of couplings that alternate between halves; over images at several scales.

$$ f = f_K \\circ \\dots \\circ f_1, \\qquad f_k = \\text{coupling} \\circ \\text{actnorm} $$

Over images a squeeze turns squares of pixels into channels, so that couplings between halves of the channels are
those between the colors of a checkerboard, and after a shuffle those between rows; then half of the channels is
factored out, and the rest goes on at half the resolution.

References:
    Dinh, Sohl-Dickstein & Bengio, 2017, "Density estimation using Real NVP", arXiv:1605.08803
    Durkan, Bekasov, Murray & Papamakarios, 2019, "Neural spline flows", arXiv:1906.04032
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import nn

from genzoo.core.given import GivenSpaceLike
from genzoo.core.space import Space
from genzoo.models.flows.actnorm import ActNorm
from genzoo.models.flows.bijection import Bijection, Chain
from genzoo.models.flows.coupling import Affine, Coupling, Elementwise
from genzoo.models.flows.flow import Flow
from genzoo.models.flows.logit import Logit
from genzoo.models.flows.mixing import Kind, Mixing
from genzoo.models.flows.rearrange import Flatten, Shuffle, Squeeze
from genzoo.models.flows.split import Split
from genzoo.nn.mlp import MLP
from genzoo.nn.residual import ResidualConv

__all__ = ["Nets", "coupling_flow"]

Net = Callable[[int, int], nn.Module]  # channels in, channels out


@dataclass(frozen=True)
class Nets:
    """The networks of couplings.

    Attributes:
        kind: `mlp`, which takes x as a vector, or `conv`, for images of even sides.
        width: Hidden entries of a perceptron, or channels of the convolutions.
        layers: Hidden layers of a perceptron, or residual blocks.

    Example:
        >>> Nets("mlp", 8, 1).of(2, 6).last.out_features
        6
    """

    kind: Literal["mlp", "conv"] = "mlp"
    width: int = 64
    layers: int = 2

    def of(self, inputs: int, outputs: int, embedding: int = 0) -> nn.Module:
        """A network between so many channels, with room for the embedding of a condition."""
        if self.kind == "conv":
            return ResidualConv(inputs, self.width, outputs, blocks=self.layers, given=embedding)
        return MLP(inputs, [self.width] * self.layers, outputs, given=embedding, activation=nn.ReLU)


def coupling_flow(
    space: Space,
    given_space: GivenSpaceLike = None,
    transform: Elementwise | None = None,
    nets: Nets | None = None,
    *,
    depth: int = 8,
    mixing: Kind | None = None,
    high: int | float | None = None,
    drop_given: float = 0.0,
) -> Flow:
    """A flow of couplings over vectors, or over images at all scales down to an odd side.

    Args:
        space: What one x is: real numbers of a fixed shape.
        given_space: What the model is conditioned on, if anything.
        transform: What a coupling does to an entry: `Affine` by default, or a `Spline`.
        nets: What tells it the parameters; perceptrons by default.
        depth: Couplings, at each scale.
        mixing: The kind of a learned `Mixing` before each coupling, which then changes the back half alone; by default
            couplings change one half and then the other, with a shuffle between pairs.
        high: L, if x lies in [0, L]: the flow then begins with a logit.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If there is nothing to couple, or convolutions are asked for over anything but even images.

    Example:
        >>> from genzoo.models.flows import Spline
        >>> model = coupling_flow(Space((3,)), None, Spline(bins=4), Nets(width=16), depth=2)
        >>> model.sample(2, seed=0).shape
        torch.Size([2, 3])
    """
    transform, nets, embedding = transform or Affine(), nets or Nets(), 32 if given_space else 0
    if nets.kind == "conv" and (len(space.shape) != 3 or space.shape[1] % 2 or space.shape[2] % 2):
        raise ValueError(f"Convolutions need an image of even sides, got {space}. Use perceptrons, or crop it.")

    def net(inputs: int, outputs: int) -> nn.Module:
        return nets.of(inputs, outputs, embedding)

    if nets.kind == "conv":
        body = scales(space.shape, lambda channels: couplings(channels, depth, net, transform, mixing))
    else:
        body = Chain(Flatten(space.shape), couplings(space.dims, depth, net, transform, mixing))
    start = [] if high is None else [Logit(high)]
    return Flow(
        space, given_space, Chain(*start, body), latent=(space.dims,), embedding=embedding or 32, drop_given=drop_given
    )


def couplings(channels: int, depth: int, net: Net, transform: Elementwise, mixing: Kind | None = None) -> Chain:
    """Couplings, each after an activation normalization."""
    front, back = (channels + 1) // 2, channels // 2
    parts: list[Bijection] = []
    for k in range(depth):
        flip = mixing is None and k % 2 == 1
        inside = net(back, transform.numbers * front) if flip else net(front, transform.numbers * back)
        mixed = [] if mixing is None else [Mixing(channels, mixing)]
        parts += [ActNorm(channels), *mixed, Coupling(inside, channels, transform, flip=flip)]
        if flip:
            parts.append(Shuffle())
    return Chain(*parts, ActNorm(channels))


def scales(shape: tuple[int, ...], at: Callable[[int], Bijection]) -> Chain:
    """Couplings at half the resolution, and what they leave at a quarter, as long as sides are even."""
    channels, height, width = 4 * shape[0], shape[1] // 2, shape[2] // 2
    half = (channels // 2, height, width)
    here: list[Bijection] = [Squeeze(), at(channels)]
    if height % 2 or width % 2 or min(height, width) < 4:
        return Chain(*here, Flatten((channels, height, width)))
    return Chain(*here, Split(scales(half, at), (channels, height, width)))
