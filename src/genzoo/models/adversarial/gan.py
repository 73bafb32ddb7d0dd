"""The generative adversarial network: data and samples before the critic, and nothing else.

By its rules it is the GAN as first published, a Wasserstein GAN with or without a gradient penalty, a least-squares or
relativistic GAN, one that judges packs of samples, and many more.
"""

from torch import Tensor

from genzoo.core.game import Batch
from genzoo.models.adversarial.generator import Adversarial

__all__ = ["GAN"]


class GAN(Adversarial):
    """A generative adversarial network: a generator G and a critic D that play by rules,

    $$ x̃ = G(z, given), \\qquad z \\sim N(0, I). $$

    Args:
        space: What one x is.
        given_space: What both networks are conditioned on, if anything.
        generator: G, called as generator(z, given); as many numbers as x has entries.
        critic: D, called as critic(x, given); one number a row. Under a gradient penalty it must judge row by row, so
            without batch normalization.
        rules: The objective, its penalties, and who plays how.
        latent: The length of z.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.adversarial import GradientPenalty, Rules, Wasserstein
        >>> from genzoo.nn import MLP
        >>> rules = Rules(Wasserstein(), [GradientPenalty(10.0)], critic_steps=5)
        >>> model = GAN(Space((2,)), None, MLP(8, [32], 2), MLP(2, [32], 1), rules, latent=8)
        >>> [(player.name, player.steps) for player in model.players()], model.sample(5, seed=0).shape
        ([('critic', 5), ('generator', 1)], torch.Size([5, 2]))

    References:
        Goodfellow et al., 2014, "Generative adversarial networks", arXiv:1406.2661
        Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville, 2017, "Improved training of Wasserstein GANs",
        arXiv:1704.00028 (Algorithm 1)
    """

    def generator_loss(self, batch: Batch) -> Tensor:
        given, objective = self.training_given(batch), self.rules.objective
        fake = self.shown(self.fake(batch, given), batch, "fake")
        if not objective.paired:
            return objective.toward(self.said(fake, given))
        of_real, of_fake = self.judged(self.shown(self.real(batch, given), batch), fake, given)
        return objective.toward(of_fake, of_real)
