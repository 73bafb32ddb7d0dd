"""Molecules or backbones of a file as a picture."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from genzoo.apps.cli.using import refuse_ending, refuse_own
from genzoo.zoo.mistakes import Mistake, unknown
from genzoo.zoo.store import whole
from genzoo.zoo.terminal import say

__all__ = ["COMMANDS"]

ENDINGS = (".pdb", ".ent")
MOST = 400  # tiles of one picture


def draw(
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="Molecules, a SMILES in each line, or proteins, .pdb.")
    ],
    out: Annotated[Path | None, typer.Option(help="The .svg; by default beside the file.")] = None,
    n: Annotated[int, typer.Option("-n", min=1, max=MOST, help="How many, from the first on.")] = 16,
    columns: Annotated[int, typer.Option(min=1, max=20, help="How many side by side.")] = 4,
    below: Annotated[str, typer.Option(help="The properties below each molecule, or none.")] = "logP,QED",
) -> None:
    """Draw the structural formulas of molecules, with what RDKit tells of each below it, or ribbons of backbones."""
    if source.name.lower().endswith(ENDINGS):
        _draw_ribbons(source, out or source.with_suffix(".svg"), n, columns)
        return
    from genzoo.data.chemistry import PROPERTIES, fault, properties_of
    from genzoo.data.readers.molecules import words_of
    from genzoo.data.structures import as_svg

    names = [] if below == "none" else [name.strip() for name in below.split(",")]
    if strange := [name for name in names if name not in PROPERTIES]:
        raise unknown("property of molecules", strange[0], PROPERTIES)
    out = out or source.with_suffix(".svg")
    refuse_ending(out, (".svg",))
    refuse_own(out, source)
    if not source.is_file():
        raise Mistake(f"Molecules must stand in a file, got {str(source)!r}, which is none.", "Check the path.")
    smiles = [word for _, word in words_of(source)][:n]
    if not smiles:
        raise Mistake(f"{source.name} must hold molecules, got none.", "Write a SMILES in each line.")
    try:
        known = properties_of(smiles, names)
        faults = [fault(text) for text in smiles]
        captions = [
            f"none: {why}" if why else "  ".join(f"{name} {known[name][i]:.4g}" for name in names)
            for i, why in enumerate(faults)
        ]
        picture = as_svg(smiles, captions, columns=columns)
    except ImportError as problem:
        raise Mistake(str(problem), "Run: pip install 'genzoo[chem]'") from None
    with whole(out) as draft:
        draft.write_text(picture, encoding="utf-8")
    none = sum(map(bool, faults))
    say(f"{len(smiles)} molecules{f', of which {none} are none' if none else ''}: {out}")


def _draw_ribbons(source: Path, out: Path, n: int, columns: int) -> None:
    """Draws every chain of every model, up to n."""
    refuse_ending(out, (".svg",))
    refuse_own(out, source)
    if not source.is_file():
        raise Mistake(f"Proteins must stand in a file, got {str(source)!r}, which is none.", "Check the path.")
    import torch

    from genzoo.data.proteins.drawing import ribbons_svg
    from genzoo.data.proteins.pdb import read_models

    chains = [chain for model in read_models(source) for chain in model if len(chain) > 1][:n]
    places = [torch.from_numpy(chain.placed()) for chain in chains]
    with whole(out) as draft:
        draft.write_text(ribbons_svg(places, [chain.name for chain in chains], columns), encoding="utf-8")
    say(f"{len(chains)} backbones: {out}")


COMMANDS: dict[Callable[..., None], str] = {
    draw: "genzoo draw mols.smi --out mols.svg -n 16",
}
