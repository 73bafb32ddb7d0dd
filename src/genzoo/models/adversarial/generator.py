"""What every adversarial model is: a generator of x from noise, a critic that judges x, and a game between them.

The rules of the game are an objective, penalties, and who plays how often and how fast; a named model says what the
critic sees, and what the generator lowers.
"""

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core.abilities import Ability
from genzoo.core.game import Batch, Instant, Player
from genzoo.core.given import NOTHING, Given, GivenAsked, GivenSpaceLike, RowsAsked, map_given
from genzoo.core.model import Capability, GenerativeModel, Unsupported, evaluating
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.models.abilities import Critic, NormalLatent
from genzoo.models.adversarial.augmentation import Augment, Augmentation
from genzoo.models.adversarial.objectives import NonSaturating, Objective
from genzoo.models.adversarial.penalties import Encounter, Penalty, Shaping, turn
from genzoo.nn import Steps

__all__ = ["Adversarial", "Generator", "Rules", "truncated"]


@dataclass(frozen=True)
class Rules:
    """How a generator and a critic play.

    Args:
        objective: What each side lowers.
        penalties: What is added to the critic's loss.
        shaping: What is added to the generator's.
        critic_steps: The critic's steps per turn.
        pack: How many rows of one kind the critic judges together.
        clip: The largest size of the critic's weights, which are cut to it after each of its steps.
        lr: Adam's rate.
        critic_lr: The critic's, where it is another (two time scales).
        betas: Adam's averaging factors.
        apart: Whether the critic sees data and samples in calls of their own, as batch normalization wants.
        augment: How what the critic sees is changed at random, if at all: of images.

    Raises:
        ValueError: If nothing is to be packed, or weights are to be cut to nothing.

    Example:
        >>> Rules(critic_steps=5, critic_lr=4e-4).adam(of_critic=True)
        {'lr': 0.0004, 'betas': (0.0, 0.9)}

    References:
        Heusel et al., 2017, "GANs trained by a two time-scale update rule converge to a local Nash equilibrium",
        arXiv:1706.08500
        Lin, Khetan, Fanti & Oh, 2018, "PacGAN: the power of two samples", arXiv:1712.04086
        Karras et al., 2020, "Analyzing and improving the image quality of StyleGAN", arXiv:1912.04958 (lazy penalties)
    """

    objective: Objective = NonSaturating()  # noqa: RUF009 — it holds nothing
    penalties: Sequence[Penalty] = ()
    shaping: Sequence[Shaping] = ()
    critic_steps: int = 1
    pack: int = 1
    clip: float | None = None
    lr: float = 1e-4
    critic_lr: float | None = None
    betas: tuple[float, float] = (0.0, 0.9)
    apart: bool = False
    augment: Augment | None = None

    def __post_init__(self) -> None:
        if self.pack < 1 or (self.clip is not None and self.clip <= 0):
            raise ValueError(
                f"A pack must hold a row and weights be cut to a positive size, got {self.pack} and {self.clip}. Set "
                "pack=1 and clip=None for neither."
            )

    def lazy(self, *, of_critic: bool) -> list[int]:
        """Every how many rounds additions to one side's loss come that do not come in every one.

        Args:
            of_critic: Which side's.
        """
        return sorted({added.every for added in (self.penalties if of_critic else self.shaping)} - {1})

    def adam(self, *, of_critic: bool) -> dict[str, Any]:
        """The settings of one side's optimizer. What is lazy is a step of its own, with the same averages: the rate
        and the averages' memory are shortened, so that a round moves and forgets as much as one without it.

        Args:
            of_critic: Which side's.
        """
        steps = self.critic_steps if of_critic else 1
        share = steps / (steps + sum(1 / every for every in self.lazy(of_critic=of_critic)))
        lr = (self.critic_lr or self.lr) if of_critic else self.lr
        return {"lr": lr * share, "betas": (self.betas[0] ** share, self.betas[1] ** share)}


