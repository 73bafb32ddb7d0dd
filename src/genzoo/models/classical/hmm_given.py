"""Paths of a hidden chain given what was seen of its symbols, clearly, through noise or not at all.

With $g_t(x) = p(y_t \\mid x_t = x)$, which is 1 where nothing was seen,

$$ p(y_t \\mid z_t = j) = \\prod_d \\sum_v b_{jd}(v)\\,g_{td}(v), $$

a forward pass over these finds p(z_t | y_≤t) and p(y), a backward one draws the path, and each symbol is drawn from
$b_{z_t}(v)\\,g_t(v)$: independent draws of p(x | y).

References:
    Carter & Kohn, 1994, "On Gibbs sampling for state space models" (forward filtering, backward sampling)
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.abilities import Ability
from genzoo.core.given import Given
from genzoo.core.noise import Noise
from genzoo.models.classical.chain import filtered, safe_log

__all__ = ["Filtering"]


class Filtering(Ability):
    """Rows of a hidden chain given evidence about each of their symbols; of rows of one length.

    Args:
        starts: p(z_1 | given) for n rows, the end in the last column.
        transition: A, the end in the last column.
        tables: b_k of every level of every entry of a step.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import HMM
        >>> chain = next(a for a in HMM(Space((6,), levels=3), states=2).abilities() if isinstance(a, Filtering))
        >>> x, log_p = chain.drawn(torch.zeros(4, 6, 3), {}, Noise(0))
        >>> x.shape, bool(log_p.abs().max() < 1e-9)  # nothing was seen
        (torch.Size([4, 6]), True)
    """

    def __init__(
        self,
        starts: Callable[[int, Given], Tensor],
        transition: Float[Tensor, "N after"],
        tables: Float[Tensor, "D levels N"],
    ) -> None:
        self.starts, self.transition, self.tables = starts, transition[:, :-1], tables

    def drawn(
        self, evidence: Float[Tensor, "B T levels"], given: Given, noise: Noise
    ) -> tuple[Int[Tensor, "B T"], Float[Tensor, " B"]]:
        """A row for each, and log p(y).

        Args:
            evidence: log p(y_i | x_i) of every value of every entry, row by row.
            given: The condition.
            noise: A row for each.
        """
        log_g = evidence.double().unflatten(1, (-1, len(self.tables)))
        top = log_g.amax(3, keepdim=True).nan_to_num(neginf=0.0)
        of_entries = torch.einsum("btdv,dvn->btdn", (log_g - top).exp(), self.tables)
        log_emission = (safe_log(of_entries) + top).sum(2).transpose(0, 1)
        n, steps = log_g.shape[:2]
        lengths = torch.full((n,), steps, device=log_g.device)
        found = filtered(self.starts(n, given)[:, :-1], self.transition, log_emission, lengths)
        path = self._path(found.states, noise.at("path"))
        tables = safe_log(self.tables).permute(2, 0, 1)[path]  # (B, T, D, levels)
        flat = (tables + log_g).flatten(1, 2)
        x = [noise.at("symbol", i).categorical(flat[:, i]) for i in range(flat.shape[1])]
        return torch.stack(x, 1), found.log_prob

    def _path(self, states: Float[Tensor, "T B N"], noise: Noise) -> Int[Tensor, "B T"]:
        """States from the last to the first, each given the one after it."""
        log_a, path = safe_log(self.transition), []
        log_p = safe_log(states[-1])
        for t in range(len(states) - 1, -1, -1):
            path.append(noise.tick(t).categorical(log_p))
            if t:
                log_p = safe_log(states[t - 1]) + log_a[:, path[-1]].T
        return torch.stack(path[::-1], 1)
