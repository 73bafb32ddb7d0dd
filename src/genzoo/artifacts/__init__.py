"""Artifacts: a trained model as graphs that run without genzoo."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__, {"artifact": ["Exported", "export"], "parity": ["Parity"], "refusal": ["CannotExport"]}
)
