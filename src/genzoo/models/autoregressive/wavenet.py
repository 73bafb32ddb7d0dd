"""WaveNet: raw sound, sample by sample, from convolutions that look back with holes.

$$ p(x \\mid given) = \\prod_t p(x_t \\mid x_{t-r}, \\dots, x_{t-1}, given), $$

samples as levels of the μ-law, each said by a softmax; r is the reach of the convolutions (`genzoo.nn.dilated`).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn

from genzoo.core.abilities import Sequential
from genzoo.core.given import NOTHING, Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.autoregressive.autoregressive import Autoregressive
from genzoo.models.sequences import read, refuse_unlike, scored, symbols
from genzoo.nn.dilated import Dilated, Rings
from genzoo.nn.embedding import Embedding

__all__ = ["WaveNet"]


class WaveNet(Autoregressive):
    """Dilated, gated convolutions over symbols: samples of sound, or any other long sequence; lengths may vary.

    Sampling keeps what each layer was told in a ring, so a sample costs one place, not the reach.

    Args:
        space: What one x is: levels, of a fixed shape or ragged.
        given_space: What the model is conditioned on, if anything; its vector goes into every gate.
        width: The length of the vectors between layers.
        skip: The length of what layers say of a place together.
        depth: Layers of a cycle; the i-th looks 2^i places back.
        cycles: How often that is repeated.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If the space is not discrete.

    Example:
        >>> model = WaveNet(Space((40,), levels=256), width=8, depth=4)
        >>> x = model.sample(2, seed=0)
        >>> model.reach, x.shape, bool((model.log_prob(x) < 0).all())
        (16, torch.Size([2, 40]), True)

    References:
        van den Oord et al., 2016, "WaveNet: a generative model for raw audio", arXiv:1609.03499
        Le Paine et al., 2016, "Fast Wavenet generation algorithm", arXiv:1611.09482
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        width: int = 32,
        skip: int | None = None,
        depth: int = 9,
        cycles: int = 1,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        refuse_unlike(space, "WaveNet")
        self.drop_given, skip = drop_given, skip or 2 * width
        self.table = nn.Embedding(1 + (space.levels or 0), width)  # the last one starts
        self.embedding = Embedding(given_space, width) if given_space else None
        given = width if given_space else 0
        self.net = Dilated(width, skip=skip, depth=depth, cycles=cycles, given=given)
        last = nn.Linear(skip, symbols(space))
        nn.init.zeros_(last.weight)  # at first every symbol is as likely
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(skip, skip), nn.ReLU(), last)

    @property
    def reach(self) -> int:
        """r, how many samples each is told by."""
        return self.net.reach

    def log_density(self, x: Integer[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        tokens = read(x, self.space)
        before = torch.cat([self.start(len(tokens))[:, None], tokens[:, :-1]], dim=1)
        return scored(self.head(self.net(self.table(before), self.embedded(given))), tokens, self.space)

    def steps(self) -> Sequential:
        return Steps(self)

    def start(self, n: int) -> Int[Tensor, " n"]:
        """The start symbol, for each row."""
        return torch.full((n,), self.space.levels or 0, device=self.device)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, reach={self.reach}"


class Heard(NamedTuple):
    """What the layers keep, and what they say of the next sample."""

    rings: Rings
    said: Float[Tensor, "n skip"]


class Steps(Sequential):
    """A WaveNet sample by sample."""

    def __init__(self, model: WaveNet) -> None:
        self.model, self.space, self.symbols = model, model.space, symbols(model.space)

    def begin(self, n: int, given: Given = NOTHING) -> Heard:
        rings = self.model.net.begin(n, self.model.embedded(given))
        return Heard(rings, self.model.net.tell(rings, self.model.table(self.model.start(n))))

    def logits(self, state: Heard) -> Float[Tensor, "n symbols"]:
        return self.model.head(state.said)

    def take(self, state: Heard, symbol: Int[Tensor, " n"]) -> Heard:
        return state._replace(said=self.model.net.tell(state.rings, self.model.table(symbol)))
