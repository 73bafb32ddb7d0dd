"""Representations: short codes of data, with no density of their own."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "autoencoder": ["CodeAutoencoder"],
        "clip": ["CLIP"],
        "contrastive": ["alike", "info_nce"],
        "cpc": ["CPC"],
        "corruptions": ["Corruption", "GaussianNoise", "Masking", "SaltAndPepper"],
        "denoising_autoencoder": ["DenoisingAutoencoder"],
        "encoding": ["Encoding"],
        "factorization": ["MatrixFactorization"],
        "free_codes": ["FreeCodes"],
        "lasso": ["fista", "ista", "soft_threshold", "sparse_codes"],
        "mae": ["MAE"],
        "losses": ["LOSSES", "Loss", "absolute", "huber", "squared"],
        "representation": ["PointAutoencoder", "Representation"],
        "simclr": ["SimCLR", "Viewed"],
        "vicreg": ["VICReg"],
        "sparse_autoencoder": ["SparseAutoencoder"],
        "sparse_coding": ["SparseCoding"],
    },
)
