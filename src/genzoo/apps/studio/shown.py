"""Rows of a run as a page can show them: pictures, sounds, texts, lines of a table, numbers."""

import base64
from typing import Any

from torch import Tensor

from genzoo.apps.serve.served import Served
from genzoo.core.given import NOTHING, Given
from genzoo.data.codecs.audio import SoundCodec
from genzoo.data.codecs.image import ImageCodec
from genzoo.data.codecs.table import PointsCodec, TableCodec
from genzoo.data.codecs.text import SpellingCodec
from genzoo.zoo.conditions import cells

__all__ = ["lines", "shown"]


def shown(served: Served, x: Tensor, given: Given = NOTHING) -> dict[str, Any]:
    """Rows by their kind: files in base64, texts, rows of texts by column, or lists of numbers.

    Args:
        served: The run that they are of.
        x: The rows.
        given: Their condition, which in a table stands in columns beside them, as in the file.
    """
    match served.codec:
        case ImageCodec():
            items: list[Any] = [_encoded(file) for file in served.codec.pngs(x)]
        case SoundCodec():
            items = [_encoded(file) for file in served.codec.wavs(x)]
        case SpellingCodec():
            items = served.codec.texts(x)
        case TableCodec() | PointsCodec():
            beside = cells(served.model, served.run.config.data, given or None, len(x), served.run.given_codecs)
            said = [dict(zip(beside, row, strict=True)) for row in zip(*beside.values(), strict=True)] or [{}] * len(x)
            items = [line | words for line, words in zip(lines(served.codec, x), said, strict=True)]
        case _:
            items = x.tolist()
    return {"kind": served.kind, "items": items}


def lines(codec: TableCodec | PointsCodec, x: Tensor) -> list[dict[str, str | None]]:
    """Rows of a table by column, each cell the text that `genzoo sample` writes; None where it is missing.

    Args:
        codec: The table's codec.
        x: The rows.
    """
    columns = codec.cells(x)
    return [{name: cell or None for name, cell in zip(columns, row, strict=True)}
            for row in zip(*columns.values(), strict=True)]  # fmt: skip


def _encoded(file: bytes) -> str:
    return base64.b64encode(file).decode()
