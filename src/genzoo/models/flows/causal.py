"""Causal maps of sequences: a place is transformed as a transformer says of the places before it.

$$ z_t = \\tau(x_t;\\, \\theta_t(x_{<t})), \\qquad
   \\log |\\det| = \\textstyle\\sum_t \\log |\\det \\partial_x \\tau(x_t; \\theta_t(x_{<t}))|. $$

A place holds several numbers, and all of them are transformed as those of the places before say. One pass tells every
θ from x. The way back is a system of equations, $x_t = \\tau^{-1}(z_t; \\theta_t(x_{<t}))$, whose solution Jacobi's
iteration finds: from a guess of x, a pass says what each place would be if the guess were right of those before it.
After k passes the first k places are exact, and long before the last one none moves any more.

References:
    Zhai et al., 2024, "Normalizing flows are capable generative models", arXiv:2412.06329 (TarFlow)
    Song, Meng, Liao & Ermon, 2021, "Accelerating feedforward computation via parallel nonlinear equation solving",
        arXiv:2002.03629
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.models.flows.bijection import Bijection, Embedded
from genzoo.models.flows.coupling import Affine, Elementwise
from genzoo.nn.transformer import Cache, Transformer

__all__ = ["Causal"]

BLOCK = 64  # rows that are looked at together for a start
FEW, TOGETHER = 2, 48  # rows up to which places are solved for together, and how many
STILL = 1e-7  # what moves less from one pass to the next, beside the largest number, has arrived


class Causal(Bijection):
    """A map of every place of a sequence whose parameters are a function of the places before it.

    What the network says starts at zero, so it starts as the identity.

    Args:
        net: The transformer; it must be causal.
        width: The length of its vectors.
        numbers: Numbers of a place.
        transform: τ, by default affine.
        reverse: Whether places are taken from the last to the first; what follows on another should be turned.
        given: The width of the condition's embedding, 0 for none.
        window: How many places the way back solves for at a time; 1 goes place by place. By default 48 for a row or
            two, where a pass over several places costs little more than one over a single place, and 1 for more rows.

    Raises:
        ValueError: If the window is none.

    Example:
        >>> layer = Causal(Transformer(16, depth=1, heads=2, places=5), width=16, numbers=3)
        >>> z, ladj = layer(torch.ones(4, 5, 3))
        >>> torch.equal(z, torch.ones(4, 5, 3)), ladj.tolist()
        (True, [0.0, 0.0, 0.0, 0.0])
    """

    def __init__(
        self,
        net: Transformer,
        width: int,
        numbers: int,
        transform: Elementwise | None = None,
        *,
        reverse: bool = False,
        given: int = 0,
        window: int | None = None,
    ) -> None:
        super().__init__()
        if window is not None and window < 1:
            raise ValueError(f"`window` must be at least 1, got {window}. Take 1 to go place by place.")
        self.net, self.transform, self.reverse, self.window = net, transform or Affine(), reverse, window
        self.first = nn.Linear(numbers, width)
        self.places = nn.Embedding(net.places, width)  # a table, which Muon leaves to AdamW
        nn.init.normal_(self.places.weight, std=0.5)
        self.shift = nn.Linear(given, width, bias=False) if given else None
        self.last = nn.Linear(width, self.transform.numbers * numbers)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self, x: Float[Tensor, "B T D"], given: Embedded = None
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, " B"]]:
        x = self._turned(x)
        z, ladj = self.transform.forward(x, self._told(x, slice(0, x.shape[1]), given))
        return self._turned(z), ladj.flatten(1).sum(1)

    def inverse(self, z: Float[Tensor, "B T D"], given: Embedded = None) -> Float[Tensor, "B T D"]:
        """The x whose z this is, some places at a time; where gradients are asked for, a pass a place."""
        z = self._turned(z)
        if not torch.is_grad_enabled():
            return self._turned(self._solved(z, given))
        known: list[Tensor] = []
        for t in range(z.shape[1]):
            raw = self._told(torch.cat([*known, z[:, t:]], 1), slice(0, t + 1), given)[:, :, -1:]
            known.append(self.transform.inverse(z[:, t : t + 1], raw))
        return self._turned(torch.cat(known, 1))

    def start(self, x: Float[Tensor, "B T D"], given: Embedded = None) -> Float[Tensor, "B T D"]:
        """z of rows, few at a time: attention over all that a start is taken from would fill the memory."""
        starts = range(0, max(1, len(x)), BLOCK)
        told = [None if given is None else given[i : i + BLOCK] for i in starts]
        return torch.cat([self(x[i : i + BLOCK], part)[0] for i, part in zip(starts, told, strict=True)])

    def extra_repr(self) -> str:
        return f"transform={self.transform}, reverse={self.reverse}, window={self.window}"

    def _solved(self, z: Float[Tensor, "B T D"], given: Embedded) -> Float[Tensor, "B T D"]:
        """Windows in turn, each by Jacobi's iteration; what is known of those before stands in caches."""
        x, length = z.clone(), z.shape[1]
        caches = self.net.caches(len(z), like=self.places.weight)
        window = self.window or (TOGETHER if len(z) <= FEW else 1)
        for start in range(0, length, window):
            here = slice(start, min(start + window, length))
            for _ in range(here.stop - here.start):
                for cache in caches:
                    cache.used = start
                guess = x[:, here].clone()
                x[:, here] = self.transform.inverse(z[:, here], self._told(x, here, given, caches))
                if not len(x) or (x[:, here] - guess).abs().max() <= STILL * x[:, here].abs().max():
                    break
        return x

    def _told(
        self, x: Float[Tensor, "B T D"], here: slice, given: Embedded, caches: list[Cache] | None = None
    ) -> Float[Tensor, "B numbers P D"]:
        """The parameters of some places, of x in the order in which they are taken."""
        before = self.first(x[:, max(0, here.start - 1) : here.stop - 1])
        if here.start == 0:
            before = nn.functional.pad(before, (0, 0, 1, 0))
        h = before + self.places.weight[here]
        if self.shift is not None and given is not None:
            h = h + self.shift(given)[:, None]
        raw = self.last(self.net(h, caches)).to(x.dtype)  # under autocast the network is coarser than x
        return raw.unflatten(2, (self.transform.numbers, -1)).transpose(1, 2).contiguous()

    def _turned(self, x: Tensor) -> Tensor:
        return x.flip(1) if self.reverse else x
