"""Loss weights: how much an error at each noise level counts.

A weight is a function of the log signal-to-noise ratio λ that multiplies the error of the mean, ‖x − x̂‖². In these
units what the network predicts drops out: the weight SNR is the plain error of the noise, whatever the network says.

References:
    Kingma & Gao, 2023, "Understanding diffusion objectives as the ELBO with simple data augmentation",
    arXiv:2303.00848
"""

import abc
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.models.diffusion.time import Times, Uniform

__all__ = ["SNR", "Emphasis", "MinSNR", "Sigmoid", "Unweighted", "Weight"]

UNIFORM = Uniform()


class Weight(abc.ABC):
    """A weight of ‖x − x̂‖² by λ = log α²/σ²."""

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
class Emphasis:
    """What training cares about: at which times it looks, and how much an error there counts.

    Only the product of the two matters in expectation; a wise distribution of times makes the same loss less noisy.

    Args:
        times: The distribution of times.
        weight: The weight of an error of the mean; None is the plain error of what the network predicts.
    """

    times: Times = UNIFORM
    weight: Weight | None = None
