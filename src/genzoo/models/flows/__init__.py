"""Normalizing flows: an invertible map between data and noise, with an exact density."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "actnorm": ["ActNorm"],
        "autoregressive": ["Autoregressive"],
        "base": ["Base", "NormalBase", "StandardNormal"],
        "bijection": ["Bijection", "Chain"],
        "coupling": ["Affine", "Coupling", "Elementwise"],
        "couplings": ["Nets", "coupling_flow"],
        "flow": ["Flow"],
        "logit": ["Logit"],
        "planar": ["Planar"],
        "radial": ["Radial"],
        "rearrange": ["Flatten", "Shuffle", "Squeeze"],
        "spline": ["Spline"],
        "split": ["Split"],
    },
)
