"""The unrolled GAN: the generator sees the critic as it will be.

A generator that runs to wherever the critic of the moment is fooled collapses there, until the critic comes after. If
it is told what the critic would answer, it has no reason to run.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from genzoo.core.game import Batch
from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.space import Space
from genzoo.models.adversarial.generator import Adversarial, Rules

__all__ = ["Ahead", "UnrolledGAN"]


@dataclass(frozen=True)
class Ahead:
    """How far the generator looks ahead.

    Args:
        steps: The critic's steps that it foresees, K.
        rate: The rate of their gradient descent, η.
    """

    steps: int = 5
    rate: float = 0.1


class UnrolledGAN(Adversarial):
    """A GAN whose generator lowers its loss against the critic K steps later,

    $$ \\theta^{k+1} = \\theta^k - \\eta \\nabla_\\theta L_D(\\theta^k, G), \\qquad
       L_G = L_G(\\theta^K(G), G), $$

    and sees through these steps that they depend on it. The critic itself moves as ever; what is foreseen is
    forgotten.

    Args:
        space: What one x is.
        given_space: What both networks are conditioned on, if anything.
        generator: G, called as generator(z, given); as many numbers as x has entries.
        critic: D, called as critic(x, given); one number a row, twice differentiable.
        rules: The objective and who plays how; penalties are not foreseen.
        ahead: How far it looks.
        latent: The length of z.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Example:
        >>> from genzoo.nn import MLP
        >>> model = UnrolledGAN(Space((2,)), None, MLP(8, [32], 2), MLP(2, [32], 1), Rules(), Ahead(3), latent=8)
        >>> model.generator_loss(Batch(torch.zeros(4, 2))).requires_grad
        True

    References:
        Metz, Poole, Pfau & Sohl-Dickstein, 2017, "Unrolled generative adversarial networks", arXiv:1611.02163
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        generator: nn.Module,
        critic: nn.Module,
        rules: Rules,
        ahead: Ahead,
        *,
        latent: int = 128,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space, generator, critic, rules, latent=latent, drop_given=drop_given)
        self.ahead = ahead

    def generator_loss(self, batch: Batch) -> Tensor:
        given, objective = self.training_given(batch), self.rules.objective
        real, fake = self.shown(self.real(batch, given), batch), self.shown(self.fake(batch, given), batch, "fake")
        weights = {name: weight.detach().requires_grad_() for name, weight in self.critic.named_parameters()}
        for _ in range(self.ahead.steps):
            loss = objective.against(self._said(weights, real, given), self._said(weights, fake, given))["loss"]
            slopes = torch.autograd.grad(loss, list(weights.values()), create_graph=True, materialize_grads=True)
            moved = zip(weights.items(), slopes, strict=True)
            weights = {name: weight - self.ahead.rate * slope for (name, weight), slope in moved}
        return objective.toward(self._said(weights, fake, given), self._said(weights, real, given))

    def _said(self, weights: dict[str, Tensor], x: Tensor, given: Given) -> Tensor:
        """What the critic says with other weights than its own."""
        said: Tensor = functional_call(self.critic, weights, (x, given or None)).to(self.dtype)
        return said
