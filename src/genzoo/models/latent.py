"""Any model as the prior of any autoencoder.

An autoencoder that is trained has latents of its own distribution, which its own prior seldom meets. A second model,
trained on those latents, takes the prior's place: VAE + flow, VAE + diffusion (latent diffusion) and VQ-VAE +
transformer are recipes, not classes.
"""

import copy
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core.component import Autoencoder
from genzoo.core.draws import draw
from genzoo.core.game import Batch
from genzoo.core.given import Given
from genzoo.core.model import Capability, GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.mapped import Mapped

__all__ = ["LatentModel"]


class LatentModel(Mapped):
    """A model whose x is decoded from the latent of another model,

    $$ p(x \\mid given) = \\int p(x \\mid z)\\,p(z \\mid given)\\,dz, \\qquad
       \\log p(x) \\ge \\mathbb E_{q(z|x)}[\\log p(x \\mid z) + \\log p(z) - \\log q(z \\mid x)]. $$

    The autoencoder is trained already: a copy of it is kept in eval, does not move, and its bytes do not change.
    Training shows the prior draws z ~ q(z | x), so that it raises the bound above.

    Args:
        space: What one x is.
        autoencoder: q(z | x) and p(x | z).
        prior: A model over the autoencoder's latents; what it is conditioned on, this model is.
        passes_given: Whether the autoencoder takes the condition as well.

    Raises:
        ValueError: If the prior is over another space than the autoencoder's latents.

    Example:
        >>> from genzoo.models.autoencoders import GaussianAutoencoder
        >>> from genzoo.models.classical import GaussianMixture
        >>> space = Space((1, 4, 4), levels=2)
        >>> both = GaussianAutoencoder.mlp(space, latent=2, hidden=[16])
        >>> model = LatentModel(space, both, GaussianMixture(both.latent, components=3))
        >>> x = model.sample(5, seed=0)
        >>> x.shape, model.log_prob(x).shape, model.likelihood.value, model.can("direct_fit")
        (torch.Size([5, 1, 4, 4]), torch.Size([5]), 'bound', True)

    References:
        Dai & Wipf, 2019, "Diagnosing and enhancing VAE models", arXiv:1903.05789
        Rombach et al., 2022, "High-resolution image synthesis with latent diffusion models", arXiv:2112.10752
    """

    def __init__(
        self, space: Space, autoencoder: Autoencoder, prior: GenerativeModel, *, passes_given: bool = False
    ) -> None:
        if prior.space != autoencoder.latent:
            raise ValueError(
                f"The prior must be over the autoencoder's latents, {autoencoder.latent}, got one over {prior.space}. "
                "Build it over autoencoder.latent."
            )
        super().__init__(space, prior)
        self.autoencoder = copy.deepcopy(autoencoder).eval().requires_grad_(False)
        self.passes_given = passes_given
        kind = Likelihood.BOUND if autoencoder.has_density else Likelihood.NONE
        self.likelihood = Likelihood.weakest(kind, prior.likelihood)

    @property
    def parameter_count(self) -> int:
        return self.prior.parameter_count + sum(p.numel() for p in self.autoencoder.parameters())

    @property
    def prior(self) -> GenerativeModel:
        """The model over latents."""
        return self.model

    def train(self, mode: bool = True) -> "LatentModel":
        super().train(mode)
        self.autoencoder.eval()
        return self

    def draw(
        self, n: int, given: Given, noise: Noise, *, mode: bool = False, **options: Any
    ) -> Shaped[Tensor, "n *event"]:
        """Samples; with `mode`, the likeliest x of each latent instead of a draw."""
        z = self.prior.draw(n, given, noise.at("prior"), **options)
        z = z if self.autoencoder.latent.is_discrete else z.to(self.dtype)
        p = self.autoencoder.likelihood(z, self._its(given))
        return self.outward(p.mode if mode else draw(p, noise))

    def log_density(
        self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise, **options: Any
    ) -> Float[Tensor, " B"]:
        if not self.can(Capability.LOG_PROB):
            raise self.lacks(Capability.LOG_PROB)
        q = self.autoencoder.posterior(x, self._its(given))
        z = draw(q, noise)
        prior = self.prior.log_density(z, given, noise.at("prior"), **options)
        return self.autoencoder.likelihood(z, self._its(given)).log_prob(x) + prior - q.log_prob(z)

    def encode(self, x: Shaped[Tensor, "B *event"], given: Given = None) -> Shaped[Tensor, "B *latent"]:
        """The mean of q(z | x)."""
        return self.autoencoder.posterior(self.checked(x), self._its(self.checked_given(given, len(x)))).mean

    def within(self, x: Shaped[Tensor, "B *event"], given: Given = None) -> tuple[Tensor, Given]:
        return self.encode(x, given), given

    def decode(self, z: Shaped[Tensor, "B *latent"], given: Given = None) -> Shaped[Tensor, "B *event"]:
        """The likeliest x of p(x | z)."""
        return self.outward(self.autoencoder.likelihood(z, self._its(self.checked_given(given, len(z)))).mode)

    def inward(self, x: Shaped[Tensor, "B *event"], noise: Noise, given: Given = None) -> Shaped[Tensor, "B *latent"]:
        """A draw from q(z | x)."""
        with torch.no_grad():
            return draw(self.autoencoder.posterior(x, self._its(given)), noise)

    def outward(self, y: Shaped[Tensor, "B *event"]) -> Shaped[Tensor, "B *event"]:
        return y.to(getattr(torch, self.space.dtype)) if self.space.is_discrete else y

    def can(self, capability: Capability | str) -> bool:
        match Capability(capability):
            case Capability.ENCODE | Capability.DECODE:
                return True
            case Capability.LOG_PROB:
                return self.likelihood is not Likelihood.NONE
            case Capability.SCORE:
                return self.can(Capability.LOG_PROB) and not self.space.is_discrete
            case other:
                return super().can(other)

    def _inside(self, batch: Batch) -> Batch:
        x, given = self.checked_batch(batch)
        return replace(batch, x=self.inward(x, batch.noise.at("latent"), given), given=given)

    def _its(self, given: Given) -> Given:
        """What the autoencoder is given."""
        return given if self.passes_given else None
