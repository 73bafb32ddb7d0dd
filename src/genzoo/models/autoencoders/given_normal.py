"""A prior that is told the condition, which makes of a variational autoencoder a conditional one."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from genzoo.core.component import Autoencoder
from genzoo.core.given import NOTHING, Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.autoencoders.priors import Prior
from genzoo.nn.embedding import Embedding

__all__ = ["GivenNormal"]

PACE = 8.0  # how much faster than the rest it learns, for it goes after posteriors that move


class GivenNormal(Prior):
    """A Gaussian for each condition, learned with the rest,

    $$ p(z \\mid given) = N(z; \\mu(given), \\Sigma(given)), \\qquad \\Sigma^{-1} = A^\\top A, $$

    A being lower triangular, so that latents may depend on each other as they do among the rows of one class. The rate
    of a posterior N(m, diag s²) is a sum over latents,

    $$ \\sum_i \\tfrac12 \\Bigl(\\sum_j A_{ij}^2 s_j^2 + (A(m - \\mu))_i^2 - 1\\Bigr) - \\log A_{ii} - \\log s_i. $$

    Together with an autoencoder that is told the condition, the bound is that of the conditional variational
    autoencoder, and all three of its parts know the condition:

    $$ \\log p(x \\mid given) \\ge \\mathbb E_{q(z \\mid x, given)} \\log p(x \\mid z, given)
       - \\mathrm{KL}(q(z \\mid x, given) \\,\\|\\, p(z \\mid given)). $$

    It begins as N(0, I) whatever the condition.

    Args:
        latent: What one z is, a vector of reals.
        given_space: What the condition is: classes, reals, text, images, or several of them by name.
        width: The length of the condition's embedding.

    Raises:
        ValueError: If z is no vector of reals, or there is no condition.

    Example:
        >>> from genzoo.models.autoencoders import VAE, GaussianAutoencoder
        >>> space, label = Space((3,)), Space((), levels=4)
        >>> both = GaussianAutoencoder.mlp(space, label, latent=2, hidden=[8])
        >>> model = VAE(space, label, both, prior=GivenNormal(both.latent, label, width=8))
        >>> model.sample(4, torch.tensor([0, 1, 2, 3]), seed=0).shape
        torch.Size([4, 3])

    References:
        Sohn, Lee & Yan, 2015, "Learning structured output representation using deep conditional generative models"
    """

    def __init__(self, latent: Space, given_space: GivenSpaceLike, *, width: int = 32) -> None:
        super().__init__()
        if not latent.is_real or len(latent.shape) != 1:
            raise ValueError(f"A Gaussian is over vectors of reals, got latents {latent}. Take another prior.")
        if not given_space:
            raise ValueError("This prior is told a condition, got none. Pass given_space, or take StandardNormal().")
        self.dims = latent.dims
        self.embedding = Embedding(given_space, width)
        self.activation = nn.SiLU()
        self.last = nn.Linear(width, 2 * self.dims + self.dims * (self.dims - 1) // 2)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def of(self, given: Given, dtype: torch.dtype | None = None) -> "Whitening":
        """What makes p(z | given) standard, a row for each row of the condition."""
        said = PACE * self.last(self.activation(self.embedding(given))).to(dtype)
        loc, log_diagonal, links = said.split([self.dims, self.dims, said.shape[1] - 2 * self.dims], dim=1)
        root = log_diagonal.exp().diag_embed()
        below = torch.tril_indices(self.dims, self.dims, -1, device=said.device)
        root[:, below[0], below[1]] = links
        return Whitening(loc, root, log_diagonal)

    def log_prob(
        self, z: Float[Tensor, "B latent"], autoencoder: Autoencoder, given: Given = NOTHING
    ) -> Float[Tensor, " B"]:
        return self.of(given, z.dtype).log_prob(z)

    def draw(
        self, n: int, noise: Noise, autoencoder: Autoencoder, dtype: torch.dtype, given: Given = NOTHING
    ) -> Float[Tensor, "n latent"]:
        return self.of(given, dtype).back(noise.normal(n, self.dims, dtype=dtype))

    def rates(
        self, q: Distribution, z: Float[Tensor, "B latent"], autoencoder: Autoencoder, given: Given = NOTHING
    ) -> Float[Tensor, "B latent"] | None:
        if not isinstance(q, Independent) or not isinstance(q.base_dist, Normal):
            return None
        return self.of(given, z.dtype).rates(q.base_dist.loc, q.base_dist.scale)


class Whitening(NamedTuple):
    """A (z − μ), which is standard where z is of the Gaussian of a row.

    Attributes:
        loc: μ.
        root: A.
        log_diagonal: log A_ii.
    """

    loc: Float[Tensor, "B latent"]
    root: Float[Tensor, "B latent latent"]
    log_diagonal: Float[Tensor, "B latent"]

    def white(self, z: Float[Tensor, "B latent"]) -> Float[Tensor, "B latent"]:
        """What becomes of z."""
        return (self.root * (z - self.loc)[:, None]).sum(2)  # a product of matrices would be taken in half precision

    def back(self, e: Float[Tensor, "B latent"]) -> Float[Tensor, "B latent"]:
        """The z of which e came."""
        return self.loc + torch.linalg.solve_triangular(self.root, e[:, :, None], upper=False).squeeze(2)

    def log_prob(self, z: Float[Tensor, "B latent"]) -> Float[Tensor, " B"]:
        """log p(z)."""
        return (self.log_diagonal - (self.white(z).square() + math.log(2 * math.pi)) / 2).sum(1)

    def rates(self, loc: Float[Tensor, "B latent"], scale: Float[Tensor, "B latent"]) -> Float[Tensor, "B latent"]:
        """KL(N(m, diag s²) ‖ p), latent by latent."""
        spread = (self.root * scale[:, None]).square().sum(2)
        return (spread + self.white(loc).square() - 1) / 2 - self.log_diagonal - scale.log()
