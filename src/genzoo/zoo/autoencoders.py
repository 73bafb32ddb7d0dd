"""Recipes of autoencoders."""

from typing import Literal

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.recipe import Amount, Count, DropGiven, GivenSpaceLike, Recipe, Size, recipe
from genzoo.zoo.units import in_units

__all__ = ["vae"]


@recipe(
    family="autoencoders",
    likelihood="bound",
    can=("sample", "log_prob", "encode", "decode", "latent", "score", "loss", "condition"),
    paper="Kingma & Welling, 2014, Auto-encoding variational Bayes, arXiv:1312.6114",
    sampling=("noise",),
)
def vae(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    net: Literal["auto", "mlp", "conv"] = "auto",
    latent: Count | None = None,
    hidden: Count = 256,
    depth: Count = 2,
    width: Count | None = None,
    beta: Amount = 1.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A variational autoencoder: a Gaussian latent, and a decoder whose distribution suits the data.

    Bytes get a discretized logistic, two levels a Bernoulli, real numbers a Gaussian in standard units.

    Args:
        size: Small: 16 latents (4 for tables), 16 channels. Paper: 32 latents, 64 channels.
        net: Convolutions or a multilayer perceptron; auto: convolutions from 16×16 pixels on.
        latent: The length of z; by default as size says.
        hidden: The width of a perceptron's hidden layers.
        depth: Their number.
        width: Channels of the convolutions at full size; by default as size says.
        beta: The weight of the rate in the loss; log_prob is the ELBO whatever it is.
    """
    from genzoo.models.autoencoders import VAE, GaussianAutoencoder

    images = len(space.shape) == 3 and min(space.shape[1:]) >= 16
    small = size == "small"
    latent = latent or (32 if not small else 16 if space.dims > 16 else 4)
    conv = net == "conv" or (net == "auto" and images)
    if conv:
        both = GaussianAutoencoder.conv(space, given_space, latent=latent, width=width or (16 if small else 64))
    else:
        both = GaussianAutoencoder.mlp(space, given_space, latent=latent, hidden=[hidden] * depth)
    model = VAE(space, given_space, both, beta=beta, drop_given=drop_given)
    config = TrainConfig(
        steps=3000,
        lr=2e-3 if small else 1e-3,
        warmup=100,
        precision="auto" if conv else "float32",
        clip_norm=100.0,
        ema=0.05,
        keep="best",
    )
    return Recipe(in_units(model), config)
