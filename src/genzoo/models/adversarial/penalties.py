"""Penalties: what holds the critic, so that the generator finds a slope to go down, and what shapes the generator.

A penalty is a number that is added to the critic's loss, of what the critic says and where: an `Encounter`. It may
come every so many rounds only, and then counts as many times more.
"""

import abc
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from genzoo.core.noise import Noise

__all__ = [
    "R1", "R2", "Anchor", "Encounter", "GradientPenalty", "Orthogonal", "PathLength", "Penalty", "Shaping",
    "orthogonality", "spectral", "turn",
]  # fmt: skip

Value = Float[Tensor, ""]


@dataclass(frozen=True)
class Encounter:
    """Rows of data and samples before a critic.

    Attributes:
        critic: D, called with rows as the critic sees them; the condition is known to it.
        real: Rows of data.
        fake: As many samples.
        of_real: D of the data.
        of_fake: D of the samples.
        noise: The source of what a penalty draws.
        progress: How far the training is, from 0 toward 1.
    """

    critic: Callable[[Tensor], Tensor]
    real: Float[Tensor, "B *event"]
    fake: Float[Tensor, "B *event"]
    of_real: Float[Tensor, "B patches"]
    of_fake: Float[Tensor, "B patches"]
    noise: Noise
    progress: float = 0.0

    @functools.cached_property
    def slopes(self) -> tuple[Float[Tensor, "B *event"], Float[Tensor, "B *event"]]:
        """∇D at the data and at the samples, which must require gradients; found once for all penalties."""
        both = self.of_real.sum() + self.of_fake.sum()
        with torch.enable_grad():
            real, fake = torch.autograd.grad(both, (self.real, self.fake), create_graph=True)
        return real, fake


class Penalty(abc.ABC):
    """A number that the critic lowers beside its loss.

    Attributes:
        name: What it is called in the log.
        every: It is taken every so many rounds, with as many times its weight.
        at_ends: Whether it looks at the slopes of the critic where data and samples are.
    """

    name: ClassVar[str]
    every: int = 1
    at_ends: bool = False

    @abc.abstractmethod
    def value(self, met: Encounter) -> Value:
        """What is penalized, without its weight."""

    @abc.abstractmethod
    def weight(self, progress: float) -> float:
        """What it counts at some progress of the training."""

    def __call__(self, met: Encounter) -> tuple[Value, Value]:
        """What is added to the loss, and what is logged."""
        value = self.value(met)
        return self.every * self.weight(met.progress) * value, value.detach()


class GradientPenalty(Penalty):
    """The critic's slope held to one at places between data and samples,

    $$ \\lambda\\,\\mathbb E (\\|\\nabla D(\\hat x)\\| - 1)^2, \\qquad \\hat x = u x + (1 - u) \\tilde x, \\quad
       u \\sim U(0, 1), $$

    or, on one side only, λ E max(0, ‖∇D‖ − 1)².

    Args:
        scale: λ.
        one_sided: Whether slopes below one are let be.
        every: It is taken every so many rounds.

    References:
        Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville, 2017, "Improved training of Wasserstein GANs",
        arXiv:1704.00028
        Petzka, Fischer & Lukovnikov, 2018, "On the regularization of Wasserstein GANs", arXiv:1709.08894 (one side)
    """

    name = "penalty"

    def __init__(self, scale: float = 10.0, *, one_sided: bool = False, every: int = 1) -> None:
        self.scale, self.one_sided, self.every = scale, one_sided, every

    def value(self, met: Encounter) -> Value:
        mix = met.noise.at("mix").uniform(len(met.real), *[1] * (met.real.ndim - 1), dtype=met.real.dtype)
        between = torch.lerp(met.fake, met.real, mix).detach().requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(met.critic(between).sum(), between, create_graph=True)
        excess = slope.flatten(1).norm(dim=1) - 1
        return (excess.relu() if self.one_sided else excess).square().mean()

    def weight(self, progress: float) -> float:
        return self.scale


