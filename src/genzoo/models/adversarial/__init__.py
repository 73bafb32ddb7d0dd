"""Adversarial models: a generator against a critic."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "gan": ["GAN"],
        "generator": ["Adversarial"],
        "wgan_gp": ["WassersteinGAN"],
    },
)
