"""The generative adversarial network as first published, with the generator's loss that does not saturate.

The critic is a classifier of data against samples: its logit is the log-odds that a row is real.
"""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from genzoo.models.adversarial.generator import Adversarial

__all__ = ["GAN"]


class GAN(Adversarial):
    """A generative adversarial network,

    $$ L_D = -\\mathbb E \\log \\sigma(D(x)) - \\mathbb E \\log(1 - \\sigma(D(\\tilde x))), \\qquad
       L_G = -\\mathbb E \\log \\sigma(D(\\tilde x)), $$

    with x̃ = G(z), z ~ N(0, I). The best D tells the log-ratio of the densities, and then L_D is 2 log 2 less twice the
    Jensen–Shannon divergence between data and samples.

    Args:
        space: What one x is.
        given_space: What both networks are conditioned on, if anything.
        generator: G, called as generator(z, given); as many numbers as x has entries.
        critic: D, called as critic(x, given); one logit a row. Data and samples come in calls of their own, so batch
            normalization may be used.
        latent: The length of z.
        critic_steps: The critic's steps per turn.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Example:
        >>> import torch
        >>> from genzoo.core import Space
        >>> from genzoo.nn import MLP, Conditioned
        >>> model = GAN(Space((2,)), None, Conditioned(MLP(8, [32], 2)), Conditioned(MLP(2, [32], 1)), latent=8)
        >>> model.against(torch.zeros(4, 1), torch.zeros(4, 1))["loss"]
        tensor(1.3863)

    References:
        Goodfellow et al., 2014, "Generative adversarial networks", arXiv:1406.2661
        Radford, Metz & Chintala, 2016, "Unsupervised representation learning with deep convolutional generative
        adversarial networks", arXiv:1511.06434 (the rates)
    """

    lr: float = 2e-4
    betas: ClassVar[tuple[float, float]] = (0.5, 0.999)
    apart: ClassVar[bool] = True

    def against(self, of_real: Float[Tensor, "B 1"], of_fake: Float[Tensor, "B 1"]) -> dict[str, Tensor]:
        real, fake = softplus(-of_real).mean(), softplus(of_fake).mean()
        return {"loss": real + fake, "real": (-real).exp().detach(), "fake": 1 - (-fake).exp().detach()}

    def toward(self, of_fake: Float[Tensor, "B 1"]) -> Float[Tensor, ""]:
        return softplus(-of_fake).mean()
