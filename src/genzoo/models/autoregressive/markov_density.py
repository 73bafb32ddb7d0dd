"""A Markov chain of higher order on reals: a perceptron sees the last d entries, a mixture of Gaussians is the next.

$$ p(x \\mid given) = \\prod_t \\sum_k \\pi_k\\, N(x_t; \\mu_k, \\sigma_k^2), \\qquad
   (\\pi, \\mu, \\log \\sigma) = f(x_{t-d}, \\dots, x_{t-1}, t, given). $$
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.draws import draw
from genzoo.models.autoregressive.heads import GaussiansHead
from genzoo.nn.embedding import Embedding
from genzoo.nn.window import Window

__all__ = ["MarkovDensity"]


class MarkovDensity(GenerativeModel):
    """A perceptron on the last d entries of a row of reals, in their order; before the first stands nothing.

    With d the number of entries it is a density of any dependence; with less, what lies further back is forgotten.

    Args:
        space: What one x is: reals in standard units.
        given_space: What the model is conditioned on, if anything.
        order: d, how many entries are seen.
        width: Units of a hidden layer.
        depth: Hidden layers.
        places: Whether the place t is told, too; if not, the chain is homogeneous, as a long signal is.
        components: K, the Gaussians of a mixture.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If the space is not real, or d, width or depth is not positive.

    Example:
        >>> model = MarkovDensity(Space((4,)), order=2, width=16)
        >>> x = model.sample(5, seed=0)
        >>> x.dtype, model.log_prob(x).shape
        (torch.float32, torch.Size([5]))

    References:
        Bishop, 1994, "Mixture density networks"
        Uria, Murray & Larochelle, 2013, "RNADE: the real-valued neural autoregressive density-estimator",
        arXiv:1306.0186
    """

    likelihood = Likelihood.EXACT

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        order: int = 8,
        width: int = 256,
        depth: int = 2,
        places: bool = True,
        components: int = 5,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        if not space.is_real:
            raise ValueError(f"MarkovDensity is a density of reals, got {space}. Take MarkovMLP for levels.")
        self.order, self.drop_given, self.head = order, drop_given, GaussiansHead(components)
        self.embedding = Embedding(given_space, width) if given_space else None
        self.net = Window(
            2,
            self.head.count,
            order=order,
            width=width,
            depth=depth,
            places=space.dims if places else 0,
            given=width if given_space else 0,
        )
        nn.init.zeros_(self.net.last.weight)
        with torch.no_grad():
            self.net.last.bias.copy_(self.head.broad())

    def log_density(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        entries = x.flatten(1)
        said = self.net(self._before(entries[:, :-1]), self._embedded(given))
        said = said.float() if said.dtype in (torch.bfloat16, torch.float16) else said
        return self.head(said).log_prob(entries).sum(1)

    def draw(self, n: int, given: Given, noise: Noise) -> Float[Tensor, "n *event"]:
        told = self._embedded(given)
        entries = torch.zeros(n, self.space.dims, dtype=self.dtype, device=noise.device)
        for t in range(self.space.dims):
            before = self._before(entries[:, max(0, t - self.order) : t])[:, -self.order :]
            said = self.net(before, told, start=t).squeeze(1)
            entries[:, t] = draw(self.head(said), noise.tick(t))
        return entries.unflatten(1, self.space.shape)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, order={self.order}"

    def _before(self, entries: Float[Tensor, "B T"]) -> Float[Tensor, "B S 2"]:
        """Entries, each with a one for its being there, after d places at which nothing is."""
        return pad(torch.stack([entries, torch.ones_like(entries)], dim=2), (0, 0, self.order, 0))

    def _embedded(self, given: Given) -> Float[Tensor, "B width"] | None:
        return self.embedding(given) if self.embedding is not None and given else None
