"""Representations: short codes of data, with no density of their own."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "autoencoder": ["CodeAutoencoder"],
        "corruptions": ["Corruption", "GaussianNoise", "Masking", "SaltAndPepper"],
        "denoising_autoencoder": ["DenoisingAutoencoder"],
        "factorization": ["MatrixFactorization"],
        "free_codes": ["FreeCodes"],
        "lasso": ["fista", "ista", "soft_threshold", "sparse_codes"],
        "losses": ["LOSSES", "Loss", "absolute", "huber", "squared"],
        "representation": ["PointAutoencoder", "Representation"],
        "sparse_autoencoder": ["SparseAutoencoder"],
        "sparse_coding": ["SparseCoding"],
    },
)
