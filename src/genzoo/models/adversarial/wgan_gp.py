"""The Wasserstein GAN with gradient penalty.

The Wasserstein distance between data and samples is the largest difference in mean that a 1-Lipschitz critic sees.
The critic learns to see it, held to slope one between data and samples by a penalty; the generator learns to lower it.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.adversarial.generator import Adversarial

__all__ = ["WassersteinGAN"]


class WassersteinGAN(Adversarial):
    """A Wasserstein GAN whose critic D is held by a gradient penalty against the generator G,

    $$ L_D = \\mathbb E\\,D(\\tilde x) - \\mathbb E\\,D(x) + \\lambda\\,\\mathbb E (\\|\\nabla D(\\hat x)\\| - 1)^2,
       \\qquad L_G = -\\mathbb E\\,D(\\tilde x), $$

    with x̃ = G(z), z ~ N(0, I), and x̂ on the line from x to x̃, at a place drawn for each row.

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
        options = {"latent": latent, "critic_steps": critic_steps}
        super().__init__(space, given_space, generator, critic, drop_given=drop_given, **options)
        self.penalty = penalty

    def against(self, of_real: Float[Tensor, "B 1"], of_fake: Float[Tensor, "B 1"]) -> dict[str, Tensor]:
        distance = of_real.mean() - of_fake.mean()
        return {"loss": -distance, "distance": distance}

    def toward(self, of_fake: Float[Tensor, "B 1"]) -> Float[Tensor, ""]:
        return -of_fake.mean()

    def held(
        self, real: Float[Tensor, "B *event"], fake: Float[Tensor, "B *event"], given: Given, noise: Noise
    ) -> dict[str, Tensor]:
        penalty = self.gradient_penalty(real, fake, given, noise)
        return {"loss": self.penalty * penalty, "penalty": penalty}

    def gradient_penalty(
        self, real: Float[Tensor, "B *event"], fake: Float[Tensor, "B *event"], given: Given, noise: Noise
    ) -> Float[Tensor, ""]:
        """The mean of (‖∇D‖ − 1)² at a place between each pair of rows."""
        mix = noise.at("mix").uniform(len(real), *[1] * (real.ndim - 1), dtype=real.dtype)
        between = torch.lerp(fake, real, mix).requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(self.critic(between, given or None).sum(), between, create_graph=True)
        return (slope.flatten(1).norm(dim=1) - 1).square().mean()

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, penalty={self.penalty}"
