"""Random numbers from first principles: a generator, the maps from uniform numbers to others, the tests of both.

genzoo itself draws from `Noise`; here is what a lecture starts with, exact and fast enough to be examined.
"""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "alias": ["AliasTable"],
        "battery": ["Outcome", "examine"],
        "congruential": ["LinearCongruential", "ansi_c", "minstd", "randu"],
        "sources": ["NoiseWords", "NumpyWords", "WordSource"],
        "transforms": ["Rejected", "box_muller", "exponential", "inverse_cdf", "polar", "rejection"],
    },
)
