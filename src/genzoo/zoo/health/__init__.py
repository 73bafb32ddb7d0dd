"""What may go wrong in a training, found in its journal: while it runs, and in a run that has ended however it did."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "history": ["Finding", "History"],
        "detectors": ["DETECTORS", "findings"],
        "watch": ["Health"],
        "examination": ["Examination", "examined"],
    },
)
