"""Whether a file is what it says it is: its receipt read, and the samples drawn again."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genzoo.apps.cli.editing import painted_into
from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.using import drawn_into, loaded_on
from genzoo.apps.cli.words import print_json, print_table
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.store import read_config
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from genzoo.zoo.receipts import Edit, Receipt

__all__ = ["COMMANDS"]

NO_PROOF = "A receipt shows where a file is from. That it has none shows nothing: it may be real, or saved anew."


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that may hold samples.")],
    run: Annotated[
        Path | None, typer.Option(help="The run that it is said to be from: the samples are drawn again.")
    ] = None,
    guide: Annotated[
        Path | None, typer.Option("--strokes", help="Of an edited picture: the one that was painted over.")
    ] = None,
    mask: Annotated[Path | None, typer.Option(help="And the mask, where there was one.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")] = False,
) -> None:
    """Tell whether a file says that genzoo made it, whether it is as it was then, and, with --run, whether the run
    makes it again; ends with 1 where it does not hold."""
    if run is not None:
        read_config(run)
    from genzoo.zoo.receipts import looked_at

    verdict = looked_at(file)
    state, receipt, how = str(verdict.state), verdict.receipt, verdict.found
    if receipt is not None and run is not None:
        with Heartbeat("verify") as beat:
            beat.say(f"drawing {receipt.n or 0:,} samples again")
            state, how = _again(file, run, receipt, (guide, mask), device)
    if as_json:
        print_json({"file": str(file), "state": state, "how": how, "receipt": receipt and receipt.model_dump()})
    else:
        said = {} if receipt is None else receipt.model_dump(exclude_none=True)
        print_table(("what", "said"), [(name, str(value)) for name, value in said.items() if value not in ([], {})])
        say(f"{file}: {state}" + (f" ({how})" if how else ""))
        say(NO_PROOF)
    if state not in ("intact", "regenerated"):
        raise typer.Exit(1)


def _again(
    file: Path, path: Path, receipt: "Receipt", pictures: tuple[Path | None, Path | None], device: str
) -> tuple[str, str]:
    """Whether a run makes a file again, and how far they agree; an edit from the pictures that it was made of."""
    from genzoo.data.marks import substance
    from genzoo.zoo.receipts import MOST, model_hash

    loaded = loaded_on(path, device)
    if receipt.model != model_hash(loaded):
        return "not regenerated", f"{file.name} is said to be of {receipt.recipe} with other weights than {path}"
    if receipt.n is None:
        return "intact", "by these weights, as it says; it does not tell how it would be drawn again"
    if receipt.n > MOST:
        raise Mistake(
            f"A receipt must ask for at most {MOST:,} samples, got {receipt.n:,}.",
            "Draw them by `genzoo sample` with its seed and options, and compare.",
        )
    guide, mask = pictures
    if receipt.edit is not None:
        _refuse_others(receipt.edit, guide, mask)
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / file.name
        if receipt.edit is None:
            drawn_into(loaded, receipt.model_dump(), other, file.suffix)
        elif guide is not None:
            painted_into(loaded, receipt.model_dump(), guide, mask, other)
        if substance(other) == substance(file):
            return "regenerated", "every value as it is in the file"
        return _nearly(file, other)


def _refuse_others(edit: "Edit", guide: Path | None, mask: Path | None) -> None:
    """Raises unless these are the pictures that an edit was made of."""
    from genzoo.data.marks import substance

    for word, path, want in (("--strokes", guide, edit.guide), ("--mask", mask, edit.mask)):
        got = None if path is None else substance(path)
        if got != want:
            said = "none" if got is None else f"a picture of hash {got[:12]}"
            wanted = "no picture" if want is None else f"the picture of hash {want[:12]}"
            raise Mistake(f"The file is an edit made with {wanted} as {word}, got {said}.", f"Name that by {word}.")


def _nearly(file: Path, other: Path) -> tuple[str, str]:
    """How far pictures differ: another machine rounds otherwise, by one level here and there."""
    from genzoo.data.codecs.image import open_image

    if file.suffix.lower() != ".png":
        return "not regenerated", "the samples that were drawn again are others"
    a, b = open_image(file).long(), open_image(other).long()
    if a.shape != b.shape:
        return "not regenerated", f"drawn again they make a picture of {tuple(b.shape)}, not {tuple(a.shape)}"
    off = (a - b).abs()
    share = (off > 0).double().mean().item()
    said = f"{100 * share:.2g} % of values differ, by at most {int(off.max())}"
    return ("regenerated" if off.max() <= 1 and share <= NEARLY else "not regenerated"), said


NEARLY = 0.01  # of the values may differ, and by one level
COMMANDS: dict[Callable[..., None], str] = {verify: "genzoo verify samples.png --run runs/vae-digits"}
