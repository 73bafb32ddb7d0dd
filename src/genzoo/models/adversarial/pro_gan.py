"""ProGAN: a generator and a critic that grow together, from images of 4×4 to those of the data.

At first there is little to see and little to learn, and it is learned quickly; then a stage of twice the size is added
to both networks, and fades in, while what the critic is shown of the data is mixed in the same way.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.game import Batch, Instant, Player
from genzoo.core.given import NOTHING, Given, GivenSpaceLike
from genzoo.core.space import Space
from genzoo.models.adversarial.gan import GAN
from genzoo.models.adversarial.generator import Rules
from genzoo.nn.progressive import Progressive, doubled, halved

__all__ = ["ProGAN"]


class ProGAN(GAN):
    """A GAN that grows: at progress p of the training it stands at the level

    $$ \\ell(p) = \\lfloor q \\rfloor + \\max(0, 2 (q - \\lfloor q \\rfloor) - 1), \\qquad q = K \\min(1, p / u), $$

    of K doublings that are made by the progress u: each size stands alone for as long as the next one then fades in.
    The level is a buffer of both networks. Samples have the full size at every level, enlarged where need be.

    Args:
        space: What one x is: an image.
        given_space: What both networks are conditioned on, if anything.
        generator: G, called as generator(z, given); a `Progressive` network, or one around it.
        critic: D, called as critic(x, given) with images of the generator's size; likewise.
        rules: The objective, its penalties, and who plays how.
        latent: The length of z.
        until: u, the progress at which it has grown up; 0 for networks that begin so.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If nothing grows, or it is to grow beyond the training's end.

    Example:
        >>> from genzoo.models.adversarial import GradientPenalty, Wasserstein
        >>> from genzoo.nn import Conditioned, ProgressiveDecoder, ProgressiveEncoder
        >>> space, rules = Space((1, 16, 16)), Rules(Wasserstein(), [GradientPenalty()])
        >>> nets = ProgressiveDecoder(4, space.shape, width=4), ProgressiveEncoder(space.shape, 1, width=4)
        >>> model = ProGAN(space, None, *map(Conditioned, nets), rules, latent=4)
        >>> [model.level(p) for p in (0.0, 0.15, 0.225, 0.45, 0.6)]
        [0.0, 0.0, 0.5, 1.0, 2.0]

    References:
        Karras, Aila, Laine & Lehtinen, 2018, "Progressive growing of GANs for improved quality, stability, and
        variation", arXiv:1710.10196
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
        until: float = 0.6,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space, generator, critic, rules, latent=latent, drop_given=drop_given)
        if not 0 <= until <= 1:
            raise ValueError(f"Growth must end within the training, got until={until:g}. Set a share such as 0.6.")
        self.until = until
        self.growing = [part for part in (*generator.modules(), *critic.modules()) if isinstance(part, Progressive)]
        if len(self.growing) != 2:
            raise ValueError(
                f"A generator and a critic must grow, got {len(self.growing)} such networks. Build each from one of "
                "genzoo.nn's progressive networks."
            )
        self.at(0.0)

    def level(self, progress: float) -> float:
        """How far it has grown at some progress, in stages."""
        last = len(self.growing[0].sizes) - 1
        if progress >= self.until:
            return float(last)
        share, stage = math.modf(last * progress / self.until)
        return stage + max(0.0, 2 * share - 1)

    def at(self, progress: float) -> None:
        for net in self.growing:
            net.level.fill_(self.level(progress))

    def generate(self, z: Float[Tensor, "B latent"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        x, net = self.small(z, given), self.growing[0]
        for size in net.sizes[net.stage[0] + 1 :]:
            x = doubled(x, size)
        return x

    def small(self, z: Float[Tensor, "B latent"], given: Given = NOTHING) -> Float[Tensor, "B C h w"]:
        """G(z) at the size to which it has grown."""
        x: Tensor = self.generator(z, given or None).to(self.dtype)
        return x.tanh() if self.space.is_discrete else x

    def fake(self, batch: Batch, given: Given) -> Float[Tensor, "B *seen"]:
        return self.small(self.latent_of(batch), given)

    def real(self, batch: Batch, given: Given) -> Float[Tensor, "B *seen"]:
        """Data at the size to which it has grown, mixed with what is left of them at the size before."""
        x, net = super().real(batch, given), self.growing[0]
        stage, share = net.stage
        for _ in net.sizes[stage + 1 :]:
            x = halved(x)
        return x if share == 1 else torch.lerp(doubled(halved(x), net.sizes[stage]), x, share)

    def players(self) -> Sequence[Player]:
        return [replace(p, after=self._grow) if p.name == "generator" else p for p in super().players()]

    def _grow(self, now: Instant) -> None:
        self.at(now.progress)
