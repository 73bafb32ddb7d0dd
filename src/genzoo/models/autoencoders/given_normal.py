"""A prior that is told the condition, which makes of a variational autoencoder a conditional one."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from genzoo.core.component import Autoencoder
from genzoo.core.given import NOTHING, Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.draws import draw
from genzoo.models.autoencoders.priors import Prior
from genzoo.models.autoencoders.rate import by_entry
from genzoo.nn.embedding import Embedding

__all__ = ["GivenNormal"]


class GivenNormal(Prior):
    """A Gaussian for each condition, learned with the rest,

    $$ p(z \\mid given) = N(z; \\mu(given), \\mathrm{diag}\\, \\sigma^2(given)). $$

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
        self.embedding = Embedding(given_space, width)
        self.activation, self.last = nn.SiLU(), nn.Linear(width, 2 * latent.dims)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def of(self, given: Given, dtype: torch.dtype | None = None) -> Distribution:
        """p(z | given), a row for each row of the condition."""
        loc, log_scale = self.last(self.activation(self.embedding(given))).to(dtype).chunk(2, dim=1)
        return Independent(Normal(loc, log_scale.exp(), validate_args=False), 1, validate_args=False)

    def log_prob(
        self, z: Float[Tensor, "B latent"], autoencoder: Autoencoder, given: Given = NOTHING
    ) -> Float[Tensor, " B"]:
        return self.of(given, z.dtype).log_prob(z)

    def draw(
        self, n: int, noise: Noise, autoencoder: Autoencoder, dtype: torch.dtype, given: Given = NOTHING
    ) -> Float[Tensor, "n latent"]:
        return draw(self.of(given, dtype), noise)

    def rates(
        self, q: Distribution, z: Float[Tensor, "B latent"], autoencoder: Autoencoder, given: Given = NOTHING
    ) -> Float[Tensor, "B latent"] | None:
        return by_entry(q, self.of(given, z.dtype))
