"""Flows of causal maps over patches, which take the patches by turns from the first to the last and the other way
round, after an activation normalization of each entry.

$$ f = f_K \\circ \\dots \\circ f_1, \\qquad f_1 = \\text{actnorm} $$

References:
    Zhai et al., 2024, "Normalizing flows are capable generative models", arXiv:2412.06329
"""

from dataclasses import dataclass
from typing import Any

from genzoo.core.given import GivenSpaceLike
from genzoo.core.space import Space
from genzoo.models.flows.actnorm import ActNorm
from genzoo.models.flows.bijection import Bijection, Chain
from genzoo.models.flows.causal import Causal
from genzoo.models.flows.coupling import Affine, Elementwise
from genzoo.models.flows.flow import Flow
from genzoo.models.flows.inverse import Inverse
from genzoo.models.flows.logit import Logit
from genzoo.models.flows.rearrange import Flatten, Patches
from genzoo.nn.transformer import Transformer

__all__ = ["Transformers", "causal_flow"]

ROWS = 256  # that the start is taken from: all pass through the transformers, for minutes if they are many


@dataclass(frozen=True)
class Transformers:
    """The networks of causal maps.

    Attributes:
        width: The length of a place's vector.
        layers: Blocks of attention and a network at every place.
        heads: Heads of attention; they share out the width.

    Example:
        >>> Transformers(16, 1, 2).of(places=5).places
        5
    """

    width: int = 128
    layers: int = 4
    heads: int = 4

    def of(self, places: int) -> Transformer:
        """A transformer over so many places."""
        return Transformer(self.width, self.layers, self.heads, places)


def causal_flow(
    space: Space,
    given_space: GivenSpaceLike = None,
    transform: Elementwise | None = None,
    nets: Transformers | None = None,
    *,
    depth: int = 4,
    patch: int = 1,
    high: int | float | None = None,
    drop_given: float = 0.0,
) -> Flow:
    """A flow of causal maps over the patches of images, of sequences or of vectors.

    Args:
        space: What one x is: real numbers of a fixed shape.
        given_space: What the model is conditioned on, if anything.
        transform: What is done to an entry: `Affine` by default, a `Spline` or `Logistics`.
        nets: What tells it the parameters.
        depth: Maps.
        patch: The side of a square of pixels, or the length of a stretch.
        high: L, if x lies in [0, L]: the flow then begins with a logit.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If patches do not fill an x.

    Example:
        >>> model = causal_flow(Space((1, 4, 4)), nets=Transformers(16, 1, 2), depth=2, patch=2)
        >>> model.log_prob(model.sample(3, seed=0)).shape
        torch.Size([3])
    """
    transform, nets, embedding = transform or Affine(), nets or Transformers(), 32 if given_space else 0
    patches, flat = Patches(space.shape, patch), Flatten(space.shape)
    start = [] if high is None else [Logit(high)]
    parts: list[Bijection] = [*start, flat, ActNorm(space.dims), Inverse(flat), patches]
    for k in range(depth):
        turn, net = k % 2 == 1, nets.of(patches.count)
        parts.append(Causal(net, nets.width, patches.numbers, transform, reverse=turn, given=embedding))
    body = Chain(*parts, Flatten((patches.count, patches.numbers)))
    over: dict[str, Any] = {"embedding": embedding or 32, "drop_given": drop_given, "rows": ROWS}
    return Flow(space, given_space, body, latent=(space.dims,), **over)