class R1(Penalty):
    """The critic's slope at the data held near zero,

    $$ \\tfrac{\\gamma}{2}\\,\\mathbb E \\|\\nabla D(x)\\|^2, $$

    so that where samples are like the data the critic is flat and the game comes to rest. γ may go down along the
    training by half a cosine, for a stiff critic sees no detail.

    Args:
        gamma: γ at the beginning.
        last: γ at the end; by default the same.
        until: The progress at which it has come down.
        every: It is taken every so many rounds.

    Example:
        >>> round(R1(1.0, last=0.1, until=0.5).weight(0.25), 3), R1(1.0, last=0.1, until=0.5).weight(0.9)
        (0.275, 0.05)

    References:
        Mescheder, Geiger & Nowozin, 2018, "Which training methods for GANs do actually converge?", arXiv:1801.04406
        Huang, Gokaslan, Kuleshov & Tompkin, 2024, "The GAN is dead; long live the GAN!", arXiv:2501.05441
    """

    name = "r1"
    at_ends = True

    def __init__(self, gamma: float, *, last: float | None = None, until: float = 1.0, every: int = 1) -> None:
        self.gamma, self.last, self.until, self.every = gamma, gamma if last is None else last, until, every

    def value(self, met: Encounter) -> Value:
        return met.slopes[0].flatten(1).square().sum(1).mean()

    def weight(self, progress: float) -> float:
        left = (1 + math.cos(math.pi * min(1.0, progress / self.until))) / 2
        return (self.last + (self.gamma - self.last) * left) / 2


class R2(R1):
    """The same at the samples, (γ/2) E‖∇D(x̃)‖².

    Args:
        gamma: γ at the beginning.
        last: γ at the end; by default the same.
        until: The progress at which it has come down.
        every: It is taken every so many rounds.
    """

    name = "r2"

    def value(self, met: Encounter) -> Value:
        return met.slopes[1].flatten(1).square().sum(1).mean()


class Anchor(Penalty):
    """What the critic says of data held near zero, ε E D(x)²: by a Wasserstein loss alone it may drift anywhere.

    Args:
        scale: ε; published 0.001.

    References:
        Karras, Aila, Laine & Lehtinen, 2018, "Progressive growing of GANs", arXiv:1710.10196 (appendix A.1)
    """

    name = "anchor"

    def __init__(self, scale: float = 1e-3) -> None:
        self.scale = scale

    def value(self, met: Encounter) -> Value:
        return met.of_real.square().mean()

    def weight(self, progress: float) -> float:
        return self.scale


def spectral(net: nn.Module, *, embeddings: bool = False) -> nn.Module:
    """The network with every linear or convolutional layer's weight divided by its largest singular value, in place,

    $$ \\bar W = W / \\sigma(W), \\qquad \\sigma(W) = u^\\top W v, $$

    so that no layer stretches a distance. u and v are followed by a step of the power method, `turn`, after each step
    of the network; a call of it changes nothing.

    Args:
        net: The network.
        embeddings: Whether the tables of embeddings are normalized, too, as where a critic projects on a class.

    Example:
        >>> layer = nn.Linear(3, 3)
        >>> _ = layer.weight.data.copy_(torch.diag(torch.tensor([5.0, 1.0, 0.5])))
        >>> round(torch.linalg.matrix_norm(spectral(layer).weight, 2).item(), 3)
        1.0

    References:
        Miyato, Kataoka, Koyama & Yoshida, 2018, "Spectral normalization for generative adversarial networks",
        arXiv:1802.05957
    """
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, *([nn.Embedding] if embeddings else []))
    for layer in list(net.modules()):
        if isinstance(layer, kinds):
            parametrize.register_parametrization(layer, "weight", _Spectral(layer.get_parameter("weight")))
    return net


def turn(net: nn.Module) -> None:
    """A step of the power method in every layer that `spectral` normalizes.

    Args:
        net: The network.
    """
    for layer in net.modules():
        if isinstance(layer, parametrize.ParametrizationList):
            for part in layer:
                if isinstance(part, _Spectral):
                    part.turn(layer.original)


