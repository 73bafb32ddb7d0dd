"""Models of an image given another: pix2pix where the images come in pairs, CycleGAN where they do not."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core.game import Batch, Instant, Player
from genzoo.core.given import NOTHING, Given, GivenSpaceLike, RowsAsked
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.models.adversarial.generator import Adversarial, Rules
from genzoo.models.adversarial.pool import ImagePool

__all__ = ["Cycle", "CycleGAN", "Pix2Pix", "Translating"]


class Translating(Adversarial):
    """A generator of an image x from another one, y, and noise: x = G(y, z), y being the condition.

    Args:
        space: What one x is: an image.
        given_space: What one y is: an image of its height and width, its only condition.
        generator: G, called as generator(y, z), both as networks see them.
        critic: D; how it is called, the model says. A number a row, or one of every patch.
        rules: How they play.
        latent: The length of z.

    Raises:
        ValueError: If y is not one image of the size of x.
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        generator: nn.Module,
        critic: nn.Module,
        rules: Rules,
        *,
        latent: int = 8,
    ) -> None:
        super().__init__(space, given_space, generator, critic, rules, latent=latent)
        self.require(*self.given_space)
        sizes = [each.shape[1:] for each in self.given_space.values() if len(each.shape) == 3]
        if sizes != [space.shape[1:]] or len(self.given_space) != 1:
            raise ValueError(
                f"{type(self).__name__} makes an image of an image of its size, got {space} given "
                f"{dict(self.given_space)}. Read both with one size, and take one condition."
            )

    @property
    def given_numbers(self) -> Numbers:
        """y as networks see it."""
        return Numbers(next(iter(self.given_space.values())), self.dtype)

    def told(self, given: Given) -> Float[Tensor, "B D H W"]:
        """y of a condition, as networks see it."""
        return self.given_numbers.of(next(iter(given.values())))

    def generate(self, z: Float[Tensor, "B latent"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        return self.made(self.told(given), z)

    def made(self, y: Float[Tensor, "B D H W"], z: Float[Tensor, "B latent"]) -> Float[Tensor, "B *event"]:
        """G(y, z), y as networks see it."""
        x: Tensor = self.generator(y, z).to(self.dtype)
        return x.tanh() if self.space.is_discrete else x


class Pix2Pix(Translating):
    """A translator of pairs: the generator lowers its loss before a critic of pairs, and the distance from the truth,

    $$ L_G = L_{adv}(D(G(y, z), y)) + \\lambda \\, \\mathbb E |x - G(y, z)|. $$

    Args:
        space: What one x is: an image.
        given_space: What one y is: an image of its height and width.
        generator: G, called as generator(y, z).
        critic: D, called as critic(x, y); a number of every patch, or of a row.
        rules: How they play.
        latent: The length of z.
        scale: λ.

    Raises:
        ValueError: If y is not one image of the size of x.

    Example:
        >>> from genzoo.nn import PatchCritic, Translator
        >>> space, y = Space((3, 8, 8), levels=256), Space((1, 8, 8), levels=2)
        >>> nets = Translator((1, 8, 8), 3, width=4, latent=2), PatchCritic(4, (8, 8), width=4)
        >>> model = Pix2Pix(space, y, *nets, Rules(), latent=2)
        >>> model.sample(2, torch.zeros(2, 1, 8, 8, dtype=torch.long), seed=0).shape
        torch.Size([2, 3, 8, 8])

    References:
        Isola, Zhu, Zhou & Efros, 2017, "Image-to-image translation with conditional adversarial networks",
        arXiv:1611.07004
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        generator: nn.Module,
        critic: nn.Module,
        rules: Rules,
        *,
        latent: int = 8,
        scale: float = 100.0,
    ) -> None:
        super().__init__(space, given_space, generator, critic, rules, latent=latent)
        self.scale = scale

    def said(self, x: Float[Tensor, "B *event"], given: Given) -> Float[Tensor, "B patches"]:
        said: Tensor = self.critic(x, self.told(given)).to(self.dtype)
        return said

    def generator_loss(self, batch: Batch) -> dict[str, Tensor]:
        given, objective = self.training_given(batch), self.rules.objective
        real, fake = self.real(batch, given), self.fake(batch, given)
        if objective.paired:
            of_real, of_fake = self.judged(real, fake, given)
            fooled = objective.toward(of_fake, of_real)
        else:
            fooled = objective.toward(self.said(fake, given))
        distance = (real - fake).abs().mean()
        return {"loss": fooled + self.scale * distance, "fooled": fooled.detach(), "distance": distance.detach()}


@dataclass(frozen=True)
class Cycle:
    """What holds two translators to each other.

    Args:
        scale: λ, what the cycle's distance counts.
        identity: How much what is in the other domain already is to stay as it is, as a share of λ.
        pool: Images of earlier rounds that a critic is shown.
    """

    scale: float = 10.0
    identity: float = 0.5
    pool: int = 50


class CycleGAN(Translating):
    """Two translators, G from y to x and F from x to y, that undo each other,

    $$ L = L_{adv}(D_x(G(y))) + L_{adv}(D_y(F(x)))
         + \\lambda \\bigl(\\mathbb E |F(G(y)) - y| + \\mathbb E |G(F(x)) - x|\\bigr)
         + \\lambda \\iota \\bigl(\\mathbb E |G(x) - x| + \\mathbb E |F(y) - y|\\bigr). $$

    No x needs to belong to a y: x and y of a batch are two sets. The critics, which see one image each, are shown
    images of earlier rounds, too, which are buffers.

    Args:
        space: What one x is: an image.
        given_space: What one y is: an image of its height and width.
        generator: G, called as generator(y, z).
        critic: D_x, called as critic(x).
        back: F, called as back(x), and D_y, called as critic(y).
        rules: How they play.
        latent: The length of z.
        cycle: What holds G and F to each other.

    Raises:
        ValueError: If y is not one image of the size of x; or has other channels, where identities are to be kept.

    Example:
        >>> from genzoo.models.adversarial import LeastSquares
        >>> from genzoo.nn import PatchCritic, Translator
        >>> space, shape = Space((3, 8, 8), levels=256), (3, 8, 8)
        >>> there = Translator(shape, 3, width=4, latent=2), PatchCritic(3, (8, 8), width=4)
        >>> back = Translator(shape, 3, width=4), PatchCritic(3, (8, 8), width=4)
        >>> model = CycleGAN(space, space, *there, back, Rules(LeastSquares()), latent=2)
        >>> [player.name for player in model.players()], model.undone(torch.zeros(2, *shape).byte()).shape
        (['generator', 'critic'], torch.Size([2, 3, 8, 8]))

    References:
        Zhu, Park, Isola & Efros, 2017, "Unpaired image-to-image translation using cycle-consistent adversarial
        networks", arXiv:1703.10593
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        generator: nn.Module,
        critic: nn.Module,
        back: tuple[nn.Module, nn.Module],
        rules: Rules,
        *,
        latent: int = 8,
        cycle: Cycle = Cycle(),
    ) -> None:
        super().__init__(space, given_space, generator, critic, rules, latent=latent)
        self.back, self.back_critic = back
        other = next(iter(self.given_space.values()))
        if cycle.identity and other.shape != space.shape:
            raise ValueError(
                f"What is in the other domain can stay as it is if both have the same channels, got {space.shape} and "
                f"{other.shape}. Set identity=0."
            )
        self.cycle = cycle
        self.pool, self.back_pool = ImagePool(cycle.pool, space.shape), ImagePool(cycle.pool, other.shape)
        self.new: tuple[Tensor, Tensor] | None = None  # made by a loss, put into the pools by the step after it

    def returned(self, x: Float[Tensor, "B *event"]) -> Float[Tensor, "B D H W"]:
        """F(x), both as networks see them."""
        y: Tensor = self.back(x).to(self.dtype)
        return y.tanh() if self.given_numbers.space.is_discrete else y

    def undone(self, x: RowsAsked) -> Shaped[Tensor, "B *given"]:
        """F(x) of rows, in the space of the condition.

        Args:
            x: Rows of the space.
        """
        with torch.no_grad():
            return self.given_numbers.back(self.returned(self.numbers.of(self.checked(x))))

    def said(self, x: Float[Tensor, "B *event"], given: Given) -> Float[Tensor, "B patches"]:
        said: Tensor = self.critic(x).to(self.dtype)
        return said

    def said_of_given(self, y: Float[Tensor, "B D H W"]) -> Float[Tensor, "B patches"]:
        """D_y(y)."""
        said: Tensor = self.back_critic(y).to(self.dtype)
        return said

    def players(self) -> Sequence[Player]:
        makers, critics = [self.generator, self.back], [self.critic, self.back_critic]
        return [
            Player(
                "generator", makers, self.generator_loss, optimizer=self.rules.adam(of_critic=False), after=self._put
            ),
            Player("critic", critics, self.critic_loss, optimizer=self.rules.adam(of_critic=True)),
        ]

    def generator_loss(self, batch: Batch) -> dict[str, Tensor]:
        toward, cycle = self.rules.objective.toward, self.cycle
        x, y, z = self.numbers.of(batch.x), self.told(self.training_given(batch)), self.latent_of(batch)
        made, returned = self.made(y, z), self.returned(x)
        self.new = made.detach(), returned.detach()
        fooled = toward(self.said(made, NOTHING)) + toward(self.said_of_given(returned))
        around = _distance(self.returned(made), y) + _distance(self.made(returned, z), x)
        losses = {"loss": fooled + cycle.scale * around, "fooled": fooled.detach(), "cycle": around.detach()}
        if cycle.identity:
            kept = _distance(self.made(x, z), x) + _distance(self.returned(y), y)
            losses["loss"] = losses["loss"] + cycle.scale * cycle.identity * kept
            losses["identity"] = kept.detach()
        return losses

    def critic_loss(self, batch: Batch) -> dict[str, Tensor]:
        x, y, z = self.numbers.of(batch.x), self.told(self.training_given(batch)), self.latent_of(batch)
        with torch.no_grad():
            made = self.pool.mixed(self.made(y, z), batch.noise.at("pool"))
            returned = self.back_pool.mixed(self.returned(x), batch.noise.at("back_pool"))
        against = self.rules.objective.against
        of_x = against(self.said(x, NOTHING), self.said(made, NOTHING))
        of_y = against(self.said_of_given(y), self.said_of_given(returned))
        return {name: of_x[name] + of_y[name] for name in of_x}

    def _put(self, now: Instant) -> None:
        """Puts what the last loss made into the pools."""
        if self.new is not None:
            self.pool.put(self.new[0], now.noise.at("pool"))
            self.back_pool.put(self.new[1], now.noise.at("back_pool"))
        self.new = None


def _distance(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).abs().mean()
