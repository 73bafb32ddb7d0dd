"""Autoencoders: models of data through a latent space."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "adversary": ["Adversary"],
        "code_pyramid": ["CodePyramid"],
        "code_scales": ["CodeScales", "scales_of"],
        "coder": ["Coder", "Coding"],
        "gaussian": ["GaussianAutoencoder"],
        "given_normal": ["GivenNormal"],
        "ladder": ["Ladder", "LadderAutoencoder", "LadderPrior"],
        "palette": ["Colors", "Palette"],
        "priors": ["MixturePrior", "Prior", "StandardNormal", "VampPrior"],
        "quantizers": ["Codebook", "LookupFree", "Quantized", "Quantizer", "ScalarGrid"],
        "rate": ["Rate"],
        "vae": ["VAE"],
        "vq_vae": ["CodedAutoencoder", "VQVAE"],
    },
)
