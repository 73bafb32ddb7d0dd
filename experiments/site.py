"""The site of the documentation: pages of all public names before it is built, and what is wrong with it afterwards.

Nothing here is kept by hand: the pages are the packages' `__all__` and their docstrings. A built site must stand by
itself: what a page loads lies beside it, and what it links to within the site is there.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urldefrag

import genzoo

LONGEST = 80  # letters of a value in a table
LOADS = {  # attributes by which a page asks for something while it is shown
    "src", "srcset", "poster", "data", "action", "background", "xlink:href",
}  # fmt: skip
LINKED = {"a", "area"}  # whose href waits for a click
OUTSIDE = re.compile(r"\s*(?:https?:|wss?:|ftp:)?//", re.IGNORECASE)
ELSEWHERE = re.compile(r"\s*[a-z][a-z0-9+.-]*:", re.IGNORECASE)  # mailto:, data:, javascript:
STYLE = re.compile(r"(?:url\(|@import)\s*['\"]?\s*((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)
SCRIPT = re.compile(r"(?:fetch|importScripts|import|open|sendBeacon|WebSocket|EventSource)\s*\([^()]{0,40}?['\"`]"
                    r"((?:https?:|wss?:)?//[^'\"`]+)")  # fmt: skip


def packages() -> Iterator[tuple[str, ModuleType]]:
    """Every package of genzoo that offers names, by its own."""
    for name in ("genzoo", *(info.name for info in pkgutil.walk_packages(genzoo.__path__, "genzoo.") if info.ispkg)):
        if (module := importlib.import_module(name)) and getattr(module, "__all__", ()):
            yield name, module


def first_line(thing: object) -> str:
    """The first sentence of what a name says of itself, in one line of a table.

    Args:
        thing: A class, a function; of anything else it is its value.
    """
    if directive(thing) is None:
        value = re.sub(r"collections\.abc\.|typing\.|torch\.(?=Tensor)| at 0x[0-9a-f]+", "", repr(thing))
        value = " ".join(value.split())
        return f"`{value if len(value) <= LONGEST else value[:LONGEST] + '…'}`".replace("|", "\\|")
    said = " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())
    return re.sub(r"([|*]|_\b)", r"\\\1", re.sub(r"[,:]$", ".", said))


def homes() -> dict[int, str]:
    """Where each thing is told of, by its identity: in the package of its own module, or above it."""
    found: dict[int, str] = {}
    for name, module in packages():
        for each in module.__all__:
            thing = getattr(module, each)
            if directive(thing) and (id(thing) not in found or f"{thing.__module__}.".startswith(f"{name}.")):
                found[id(thing)] = name
    return found


def page_of_names(name: str, module: ModuleType, at: dict[int, str]) -> str:
    """A package's page: its names with their first lines, each leading to all that is said of it.

    Args:
        name: The package's.
        module: The package.
        at: Where each thing is told of.
    """
    shown = {each: getattr(module, each) for each in module.__all__ if not each.startswith("_")}
    rows, told = [], []
    for each, thing in shown.items():
        home = at.get(id(thing))
        link = f"{{py:obj}}`{each} <{home}.{each}>`" if home else f"`{each}`"
        rows.append(f"| {link} | {first_line(thing)} |")
        told += [f".. {directive(thing)}:: {name}.{each}"] if home == name else []
    head = [f"# {name}", "", inspect.getdoc(module) or "", "", "| name | what it is |", "|---|---|", *rows, ""]
    return "\n".join([*head, *(["```{eval-rst}", *told, "```", ""] if told else [])])


def directive(thing: object) -> str | None:
    """What tells sphinx of a thing by its docstring; of values and names of types there is no more than they are."""
    if inspect.isclass(thing):
        return "autoclass"
    return "autofunction" if inspect.isfunction(thing) else None


def write_names(folder: Path) -> list[Path]:
    """Writes a page of names for each package; one that says what it said is left as it is.

    Args:
        folder: Where they go.
    """
    folder.mkdir(exist_ok=True)
    written, at = [], homes()
    for name, module in packages():
        path, text = folder / f"{name}.md", page_of_names(name, module, at)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
        written.append(path)
    for path in set(folder.glob("*.md")) - set(written):  # of packages that are no more
        path.unlink()
    return written


class Page(HTMLParser):
    """What a page is named, asks for, and leads to."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.names: set[str] = set()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if not value:
                continue
            if key in {"id", "name"}:
                self.names.add(value)
            elif key in LOADS or (key == "href" and tag not in LINKED):
                self.loads += [part.split()[0] for part in value.split(",")] if key == "srcset" else [value]
            elif key == "href":
                self.links.append(value)


def faults(folder: Path) -> list[str]:
    """What is wrong with a built site: requests to other places, and links that lead nowhere.

    Args:
        folder: Of its HTML.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in {".html", ".css", ".js", ".svg"}]
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    pages = {path: Page(text) for path, text in texts.items() if path.suffix in {".html", ".svg"}}
    found = []
    for path, text in texts.items():
        asked = STYLE.findall(text) + (SCRIPT.findall(text) if path.suffix != ".css" else [])
        asked += [each for each in (pages[path].loads if path in pages else []) if OUTSIDE.match(each)]
        found += [f"{path.relative_to(folder)} asks for {each}" for each in asked]
    for path, page in pages.items():
        inside = [each for each in page.links + page.loads if not ELSEWHERE.match(each) and not OUTSIDE.match(each)]
        for target in sorted(set(inside)):
            place, name = urldefrag(target)
            file = (path.parent / unquote(place.partition("?")[0])).resolve() if place else path
            if not file.exists():
                found.append(f"{path.relative_to(folder)} leads to {target}, which is not there")
            elif name and file in pages and unquote(name) not in pages[file].names:
                found.append(f"{path.relative_to(folder)} leads to {target}, and there is no such place in it")
    return found
