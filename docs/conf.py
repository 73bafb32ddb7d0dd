"""How the documentation is built: from Markdown and docstrings, without any network."""

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging

import genzoo
from experiments import site

logger = logging.getLogger(__name__)
project, author, version = "genzoo", "The genzoo authors", genzoo.__version__
copyright = "The genzoo authors, Apache-2.0"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
default_role = "code"
nitpicky = False
toc_object_entries = False  # hundreds of names in every page's contents would take half of the time

autodoc_default_options = {"members": True, "show-inheritance": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = "genzoo"
html_static_path, html_css_files = ["static"], ["genzoo.css"]
html_copy_source = False
html_math_renderer = "mathml"
html_theme_options = {"navigation_with_keys": True}

BLOCK = re.compile(r"^(?P<indent> *)\$\$(?P<body>.+?)\$\$", re.MULTILINE | re.DOTALL)
FUNCTION = re.compile(r'<mi>(?P<name>log|exp|sin|cos|tanh)</mi>(?!<mo stretchy="false">&#x00028;)')
REFERENCES = re.compile(r"(?P<head>^\.\. rubric:: References?\n\n?)(?P<body>(?:.*\S.*\n?)+)", re.MULTILINE)
LITERAL = re.compile(r"(`[^`]*`|\$[^$]+\$|\*\*[^*]+\*\*|^ *>>>.*$|^ *\.\. math::.*$)", re.MULTILINE)


def as_rst(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are written for readers of the code: `code`, $math$ and |bars| mean what they look like."""
    text = BLOCK.sub(_math_block, REFERENCES.sub(_references, "\n".join(lines)))
    parts, inside = [], False
    for part in text.split("\n"):
        inside = part.lstrip().startswith((".. math::", ">>>")) or (inside and part.strip() != "")
        parts.append(part if inside else "".join(map(_plain, LITERAL.split(part))))
    lines[:] = "\n".join(parts).split("\n")


def _references(found: re.Match[str]) -> str:
    """One to a line, each a point of a list; what is further in continues the line above."""
    return found["head"] + re.sub(r"^(?=\S)", "- ", re.sub(r"\n +", " ", found["body"]), flags=re.MULTILINE)


def _math_block(found: re.Match[str]) -> str:
    indent, body = found["indent"], " ".join(found["body"].split())
    return f"\n{indent}.. math:: {body}\n\n{indent}"


def _plain(part: str) -> str:
    if part.startswith("$"):
        return f":math:`{part[1:-1]}`"
    return part if LITERAL.fullmatch(part) else re.sub(r"([|*]|_\b)", r"\\\1", part)


def mathml(formula: str, display: str = "inline") -> str:
    """As latex2mathml has it, but with a thin space after a function whose argument has no parentheses: log p."""
    return FUNCTION.sub(r'<mo lspace="0" rspace="0.1667em">\g<name></mo>', convert(formula, display=display))


def inline_math(self: Any, node: nodes.math) -> None:
    self.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def block_math(self: Any, node: nodes.math_block) -> None:
    self.body.append(f'<div class="math">{mathml(node.astext(), "block")}</div>')
    raise nodes.SkipNode


def together(app: Sphinx, page: str, source: list[str]) -> None:
    """A number and its error stay in one line, in narrow tables too."""
    source[0] = re.sub(r"(?<=[\d%≤≈]) (?=±)|(?<=[±≤≈]) (?=[\d−])", "\u00a0", source[0])


def write_names(app: Sphinx) -> None:
    site.write_names(Path(app.srcdir) / "api")


def look(app: Sphinx, problem: Exception | None) -> None:
    """A site that asks others for anything, or leads nowhere, is no site."""
    for fault in [] if problem else site.faults(Path(app.outdir)):
        logger.warning(fault)


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", write_names)
    app.connect("source-read", together)
    app.connect("build-finished", look)
    app.connect("autodoc-process-docstring", as_rst)
    app.add_html_math_renderer("mathml", (inline_math, None), (block_math, None))
