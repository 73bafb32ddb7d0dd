"""Adversarial models: a generator against a critic."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "wgan_gp": ["WassersteinGAN"],
    },
)
