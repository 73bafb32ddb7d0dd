"""A user's mistakes: said with a cause and a fix, and with the nearest word for a typo."""

from collections.abc import Iterable

from genzoo._words import closest

__all__ = ["Mistake", "nearest", "unknown"]


class Mistake(ValueError):
    """What must hold and what was got instead (the cause), and what to do about it (the fix).

    Args:
        cause: One sentence: what must hold; what was got.
        fix: One sentence: what to do.

    Example:
        >>> print(Mistake("A budget must be given, got none.", "Pass steps=2000."))
        A budget must be given, got none. Pass steps=2000.
    """

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(f"{cause} {fix}")
        self.cause, self.fix = cause, fix

    @classmethod
    def of(cls, error: Exception) -> "Mistake":
        """Another error as a mistake: by the house's rule its last sentence says what to do.

        Example:
            >>> Mistake.of(ValueError("x must be positive, got -1. Take its logarithm first.")).fix
            'Take its logarithm first.'
        """
        if isinstance(error, Mistake):
            return error
        text = " ".join(str(error).split()) or type(error).__name__
        cause, dot, fix = text.rstrip().rpartition(". ")
        return cls(cause + dot.strip(), fix) if cause else cls(text, "Run again with --debug to see where.")


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The word most like another, if any is like it at all.

    Example:
        >>> nearest("vea", ["vae", "veegan", "wgan_gp"])
        'vae'
    """
    folded = {known.lower().replace("-", "_"): known for known in words}
    found = closest(word.lower().replace("-", "_"), folded, cutoff=0.5)
    return None if found is None else folded[found]


def unknown(what: str, word: str, words: Iterable[str]) -> Mistake:
    """The mistake of a word that is none of those known, naming the nearest.

    Example:
        >>> unknown("recipe", "vea", ["vae", "wgan_gp"]).fix
        "Did you mean 'vae'?"
    """
    known = sorted(words)
    close = nearest(word, known)
    listed = ", ".join(known) or "there is none"
    return Mistake(
        f"There is no {what} {word!r}.", f"Did you mean {close!r}?" if close else f"Choose one of: {listed}."
    )
