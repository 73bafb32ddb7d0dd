"""The auxiliary classifier GAN: a critic that also tells the class.

The critic does not see the condition; it says beside its verdict what class it takes a row for, and both players raise
the probability of the right one.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from genzoo.core.game import Batch
from genzoo.core.given import Given, GivenSpaceLike, as_given_space
from genzoo.core.space import Space
from genzoo.models.adversarial.generator import Adversarial, Rules
from genzoo.nn.classifying import Classifying

__all__ = ["AuxiliaryGAN"]


class AuxiliaryGAN(Adversarial):
    """A GAN of which each side also lowers the surprise at the class y by the critic's p(y | x),

    $$ L_D - \\mathbb E \\log p(y \\mid x) - \\mathbb E \\log p(y \\mid \\tilde x) \\qquad \\text{and} \\qquad
       L_G - \\mathbb E \\log p(y \\mid \\tilde x). $$

    Rows whose class was dropped count for the game alone.

    Args:
        space: What one x is.
        given_space: The class: one name, with levels.
        generator: G, called as generator(z, given); as many numbers as x has entries.
        critic: D with its classes; it is shown no condition.
        rules: How they play.
        latent: The length of z.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If the condition is no class.

    Example:
        >>> from genzoo.nn import MLP, Conditioned
        >>> label = Space((), levels=3)
        >>> generator = Conditioned(MLP(8, [32], 2, given=4), label, 4)
        >>> critic = Classifying(MLP(2, [32], 16), 16, 3)
        >>> model = AuxiliaryGAN(Space((2,)), label, generator, critic, Rules(), latent=8)
        >>> sorted(model.critic_loss(Batch(torch.zeros(4, 2), torch.tensor([0, 1, 2, -1]))))
        ['class', 'fake', 'loss', 'real']

    References:
        Odena, Olah & Shlens, 2017, "Conditional image synthesis with auxiliary classifier GANs", arXiv:1610.09585
    """

    critic: Classifying

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        generator: nn.Module,
        critic: Classifying,
        rules: Rules,
        *,
        latent: int = 128,
        drop_given: float = 0.0,
    ) -> None:
        spaces = as_given_space(given_space)
        if len(spaces) != 1 or any(each.shape or not each.is_discrete for each in spaces.values()):
            raise ValueError(
                f"The condition must be one class, for the critic to tell it, got {spaces or 'none'}. Name one column "
                "of classes, or take a critic that sees the condition: conditional_gan with by=projection."
            )
        super().__init__(space, given_space, generator, critic, rules, latent=latent, drop_given=drop_given)

    def critic_loss(self, batch: Batch) -> dict[str, Tensor]:
        losses, given = super().critic_loss(batch), self.training_given(batch)
        with torch.no_grad():
            real, fake = self.real(batch, given), self.fake(batch, given)
        surprise = self.surprise(real, given) + self.surprise(fake, given)
        return losses | {"loss": losses["loss"] + surprise, "class": surprise.detach()}

    def generator_loss(self, batch: Batch) -> dict[str, Tensor]:
        given, objective = self.training_given(batch), self.rules.objective
        fake = self.fake(batch, given)
        of_real = self.said(self.shown(self.real(batch, given), batch), given) if objective.paired else None
        surprise, shown = self.surprise(fake, given), self.shown(fake, batch, "fake")
        return {"loss": objective.toward(self.said(shown, given), of_real) + surprise, "class": surprise.detach()}

    def surprise(self, x: Tensor, given: Given) -> Tensor:
        """−log p(y | x), the mean over rows; nothing for rows without a class."""
        (label,) = given.values()
        each = cross_entropy(self.critic.classes(x), label.long(), ignore_index=-1, reduction="none")
        return each.mean()
