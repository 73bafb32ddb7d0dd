"""How names of columns are written in questions, which Python's parser reads."""

import keyword
import re
import unicodedata

__all__ = ["identifier"]


def identifier(name: str) -> str:
    """A column's name as a question writes it: with _ for all that a name of Python cannot hold.

    Args:
        name: The name.

    Example:
        >>> [identifier(name) for name in ("age", "Age (years)", "größe", "2nd class", "class")]
        ['age', 'Age__years_', 'größe', '_2nd_class', '_class']
    """
    word = re.sub(r"\W", "_", unicodedata.normalize("NFKC", name))  # the parser normalizes as well
    return word if word.isidentifier() and not keyword.iskeyword(word) else f"_{word}"
