"""Any text, for properties; Hypothesis' own makes a table of all characters first, which takes seconds."""

from hypothesis import strategies as st

SURROGATES, HALVES = 0xD800, 0x800


def texts(most: int) -> st.SearchStrategy[str]:
    """Texts of at most so many characters: often of the first ones, and of all that are no half of one."""
    number = st.one_of(st.integers(0, 0x250), st.integers(0, 0x10FFFF - HALVES))
    character = number.map(lambda i: chr(i if i < SURROGATES else i + HALVES))
    return st.lists(character, max_size=most).map("".join)
