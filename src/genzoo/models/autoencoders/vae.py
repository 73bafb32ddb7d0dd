"""The variational autoencoder.

A latent z with a simple prior is decoded into x. Its likelihood is an integral over z, bounded from below with an
encoder q(z | x) that guesses which z made x:

$$ \\log p(x) \\ge \\mathbb E_{q(z|x)}[\\log p(x \\mid z)] - \\mathrm{KL}(q(z \\mid x) \\,\\|\\, p(z)). $$
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, kl_divergence

from genzoo.core.abilities import Ability
from genzoo.core.component import Autoencoder
from genzoo.core.game import Batch, Objective, Player
from genzoo.core.given import NOTHING, Given, GivenAsked, GivenSpaceLike, RowsAsked
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.draws import draw
from genzoo.distributions.levels import Numbers
from genzoo.models.abilities import NormalLatent

__all__ = ["VAE"]


class VAE(GenerativeModel):
    """A variational autoencoder with the prior N(0, I).

    `log_prob` is the evidence lower bound, its divergence in closed form; with `samples=k` it is the
    importance-weighted bound, which rises to the likelihood as k grows:

    $$ \\log p(x) \\ge \\mathbb E \\log \\frac1k \\sum_{j=1}^k \\frac{p(x \\mid z_j)\\,p(z_j)}{q(z_j \\mid x)}. $$

    Training lowers distortion + β · rate, the two parts of the bound; β ≠ 1 changes what is learned and never what
    `log_prob` says.

    Args:
        space: What one x is.
        given_space: What the model is conditioned on, if anything.
        autoencoder: q(z | x, given) and p(x | z, given).
        beta: β, the weight of the rate in training.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Example:
        >>> from genzoo.models.autoencoders import GaussianAutoencoder
        >>> space = Space((1, 8, 8), levels=17)
        >>> model = VAE(space, None, GaussianAutoencoder.mlp(space, latent=2, hidden=[32]))
        >>> x = model.sample(5, seed=0)
        >>> model.encode(x).shape, model.log_prob(x, samples=4).shape
        (torch.Size([5, 2]), torch.Size([5]))

    References:
        Kingma & Welling, 2014, "Auto-encoding variational Bayes", arXiv:1312.6114
        Burda, Grosse & Salakhutdinov, 2016, "Importance weighted autoencoders", arXiv:1509.00519
        Higgins et al., 2017, "beta-VAE: learning basic visual concepts with a constrained variational framework"
    """

    likelihood = Likelihood.BOUND
    block = 1 << 17

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        autoencoder: Autoencoder,
        *,
        beta: float = 1.0,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        if beta < 0:
            raise ValueError(f"`beta` must not be negative, got {beta}.")
        self.autoencoder, self.beta, self.drop_given = autoencoder, beta, drop_given

    def log_density(
        self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise, *, samples: int = 1
    ) -> Float[Tensor, " B"]:
        if samples < 1:
            raise ValueError(f"`samples` must be at least 1, got {samples}.")
        if samples == 1:
            distortion, rate = self._terms(x, given, noise)
            return -(distortion + rate)
        q = self.autoencoder.posterior(x, given)
        total = x.new_full((len(x),), -torch.inf, dtype=self.dtype)
        for _ in range(samples):
            z = draw(q, noise)
            weight = self._log_likelihood(x, z, given) + self._prior(z).log_prob(z) - q.log_prob(z)
            total = torch.logaddexp(total, weight)
        return total - math.log(samples)

    def draw(self, n: int, given: Given, source: Noise, /, *, noise: bool = True) -> Shaped[Tensor, "n *event"]:
        """Samples; without `noise` the mean of p(x | z), not a draw from it, which spares the eye what every pixel
        draws for itself."""
        z = source.normal(n, *self.autoencoder.latent.shape, dtype=self.dtype)
        return self._in_space(draw(self.autoencoder.likelihood(z, given), source)) if noise else self._mean(z, given)

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B *latent"]:
        """The mean of q(z | x, given)."""
        return self.autoencoder.posterior(self.checked(x), self.checked_given(given, len(x))).mean

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Shaped[Tensor, "B *event"]:
        """The mean of p(x | z, given); of levels the one nearest to it."""
        return self._mean(self.latents(z), self.checked_given(given, len(z)))

    def generate(self, z: Float[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        """The mean of p(x | z, given) as numbers, differentiable."""
        return Numbers(self.space, self.dtype).of(self.autoencoder.mean(z, given))

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        return self.losses(batch)["loss"]

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The loss with its parts: distortion −E log p(x | z) and rate KL(q ‖ p), in nats per row."""
        distortion, rate = self._terms(batch.x, self.training_given(batch), batch.noise)
        distortion, rate = distortion.mean(), rate.mean()
        return {"loss": distortion + self.beta * rate, "distortion": distortion, "rate": rate}

    def lowers(self) -> Objective:
        name = "" if self.beta == 1 else f"distortion + {self.beta:g} × rate"
        return Objective(name, nats=("loss", "distortion", "rate"), densities=("loss", "distortion"))

    def players(self) -> Sequence[Player]:
        return [Player("model", self, self.losses)]

    def abilities(self) -> list[Ability]:
        return [NormalLatent(self.autoencoder.latent, Numbers(self.space, self.dtype), self.generate, self.dtype)]

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, beta={self.beta}"

    def _terms(self, x: Tensor, given: Given, noise: Noise) -> tuple[Tensor, Tensor]:
        """Distortion and rate of each row."""
        q = self.autoencoder.posterior(x, given)
        z = draw(q, noise)
        return -self._log_likelihood(x, z, given), kl_divergence(q, self._prior(z))

    def _log_likelihood(self, x: Tensor, z: Tensor, given: Given) -> Tensor:
        return self.autoencoder.likelihood(z, given).log_prob(x)

    def _prior(self, like: Tensor) -> Distribution:
        standard = Normal(torch.zeros_like(like), torch.ones_like(like), validate_args=False)
        return Independent(standard, like.ndim - 1, validate_args=False)

    def _mean(self, z: Tensor, given: Given) -> Tensor:
        mean = self.autoencoder.mean(z, given)
        return self._in_space(mean.round() if self.space.is_discrete else mean)

    def _in_space(self, x: Tensor) -> Tensor:
        return x.to(getattr(torch, self.space.dtype)) if self.space.is_discrete else x
