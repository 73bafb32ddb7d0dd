"""What models are used for: functions over capabilities, which know the contract and never a model."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "expectations": ["Expectation", "expectation"],
        "intervals": ["Interval"],
    },
)
