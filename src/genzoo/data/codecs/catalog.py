"""Every codec by its kind: what a record names, and what suits rows of which only the space is known."""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Shaped
from torch import Tensor

from genzoo.core import Space
from genzoo.core.errors import DataError, nearest
from genzoo.data.codec import Codec
from genzoo.data.codecs.array import ArrayCodec
from genzoo.data.codecs.audio import SoundCodec
from genzoo.data.codecs.image import ImageCodec
from genzoo.data.codecs.molecules import MoleculeCodec
from genzoo.data.codecs.sequences import SequenceCodec
from genzoo.data.codecs.table import PointsCodec, TableCodec
from genzoo.data.codecs.text import TextCodec
from genzoo.data.codecs.tokens import TokenCodec
from genzoo.data.picture import CHANNELS

__all__ = ["KINDS", "codec_for", "codec_from_json"]

PLAIN = (ArrayCodec, ImageCodec, PointsCodec, TableCodec)
KINDS: dict[str, Any] = {  # a run's record names one of these, never a class
    codec.kind: codec for codec in (*PLAIN, MoleculeCodec, SequenceCodec, SoundCodec, TextCodec, TokenCodec)
}


def codec_from_json(fields: Mapping[str, Any]) -> Codec:
    """The codec that `Codec.to_json` wrote.

    Args:
        fields: Its kind and its own fields.

    Raises:
        DataError: If the kind is unknown.

    Example:
        >>> codec_from_json(ImageCodec(levels=17).to_json())
        ImageCodec(levels=17)
    """
    kind, rest = str(fields.get("kind")), {name: value for name, value in fields.items() if name != "kind"}
    if kind not in KINDS:
        raise DataError(f"A codec's kind must be one of {sorted(KINDS)}, got {kind!r}. {nearest(kind, KINDS)}")
    codec: Codec = KINDS[kind](**{name: tuple(v) if isinstance(v, list) else v for name, v in rest.items()})
    return codec


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
    if space == Space((2,)):
        return PointsCodec.around(x)
    if len(shape) == 1 and not space.ragged:
        names, kinds = tuple(f"x{i + 1}" for i in range(shape[0])), space.columns or ()
        whole = tuple(name for name, column in zip(names, kinds, strict=False) if column.kind == "integer")
        return TableCodec(names, levels, whole=whole, precise=space.dtype == "float64")
    return ArrayCodec()
