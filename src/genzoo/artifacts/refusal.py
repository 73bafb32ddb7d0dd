"""What cannot be exported is refused, with the reason."""

from genzoo.core.model import Unsupported

__all__ = ["CannotExport"]


class CannotExport(Unsupported):
    """A graph cannot be made of what a model does: where that lies, and what to do.

    Args:
        cause: Why not, as the end of a sentence: "it looks at values of its rows".
        fix: One sentence: what to do.

    Example:
        >>> print(CannotExport("it draws symbol by symbol", "Export logits."))
        This cannot be exported: it draws symbol by symbol. Export logits.
    """

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(f"This cannot be exported: {cause}. {fix}")
        self.cause, self.fix = cause, fix