class _Spectral(nn.Module):
    """A weight divided by its largest singular value, as far as its vectors are known."""

    u: Tensor
    v: Tensor

    def __init__(self, weight: Tensor, warm: int = 15) -> None:
        super().__init__()
        rows = weight.detach().flatten(1)
        self.register_buffer("u", nn.functional.normalize(rows.sum(1), dim=0))
        self.register_buffer("v", nn.functional.normalize(rows.sum(0), dim=0))
        for _ in range(warm):
            self.turn(weight)

    def forward(self, weight: Tensor) -> Tensor:
        return weight / (self.u[:, None] * weight.flatten(1) * self.v).sum().clamp(min=1e-12)

    def turn(self, weight: Tensor) -> None:
        rows = weight.detach().flatten(1)
        self.u.copy_(nn.functional.normalize(rows @ self.v, dim=0))
        self.v.copy_(nn.functional.normalize(self.u @ rows, dim=0))


def orthogonality(net: nn.Module) -> Value:
    """How far the rows of a network's matrices are from being orthogonal to each other, their lengths aside,

    $$ \\sum_W \\|W W^\\top \\odot (1 - I)\\|_F^2, $$

    where a convolution's matrix has a row for each of its output channels.

    Args:
        net: The network.

    Example:
        >>> layer = nn.Linear(2, 2, bias=False)
        >>> layer.weight.data = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
        >>> orthogonality(layer).item()
        2.0

    References:
        Brock, Donahue & Simonyan, 2019, "Large scale GAN training for high fidelity natural image synthesis",
        arXiv:1809.11096 (equation 3)
    """
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
    total = next(net.parameters()).new_zeros(())
    for layer in layers:
        weight = layer.weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight
        rows = weight.flatten(1)
        products = rows @ rows.T
        total = total + (products - products.diag().diag()).square().sum()
    return total


class Shaping(abc.ABC):
    """A number that the generator lowers beside its loss.

    Args:
        scale: What it counts.
        every: It is taken every so many rounds, and counts as many times more.

    Attributes:
        name: What it is called in the log.
    """

    name: ClassVar[str]

    def __init__(self, scale: float, *, every: int = 1) -> None:
        self.scale, self.every = scale, every

    @abc.abstractmethod
    def value(self, generator: nn.Module, generate: Callable[[Tensor], Tensor], z: Tensor, noise: Noise) -> Value:
        """What is lowered, without its weight.

        Args:
            generator: The network.
            generate: From z to x as the critic sees it; the condition is known to it.
            z: Latents of a batch.
            noise: The source of what is drawn.
        """


class Orthogonal(Shaping):
    """The generator's matrices held near orthogonal rows, by `orthogonality`: latents that are cut short for better
    samples are then less strange to it.

    Args:
        scale: What it counts; published 1e-4.
        every: It is taken every so many rounds.

    References:
        Brock, Donahue & Simonyan, 2019, "Large scale GAN training for high fidelity natural image synthesis",
        arXiv:1809.11096
    """

    name = "orthogonal"

    def value(self, generator: nn.Module, generate: Callable[[Tensor], Tensor], z: Tensor, noise: Noise) -> Value:
        return orthogonality(generator)


class PathLength(Shaping):
    """Steps of one length in z held to steps of one length in x, whatever the place and the direction y,

    $$ \\lambda\\,\\mathbb E_{z, y} \\bigl(\\|J_z^\\top y\\| - a\\bigr)^2, \\qquad y \\sim N(0, I/D), $$

    with a the mean of the lengths in the batch.

    Args:
        scale: λ.
        every: It is taken every so many rounds; published 8.

    References:
        Karras et al., 2020, "Analyzing and improving the image quality of StyleGAN", arXiv:1912.04958 (section 3.2,
        with a running mean for a)
    """

    name = "path_length"

    def value(self, generator: nn.Module, generate: Callable[[Tensor], Tensor], z: Tensor, noise: Noise) -> Value:
        at = z if z.requires_grad else z.detach().requires_grad_()
        with torch.enable_grad():
            x = generate(at).flatten(1)
            y = noise.at("path").normal(*x.shape, dtype=x.dtype) / math.sqrt(x.shape[1])
            (slope,) = torch.autograd.grad((x * y).sum(), at, create_graph=True)
        lengths = slope.norm(dim=1)
        return (lengths - lengths.mean().detach()).square().mean()
