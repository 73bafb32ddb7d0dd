"""The likeliest sequence, looked for along several at a time."""

import torch
from jaxtyping import Int
from torch import Tensor

from genzoo.core.given import Given
from genzoo.models.revisable import Revisable

__all__ = ["likeliest"]


def likeliest(chain: Revisable, n: int, given: Given, *, prefix: Int[Tensor, "n t"], beams: int) -> Int[Tensor, "n D"]:
    """For each row the likeliest sequence that a search along so many finds,

    $$ \\hat x = \\arg\\max_x \\log p(x \\mid given), $$

    where after every symbol only the likeliest beginnings are followed. There is no bonus for length. As many beams
    as there are beginnings find the mode itself.

    Args:
        chain: The conditionals.
        n: The number of rows.
        given: The condition in full, of each row.
        prefix: The first symbols of each row, on the device of the model.
        beams: How many beginnings are followed.

    Raises:
        ValueError: If there is no beam.

    References:
        Lowerre, 1976, "The HARPY speech recognition system"
    """
    if beams < 1:
        raise ValueError(f"`beams` must be at least 1, got {beams}. Leave it out to draw.")
    device = prefix.device
    first = beams * torch.arange(n, device=device)  # of each row
    every = first.repeat_interleave(beams) // beams
    state = chain.begin(n * beams, {name: rows[every] for name, rows in given.items()})
    tokens, places = prefix[every], chain.space.dims
    for t in range(prefix.shape[1]):
        state = chain.take(state, tokens[:, t])
    end = chain.symbols - 1 if chain.space.ragged else -1
    scores = torch.full((n, beams), -torch.inf, dtype=torch.float64, device=device)
    scores[:, 0] = 0.0  # all beams of a row are alike at first
    over = torch.zeros(n * beams, dtype=torch.bool, device=device)
    for t in range(prefix.shape[1], places):
        steps = chain.logits(state).double().log_softmax(-1)
        if chain.space.ragged:
            steps[over] = -torch.inf
            steps[over, end] = 0.0  # what has ended stays as it is
        totals = (scores.flatten()[:, None] + steps).view(n, -1)
        scores, place = totals.topk(beams, dim=1)
        parents = (place // chain.symbols + first[:, None]).flatten()
        symbol = (place % chain.symbols).flatten()
        tokens, over = torch.cat([tokens[parents], symbol[:, None]], dim=1), over[parents] | (symbol == end)
        if t + 1 == places or bool(over.all()):
            break
        state = chain.take(chain.select(state, parents), symbol)
    best = tokens[first + scores.argmax(1)]
    return torch.nn.functional.pad(best, (0, places - best.shape[1]), value=end)
