"""The engine: one loop for every game, exact resume, callbacks."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "config": ["TrainConfig"],
        "loop": ["Trained", "train"],
    },
)
