"""The pages of the lectures, from what remakes their items: idea, figure, numbers, code.

All items that stand are remade as the command line does it, or those that are named; their numbers go into the record,
their figures into the documentation, and the pages are written anew from both.

    python -m experiments.lecture_pages [003.4 ...] [--quick]
"""

import argparse
import ast
import inspect
import json
import re
import shutil
import textwrap
from pathlib import Path
from typing import Any

from genzoo.experiments.lectures import DECKS, ITEMS, LECTURERS, Item, coverage, item_named, items_of
from genzoo.experiments.lectures.running import run_all

ROOT = Path(__file__).resolve().parents[1]
PAGES, IMAGES = ROOT / "docs" / "lectures", ROOT / "docs" / "images" / "lectures"
RECORD = ROOT / "experiments" / "records" / "lectures.json"
COSTS = {"s": "seconds", "m": "minutes", "h": "up to an hour"}
INDEX = """# The lectures

genzoo grew out of five opening lectures on deep generative models. Here each of their figures and equations is a
function of at most forty lines that calls the library as anyone would, draws the figure again, and holds every number
against what it must be. {here} of {of} stand.

```console
$ genzoo lecture
$ genzoo lecture 003.4
$ genzoo lecture --all --quick
```

A figure of an item and its numbers come into `runs/lectures`. What takes minutes is shortened by `--quick`; what takes
an hour is drawn from its record unless `--train` asks for the training.

"""


def code_of(item: Item) -> str:
    """The function of an item without its text."""
    source = textwrap.dedent(inspect.getsource(item.function()))
    said = ast.parse(source).body[0].body[0]  # type: ignore[attr-defined]
    lines = source.splitlines()
    return "\n".join(lines[: said.lineno - 1] + lines[said.end_lineno :])


def block(item: Item, record: dict[str, Any]) -> str:
    """What the page of a deck says of an item."""
    text, _, further = (inspect.getdoc(item.function()) or "").rpartition("\n\n")
    parts = [f"## {item.number} {item.title}", text]
    parts += [f"![{shown['alt']}](../images/lectures/{shown['name']})" for shown in record["figures"]]
    rows = [f"| {_cell(c['name'])} | {_cell(c['got'])} | {_cell(c['want'])} |" for c in record["checks"]]
    parts.append("\n".join(["| what | found | must be |", "|---|---:|---:|", *rows]))
    if record.get("short"):
        parts.append("Figure and numbers are those of `--quick`, which shortens what it can.")
    parts.append(f"```console\n$ genzoo lecture {item.number}\n```")
    parts.append(f"```python\n{code_of(item)}\n```")
    parts.append(further)
    return "\n\n".join(parts)


def page(deck: str, record: dict[str, Any]) -> str:
    """The page of a deck."""
    here, of = coverage(deck)
    planned = [item for item in items_of(deck) if item.place is None]
    head = f"# Lecture {deck}: {DECKS[deck]}\n\nAfter {after(deck)}: {here} of {of} items stand.\n\n"
    head += "```python\nfrom genzoo.experiments.lectures import Study\n```\n\n"
    blocks = [block(item, record[item.number]) for item in items_of(deck) if item.place and item.number in record]
    rest = "\n".join(f"- {item.number} {item.title}. It lacks {item.lacks}." for item in planned)
    return head + "\n\n".join(blocks) + (f"\n\n## To come\n\n{rest}\n" if planned else "\n")


def after(deck: str) -> str:
    """Whose lecture it is."""
    return f"a lecture by {LECTURERS[deck]}" if deck in LECTURERS else "an introductory lecture"


def index() -> str:
    """The page that leads to the decks."""
    here, of = coverage()
    parts = []
    for deck, title in DECKS.items():
        stand, all_of_it = coverage(deck)
        parts.append(
            f"## {title}\n\n[Lecture {deck}](lectures/{deck}.md), after {after(deck)}: {stand} of {all_of_it}.\n"
        )
        heads = {item.number: f"{item.number} {item.title}" for item in items_of(deck) if item.place}
        parts += [f"- [{number}](lectures/{deck}.md#{slug(head)}){head.removeprefix(number)}"
                  for number, head in heads.items()]  # fmt: skip
        parts.append("")
    return INDEX.format(here=here, of=of) + "\n".join(parts)


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and the documentation make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def told(result: Any, *, quick: bool) -> dict[str, Any]:
    """What the record keeps of a result; its figures are copied into the documentation."""
    figures = []
    for path in result.files:
        if path.suffix == ".svg":
            name = f"{result.number}{path.stem.removeprefix('figure')}.svg"
            shutil.copyfile(path, IMAGES / name)
            alt = path.read_text(encoding="utf-8").partition("<title>")[2].partition("</title>")[0]
            figures.append({"name": name, "alt": alt})
        elif path.suffix == ".gif":
            shutil.copyfile(path, IMAGES / f"{result.number}.gif")
            figures.append({"name": f"{result.number}.gif", "alt": "The same as a film, step by step."})
    checks = [{"name": c.name, "got": c.found, "want": c.wanted} for c in result.checks]
    return {"seconds": result.seconds, "short": quick, "checks": checks, "figures": figures}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")


def main() -> None:
    """Remakes items, and writes pages and record."""
    said = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    said.add_argument("numbers", nargs="*", help="items; by default all that stand")
    said.add_argument("--quick", action="store_true", help="what takes minutes in seconds")
    said.add_argument("--write", action="store_true", help="write the pages from the record alone")
    said.add_argument("--new", action="store_true", help="only items that the record lacks")
    said.add_argument("--out", type=Path, default=ROOT / "runs" / "lectures")
    asked = said.parse_args()
    IMAGES.mkdir(parents=True, exist_ok=True)
    PAGES.mkdir(parents=True, exist_ok=True)
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    items = [item_named(number) for number in asked.numbers] or [item for item in ITEMS if item.place]
    items = [item for item in items if not (asked.new and item.number in record)]
    for item, result in [] if asked.write else run_all(items, asked.out, processes=2, quick=asked.quick):
        if isinstance(result, Exception) or not result.holds:
            raise SystemExit(f"{item.number} does not hold: {result}")
        record[item.number] = told(result, quick=asked.quick)
        print(item.number, result.seconds, flush=True)
        RECORD.write_text(json.dumps(dict(sorted(record.items(), key=_place)), indent=1) + "\n", encoding="utf-8")
    (ROOT / "docs" / "lectures.md").write_text(index(), encoding="utf-8")
    for deck in DECKS:
        (PAGES / f"{deck}.md").write_text(page(deck, record), encoding="utf-8")


def _place(pair: tuple[str, Any]) -> tuple[int, int]:
    deck, _, number = pair[0].partition(".")
    return int(deck), int(number)


if __name__ == "__main__":
    main()
