"""Every codec by its kind: what a record names, and what suits rows of which only the space is known."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from jaxtyping import Shaped
from torch import Tensor

from genzoo._files import told
from genzoo.core import Space
from genzoo.core.errors import DataError, nearest
from genzoo.data.atoms import digits, grids
from genzoo.data.codec import Codec
from genzoo.data.codecs.array import ArrayCodec
from genzoo.data.codecs.audio import SoundCodec
from genzoo.data.codecs.backbones import BackboneCodec
from genzoo.data.codecs.clips import ClipCodec
from genzoo.data.codecs.image import ImageCodec
from genzoo.data.codecs.molecules import MoleculeCodec
from genzoo.data.codecs.sequences import SequenceCodec
from genzoo.data.codecs.table import PointsCodec, TableCodec
from genzoo.data.codecs.text import CharacterCodec, TextCodec
from genzoo.data.codecs.tokens import TokenCodec
from genzoo.data.picture import CHANNELS

__all__ = ["KINDS", "check_codec", "codec_for", "codec_from_json", "within_unit"]

AXES = {BackboneCodec: 3, ClipCodec: 4, ImageCodec: 3, SequenceCodec: 2}  # of a row; of others one
PIECE = 4096  # rows looked at at a time
PLAIN = (ArrayCodec, ImageCodec, PointsCodec, TableCodec)
SPELLING = (CharacterCodec, MoleculeCodec, TextCodec, TokenCodec)
KINDS: dict[str, Any] = {  # a run's record names one of these, never a class
    codec.kind: codec for codec in (*PLAIN, *SPELLING, BackboneCodec, ClipCodec, SequenceCodec, SoundCodec)
}


def codec_from_json(fields: Mapping[str, Any]) -> Codec:
    """The codec that `Codec.to_json` wrote.

    Args:
        fields: Its kind and its own fields.

    Raises:
        DataError: If the kind is unknown, or a field is not what the codec takes.

    Example:
        >>> codec_from_json(ImageCodec(levels=17).to_json())
        ImageCodec(levels=17)
    """
    kind, rest = str(fields.get("kind")), {name: value for name, value in fields.items() if name != "kind"}
    if kind not in KINDS:
        raise DataError(f"A codec's kind must be one of {sorted(KINDS)}, got {kind!r}. {nearest(kind, KINDS)}")
    known = [field.name for field in dataclasses.fields(KINDS[kind])]
    for name in rest:
        if name not in known:
            raise DataError(f"A codec of kind {kind} has {', '.join(known)}, got {name!r}. {nearest(name, known)}")
    with told(f"A codec of kind {kind}", "have fields of the right types", "Restore the file that says it."):
        codec: Codec = _checker(kind).validate_python(rest)
        return codec


def check_codec(codec: Codec, space: Space) -> None:
    """Refuses a codec that cannot write the rows of a space.

    Args:
        codec: As a record says it.
        space: What one row is.

    Raises:
        DataError: If its columns or levels are others.

    Example:
        >>> check_codec(ImageCodec(levels=17), Space((1, 8, 8), levels=17))
    """
    levels = getattr(codec, "levels", space.levels)
    columns = getattr(codec, "columns", None)
    width = space.shape[-1] if space.shape else 0
    if isinstance(codec, ArrayCodec):
        return
    if not space.shape and columns is not None and len(columns) == 1:  # a condition that is one number
        return
    axes = next((k for kind, k in AXES.items() if isinstance(codec, kind)), 1)
    if len(space.shape) != axes or levels != space.levels or (columns is not None and len(columns) != width):
        got = f"{levels} levels" if columns is None else f"{levels} levels in {len(columns)} columns"
        raise DataError(f"A codec of kind {codec.kind} must be one of {space}, got {got}. Restore the right one.")


@functools.cache
def _checker(kind: str) -> Any:
    """What makes a codec of fields after looking at their types."""
    from pydantic import TypeAdapter

    return TypeAdapter(KINDS[kind])


def codec_for(x: Shaped[Tensor, "n *shape"], space: Space) -> Codec:
    """The codec that suits rows of which only the space is known.

    Args:
        x: The rows.
        space: What one of them is.

    Example:
        >>> import torch
        >>> codec_for(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), Space((1, 8, 8), levels=256))
        ImageCodec(levels=256)
    """
    shape, levels = space.shape, space.levels
    if len(shape) == 3 and shape[0] in CHANNELS and levels is not None and levels <= 65536:
        return ImageCodec(levels)
    if len(shape) == 3 and shape[0] in CHANNELS and space.is_real and within_unit(x):
        return ImageCodec(None)
    if len(shape) == 4 and shape[1] in CHANNELS and levels is not None and levels <= 256:
        return ClipCodec(levels)
    if space == Space((2,)):
        return PointsCodec.around(x, ("x", "y"), digits(dict(zip(("x", "y"), x.T, strict=True))))
    if len(shape) == 1 and not space.ragged:
        names, kinds = tuple(f"x{i + 1}" for i in range(shape[0])), space.columns or ()
        whole = tuple(name for name, column in zip(names, kinds, strict=False) if column.kind == "integer")
        places = digits(dict(zip(names, x.T, strict=True))) if levels is None else {}
        rest = {name: column for name, column in zip(names, x.T, strict=True) if name not in {*places, *whole}}
        on = grids(rest) if levels is None and space.columns is None else {}
        return TableCodec(names, levels, whole=whole, precise=space.dtype == "float64", places=places, grids=on)
    return ArrayCodec()


def within_unit(x: Shaped[Tensor, "n *shape"]) -> bool:
    """Whether all of some reals lie in [0, 1], as those of pictures do.

    Example:
        >>> import torch
        >>> within_unit(torch.tensor([0.0, 0.5])), within_unit(torch.tensor([0.0, 1.5]))
        (True, False)
    """
    return len(x) > 0 and all(float(part.min()) >= 0 and float(part.max()) <= 1 for part in x.split(PIECE))
