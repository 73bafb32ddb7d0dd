"""A page in the browser on which a folder of runs is looked at, drawn from and added to."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, {"studio": ["Studio", "open_studio"]})
