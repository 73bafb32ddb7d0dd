"""What every adversarial model is: a generator of x from noise, a critic that judges x, and a game between them.

A named model says three things: what the critic lowers, what the generator lowers, and what else holds the critic.
"""

import abc
from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core.abilities import Ability
from genzoo.core.game import Batch, Player
from genzoo.core.given import NOTHING, Given, GivenAsked, GivenSpaceLike, RowsAsked, map_given
from genzoo.core.model import Capability, GenerativeModel, Unsupported
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.models.abilities import NormalLatent

__all__ = ["Adversarial"]


class Adversarial(GenerativeModel):
    """A generator G against a critic D,

    $$ x = G(z, given), \\qquad z \\sim N(0, I). $$

    Levels are numbers in [−1, 1] for the critic; the generator ends in tanh there, and its samples go to the nearest
    level.

    Args:
        space: What one x is.
        given_space: What both networks are conditioned on, if anything.
        generator: G, called as generator(z, given), without a condition with None; as many numbers as x has entries.
        critic: D, called as critic(x, given); one number a row.
        latent: The length of z.
        critic_steps: The critic's steps per turn.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Attributes:
        lr: Adam's rate for both players.
        betas: Its averaging factors.
        apart: Whether the critic sees data and samples in calls of their own, as batch normalization wants.

    References:
        Goodfellow et al., 2014, "Generative adversarial networks", arXiv:1406.2661 (the game)
    """

    lr: float = 1e-4
    betas: ClassVar[tuple[float, float]] = (0.0, 0.9)
    apart: ClassVar[bool] = False

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        generator: nn.Module,
        critic: nn.Module,
        *,
        latent: int = 128,
        critic_steps: int = 1,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        self.generator, self.critic, self.latent = generator, critic, latent
        self.critic_steps, self.drop_given = critic_steps, drop_given

    @abc.abstractmethod
    def against(self, of_real: Float[Tensor, "B 1"], of_fake: Float[Tensor, "B 1"]) -> dict[str, Tensor]:
        """What the critic lowers, as "loss", from what it says of data and of samples; the rest is logged."""

    @abc.abstractmethod
    def toward(self, of_fake: Float[Tensor, "B 1"]) -> Float[Tensor, ""]:
        """What the generator lowers, from what the critic says of its samples."""

    def held(
        self, real: Float[Tensor, "B *event"], fake: Float[Tensor, "B *event"], given: Given, noise: Noise
    ) -> dict[str, Tensor]:
        """What is added to the critic's loss, as "loss", to hold it; by default nothing."""
        return {}

    def draw(self, n: int, given: Given, noise: Noise) -> Shaped[Tensor, "n *event"]:
        return self.numbers.back(self.generate(noise.normal(n, self.latent, dtype=self.dtype), given))

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Shaped[Tensor, "B *event"]:
        """G(z), in the space."""
        return self.numbers.back(self.generate(self.latents(z), self.checked_given(given, len(z))))

    def generate(self, z: Float[Tensor, "B latent"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        """G(z) as the critic sees it: levels are numbers in [−1, 1]; in the model's precision even where the network
        runs in less, for it is mixed with rows."""
        x = self.generator(z, given or None).reshape(len(z), *self.space.shape).to(self.dtype)
        return x.tanh() if self.space.is_discrete else x

    def loss(self, batch: Batch) -> Tensor:
        name = type(self).__name__
        raise Unsupported(f"{name} has no single loss: a critic and a generator play. Use players().")

    def players(self) -> Sequence[Player]:
        adam = {"lr": self.lr, "betas": self.betas}
        return [
            Player("critic", self.critic, self.critic_loss, steps=self.critic_steps, optimizer=adam),
            Player("generator", self.generator, self.generator_loss, optimizer=adam),
        ]

    def critic_loss(self, batch: Batch) -> dict[str, Tensor]:
        """What the critic lowers, with its parts."""
        given, real = self.training_given(batch), self.numbers.of(batch.x)
        with torch.no_grad():
            fake = self.generate(self._latent(batch), given)
        losses = self.against(*self._judged(real, fake, given))
        held = self.held(real, fake, given, batch.noise)
        return losses | held | {"loss": losses["loss"] + held["loss"]} if held else losses

    def generator_loss(self, batch: Batch) -> Float[Tensor, ""]:
        """What the generator lowers."""
        given = self.training_given(batch)
        return self.toward(self.critic(self.generate(self._latent(batch), given), given or None))

    def can(self, capability: Capability | str) -> bool:
        return Capability(capability) is not Capability.LOSS and super().can(capability)

    def abilities(self) -> list[Ability]:
        return [NormalLatent(Space((self.latent,)), self.numbers, self.generate, self.dtype)]

    @property
    def numbers(self) -> Numbers:
        """x as the critic sees it."""
        return Numbers(self.space, self.dtype)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, critic_steps={self.critic_steps}"

    def _judged(self, real: Tensor, fake: Tensor, given: Given) -> tuple[Tensor, Tensor]:
        if self.apart:
            return self.critic(real, given or None), self.critic(fake, given or None)
        twice = map_given(lambda rows: torch.cat([rows, rows]), given)
        of_real, of_fake = self.critic(torch.cat([real, fake]), twice or None).chunk(2)  # one call costs less than two
        return of_real, of_fake

    def _latent(self, batch: Batch) -> Tensor:
        return batch.noise.at("latent").normal(len(batch), self.latent, dtype=self.dtype)
