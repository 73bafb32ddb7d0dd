"""log p of a model whose samples come by many paths, between two bounds.

Where a row is drawn along a path s that is chosen by chance, $p(x) = E_s\\, w_s(x)$, and paths are drawn as easily as
they are weighed, w is an unbiased draw of p. The logarithm lies below each of its tangents,

$$ \\log p \\le \\log a + \\frac{p}{a} - 1 \\quad \\text{for every } a > 0, $$

and is met where a = p. So with a from one half of the paths and the mean of w over the other half, which knows nothing
of a, the expectation of the right side lies above log p, for whatever a came out; and by Jensen's inequality that of
the logarithm of the mean of all lies below,

$$ E \\log \\frac1n \\sum_s w_s \\le \\log p(x) \\le E \\Big[\\log a + \\frac{\\bar w}{a} - 1\\Big]. $$

Both are bounds in expectation, as a variational bound is. They meet where all paths weigh the same, as those of a
model do whose conditionals are of one law; where few paths carry most of p, few draws see too little of it on both
sides, and the spread that is told beside the bounds is too small as well.

References:
    Ivanov et al., 2026, "TUBE: tangent upper bound on evidence for discrete diffusion language models",
    arXiv:2605.24292
    Burda, Grosse & Salakhutdinov, 2016, "Importance weighted autoencoders", arXiv:1509.00519 (the lower bound)
"""

import math
from typing import NamedTuple, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.given import Given, GivenAsked, given_rows
from genzoo.core.model import GenerativeModel, evaluating
from genzoo.core.noise import Noise

__all__ = ["Bracket", "ByPaths", "bracket"]


class Bracket(NamedTuple):
    """Bounds of log p(x), in nats; each is what was drawn of its expectation.

    Attributes:
        lower: From below.
        upper: From above.
        error: About the standard error of either, from the spread of the weights.
    """

    lower: Float[Tensor, "*B"]
    upper: Float[Tensor, "*B"]
    error: Float[Tensor, "*B"]

    @classmethod
    def of(cls, log_w: Float[Tensor, "n *B"]) -> "Bracket":
        """The bounds from the logarithms of weights.

        Args:
            log_w: Those of n paths, an even number, for each row.

        Example:
            >>> Bracket.of(torch.tensor([0.2, 0.4]).log().double()[:, None]).upper >= math.log(0.3)
            tensor([True])
        """
        n = len(log_w)
        if n < 2 or n % 2:
            raise ValueError(f"`paths` must be an even number from 2 on, got {n}. Take {n + n % 2 or 2}.")
        first, second = (half.logsumexp(0) - math.log(n // 2) for half in log_w.split(n // 2))
        upper = (first + second) / 2 + ((second - first).exp() + (first - second).exp()) / 2 - 1
        lower = log_w.logsumexp(0) - math.log(n)
        return cls(lower, upper, (log_w - lower).exp().std(0) / math.sqrt(n))


class ByPaths(Protocol):
    """A model that can weigh a path."""

    def path_log_weight(
        self, tokens: Int[Tensor, "B D"], given: Given, noise: Noise, steps: int | None
    ) -> Float[Tensor, "B parts"]:
        """log w of a random path of each row, as the sum of parts whose paths are independent: p is the product of the
        parts' means."""

    def tokens(self, x: Tensor) -> Int[Tensor, "B D"]:
        """Rows as symbols."""


def bracket(
    model: GenerativeModel,
    x: Tensor,
    given: GivenAsked = None,
    *,
    paths: int = 16,
    steps: int | None = None,
    seed: int = 0,
) -> Bracket:
    """log p(x | given) of a diffusion of symbols, from below and from above.

    Args:
        model: The model: a `MaskedDiffusion`, `BlockDiffusion`, `D3PM`, or `DiscreteFlow` from hidden symbols.
        x: Rows of its space, all of one length.
        given: The condition.
        paths: How many paths are drawn for each row, an even number; each costs as many calls of the network as a
            sample does.
        steps: In how many steps the samples are drawn whose law it is; by default as many as there may be.
        seed: Names the noise.

    Raises:
        ValueError: If the number of paths is odd, or lengths vary: then a row may be drawn in more ways than one.
        TypeError: If the model knows of no paths.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.diffusion import MaskedDiffusion
        >>> from genzoo.nn import Infilling
        >>> net = Infilling(3, 5, width=8, depth=1, heads=2)
        >>> model = MaskedDiffusion(Space((5,), levels=3), None, net)
        >>> found = bracket(model, model.sample(4, seed=0), paths=4)
        >>> bool((found.lower <= found.upper + 1e-6).all())
        True
    """
    if not hasattr(type(model), "path_log_weight"):
        raise TypeError(
            f"A model must weigh paths to be bracketed, got {type(model).__name__}. Take masked_diffusion."
        )
    if model.space.ragged:
        raise ValueError(f"Rows must be of one length to be bound from above, got {model.space}. Cut them.")
    x, rows = model.checked(x), model.checked_given(given, len(x))
    noise = Noise(seed, "bracket", device=model.device)
    found = []
    with torch.no_grad(), evaluating(model):
        for path in range(paths):
            size = max(1, (model.block or 1 << 16) // model.space.dims)
            parts = (slice(first, first + size) for first in range(0, len(x), size))
            found.append(torch.cat([_weighed(model, x, rows, noise.at(path), part, steps) for part in parts]))
    by_part = Bracket.of(torch.stack(found).double())
    return Bracket(by_part.lower.sum(1), by_part.upper.sum(1), by_part.error.square().sum(1).sqrt())


def _weighed(model: GenerativeModel, x: Tensor, given: Given, noise: Noise, part: slice, steps: int | None) -> Tensor:
    weigher: ByPaths = model  # type: ignore[assignment]
    return weigher.path_log_weight(weigher.tokens(x[part]), given_rows(given, part), noise.rows(part), steps)
