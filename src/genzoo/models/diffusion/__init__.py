"""Diffusion: data, noised along a schedule, and a network that takes the noise out again."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "schedule": ["Cosine", "Linear", "Moment", "Schedule", "Straight", "VarianceExploding"],
        "parametrization": ["Predicts"],
        "time": ["LogitNormal", "Times", "Uniform"],
        "weight": ["SNR", "Emphasis", "MinSNR", "Sigmoid", "Unweighted", "Weight"],
        "samplers": ["DDIM", "Ancestral", "Euler", "Heun", "Multistep", "Sampler"],
        "guidance": ["ClassifierFree", "Clipped"],
        "diffusion": ["Diffusion"],
    },
)
