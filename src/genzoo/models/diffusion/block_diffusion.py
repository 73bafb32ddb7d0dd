"""Block diffusion: blocks of symbols one after another, and within a block in any order.

$$ p(x) = \\prod_b p(x^b \\mid x^{<b}), \\qquad
   -\\log p(x^b \\mid x^{<b}) \\le \\sum_{k=1}^{n} \\frac1k\\,
   E \\sum_{d \\text{ hidden in } b} -\\log \\hat p(x_d \\mid x^{<b}, \\text{the others of } b), $$

n being the length of a block and k how many of it are hidden. One block is masked diffusion; blocks of one symbol are
an autoregressive model, for there is one order then and the bound is the log-probability itself.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.given import Given, GivenSpaceLike, null_like
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.diffusion.discrete_masked import Masked, left
from genzoo.models.diffusion.discrete_samplers import Unmasking
from genzoo.models.diffusion.time import GOLDEN
from genzoo.nn.infilling import Infilling
from genzoo.nn.transformer import Looks

__all__ = ["BlockDiffusion"]


class BlockDiffusion(Masked):
    """Masked diffusion within blocks that follow one another.

    All blocks are trained at once: the network reads the row twice, as it is and with entries hidden; a hidden half
    looks at its own block and at what came before as it is. The gap between bound and log p shrinks with the blocks,
    and so does what several symbols a call may save. A sample keeps the keys and values of blocks that are told, so
    that a call costs one block.

    Args:
        space: What one x is: levels, of a fixed shape or ragged.
        given_space: What the model is conditioned on, if anything.
        net: A transformer that is told no time.
        length: n, the symbols of a block; the last block may have fewer.
        drop_given: The share of conditions dropped in training.

    Raises:
        ValueError: If `length` is not positive.

    Example:
        >>> from genzoo.nn import Infilling
        >>> net = Infilling(3, places=6, width=8, depth=1, heads=2)
        >>> model = BlockDiffusion(Space((6,), levels=3), None, net, length=2)
        >>> x = model.sample(4, seed=0, prefix=torch.tensor([2]), sampler="entropy")
        >>> x[:, 0].tolist(), bool((model.log_prob(x) < 0).all())
        ([2, 2, 2, 2], True)

    References:
        Arriola et al., 2025, "Block diffusion: interpolating between autoregressive and diffusion language models",
        arXiv:2503.09573
    """

    net: Infilling

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        net: Infilling,
        *,
        length: int = 16,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space, net, drop_given=drop_given)
        if length < 1:
            raise ValueError(f"`length` must be at least 1, got {length}.")
        self.length = min(length, space.dims)
        self.blocks = [slice(first, min(first + length, space.dims)) for first in range(0, space.dims, length)]

    def cost(
        self, tokens: Int[Tensor, "B D"], u: Float[Tensor, " B"], given: Given, noise: Noise, steps: int | None
    ) -> Float[Tensor, " B"]:
        order, hidden = self.order(tokens, noise.at("order")), self.left(steps).to(tokens.device)
        count = hidden.shape[1] - 1
        number = torch.arange(len(self.blocks), device=u.device)
        step = ((u[:, None] + GOLDEN * number) % 1.0 * count).long().clamp_max(count - 1)
        now, then = hidden[number, step], hidden[number, step + 1]
        weight = count * (now - then) / now.clamp_min(1)
        block = torch.arange(tokens.shape[1], device=tokens.device) // self.length
        lacking = order < now[:, block]
        nats = -self.both(tokens, lacking, given).gather(2, tokens[..., None])[..., 0]
        return (weight[:, block] * nats * lacking).sum(1)

    def left(self, steps: int | None) -> Int[Tensor, "blocks times"]:
        """How many entries of each block are hidden before each step, and after the last."""
        whole = left(self.length, steps)
        times = torch.linspace(1, 0, len(whole), dtype=torch.float64)
        last = ((self.blocks[-1].stop - self.blocks[-1].start) * times).round().long()
        return torch.stack([whole] * (len(self.blocks) - 1) + [last])

    def order(self, tokens: Int[Tensor, "B D"], noise: Noise) -> Int[Tensor, "B D"]:
        """A place for each entry in a random order of its block."""
        u = noise.uniform(*tokens.shape, dtype=torch.float64)
        return torch.cat([u[:, block].argsort(1).argsort(1) for block in self.blocks], 1)

    def both(self, tokens: Int[Tensor, "B D"], lacking: Tensor, given: Given) -> Float[Tensor, "B D K"]:
        """log p̂ at every place of all blocks at once, some entries being hidden."""
        read = torch.cat([tokens, tokens.masked_fill(lacking, self.hidden)], 1)
        t = torch.zeros(len(tokens), device=tokens.device)
        return self.log_p(read, t, given, self.looks(tokens.device))[:, tokens.shape[1] :]

    def looks(self, device: torch.device) -> Looks:
        """Of a row as it is, each block looks at itself and those before; of one with hidden entries, at its own
        block and at those before as they are."""
        place = torch.arange(self.space.dims, device=device)
        block = place // self.length
        before, same = block[:, None] > block, block[:, None] == block
        upper = torch.cat([before | same, torch.zeros_like(same)], 1)
        return Looks(torch.cat([upper, torch.cat([before, same], 1)]), torch.cat([place, place]))

    def path_log_weight(
        self, tokens: Int[Tensor, "B D"], given: Given, noise: Noise, steps: int | None
    ) -> Float[Tensor, "B blocks"]:
        """log of what the model gives each block along an order that is drawn for it."""
        return self.along(tokens, self.order(tokens, noise), given, steps)

    def along(
        self, tokens: Int[Tensor, "B D"], order: Int[Tensor, "B D"], given: Given, steps: int | None = None
    ) -> Float[Tensor, "B blocks"]:
        """log p of each block given those before it, along an order.

        Args:
            tokens: Rows as symbols.
            order: When each entry of a block is told, 0 for the first.
            given: The condition.
            steps: In how many steps a block, or one entry at a time.
        """
        hidden, block = self.left(steps).to(tokens.device), torch.arange(tokens.shape[1]) // self.length
        told = (hidden[:, :1] - hidden)[block.to(tokens.device)]
        total = torch.zeros(tokens.shape, dtype=torch.float64, device=tokens.device)
        for before, after in zip(told.T[:-1], told.T[1:], strict=True):
            said = self.both(tokens, order >= before, given).gather(2, tokens[..., None])[..., 0]
            total = total + said * ((order >= before) & (order < after))
        return torch.stack([total[:, part].sum(1) for part in self.blocks], 1)

    def filled(
        self, tokens: Int[Tensor, "B D"], given: Given, noise: Noise, sampler: Unmasking, guidance: float = 0.0
    ) -> Int[Tensor, "B D"]:
        t = torch.zeros(len(tokens), dtype=self.dtype, device=tokens.device)
        led = guidance != 0 and bool(given)
        kept = [self.net.begun(t, asked or None) for asked in ((given, null_like(given)) if led else (given,))]

        def say(part: Tensor) -> Tensor:
            said = [self._normed(self.net.follow(part, caches, keep=False)) for caches in kept]
            return said[0] if not led else ((1 + guidance) * said[0] - guidance * said[1]).log_softmax(-1)

        for number, block in enumerate(self.blocks):
            told = sampler.fill(tokens[:, block], self.hidden, say, noise.at("block", number))
            tokens = torch.cat([tokens[:, : block.start], told, tokens[:, block.stop :]], 1)
            for caches in kept if block.stop < self.space.dims else ():
                self.net.follow(told, caches, keep=True)
        return tokens

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, length={self.length}"
