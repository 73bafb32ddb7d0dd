"""Loss weights: how much an error at each noise level counts.

A weight is a function of the log signal-to-noise ratio λ that multiplies the error of the mean, ‖x − x̂‖². In these
units what the network predicts drops out: the weight SNR is the plain error of the noise, whatever the network says.

References:
    Kingma & Gao, 2023, "Understanding diffusion objectives as the ELBO with simple data augmentation",
    arXiv:2303.00848
"""

import abc
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.models.diffusion.coupling import Coupling, Independent
from genzoo.models.diffusion.parametrization import Predicts
from genzoo.models.diffusion.schedule import Schedule
from genzoo.models.diffusion.time import Times, Uniform

__all__ = ["ELBO", "P2", "SNR", "Emphasis", "MinSNR", "Preconditioned", "Sigmoid", "Unweighted", "Weight"]

UNIFORM, ANY = Uniform(), Independent()


class Weight(abc.ABC):
    """A weight of ‖x − x̂‖² by λ = log α²/σ².

    Attributes:
        integrates: Whether the loss is an integral over λ, the same for all times that are drawn: the weight is then
            multiplied by |dλ/du|, one over the density of what was drawn.
    """

    integrates: ClassVar[bool] = False

    @abc.abstractmethod
    def __call__(self, log_snr: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        """The weight at each λ."""


@dataclass(frozen=True)
class Unweighted(Weight):
    """w = 1: the error of the mean itself."""

    def __call__(self, log_snr: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        return torch.ones_like(log_snr)


@dataclass(frozen=True)
class SNR(Weight):
    """w = e^λ: the error of the noise, DDPM's simple loss."""

    def __call__(self, log_snr: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        return log_snr.exp()


@dataclass(frozen=True)
class MinSNR(Weight):
    """w = min(e^λ, γ): the error of the noise, but no more than γ times that of the mean.

    References:
        Hang et al., 2023, "Efficient diffusion training via min-SNR weighting strategy", arXiv:2303.09556
    """

    gamma: float = 5.0

    def __call__(self, log_snr: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        return log_snr.exp().clamp_max(self.gamma)


@dataclass(frozen=True)
class Sigmoid(Weight):
    """w = e^λ · sigmoid(bias − λ): the error of the noise, fading out where there is little of it.

    References:
        Hoogeboom, Heek & Salimans, 2023, "Simple diffusion: end-to-end diffusion for high resolution images",
        arXiv:2301.11093
        Kingma & Gao, 2023, arXiv:2303.00848
    """

    bias: float = 2.0

    def __call__(self, log_snr: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        return log_snr.exp() * torch.sigmoid(self.bias - log_snr)


@dataclass(frozen=True)
class P2(Weight):
    """w = e^λ / (k + e^λ)^γ: the error of the noise, less of it where there is too little to learn anything from.

    References:
        Choi et al., 2022, "Perception prioritized training of diffusion models", arXiv:2204.00227
    """

    gamma: float = 1.0
    k: float = 1.0

    def __call__(self, log_snr: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        return log_snr.exp() / (self.k + log_snr.exp()) ** self.gamma


@dataclass(frozen=True)
class Preconditioned(Weight):
    """w = 1 + e^λ, (σ² + 1)/σ² for α = 1: the plain error of what a preconditioned network says, for data of unit
    variance.

    References:
        Karras, Aittala, Aila & Laine, 2022, arXiv:2206.00364
    """

    def __call__(self, log_snr: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        return 1 + log_snr.exp()


@dataclass(frozen=True)
class ELBO(Weight):
    """w = e^λ/2 · |dλ/du|: the integral of the variational bound, whatever times are drawn.

    References:
        Kingma, Salimans, Poole & Ho, 2021, "Variational diffusion models", arXiv:2107.00630
    """

    integrates: ClassVar[bool] = True

    def __call__(self, log_snr: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        return log_snr.exp() / 2


@dataclass(frozen=True)
class Emphasis:
    """What training cares about: at which times it looks, at which pairs, and how much an error there counts.

    Of times and weight only the product matters in expectation; a wise distribution of times makes the same loss less
    noisy.

    Args:
        times: The distribution of times.
        weight: The weight of an error of the mean; None is the plain error of what the network predicts.
        coupling: Which noise goes with which row.
    """

    times: Times = UNIFORM
    weight: Weight | None = None
    coupling: Coupling = ANY

    def refuse(self, predicts: Predicts, schedule: Schedule) -> None:
        """Raises if the parts do not make a loss that is finite and lowers what it says.

        Raises:
            ValueError: If the error of a score goes unweighted, a clock is learned by a loss that depends on it, or
                an integral is to be had from times with gaps.
        """
        integrates = self.weight is not None and self.weight.integrates
        if predicts is Predicts.SCORE and self.weight is None:
            raise ValueError(
                "An error of the score counts without bound where there is little noise, so its loss must be "
                "weighted, got no weight. Give one that fades there, such as SNR()."
            )
        if (schedule.learns or self.times.learns) and not integrates:
            raise ValueError(
                f"A clock is learned by a loss that does not depend on it, got {self.weight}: with that it would flee "
                "to where the loss is least. Take the weight ELBO()."
            )
        if self.times.has_gaps and integrates:
            raise ValueError(
                f"The integral of the bound needs every time, got {self.times}. Take Uniform() or another weight."
            )
