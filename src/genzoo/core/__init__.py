"""The contract: read it first.

`Space` says what one x is, `Noise` is where every random number comes from, `GenerativeModel` is what a model offers,
and `Player`, `Trainable` and `DirectFit` are what the engine plays.
"""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "space": ["Column", "Space"],
        "noise": ["Noise", "fresh_seed", "seeded"],
        "given": ["Given", "GivenSpace", "is_null", "map_given", "null_rows", "resolve_given"],
        "game": ["Batch", "DirectFit", "Done", "Instant", "Metrics", "Player", "Trainable"],
        "component": ["Autoencoder", "Conditional"],
        "model": ["Capability", "GenerativeModel", "Likelihood", "Unsupported"],
    },
)
