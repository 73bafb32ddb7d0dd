"""The five lectures that this package grew out of: a function for each of their figures and equations."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "catalog": ["DECKS", "ITEMS", "LECTURERS", "Item", "coverage", "item_named", "items_of"],
        "running": ["Result", "run_item"],
        "study": ["Check", "Study"],
    },
)
