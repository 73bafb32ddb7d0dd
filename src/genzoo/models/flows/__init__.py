"""Normalizing flows: an invertible map between data and noise, with an exact density."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "actnorm": ["ActNorm"],
        "autoregressions": ["MaskedNets", "autoregressive_flow"],
        "autoregressive": ["Autoregressive"],
        "base": ["Base", "NormalBase", "StandardNormal"],
        "bijection": ["Bijection", "Chain"],
        "causal": ["Causal"],
        "cell_flow": ["CellFlow"],
        "circle": ["CircularSpline", "Torus"],
        "continuous": ["Continuous", "continuous_flow"],
        "coupling": ["Additive", "Affine", "Coupling", "Elementwise"],
        "couplings": ["Nets", "coupling_flow"],
        "flow": ["Flow"],
        "integer": ["GridLogistics", "IntegerFlow", "Rounded"],
        "inverse": ["Inverse"],
        "logistics": ["Logistics"],
        "logit": ["Logit"],
        "mixing": ["Mixing"],
        "planar": ["Planar"],
        "radial": ["Radial"],
        "rearrange": ["Flatten", "Patches", "Shuffle", "Squeeze"],
        "residual": ["Residual", "residual_flow"],
        "separate": ["Separate"],
        "simplex": ["LogRatio", "StickBreaking"],
        "spline": ["Spline"],
        "split": ["Split"],
        "sylvester": ["Sylvester"],
        "tails": ["LogTails"],
        "tarflow": ["Transformers", "causal_flow"],
    },
)
