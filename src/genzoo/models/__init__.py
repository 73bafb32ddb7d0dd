"""The models: one folder per family, one file per method."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "denoised": ["Denoised"],
        "dequantized": ["Dequantized"],
        "joint": ["Joint"],
        "latent": ["LatentModel"],
        "ranked": ["Ranked"],
        "standardized": ["Standardized"],
    },
)
