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
from torch.distributions import Distribution

from genzoo.core.abilities import Ability, Denoiser, Latent, NumbersLike
from genzoo.core.component import Autoencoder
from genzoo.core.game import Batch, Objective
from genzoo.core.given import NOTHING, Given, GivenAsked, RowsAsked
from genzoo.core.model import Capability, GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.draws import draw
from genzoo.distributions.levels import Numbers
from genzoo.distributions.pushed import drawn
from genzoo.models.abilities import Inference, MappedDenoiser
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
        self, n: int, given: Given, source: Noise, /, *, noise: bool = True, **options: Any
    ) -> Shaped[Tensor, "n *event"]:
        """Samples; without `noise` the mean of p(x | z), not a draw from it."""
        z = self.prior.draw(n, given, source.at("prior"), **options)
        z = z if self.autoencoder.latent.is_discrete else z.to(self.dtype)
        if not noise:
            return self.mean(z, given)
        return self.outward(draw(self.autoencoder.likelihood(z, self.its(given)), source))

    def log_density(
        self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise, **options: Any
    ) -> Float[Tensor, " B"]:
        if not self.can(Capability.LOG_PROB):
            raise self.lacks(Capability.LOG_PROB)
        q = self.autoencoder.posterior(x, self.its(given))
        z, log_q = drawn(q, noise)
        prior = self.prior.log_density(z, given, noise.at("prior"), **options)
        return self.autoencoder.likelihood(z, self.its(given)).log_prob(x) + prior - log_q

    def lowers(self) -> Objective:
        """That of the prior, whose rows are codes, with their dimensions and units."""
        prior = self.prior.lowers()
        return Objective(f"{prior.name or '−log p'} of codes, nats/row") if prior.nats else prior

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Shaped[Tensor, "B *latent"]:
        """The mean of q(z | x)."""
        return self.within(self.checked(x), self.checked_given(given, len(x)))[0]

    def within(self, x: Shaped[Tensor, "B *event"], given: Given) -> tuple[Tensor, Given]:
        return self.autoencoder.posterior(x, self.its(given)).mean, given

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Shaped[Tensor, "B *event"]:
        """The mean of p(x | z); of levels the one nearest to it."""
        return self.mean(self.latents(z), self.checked_given(given, len(z)))

    def inward(
        self, x: Shaped[Tensor, "B *event"], noise: Noise, given: Given = NOTHING
    ) -> Shaped[Tensor, "B *latent"]:
        """A draw from q(z | x)."""
        with torch.no_grad():
            return draw(self.autoencoder.posterior(x, self.its(given)), noise)

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
            case Capability.LATENT | Capability.DENOISE | Capability.STEP as other:
                return GenerativeModel.can(self, other)
            case other:
                return super().can(other)

    def abilities(self) -> list[Ability]:
        """The prior's, decoded: noise becomes latents and latents x; without a noise, latents under the prior, unless
        they are codes, which have no way between them."""
        found: list[Ability] = []
        for ability in self.prior.abilities():
            if isinstance(ability, Latent):
                found.append(Decoded(self, ability))
            elif isinstance(ability, Denoiser):
                found.append(Denoised(ability, self))
        is_one = any(isinstance(ability, Latent) for ability in found)
        if not is_one and self.prior.can(Capability.SAMPLE) and not self.prior.space.is_discrete:
            found.append(Decoded(self, Under(self.prior)))
        return [*found, Guess(self)] if self.can(Capability.LOG_PROB) else found

    def mean(self, z: Shaped[Tensor, "B *latent"], given: Given = NOTHING) -> Shaped[Tensor, "B *event"]:
        """The mean of p(x | z), in the space: of levels the one nearest to it."""
        mean = self.autoencoder.mean(z, self.its(given))
        return self.outward(mean.round() if self.space.is_discrete else mean)

    def shown(self, z: Float[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        """The mean of p(x | z) as numbers, differentiable."""
        return Numbers(self.space, self.dtype).of(self.autoencoder.mean(z, self.its(given)))

    def _inside(self, batch: Batch) -> Batch:
        x, given = self.seen(batch)
        return replace(batch, x=self.inward(x, batch.noise.at("latent"), given), given=given)

    def its(self, given: Given) -> Given:
        """What the autoencoder is given."""
        return given if self.passes_given else NOTHING


class Guess(Inference):
    """The autoencoder's guess at a latent, beside the law that the prior gives it."""

    def __init__(self, model: LatentModel) -> None:
        self.model, self.latent = model, model.autoencoder.latent

    def posterior(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Distribution:
        return self.model.autoencoder.posterior(x, self.model.its(given))

    def log_joint(
        self, x: Shaped[Tensor, "B *event"], z: Shaped[Tensor, "B *latent"], given: Given = NOTHING
    ) -> Float[Tensor, " B"]:
        log_p: Tensor = self.model.autoencoder.likelihood(z, self.model.its(given)).log_prob(x)
        return log_p + self.log_prior(z, given)

    def log_prior(self, z: Shaped[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, " B"]:
        return self.model.prior.log_density(z, given, Noise(0, "prior", device=z.device))

    def entries(self, z: Shaped[Tensor, "B *latent"], given: Given, noise: Noise) -> Shaped[Tensor, "B *event"]:
        return self.model.outward(draw(self.model.autoencoder.likelihood(z, self.model.its(given)), noise))

    def joint(
        self, n: int, given: Given, noise: Noise
    ) -> tuple[Shaped[Tensor, "n *event"], Shaped[Tensor, "n *latent"]]:
        z = self.model.prior.draw(n, given, noise.at("prior"))
        return self.entries(z, given, noise), z


class Under(Latent):
    """Latents themselves, under a prior."""

    def __init__(self, prior: GenerativeModel) -> None:
        self.prior, self.space, self.numbers = prior, prior.space, Numbers(prior.space)

    def draw(self, n: int, given: Given, noise: Noise) -> Shaped[Tensor, "n *latent"]:
        return self.prior.draw(n, given, noise)

    def log_prior(self, z: Shaped[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, " B"]:
        return self.prior.log_density(z, given, Noise(0, device=z.device))

    def generate(self, z: Shaped[Tensor, "B *latent"], given: Given = NOTHING) -> Shaped[Tensor, "B *latent"]:
        return z


class Decoded(Latent):
    """What a prior's latents are made of, decoded."""

    def __init__(self, model: LatentModel, inner: Latent) -> None:
        self.model, self.inner, self.space = model, inner, inner.space
        self.numbers = Numbers(model.space, model.dtype)

    def draw(self, n: int, given: Given, noise: Noise) -> Shaped[Tensor, "n *latent"]:
        return self.inner.draw(n, given, noise)

    def log_prior(self, z: Shaped[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, " B"]:
        return self.inner.log_prior(z, given)

    def generate(self, z: Shaped[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        made = self.inner.generate(z, given)
        latent = made if isinstance(self.inner, Under) else self.inner.numbers.back(made)
        return self.model.shown(latent, given)


class Denoised(MappedDenoiser):
    """A prior's denoiser: x_t is a noised latent, and what is seen of a mean is what it decodes to."""

    def __init__(self, inner: Denoiser, model: LatentModel) -> None:
        super().__init__(inner, model)
        self.model = model
        self.numbers = Coded(model, inner.numbers)

    def seen(self, mean: Float[Tensor, "B *event"], given: Given = NOTHING) -> Float[Tensor, "B *shape"]:
        return self.model.shown(self.inner.told(mean, given), given)

    def told(self, mean: Float[Tensor, "B *event"], given: Given = NOTHING) -> Shaped[Tensor, "B *shape"]:
        return self.model.mean(self.inner.told(mean, given), given)


class Coded:
    """Data as the prior's numbers for their latents, and back."""

    def __init__(self, model: LatentModel, inner: NumbersLike) -> None:
        self.model, self.inner = model, inner

    def of(self, x: Shaped[Tensor, "B *event"]) -> Float[Tensor, "B *latent"]:
        """The mean latent of each x."""
        return self.inner.of(self.model.within(x, NOTHING)[0])

    def back(self, y: Float[Tensor, "B *latent"]) -> Shaped[Tensor, "B *event"]:
        """The mean x of each latent."""
        return self.model.mean(self.inner.back(y))
