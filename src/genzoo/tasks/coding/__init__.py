"""Compression: rows into bytes by what a model expects of them, and back exactly."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "bits_back": ["BitsBack"],
        "container": ["Part", "Reader", "Writer"],
        "fixed_point": ["Doubts"],
        "lossy": ["Codes", "Latents"],
        "order": ["Order"],
        "road": ["Packed", "Road"],
        "whole": ["Whole"],
    },
)
