"""The page of words: what stands there by hand, and a line for every public class whose noun is its own.

The noun of a name is its last word: that of `MaskedDiffusion` is diffusion. A noun that several public classes share,
and every setting of a recipe, is explained by hand in `docs/glossary.md`; any other stands there with the first
sentence of its class.

    python -m experiments.words
"""

import collections
import inspect
import re
from pathlib import Path

from experiments.site import first_line, packages

PAGE = Path(__file__).resolve().parents[1] / "docs" / "glossary.md"
HEAD = "## Names\n"
WORD = re.compile(r"DiT|UViT|[A-Z]+(?=[A-Z][a-z])|[A-Z][a-z]+\d?d?|[A-Z]+\d*|\d+")
ROW = re.compile(r"^\| ([\w, ]+) \| (.+) \|$", re.MULTILINE)


def noun_of(name: str) -> str:
    """The last word of a class's name.

    Args:
        name: As "MaskedDiffusion".
    """
    return WORD.findall(name)[-1].lower()


def nouns() -> dict[str, dict[str, type]]:
    """The public classes by their nouns."""
    found: dict[str, dict[str, type]] = collections.defaultdict(dict)
    for _, module in packages():
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) and thing.__module__.startswith("genzoo."):
                found[noun_of(name)][f"{thing.__module__}.{name}"] = thing
    return found


def rows(heading: str) -> list[tuple[str, str]]:
    """Words with their meanings, of a part of the page.

    Args:
        heading: The part's.
    """
    part = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [(word.strip(), told) for word, told in ROW.findall(part) if word not in ("word", "setting")]


def names() -> str:
    """The last part of the page: the classes whose nouns nobody shares."""
    alone = {noun: next(iter(classes.values())) for noun, classes in nouns().items() if len(classes) == 1}
    explained = {word for word, _ in rows("Ideas")}
    lines = [f"| {noun} | `{each.__name__}`: {first_line(each).rstrip(',:')} |" for noun, each in sorted(alone.items())
             if noun not in explained]  # fmt: skip
    return "\n".join([HEAD, "| word | what it names |", "|---|---|", *lines, ""])


def main() -> None:
    """Writes it."""
    by_hand = PAGE.read_text(encoding="utf-8").partition(HEAD)[0]
    PAGE.write_text(by_hand + names(), encoding="utf-8")


if __name__ == "__main__":
    main()
