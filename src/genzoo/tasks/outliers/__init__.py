"""Rows that are strange to a model: scores by whatever it can do, p-values that are calibrated, and flags of which a
known share is false."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "chances": ["benjamini_hochberg", "conformal", "rows_needed"],
        "entries": ["Strangeness", "surprise"],
        "finding": ["Outliers", "methods", "outliers"],
        "purifying": ["purify"],
        "statistic": ["Choice", "Setting", "Statistic"],
        "tails": ["Tails"],
    },
)
