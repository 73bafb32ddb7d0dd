"""The variational autoencoder.

A latent z with a simple prior is decoded into x. Its likelihood is an integral over z, bounded from below with an
encoder q(z | x) that guesses which z made x:

$$ \\log p(x) \\ge \\mathbb E_{q(z|x)}[\\log p(x \\mid z)] - \\mathrm{KL}(q(z \\mid x) \\,\\|\\, p(z)). $$
"""

import math
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.distributions import Distribution

from genzoo.core.abilities import Ability, Latent
from genzoo.core.component import Autoencoder
from genzoo.core.game import Batch, Objective, Player
from genzoo.core.given import NOTHING, Given, GivenAsked, GivenSpaceLike, RowsAsked, map_given
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.draws import draw
from genzoo.distributions.levels import Numbers
from genzoo.distributions.pushed import Pushed, drawn
from genzoo.models.abilities import Inference
from genzoo.models.autoencoders.layers import layers_of
from genzoo.models.autoencoders.priors import Prior, StandardNormal
from genzoo.models.autoencoders.rate import Rate, by_entry, total_correlation

__all__ = ["VAE"]

ACTIVE = 0.01  # nats that a latent says of x, below which it says nothing


class VAE(GenerativeModel):
    """A variational autoencoder.

    `log_prob` is the evidence lower bound, its divergence in closed form where there is one; with `samples=k` it is
    the importance-weighted bound, which rises to the likelihood as k grows:

    $$ \\log p(x) \\ge \\mathbb E \\log \\frac1k \\sum_{j=1}^k \\frac{p(x \\mid z_j)\\,p(z_j)}{q(z_j \\mid x)}. $$

    Training lowers distortion and rate, the two parts of the bound, or raises the importance-weighted bound of some
    draws. What the rate counts there changes what is learned and never what `log_prob` says.

    Args:
        space: What one x is.
        given_space: What the model is conditioned on, if anything.
        autoencoder: q(z | x, given) and p(x | z, given).
        prior: p(z | given), by default N(0, I).
        rate: What the rate counts in training; by default what it does in the bound.
        samples: k, the draws whose bound is raised in training.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If there is no draw, or several and a rate with free nats or a total correlation.

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
    """

    likelihood = Likelihood.BOUND
    block = 1 << 17

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        autoencoder: Autoencoder,
        *,
        prior: Prior | None = None,
        rate: Rate | None = None,
        samples: int = 1,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        self.autoencoder, self.prior = autoencoder, prior or StandardNormal()
        self.rate, self.samples, self.drop_given = rate or Rate(), samples, drop_given
        _check_samples(samples)
        if samples > 1 and (self.rate.free or self.rate.correlation != 1):
            raise ValueError(
                f"The bound of {samples} draws has a rate without free nats or total correlation, got "
                f"{self.rate}. Set samples=1, or neither of the two."
            )

    def log_density(
        self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise, *, samples: int = 1
    ) -> Float[Tensor, " B"]:
        _check_samples(samples)
        if samples == 1:
            q, z, distortion, log_q = self._terms(x, given, noise)
            return -(distortion + self._rates(q, z, log_q, given).sum(1))
        q = self.autoencoder.posterior(x, given)
        total = x.new_full((len(x),), -torch.inf, dtype=self.dtype)
        at_once = max(1, self.block // max(1, x.numel()))  # as many draws as keep the memory that of one block
        for k in range(0, samples, at_once):
            distortion, rate = self._weighed(x, given, q, noise, min(at_once, samples - k))
            total = torch.logaddexp(total, (-distortion - rate).logsumexp(0))
        return total - math.log(samples)

    def draw(self, n: int, given: Given, source: Noise, /, *, noise: bool = True) -> Shaped[Tensor, "n *event"]:
        """Samples; without `noise` the mean of p(x | z), not a draw from it, which spares the eye what every pixel
        draws for itself."""
        z = self.prior.draw(n, source, self.autoencoder, self.dtype, given)
        return self.in_space(draw(self.autoencoder.likelihood(z, given), source)) if noise else self._mean(z, given)

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B *latent"]:
        """The mean of q(z | x, given)."""
        return self.autoencoder.posterior(self.checked(x), self.checked_given(given, len(x))).mean

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Shaped[Tensor, "B *event"]:
        """The mean of p(x | z, given); of levels the one nearest to it."""
        return self._mean(self.latents(z), self.checked_given(given, len(z)))

    def generate(self, z: Float[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        """The mean of p(x | z, given) as numbers, differentiable."""
        return Numbers(self.space, self.dtype).of(self.autoencoder.mean(z, given))

    def log_prior(self, z: Float[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, " B"]:
        """log p(z | given)."""
        return self.prior.log_prob(z, self.autoencoder, given)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        return self.losses(batch)["loss"]

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The loss with its parts: distortion −E log p(x | z) and rate KL(q ‖ p), in nats per row, the rate of each
        level where there are several; and how many latents say something, where each can be asked."""
        given = self.training_given(batch)
        if self.samples > 1:
            return self._importance_losses(batch, given)
        q, z, distortion, log_q = self._terms(batch.x, given, batch.noise)
        rates = self._rates(q, z, log_q, given).mean(0)
        losses = {"loss": distortion.mean(), "distortion": distortion.mean(), "rate": rates.sum()}
        losses["loss"] = losses["loss"] + self.rate.at(batch.progress) * self._counted(rates)
        if self.rate.correlation != 1:
            losses["correlation"] = total_correlation(q, z)
            losses["loss"] = losses["loss"] + (self.rate.correlation - 1) * losses["correlation"]
        return losses | self._told(q, rates)

    def prepare(self, batches: Iterable[Batch]) -> None:
        self.prior.start(batches, self.autoencoder)

    def lowers(self) -> Objective:
        name = "" if self.rate.is_that_of_the_bound else str(self.rate)
        return Objective(name, nats=("loss", "distortion", "rate"), densities=("loss", "distortion"))

    def players(self) -> Sequence[Player]:
        return [Player("model", self, self.losses)]

    def abilities(self) -> list[Ability]:
        return [Decoded(self), Guess(self), *layers_of(self.autoencoder, self.prior)]

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, rate={self.rate}"

    def _importance_losses(self, batch: Batch, given: Given) -> dict[str, Tensor]:
        """The loss −log of the mean weight of some draws, with the mean distortion and rate of one."""
        q = self.autoencoder.posterior(batch.x, given)
        distortion, rate = self._weighed(batch.x, given, q, batch.noise, self.samples)
        bound = (-distortion - self.rate.at(batch.progress) * rate).logsumexp(0) - math.log(self.samples)
        losses = {"loss": -bound.mean(), "distortion": distortion.mean(), "rate": rate.mean()}
        each = by_entry(q)
        return losses if each is None else losses | {"active": _active(each)}

    def _weighed(
        self, x: Tensor, given: Given, q: Distribution, noise: Noise, draws: int
    ) -> tuple[Float[Tensor, "draws B"], Float[Tensor, "draws B"]]:
        """−log p(x | z) and log q(z) − log p(z) of some draws of each row, all decoded at once."""
        z, log_q = (torch.cat(part) for part in zip(*(drawn(q, noise) for _ in range(draws)), strict=True))
        each, told = (
            (x, given) if draws == 1 else (_repeated(x, draws), map_given(lambda g: _repeated(g, draws), given))
        )
        distortion = -self._log_likelihood(each, z, told)
        rate = log_q - self.log_prior(z, told)
        return distortion.unflatten(0, (draws, len(x))), rate.unflatten(0, (draws, len(x)))

    def _terms(self, x: Tensor, given: Given, noise: Noise) -> tuple[Distribution, Tensor, Tensor, Tensor | None]:
        """The posterior of each row, a draw from it, the distortion, and log q of the draw if it is known by then."""
        q = self.autoencoder.posterior(x, given)
        z, log_q = drawn(q, noise) if isinstance(q, Pushed) else (draw(q, noise), None)
        return q, z, -self._log_likelihood(x, z, given), log_q

    def _rates(self, q: Distribution, z: Tensor, log_q: Tensor | None, given: Given) -> Float[Tensor, "B parts"]:
        """KL(q ‖ p) of each row and latent; or of the row, log q(z) − log p(z), whose mean it is."""
        closed = self.prior.rates(q, z, self.autoencoder, given) if self.rate.exact else None
        if closed is not None:
            return closed
        return ((q.log_prob(z) if log_q is None else log_q) - self.log_prior(z, given))[:, None]

    def _counted(self, rates: Float[Tensor, " parts"]) -> Float[Tensor, ""]:
        """The rate with its free nats."""
        least = self.rate.free * self.autoencoder.latent.dims / len(rates)
        return rates.clamp_min(least).sum() if least else rates.sum()

    def _told(self, q: Distribution, rates: Float[Tensor, " parts"]) -> dict[str, Tensor]:
        """What is logged of latents one by one."""
        each = by_entry(q) if len(rates) == 1 else rates[None]
        levels = {} if len(rates) == 1 else self.prior.levels(self.autoencoder)
        told = {f"{name}/rate": rates[entries].sum().detach() for name, entries in levels.items()}
        if each is not None:
            told["active"] = _active(each)
        return told

    def _log_likelihood(self, x: Tensor, z: Tensor, given: Given) -> Tensor:
        return self.autoencoder.likelihood(z, given).log_prob(x)

    def _mean(self, z: Tensor, given: Given) -> Tensor:
        mean = self.autoencoder.mean(z, given)
        return self.in_space(mean.round() if self.space.is_discrete else mean)

    def in_space(self, x: Tensor) -> Tensor:
        """What is drawn or decoded, of the type of the space."""
        return x.to(getattr(torch, self.space.dtype)) if self.space.is_discrete else x


class Decoded(Latent):
    """The z of a variational autoencoder, under its prior."""

    def __init__(self, model: VAE) -> None:
        self.model, self.space = model, model.autoencoder.latent
        self.numbers = Numbers(model.space, model.dtype)

    def draw(self, n: int, given: Given, noise: Noise) -> Float[Tensor, "n *latent"]:
        return self.model.prior.draw(n, noise, self.model.autoencoder, self.model.dtype, given)

    def log_prior(self, z: Float[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, " B"]:
        return self.model.log_prior(z, given)

    def generate(self, z: Float[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        return self.model.generate(z, given)


class Guess(Inference):
    """The encoder of a variational autoencoder, beside its prior and decoder."""

    def __init__(self, model: VAE) -> None:
        self.model, self.latent = model, model.autoencoder.latent

    def posterior(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Distribution:
        return self.model.autoencoder.posterior(x, given)

    def log_joint(
        self, x: Shaped[Tensor, "B *event"], z: Float[Tensor, "B *latent"], given: Given = NOTHING
    ) -> Float[Tensor, " B"]:
        log_p: Tensor = self.model.autoencoder.likelihood(z, given).log_prob(x) + self.log_prior(z, given)
        return log_p

    def log_prior(self, z: Float[Tensor, "B *latent"], given: Given = NOTHING) -> Float[Tensor, " B"]:
        return self.model.log_prior(z, given)

    def entries(self, z: Float[Tensor, "B *latent"], given: Given, noise: Noise) -> Shaped[Tensor, "B *event"]:
        return self.model.in_space(draw(self.model.autoencoder.likelihood(z, given), noise))

    def joint(
        self, n: int, given: Given, noise: Noise
    ) -> tuple[Shaped[Tensor, "n *event"], Float[Tensor, "n *latent"]]:
        model = self.model
        z = model.prior.draw(n, noise, model.autoencoder, model.dtype, given)
        return self.entries(z, given, noise), z


def _check_samples(samples: int) -> None:
    if samples < 1:
        raise ValueError(f"`samples` must be at least 1, got {samples}. Set 1 for the evidence lower bound.")


def _repeated(x: Tensor, times: int) -> Tensor:
    return x.repeat(times, *[1] * (x.ndim - 1))


def _active(each: Float[Tensor, "B latent"]) -> Float[Tensor, ""]:
    """How many latents say something."""
    return (each.detach().mean(0) > ACTIVE).sum().to(each.dtype)
