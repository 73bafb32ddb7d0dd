"""Programs that a model wrote, run where they can do no harm, and judged by what they give."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "problems": ["Judged", "Problem", "judged", "recorded", "parsed_tests"],
        "running": ["Limits", "NotAllowed", "Outcome", "execute", "same"],
    },
)
