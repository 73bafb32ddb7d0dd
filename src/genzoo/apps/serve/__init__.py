"""Trained runs behind HTTP: standard routes, one line before each model, and `/v1/score`."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__, {"limits": ["Limits"], "server": ["Server", "listening", "serve"], "served": ["Served", "Shelf"]}
)
