"""Distributions that `torch.distributions` lacks, each with a `draw(noise)` of its own."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "discretized_logistic": ["DiscretizedLogistic"],
        "levels": ["centered", "quantized"],
        "observation": ["Observation"],
    },
)
