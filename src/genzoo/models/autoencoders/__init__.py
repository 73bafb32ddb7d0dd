"""Autoencoders: models of data through a latent space."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "gaussian": ["GaussianAutoencoder"],
        "vae": ["VAE"],
    },
)
