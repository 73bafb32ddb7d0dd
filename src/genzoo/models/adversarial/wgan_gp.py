"""The Wasserstein GAN with gradient penalty.

The Wasserstein distance between data and samples is the largest difference in mean that a 1-Lipschitz critic sees.
The critic learns to see it, held to slope one between data and samples by a penalty; the generator learns to lower it.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core.abilities import Ability
from genzoo.core.game import Batch, Player
from genzoo.core.given import NOTHING, Given, GivenAsked, GivenSpaceLike, map_given
from genzoo.core.model import Capability, GenerativeModel, Unsupported
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.models.abilities import NormalLatent

__all__ = ["WassersteinGAN"]


class WassersteinGAN(GenerativeModel):
    """A Wasserstein GAN whose critic D is held by a gradient penalty against the generator G,

    $$ L_D = \\mathbb E\\,D(\\tilde x) - \\mathbb E\\,D(x) + \\lambda\\,\\mathbb E (\\|\\nabla D(\\hat x)\\| - 1)^2,
       \\qquad L_G = -\\mathbb E\\,D(\\tilde x), $$

    with x̃ = G(z), z ~ N(0, I), and x̂ on the line from x to x̃, at a place drawn for each row. Levels are numbers in
    [−1, 1] for the critic; the generator ends in tanh there, and its samples go to the nearest level.

    Args:
        space: What one x is.
        given_space: What both networks are conditioned on, if anything.
        generator: G, called as generator(z, given); as many numbers as x has entries.
        critic: D, called as critic(x, given); one number a row. No batch normalization: the penalty is row by row.
        latent: The length of z.
        penalty: λ.
        critic_steps: The critic's steps per turn.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Attributes:
        lr: Adam's rate for both players; short runs of small networks want more than the published 1e-4.

    Example:
        >>> from genzoo.nn import MLP
        >>> model = WassersteinGAN(Space((2,)), None, MLP(8, [32], 2), MLP(2, [32], 1), latent=8)
        >>> [(player.name, player.steps) for player in model.players()], model.sample(5, seed=0).shape
        ([('critic', 5), ('generator', 1)], torch.Size([5, 2]))

    References:
        Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville, 2017, "Improved training of Wasserstein GANs",
        arXiv:1704.00028 (Algorithm 1)
    """

    lr: float = 1e-4

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        generator: nn.Module,
        critic: nn.Module,
        *,
        latent: int = 128,
        penalty: float = 10.0,
        critic_steps: int = 5,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        self.generator, self.critic, self.latent = generator, critic, latent
        self.penalty, self.critic_steps, self.drop_given = penalty, critic_steps, drop_given

    def draw(self, n: int, given: Given, noise: Noise) -> Shaped[Tensor, "n *event"]:
        return self.numbers.back(self.generate(noise.normal(n, self.latent, dtype=self.dtype), given))

    def decode(self, z: Float[Tensor, "B latent"], given: GivenAsked = None) -> Shaped[Tensor, "B *event"]:
        """G(z), in the space."""
        return self.numbers.back(self.generate(z, self.checked_given(given, len(z))))

    def generate(self, z: Float[Tensor, "B latent"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        """G(z) as the critic sees it: levels are numbers in [−1, 1]."""
        x = self.generator(z, given).reshape(len(z), *self.space.shape)
        return x.tanh() if self.space.is_discrete else x

    def loss(self, batch: Batch) -> Tensor:
        raise Unsupported("WassersteinGAN has no single loss: a critic and a generator play. Use players().")

    def players(self) -> Sequence[Player]:
        adam = {"lr": self.lr, "betas": (0.0, 0.9)}
        return [
            Player("critic", self.critic, self.critic_loss, steps=self.critic_steps, optimizer=adam),
            Player("generator", self.generator, self.generator_loss, optimizer=adam),
        ]

    def critic_loss(self, batch: Batch) -> dict[str, Tensor]:
        """L_D with the distance that the critic tells and its penalty."""
        given, real = self.training_given(batch), self.numbers.of(batch.x)
        with torch.no_grad():
            fake = self.generate(self._latent(batch), given)
        twice = map_given(lambda rows: torch.cat([rows, rows]), given)
        of_real, of_fake = self.critic(torch.cat([real, fake]), twice).chunk(2)  # one call costs less than two
        distance = of_real.mean() - of_fake.mean()
        penalty = self.gradient_penalty(real, fake, given, batch.noise)
        return {"loss": -distance + self.penalty * penalty, "distance": distance, "penalty": penalty}

    def generator_loss(self, batch: Batch) -> Float[Tensor, ""]:
        """L_G."""
        given = self.training_given(batch)
        fake = self.generate(self._latent(batch), given)
        return -self.critic(fake, given).mean()

    def gradient_penalty(
        self, real: Float[Tensor, "B *event"], fake: Float[Tensor, "B *event"], given: Given, noise: Noise
    ) -> Float[Tensor, ""]:
        """The mean of (‖∇D‖ − 1)² at a place between each pair of rows."""
        mix = noise.at("mix").uniform(len(real), *[1] * (real.ndim - 1), dtype=real.dtype)
        between = torch.lerp(fake, real, mix).requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(self.critic(between, given).sum(), between, create_graph=True)
        return (slope.flatten(1).norm(dim=1) - 1).square().mean()

    def can(self, capability: Capability | str) -> bool:
        return Capability(capability) is not Capability.LOSS and super().can(capability)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, penalty={self.penalty}, critic_steps={self.critic_steps}"

    def _latent(self, batch: Batch) -> Tensor:
        return batch.noise.at("latent").normal(len(batch), self.latent, dtype=self.dtype)

    @property
    def numbers(self) -> Numbers:
        """x as the critic sees it."""
        return Numbers(self.space, self.dtype)

    def abilities(self) -> list[Ability]:
        return [NormalLatent(Space((self.latent,)), self.numbers, self.generate, self.dtype)]
