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
        "given": [
            "NOTHING",
            "Given",
            "GivenAsked",
            "GivenLike",
            "GivenSpace",
            "GivenSpaceLike",
            "as_given",
            "as_given_space",
            "complete",
            "is_null",
            "map_given",
            "null_like",
            "null_rows",
        ],
        "game": ["Batch", "DirectFit", "Done", "Instant", "Metrics", "Objective", "Player", "Trainable"],
        "abilities": ["Ability", "Denoise", "Denoiser", "Latent", "NumbersLike", "Sequential"],
        "component": ["Autoencoder", "Conditional"],
        "model": ["Capability", "GenerativeModel", "Likelihood", "Unsupported"],
    },
)
