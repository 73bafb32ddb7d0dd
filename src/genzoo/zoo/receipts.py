"""Receipts: what a file of samples says of how it was made, so that whoever has the run makes it again.

A sample depends on the model, its number, the seed and the condition alone. A file that names them can therefore be
drawn once more and compared: that shows where it is from. A receipt cannot show that a file without one is real.
"""

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pydantic

from genzoo import __version__
from genzoo._files import check_plain, open_plain, read_bytes
from genzoo.data.marks import LARGEST, mark_in, marked, substance
from genzoo.zoo import store
from genzoo.zoo.loading import Run

__all__ = ["MOST", "Receipt", "Verdict", "looked_at", "model_hash", "signed"]

MOST = 100_000  # samples that are drawn again because a file says so


class Edit(pydantic.BaseModel, extra="ignore", strict=True):
    """How a picture was painted over.

    Attributes:
        guide: A hash of what is seen of the picture.
        mask: Likewise of where it might change; None: everywhere.
        strength: How much.
        steps: From noise to data.
    """

    guide: str
    mask: str | None = None
    strength: float = pydantic.Field(ge=0, le=1)
    steps: int = pydantic.Field(ge=2)


class Receipt(pydantic.BaseModel, extra="ignore", strict=True):
    """What a file of samples was drawn with.

    Attributes:
        by: The program with its version.
        recipe: The recipe of the run.
        model: A hash of the weights and of what they are weights of.
        n: How many samples the file holds; None where the file does not tell how they are drawn again.
        seed: Names their noise.
        given: Their conditions, as `name=words`.
        options: The options of sampling.
        where: What holds in all of them; None of most.
        edit: What picture they are answers to; None of samples.
        solved: What was seen of a row that was solved for, which row it is, and which of its draws.
        content: A hash of what is seen or heard of the file.
    """

    by: str
    recipe: str
    model: str
    n: int | None = pydantic.Field(None, ge=1)
    seed: int | None = pydantic.Field(None, ge=0)
    given: list[str] = []
    options: dict[str, Any] = {}
    where: str | None = None
    edit: Edit | None = None
    solved: dict[str, Any] | None = None
    content: str


class Verdict(NamedTuple):
    """What a file says of itself, and whether that is so.

    Attributes:
        state: Whether it claims nothing, was changed since, or is as it was.
        receipt: What it claims.
        found: Where that stands.
    """

    state: Literal["unknown", "altered", "intact"]
    receipt: Receipt | None
    found: str


def signed(
    run: Run, asked: Mapping[str, Any], path: Path, *, inside: bool = True, composite: bool = False
) -> dict[str, Any]:
    """The receipt of a file that was just written, which a picture or a sound also gets inside.

    Args:
        run: What it was drawn from.
        asked: What it is drawn again by, `n`, `seed`, `given`, `options` and, where there is one, `where` or `edit`;
            or what else is known, such as `solved`.
        path: The file.
        inside: Whether the receipt is also to stand in the file.
        composite: Whether a part of what is seen is not the model's.

    Raises:
        DataError: If it cannot be read.
    """
    about = {"by": f"genzoo {__version__}", "recipe": run.config.recipe.name, "model": model_hash(run)}
    receipt = about | dict(asked) | {"content": substance(path)}
    if inside and path.stat().st_size <= LARGEST:
        content = read_bytes(path)
        if (with_mark := marked(content, json.dumps(receipt), composite=composite)) is not content:
            path.write_bytes(with_mark)
    return receipt


def looked_at(path: Path) -> Verdict:
    """What a file says of itself, and whether it is what was written then.

    Args:
        path: The file; what it does not say may stand in the JSON of its name.

    Raises:
        FileError: If it cannot be read.
        DataError: If it is a picture or a sound that cannot be decoded.
    """
    beside, is_small = path.with_suffix(".json"), check_plain(path).st_size <= LARGEST
    text, place = mark_in(read_bytes(path)) if is_small else None, f"in {path.name}"
    if text is None and beside.is_file() and beside != path:
        text, place = read_bytes(beside, LARGEST).decode(errors="replace"), f"in {beside.name}"
    try:
        receipt = Receipt.model_validate_json(text or "")
    except pydantic.ValidationError:
        return Verdict("unknown", None, "")
    is_intact = substance(path) == receipt.content
    return Verdict("intact" if is_intact else "altered", receipt, place)


def model_hash(run: Run) -> str:
    """Names the weights and what they are weights of."""
    weights, recipe = run.path / store.WEIGHTS, run.config.recipe
    seen = weights.stat()
    return _hashed(f"{sorted(recipe.arguments.items())!r}{recipe.name}", weights, seen.st_mtime_ns, seen.st_size)


@functools.lru_cache(maxsize=16)
def _hashed(about: str, weights: Path, *_when: int) -> str:
    """A hash of a file and of what it is about; many files of one run are signed with it."""
    digest = hashlib.sha256(about.encode())
    with open_plain(weights) as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()[:32]
