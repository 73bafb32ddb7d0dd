"""Samplers: from noise to data by steps from a time t to an earlier time s."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__, {"sampler": ["Passed", "Sampler"], "grids": ["GRIDS", "Grid"], "named": ["SAMPLERS", "sampler_named"]}
)