class Generator(GenerativeModel):
    """A network G that makes x of noise,

    $$ x = G(z, given), \\qquad z \\sim N(0, I). $$

    Levels are numbers in [−1, 1] for whatever judges x; the generator ends in tanh there, and its samples go to the
    nearest level.

    Args:
        space: What one x is.
        given_space: What the networks are conditioned on, if anything.
        generator: G, called as generator(z, given), without a condition with None; as many numbers as x has entries.
        latent: The length of z.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    References:
        Goodfellow et al., 2014, "Generative adversarial networks", arXiv:1406.2661
    """

    block = 1 << 17

    def __init__(
        self, space: Space, given_space: GivenSpaceLike, generator: nn.Module, *, latent: int, drop_given: float
    ) -> None:
        super().__init__(space, given_space)
        self.generator, self.latent, self.drop_given = generator, latent, drop_given
        self.steps = [part for part in generator.modules() if isinstance(part, Steps)]

    def draw(
        self, n: int, given: Given, noise: Noise, *, truncation: float | None = None
    ) -> Shaped[Tensor, "n *event"]:
        """n samples; with a truncation τ, z is N(0, I) given that no entry is larger than τ, which makes better
        samples and less varied ones. One seed's z grows with τ, so a sweep over τ shows the same samples."""
        z = noise.normal(n, self.latent, dtype=self.dtype)
        return self.numbers.back(self.generate(z if truncation is None else truncated(z, truncation), given))

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Shaped[Tensor, "B *event"]:
        """G(z), in the space."""
        return self.numbers.back(self.generate(self.latents(z), self.checked_given(given, len(z))))

    def generate(self, z: Float[Tensor, "B latent"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        """G(z) as the critic sees it: levels are numbers in [−1, 1]; in the model's precision even where the network
        runs in less, for it is mixed with rows."""
        x = self.generator(z, given or None).reshape(len(z), *self.space.shape).to(self.dtype)
        return x.tanh() if self.space.is_discrete else x

    def follow(self, now: Instant) -> None:
        """Sharpens the steps that the generator sees of z, if it sees any."""
        for net in self.steps:
            net.at(now.progress)

    def latent_of(self, batch: Batch) -> Float[Tensor, "B latent"]:
        """The z of a batch."""
        return batch.noise.at("latent").normal(len(batch), self.latent, dtype=self.dtype)

    def abilities(self) -> list[Ability]:
        return [NormalLatent(Space((self.latent,)), self.numbers, self.generate, self.dtype)]

    @property
    def numbers(self) -> Numbers:
        """x as the critic sees it."""
        return Numbers(self.space, self.dtype)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, latent={self.latent}"


def truncated(z: Float[Tensor, "*shape"], most: float) -> Float[Tensor, "*shape"]:
    """Draws of N(0, 1) as draws of N(0, 1) given |z| ≤ τ, in the same order,

    $$ \\Phi^{-1}\\bigl(\\Phi(-\\tau) + \\Phi(z)\\,(2 \\Phi(\\tau) - 1)\\bigr). $$

    Args:
        z: The draws.
        most: τ.

    Raises:
        ValueError: If τ is not positive.

    Example:
        >>> truncated(torch.tensor([-5.0, 0.0, 5.0]), 0.5).round(decimals=3)
        tensor([-0.5000,  0.0000,  0.5000])

    References:
        Brock, Donahue & Simonyan, 2019, "Large scale GAN training for high fidelity natural image synthesis",
        arXiv:1809.11096 (section 3.1, the truncation trick)
    """
    if not most > 0:
        raise ValueError(f"A truncation must be positive, got {most:g}. Set 0.5 for better ones, 2 for varied ones.")
    below = torch.special.ndtr(torch.tensor(-most, dtype=torch.float64))
    share = below + torch.special.ndtr(z.double()) * (1 - 2 * below)
    return torch.special.ndtri(share).clamp(-most, most).to(z.dtype)


class Adversarial(Generator):
    """A generator G against a critic D, by rules.

    Args:
        space: What one x is.
        given_space: What both networks are conditioned on, if anything.
        generator: G, called as generator(z, given), without a condition with None; as many numbers as x has entries.
        critic: D, called as critic(x, given); one number a row, or one of every patch. A critic of packs sees the
            channels of their rows one after another, or their entries where they are no pictures, and no condition.
        rules: How they play.
        latent: The length of z.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If rows with conditions are to be packed.

    References:
        Goodfellow et al., 2014, "Generative adversarial networks", arXiv:1406.2661 (the game)
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        generator: nn.Module,
        critic: nn.Module,
        rules: Rules,
        *,
        latent: int = 128,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space, generator, latent=latent, drop_given=drop_given)
        self.critic, self.rules = critic, rules
        self.augmentation = None if rules.augment is None else Augmentation(rules.augment)
        if rules.pack > 1 and self.given_space:
            raise ValueError(
                f"A pack has no condition, for its rows may have unlike ones, got packs of {rules.pack} and "
                f"{sorted(self.given_space)}. Set pack=1, or train without a condition."
            )

    @abc.abstractmethod
    def generator_loss(self, batch: Batch) -> Tensor | dict[str, Tensor]:
        """What the generator lowers."""

    def real(self, batch: Batch, given: Given) -> Float[Tensor, "B *seen"]:
        """Rows of data as the critic sees them."""
        return self.numbers.of(batch.x)

    def fake(self, batch: Batch, given: Given) -> Float[Tensor, "B *seen"]:
        """Samples as the critic sees them."""
        return self.generate(self.latent_of(batch), given)

    def players(self) -> Sequence[Player]:
        rules, makers = self.rules, self.makers()
        critic, generator = rules.adam(of_critic=True), rules.adam(of_critic=False)
        of_critic: dict[str, Any] = {"optimizer": critic, "after": self._hold}
        return [
            Player("critic", self.critic, self.critic_loss, steps=rules.critic_steps, **of_critic),
            *(
                Player(f"every_{k}", self.critic, self._held_every(k), every=k, **of_critic)
                for k in rules.lazy(of_critic=True)
            ),
            Player(
                "generator", makers, self.shaped_loss, optimizer=generator, after=self.follow if self.steps else None
            ),
            *(
                Player(f"shaped_every_{k}", makers, self._shaped_every(k), every=k, optimizer=generator)
                for k in rules.lazy(of_critic=False)
            ),
        ]

    def shaped_at(self, batch: Batch, given: Given) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Where what shapes the generator looks at it, and the way from there to x as the critic sees it."""
        return self.latent_of(batch), lambda z: self.generate(z, given)

    def makers(self) -> list[nn.Module]:
        """What moves in the generator's turn."""
        return [self.generator]

    def critic_loss(self, batch: Batch) -> dict[str, Tensor]:
        """What the critic lowers, with its parts."""
        penalties = [penalty for penalty in self.rules.penalties if penalty.every == 1]
        met = self.meeting(batch, at_ends=any(penalty.at_ends for penalty in penalties))
        losses = _penalized(self.rules.objective.against(met.of_real, met.of_fake), penalties, met)
        return losses if self.augmentation is None else losses | {"augmented": self.augmentation.p.clone()}

    def shaped_loss(self, batch: Batch) -> Tensor | dict[str, Tensor]:
        """What the generator lowers, with what shapes it."""
        loss = self.generator_loss(batch)
        shaping = [each for each in self.rules.shaping if each.every == 1]
        return self._shaped(loss, shaping, batch) if shaping else loss

    def meeting(self, batch: Batch, *, at_ends: bool = False) -> Encounter:
        """Data and samples before the critic in its turn; at their ends, so that its slopes there can be found."""
        given = self.training_given(batch)
        with torch.no_grad():
            real, fake = self.shown(self.real(batch, given), batch), self.shown(self.fake(batch, given), batch, "fake")
        if at_ends:
            real, fake = real.detach().requires_grad_(), fake.detach().requires_grad_()
        of_real, of_fake = self.judged(real, fake, given)
        if self.augmentation is not None:
            self.augmentation.tell(of_real if self.rules.objective.absolute else of_real - of_fake)
        return Encounter(lambda x: self.said(x, given), real, fake, of_real, of_fake, batch.noise, batch.progress)

    def said(self, x: Float[Tensor, "B *event"], given: Given) -> Float[Tensor, "B patches"]:
        """What the critic says, in the model's precision even where the network runs in less: losses are of it."""
        said: Tensor = self.critic(x, given or None).to(self.dtype)
        return said

    def judged(self, real: Tensor, fake: Tensor, given: Given) -> tuple[Tensor, Tensor]:
        """What the critic says of data and of samples."""
        if self.rules.apart:
            return self.said(real, given), self.said(fake, given)
        twice = map_given(lambda rows: torch.cat([rows, rows]), given)
        of_real, of_fake = self.said(torch.cat([real, fake]), twice).chunk(2)  # one call costs less than two
        return of_real, of_fake

    def shown(self, x: Float[Tensor, "B *event"], batch: Batch, which: str = "real") -> Float[Tensor, "packs *event"]:
        """Rows as they come before the critic: augmented, if they are to be, and in packs."""
        seen = x if self.augmentation is None else self.augmentation(x, batch.noise.at("augmented", which))
        return self.packed(seen)

    def packed(self, x: Float[Tensor, "B *event"]) -> Float[Tensor, "packs *event"]:
        """Rows in packs, side by side: the channels of pictures, else all entries; what is left over is left out.

        Raises:
            ValueError: If there are too few rows for a pack.
        """
        if (pack := self.rules.pack) == 1:
            return x
        if len(x) < pack:
            raise ValueError(f"A batch must hold a pack of {pack} rows, got {len(x)}. Raise batch_size.")
        rows = x[: len(x) // pack * pack].reshape(-1, pack, *x.shape[1:])
        return rows.flatten(1, 2) if x.ndim > 1 else rows

    def abilities(self) -> list[Ability]:
        return [*super().abilities(), _Critic(self)]

    def loss(self, batch: Batch) -> Tensor:
        name = type(self).__name__
        raise Unsupported(f"{name} has no single loss: a critic and a generator play. Use players().")

    def can(self, capability: Capability | str) -> bool:
        return Capability(capability) is not Capability.LOSS and super().can(capability)

    def extra_repr(self) -> str:
        parts = [self.rules.objective, *self.rules.penalties, *self.rules.shaping]
        names = " + ".join(type(part).__name__ for part in parts)
        return f"{super().extra_repr()}, {names}, critic_steps={self.rules.critic_steps}"

    def _shaped(self, loss: Tensor | dict[str, Tensor], shaping: Sequence[Shaping], batch: Batch) -> dict[str, Tensor]:
        """A loss with what shapes the generator added, and named beside."""
        losses = loss if isinstance(loss, dict) else {"loss": loss}
        at, generate = self.shaped_at(batch, self.training_given(batch))
        for each in shaping:
            value = each.value(self.generator, generate, at, batch.noise)
            added = each.every * each.scale * value
            losses = losses | {"loss": losses["loss"] + added, each.name: value.detach()}
        return losses

    def _shaped_every(self, every: int) -> Callable[[Batch], dict[str, Tensor]]:
        """The loss of what shapes the generator every so many rounds."""
        shaping = [each for each in self.rules.shaping if each.every == every]
        return lambda batch: self._shaped(torch.zeros((), device=self.device), shaping, batch)

    def _held_every(self, every: int) -> Callable[[Batch], dict[str, Tensor]]:
        """The loss of the penalties that come every so many rounds."""
        penalties = [penalty for penalty in self.rules.penalties if penalty.every == every]

        def loss(batch: Batch) -> dict[str, Tensor]:
            met = self.meeting(batch, at_ends=any(penalty.at_ends for penalty in penalties))
            return _penalized({"loss": met.of_real.new_zeros(())}, penalties, met)

        return loss

    def _hold(self, now: Instant) -> None:
        """Cuts the critic's weights, if they are to be cut, follows their largest singular values, and adapts what it
        is shown."""
        turn(self.critic)
        if self.augmentation is not None:
            self.augmentation.adapt(now)
        if self.rules.clip is not None:
            with torch.no_grad():
                for parameter in self.critic.parameters():
                    parameter.clamp_(-self.rules.clip, self.rules.clip)


def _penalized(losses: dict[str, Tensor], penalties: Sequence[Penalty], met: Encounter) -> dict[str, Tensor]:
    """Losses with penalties added, and named beside."""
    for penalty in penalties:
        added, logged = penalty(met)
        losses = losses | {"loss": losses["loss"] + added, penalty.name: logged}
    return losses


class _Critic(Critic):
    """The critic of a model, as it is asked after a training."""

    def __init__(self, model: Adversarial) -> None:
        self.model, self.pack = model, model.rules.pack

    def of_rows(self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " packs"]:
        model = self.model
        return self._said(model.real(Batch(x, given, noise), given), given)

    def of_samples(self, n: int, given: Given, noise: Noise) -> Float[Tensor, " packs"]:
        rows = torch.zeros(n, *self.model.space.shape, device=self.model.device)
        return self._said(self.model.fake(Batch(rows, given, noise), given), given)

    def _said(self, x: Tensor, given: Given) -> Tensor:
        with torch.no_grad(), evaluating(self.model):
            return self.model.said(self.model.packed(x), given).mean(1)
