"""Experiments: families side by side on the same data with the same budget, and the report of it."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "compare": ["Comparison", "Entry"],
        "report": ["write_report"],
    },
)
