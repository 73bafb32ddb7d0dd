"""Whether a model keeps the contract's promises: one of yours as well as the zoo's, without a test runner."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "examination": ["Failed", "Finding", "asked", "check", "examine", "promises"],
        "promise": ["Broken", "LeftOut", "Promise", "Subject"],
        "suitable": ["conditions", "rows"],
    },
)
