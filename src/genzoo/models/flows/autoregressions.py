"""Flows of autoregressive maps, which take the entries by turns from the first to the last and the other way round.

$$ f = f_K \\circ \\dots \\circ f_1, \\qquad f_k = \\text{autoregressive} \\circ \\text{actnorm} $$

A map from data to noise scores in one pass and draws entry by entry (MAF); its inverse draws in one pass and scores
entry by entry (IAF).

References:
    Papamakarios, Pavlakou & Murray, 2017, "Masked autoregressive flow for density estimation", arXiv:1705.07057
    Kingma et al., 2016, "Improved variational inference with inverse autoregressive flow", arXiv:1606.04934
"""

from dataclasses import dataclass

from genzoo.core.given import GivenSpaceLike
from genzoo.core.space import Space
from genzoo.models.flows.actnorm import ActNorm
from genzoo.models.flows.autoregressive import Autoregressive
from genzoo.models.flows.bijection import Bijection, Chain
from genzoo.models.flows.coupling import Affine, Elementwise
from genzoo.models.flows.flow import Flow
from genzoo.models.flows.inverse import Inverse
from genzoo.models.flows.logit import Logit
from genzoo.models.flows.rearrange import Flatten
from genzoo.nn.masked import MaskedMLP

__all__ = ["MaskedNets", "autoregressive_flow"]


@dataclass(frozen=True)
class MaskedNets:
    """The networks of autoregressive maps.

    Attributes:
        width: Hidden entries.
        layers: Hidden layers.

    Example:
        >>> MaskedNets(16, 1).of(entries=3, outputs=2).entries
        3
    """

    width: int = 128
    layers: int = 2

    def of(self, entries: int, outputs: int, embedding: int = 0) -> MaskedMLP:
        """A network over so many entries, with room for the embedding of a condition."""
        return MaskedMLP(entries, 1, outputs, width=self.width, depth=self.layers, given=embedding)


def autoregressive_flow(
    space: Space,
    given_space: GivenSpaceLike = None,
    transform: Elementwise | None = None,
    nets: MaskedNets | None = None,
    *,
    depth: int = 5,
    inverse: bool = False,
    high: int | float | None = None,
    drop_given: float = 0.0,
) -> Flow:
    """A flow of autoregressive maps over vectors; what has another shape is flattened.

    Args:
        space: What one x is: real numbers of a fixed shape.
        given_space: What the model is conditioned on, if anything.
        transform: What is done to an entry: `Affine` by default, or a `Spline`.
        nets: What tells it the parameters.
        depth: Maps.
        inverse: Whether they go from noise to data, so that drawing is one pass and scoring goes entry by entry.
        high: L, if x lies in [0, L]: the flow then begins with a logit.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Example:
        >>> model = autoregressive_flow(Space((3,)), nets=MaskedNets(16, 1), depth=2)
        >>> model.log_prob(model.sample(4, seed=0)).shape
        torch.Size([4])
    """
    transform, nets, embedding = transform or Affine(), nets or MaskedNets(), 32 if given_space else 0
    parts: list[Bijection] = [] if high is None else [Logit(high)]
    parts.append(Flatten(space.shape))
    for k in range(depth):
        net = nets.of(space.dims, transform.numbers, embedding)
        layer = Autoregressive(net, transform, reverse=k % 2 == 1)
        parts += [ActNorm(space.dims), Inverse(layer) if inverse else layer]
    body = Chain(*parts, ActNorm(space.dims))
    return Flow(space, given_space, body, latent=(space.dims,), embedding=embedding or 32, drop_given=drop_given)
