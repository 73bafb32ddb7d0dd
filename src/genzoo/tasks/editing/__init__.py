"""Rows of the user's own, changed by a model."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, {"moving": ["Shift", "moved", "shift"], "painting": ["strokes"]})
