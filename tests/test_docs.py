"""The documentation is true: its Python runs, its commands parse, its links lead somewhere, its table is the zoo's."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments import site, words

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(p for p in (ROOT / "docs").rglob("*.md") if not {"_build", "api"} & {*p.parts}),
]
FENCE = re.compile(r"^```(?P<kind>[\w{}-]*)\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, kind: str) -> list[str]:
    return [found["body"] for found in FENCE.finditer(path.read_text(encoding="utf-8")) if found["kind"] == kind]


def commands() -> Iterator[tuple[str, str]]:
    """Every `$ genzoo …` line with its page."""
    for path in PAGES:
        for line in "".join(blocks(path, "console")).splitlines():
            if line.startswith("$ genzoo "):
                yield name_of(path), line.removeprefix("$ genzoo ")


@pytest.mark.parametrize("path", [p for p in PAGES if blocks(p, "python")], ids=name_of)
def test_python_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page, in order, are one program; they may write into `runs/`."""
    from genzoo.zoo import recipes

    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "page"}
    offered = dict(recipes())
    try:
        for body in blocks(path, "python"):
            exec(compile(body, name_of(path), "exec"), namespace)
    finally:  # what a page adds to the zoo ends with it
        recipes().clear()
        recipes().update(offered)


@pytest.mark.parametrize(("page", "line"), list(commands()))
def test_commands_parse(page: str, line: str) -> None:
    """Commands and their options exist; nothing is run."""
    import typer

    from genzoo.apps.cli import app

    group = typer.main.get_command(app)
    name, *arguments = shlex.split(line, comments=True)
    while name in group.commands and not callable(group.commands[name].callback):
        group, (name, *arguments) = group.commands[name], arguments
    group.commands[name].make_context(name, arguments)


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    prose = FENCE.sub("", path.read_text(encoding="utf-8"))
    return {slug(line.lstrip("#")) for line in prose.splitlines() if re.match(r"#{1,4} ", line)}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    for found in LINK.finditer(FENCE.sub("", path.read_text(encoding="utf-8"))):
        target, _, anchor = found["target"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        place = (path.parent / target).resolve() if target else path
        assert place.exists(), f"{name_of(path)} links to {target}"
        if anchor:
            assert anchor in anchors(place), f"{name_of(path)} links to {found['target']}"


def test_every_page_is_in_the_contents() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {p.relative_to(ROOT / "docs").with_suffix("").as_posix() for p in PAGES if p.is_relative_to(ROOT / "docs")}
    assert pages - {"index"} == {line for line in re.findall(r"^[\w/-]+$", index, re.MULTILINE) if line in pages}


def test_the_readmes_table_of_models_is_true() -> None:
    from genzoo.zoo import recipes

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = {tuple(row) for row in re.findall(r"^\| `(\w+)` \| (\w+) \| ([\w ()]+) \| .+ \|$", text, re.MULTILINE)}
    kinds = {
        name: info.likelihood
        if info.likelihood == info.on_levels
        else f"{info.likelihood} ({info.on_levels} on levels)"
        for name, info in recipes().items()
    }
    assert rows
    assert rows <= {(name, info.family, kinds[name]) for name, info in recipes().items()}


def test_a_site_that_asks_others_or_leads_nowhere_is_found_out(tmp_path: Path) -> None:
    """Every way in which a page may ask for something, once; `make docs` asks this of what it built."""
    (tmp_path / "here.html").write_text('<p id="place"></p><a href="https://elsewhere.org">waits for a click</a>')
    bad = (
        '<script src="https://a.org/x.js"></script>',
        '<link rel="stylesheet" href="//b.org/x.css">',
        '<img src="missing.png">',
        '<img srcset="here.html 1x, http://c.org/2.png 2x">',
        '<style>@import "https://d.org/x.css";</style>',
        '<p style="background: url(https://e.org/f.png)"></p>',
        '<script>fetch("https://g.org")</script>',
        '<a href="here.html#nowhere">',
        '<a href="there.html">',
        '<a href="#nowhere">',
    )
    for place, text in enumerate(bad):
        (tmp_path / f"{place}.html").write_text(text)
    good = '<a href="here.html#place"></a><a href="mailto:a@b.org"></a><img src="data:image/png;base64,AAAA">'
    (tmp_path / "good.html").write_text(good)
    assert [fault.split(".")[0] for fault in sorted(site.faults(tmp_path))] == [str(k) for k in range(len(bad))]


def test_every_public_name_has_a_line_and_is_told_of_once(tmp_path: Path) -> None:
    text = {path.stem: path.read_text(encoding="utf-8") for path in site.write_names(tmp_path)}
    assert {"genzoo", "genzoo.core", "genzoo.models.flows", "genzoo.tasks.inverse"} <= set(text)
    told = re.findall(r"^\.\. auto\w+:: (\S+)$", "".join(text.values()), re.MULTILINE)
    rows = re.findall(r"^\| (?:\{py:obj\})?`\w+(?: <([\w.]+)>)?` \| (.+) \|$", "".join(text.values()), re.MULTILINE)
    assert len(rows) == sum(not each.startswith("_") for _, module in site.packages() for each in module.__all__)
    assert len(told) == len(set(told))
    assert {home for home, _ in rows if home} == set(told)
    assert {"genzoo.core.Space", "genzoo.zoo.Recipe"} <= set(told)


FAMILIES = sorted((ROOT / "docs" / "families").glob("*.md"))


@pytest.mark.parametrize("path", FAMILIES, ids=name_of)
def test_the_page_of_a_family_says_in_short_what_it_is(path: Path) -> None:
    """Its equation, its cost, how it fails, and a number with the command or the page that leads to it."""
    rows = dict(re.findall(r"^\| (says|costs|fails|a number) \| (.+) \|$", path.read_text("utf-8"), re.MULTILINE))
    assert list(rows) == ["says", "costs", "fails", "a number"]
    assert "$" in rows["says"]
    assert re.search(r"\d.*\((`python -m experiments|\[Results\])", rows["a number"])


def test_every_noun_of_a_public_class_stands_in_the_glossary_once() -> None:
    """By hand where classes share it, else with the sentence of its class, which `experiments.words` writes."""
    ideas = [word for word, _ in words.rows("Ideas")]
    assert len(ideas) == len(set(ideas))
    assert {noun for noun, classes in words.nouns().items() if len(classes) > 1} <= set(ideas)
    assert words.PAGE.read_text(encoding="utf-8").endswith(words.names()), "Run python -m experiments.words"


def test_every_setting_of_a_recipe_stands_in_the_glossary_once() -> None:
    from genzoo.zoo import recipes

    told = [word for word, _ in words.rows("Settings of recipes")]
    assert told == sorted(set(told))
    assert set(told) == {name for info in recipes().values() for name in info.arguments.model_fields}
