"""Adversarially learned inference: a critic of pairs of x and its latent.

From data an encoder makes a latent, from a latent the generator makes x; the critic tells one kind of pair from the
other. Where it cannot, the encoder is the generator's posterior.
"""

import abc

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.game import Batch
from genzoo.core.given import Given, GivenAsked, GivenSpaceLike, RowsAsked
from genzoo.core.space import Space
from genzoo.models.adversarial.generator import Adversarial, Rules

__all__ = ["ALI", "Paired"]


class Paired(Adversarial):
    """A generator and an encoder against a critic of pairs, D(x, z): the entries of x, then those of z, in one row.

    Args:
        space: What one x is.
        given_space: What the networks are conditioned on, if anything.
        generator: G, called as generator(z, given); as many numbers as x has entries.
        encoder: Called as encoder(x, given) with x as the critic sees it.
        critic: D, called as critic(pair, given) with flat rows; one number a row.
        rules: How they play.
        latent: The length of z.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        generator: nn.Module,
        encoder: nn.Module,
        critic: nn.Module,
        rules: Rules,
        *,
        latent: int = 128,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space, generator, critic, rules, latent=latent, drop_given=drop_given)
        self.encoder = encoder

    @abc.abstractmethod
    def inferred(self, x: Float[Tensor, "B *event"], batch: Batch, given: Given) -> Float[Tensor, "B latent"]:
        """A latent for each row of data, in training."""

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B latent"]:
        """The latent that the encoder holds likeliest."""
        rows = self.numbers.of(self.checked(x))
        z: Tensor = self.encoder(rows, self.checked_given(given, len(rows)) or None)[:, : self.latent]
        return z

    def real(self, batch: Batch, given: Given) -> Float[Tensor, "B pair"]:
        x = self.numbers.of(batch.x)
        return torch.cat([x.flatten(1), self.inferred(x, batch, given)], dim=1)

    def fake(self, batch: Batch, given: Given) -> Float[Tensor, "B pair"]:
        z = self.latent_of(batch)
        return torch.cat([self.generate(z, given).flatten(1), z], dim=1)

    def makers(self) -> list[nn.Module]:
        return [self.generator, self.encoder]


class ALI(Paired):
    """Adversarially learned inference: the critic tells pairs by the encoder from pairs by the generator,

    $$ (x, z): \\quad x \\sim p(x),\\; z \\sim q(z \\mid x) = N(\\mu(x), \\sigma(x)^2) \\qquad \\text{against} \\qquad
       z \\sim N(0, I),\\; x = G(z), $$

    and both makers of pairs lower the critic's loss with the labels exchanged.

    Args:
        space: What one x is.
        given_space: What the networks are conditioned on, if anything.
        generator: G, called as generator(z, given); as many numbers as x has entries.
        encoder: Called as encoder(x, given); μ and log σ, side by side.
        critic: D, called as critic(pair, given) with the entries of x, then z, in one row; one number a row.
        rules: How they play.
        latent: The length of z.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Example:
        >>> from genzoo.nn import MLP
        >>> nets = MLP(4, [32], 2), MLP(2, [32], 8), MLP(6, [32], 1)
        >>> model = ALI(Space((2,)), None, *nets, Rules(), latent=4)
        >>> model.encode(model.sample(3, seed=0)).shape
        torch.Size([3, 4])

    References:
        Dumoulin et al., 2017, "Adversarially learned inference", arXiv:1606.00704
        Donahue, Krähenbühl & Darrell, 2017, "Adversarial feature learning", arXiv:1605.09782
    """

    def inferred(self, x: Float[Tensor, "B *event"], batch: Batch, given: Given) -> Float[Tensor, "B latent"]:
        mean, log_scale = self.encoder(x, given or None).chunk(2, dim=1)
        noise = batch.noise.at("code").normal(len(mean), self.latent, dtype=mean.dtype)
        code: Tensor = mean + log_scale.clamp(-8, 4).exp() * noise
        return code

    def generator_loss(self, batch: Batch) -> Tensor:
        given = self.training_given(batch)
        of_real, of_fake = self.judged(
            self.packed(self.real(batch, given)), self.packed(self.fake(batch, given)), given
        )
        return self.rules.objective.against(of_fake, of_real)["loss"]
