"""The command line. Listing and help cost no torch: what a command needs is imported when it runs."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, {"root": ["app", "main"]})
