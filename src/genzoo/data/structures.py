"""Molecules as chemists draw them."""

from collections.abc import Sequence
from html import escape
from textwrap import wrap
from typing import Any

from genzoo.data.chemistry import rdkit, read_molecule

__all__ = ["as_svg"]

SIDE, LETTER = 240, 14  # the width of a molecule's place, and the size of the letters below it
DEFAULTS = ("fill-rule:evenodd;", ";stroke-linecap:butt;stroke-linejoin:miter;stroke-opacity:1")
WIDEST = 30  # letters of a line
BOND, MARGIN = 24, 0.12  # the longest bond, and the share of a place that stays free at each side


def as_svg(smiles: Sequence[str], captions: Sequence[str] = (), *, columns: int = 4) -> str:
    """Structural formulas of molecules in rows and columns, as SVG; the place of what is none stays empty.

    Args:
        smiles: Texts that may or may not be molecules.
        captions: What stands below each.
        columns: How many stand side by side.

    Raises:
        ImportError: If RDKit is not installed.
        ValueError: If there are none, or the captions are not as many.

    Example:
        >>> as_svg(["CCO", "c1ccccc1"], ["ethanol", "benzene"]).count("</svg>")  # doctest: +SKIP
        1
    """
    if not smiles or (captions and len(captions) != len(smiles)):
        raise ValueError(f"Molecules must have a caption each, got {len(captions)} for {len(smiles)}. Match them.")
    chemistry = rdkit()
    from rdkit.Chem.Draw import rdMolDraw2D

    columns = min(columns, len(smiles))
    rows = -(-len(smiles) // columns)
    picture = rdMolDraw2D.MolDraw2DSVG(SIDE * columns, SIDE * rows, SIDE, SIDE)
    options: Any = picture.drawOptions()  # whose fields are typed as the whole
    options.fixedBondLength, options.padding, options.drawMolsSameScale = BOND, MARGIN, False
    picture.DrawMolecules([read_molecule(text) or chemistry.Mol() for text in smiles])
    picture.FinishDrawing()
    drawn = str(picture.GetDrawingText()).replace("encoding='iso-8859-1'", "encoding='utf-8'")
    for default in DEFAULTS:  # which half of the file is made of
        drawn = drawn.replace(default, "")
    said = (_caption(text, i % columns, i // columns) for i, text in enumerate(captions))
    return drawn.replace("</svg>", "\n".join([*said, "</svg>"]))


def _caption(text: str, column: int, row: int) -> str:
    """Lines of letters that end at the bottom of a place."""
    lines = wrap(text, WIDEST)
    said = []
    for number, line in enumerate(lines):
        x, y = SIDE * (column + 0.5), SIDE * (row + 1) - LETTER * (len(lines) - number)
        place = f"x='{x:g}' y='{y:g}' text-anchor='middle' font-family='sans-serif' font-size='{LETTER}'"
        said.append(f"<text {place} fill='#000000'>{escape(line)}</text>")
    return "\n".join(said)
