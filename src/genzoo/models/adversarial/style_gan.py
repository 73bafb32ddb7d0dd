"""StyleGAN: a generator that is told at every layer in which style to go on.

A latent z is first mapped to a style w, whose law is free to fit the data; w then says at each layer how much each
feature counts, so that coarse layers can be given the style of one picture and fine ones that of another.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core.abilities import Ability
from genzoo.core.game import Batch, Instant, Player
from genzoo.core.given import NOTHING, Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.abilities import NormalLatent
from genzoo.models.adversarial.gan import GAN
from genzoo.models.adversarial.generator import Rules, truncated

__all__ = ["StyleGAN", "StyleGenerator"]

REMEMBERS = 0.998  # the share of the mean style that a batch leaves as it was


class StyleGenerator(nn.Module):
    """A mapping from z to a style, and the synthesis of an image from a style for each layer.

    Args:
        mapping: Called as mapping(z, given).
        synthesis: Called as synthesis(styles, noise); it says the length of a `style` and how many `layers` take one.
    """

    def __init__(self, mapping: nn.Module, synthesis: nn.Module) -> None:
        super().__init__()
        self.mapping, self.synthesis = mapping, synthesis

    @property
    def layers(self) -> int:
        """How many styles a picture has."""
        return int(self.synthesis.layers)  # type: ignore[arg-type]

    def forward(
        self, styles: Float[Tensor, "B style"] | Float[Tensor, "B layers style"], noise: Noise | None
    ) -> Float[Tensor, "B C H W"]:
        """The picture of one style, or of a style for each layer."""
        every = styles if styles.ndim == 3 else styles[:, None].expand(-1, self.layers, -1)
        x: Tensor = self.synthesis(every, noise)
        return x


class StyleGAN(GAN):
    """A GAN with a generator by style,

    $$ w = f(z, given), \\qquad x = g(w_1, …, w_L, \\eta), \\qquad z, \\eta \\sim N(0, I), $$

    where all w are one, but for a share of the samples in training, whose layers behind a random one have the style of
    a second z. A running mean of w is kept: `sample(n, psi=0.7)` draws with w brought nearer to it,
    $w \\leftarrow \\bar w + \\psi (w - \\bar w)$. What is random at a place, η, is drawn in training and in `sample`,
    and left out where a picture is to be a function of z alone, as in `decode`.

    Args:
        space: What one x is.
        given_space: What both networks are conditioned on, if anything.
        generator: Mapping and synthesis.
        critic: D, called as critic(x, given); one number a row.
        rules: The objective, its penalties, and who plays how. What shapes the generator sees its w in place of z.
        latent: The length of z.
        mixing: The share of samples that have two styles in training.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If the share of mixed styles is none.

    Example:
        >>> from genzoo.models.adversarial import R1
        >>> from genzoo.nn import Conditioned, Mapping, ProgressiveEncoder, Synthesis
        >>> space = Space((1, 8, 8), levels=256)
        >>> generator = StyleGenerator(Conditioned(Mapping(4, 8, 2)), Synthesis(8, space.shape, width=4))
        >>> critic = Conditioned(ProgressiveEncoder(space.shape, 1, width=4, grows=False))
        >>> model = StyleGAN(space, None, generator, critic, Rules(penalties=[R1(1.0, every=16)]), latent=4)
        >>> model.sample(2, seed=0, psi=0.7).shape
        torch.Size([2, 1, 8, 8])

    References:
        Karras, Laine & Aila, 2019, "A style-based generator architecture for GANs", arXiv:1812.04948
        Karras et al., 2020, "Analyzing and improving the image quality of StyleGAN", arXiv:1912.04958
    """

    generator: StyleGenerator
    w_mean: Tensor

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        generator: StyleGenerator,
        critic: nn.Module,
        rules: Rules,
        *,
        latent: int = 128,
        mixing: float = 0.9,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space, generator, critic, rules, latent=latent, drop_given=drop_given)
        if not 0 <= mixing <= 1:
            raise ValueError(f"The share of mixed styles must lie in [0, 1], got {mixing:g}. Set mixing=0.9.")
        self.mixing = mixing
        self.register_buffer("w_mean", torch.zeros(int(generator.synthesis.style)))  # type: ignore[arg-type]
        self.seen: Tensor | None = None  # the mean style of the batch between a loss and the step after it

    def draw(
        self, n: int, given: Given, noise: Noise, *, truncation: float | None = None, psi: float = 1.0
    ) -> Shaped[Tensor, "n *event"]:
        """n samples, with z cut off at a truncation, and with styles brought to a share ψ of their way from the mean.

        Raises:
            ValueError: If ψ is negative.
        """
        if psi < 0:
            raise ValueError(f"ψ must not be negative, got {psi:g}. Set 0.7 for better samples, 1 for all of them.")
        z = noise.normal(n, self.latent, dtype=self.dtype)
        w = self.styles(z if truncation is None else truncated(z, truncation), given)
        return self.numbers.back(self.painted(self.w_mean + psi * (w - self.w_mean), noise.at("places")))

    def generate(self, z: Float[Tensor, "B latent"], given: Given = NOTHING) -> Float[Tensor, "B *event"]:
        return self.painted(self.styles(z, given), None)

    def styles(self, z: Float[Tensor, "B latent"], given: Given = NOTHING) -> Float[Tensor, "B style"]:
        """w = f(z, given)."""
        w: Tensor = self.generator.mapping(z, given or None)
        return w.to(self.dtype)

    def painted(self, styles: Float[Tensor, "B *layers style"], noise: Noise | None) -> Float[Tensor, "B *event"]:
        """The picture of one style, or of a style for each layer, as the critic sees it; without a source of noise,
        a function of the styles."""
        x = self.generator(styles, noise).reshape(len(styles), *self.space.shape).to(self.dtype)
        return x.tanh() if self.space.is_discrete else x

    def mixed(
        self, z: Float[Tensor, "B latent"], other: Float[Tensor, "B latent"], at: int | Tensor, given: Given = NOTHING
    ) -> Float[Tensor, "B layers style"]:
        """Styles of z before a layer, and of another latent from that layer on.

        Args:
            z: Latents for the coarse layers.
            other: Those for the fine ones.
            at: The number of the layer, one for all or one for each row.
            given: The condition.
        """
        layer = torch.arange(self.generator.layers, device=z.device)
        coarse = layer < (at[:, None] if isinstance(at, Tensor) else at)
        first, second = self.styles(z, given)[:, None], self.styles(other, given)[:, None]
        return torch.where(coarse.expand(len(z), -1)[:, :, None], first, second)

    def abilities(self) -> list[Ability]:
        return [_Styles(self), *super().abilities()[1:]]

    def fake(self, batch: Batch, given: Given) -> Float[Tensor, "B *seen"]:
        z = self.latent_of(batch)
        return self.painted(self._training_styles(z, batch, given), batch.noise.at("places"))

    def shaped_at(self, batch: Batch, given: Given) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        w = self.styles(self.latent_of(batch), given)
        return w, lambda styles: self.painted(styles, batch.noise.at("places"))

    def players(self) -> Sequence[Player]:
        return [replace(p, after=self._follow) if p.name == "generator" else p for p in super().players()]

    def _training_styles(self, z: Tensor, batch: Batch, given: Given) -> Tensor:
        """Styles of a batch, some of them mixed; their mean is remembered in the generator's turn."""
        layers, noise = self.generator.layers, batch.noise.at("mixing")
        other = noise.normal(len(z), self.latent, dtype=z.dtype)
        at = 1 + noise.integers(max(1, layers - 1), len(z))
        at = torch.where(noise.uniform(len(z)) < self.mixing, at, layers)
        styles = self.mixed(z, other, at, given)
        if torch.is_grad_enabled():
            self.seen = styles[:, 0].detach().mean(0)
        return styles

    def _follow(self, now: Instant) -> None:
        """Takes the mean style of the batch into the running mean."""
        if self.seen is None:
            return
        count = now.total(torch.ones((), dtype=self.w_mean.dtype, device=self.w_mean.device))
        self.w_mean.lerp_(now.total(self.seen.clone()) / count, 1 - min(REMEMBERS, (1 + now.step) / (10 + now.step)))
        self.seen = None


class _Styles(NormalLatent):
    """The latent of a generator by style: its layers may have the styles of two."""

    def __init__(self, model: StyleGAN) -> None:
        super().__init__(Space((model.latent,)), model.numbers, model.generate, model.dtype)
        self.model, self.layers = model, model.generator.layers

    def mixed(self, z: Tensor, other: Tensor, at: int, given: Given = NOTHING) -> Tensor:
        return self.model.painted(self.model.mixed(z, other, at, given), None)
