"""Data sets of PyTorch: every item is asked for once, in order."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from genzoo.core.errors import DataError
from genzoo.data.readers.mappings import read_mapping
from genzoo.data.source import Asked, Source, reader

__all__ = ["read_items", "stacked_items"]

MODES = {"L", "RGB", "RGBA", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"}  # kept as they are: bytes, more bits, reals
BYTES = {"1": "L", "LA": "RGBA", "La": "RGBA", "PA": "RGBA", "RGBa": "RGBA"}  # the others become RGB


@reader("trajectories", "horizon", "history", "missing")
def read_items(dataset: "Dataset[Any]", asked: Asked) -> Source:
    """A data set with a length: its items are x alone, (x, label), or mappings of names to values.

    Raises:
        DataError: If it has no length or no items, or the items differ in form.
    """
    try:
        n = len(dataset)  # type: ignore[arg-type]  # some have a length
    except TypeError:
        raise DataError(
            f"A data set must have a length, got {type(dataset).__name__} without. Stack its items into a tensor."
        ) from None
    if n < 1:
        raise DataError(f"A data set must have items, got none in {type(dataset).__name__}. Check its folder.")
    items = [_named(dataset[i]) for i in range(n)]
    names = list(items[0])
    for i, item in enumerate(items):
        if list(item) != names:
            raise DataError(f"Items must all hold {names}, got {list(item)} in item {i}. Make them alike.")
    arrays = {name: stacked_items(name, [item[name] for item in items]) for name in names}
    return read_mapping(arrays, asked, type(dataset).__name__)


def stacked_items(name: str, values: list[Any]) -> Tensor | np.ndarray:
    """Values of one shape as an array; words as an array of words.

    Raises:
        DataError: If their shapes differ, or they are no numbers.

    Example:
        >>> stacked_items("x", [1.0, 2.0])
        tensor([1., 2.], dtype=torch.float64)
    """
    if all(isinstance(value, str) for value in values):
        return np.array(values, dtype=np.str_)
    try:
        parts = [_tensor(value) for value in values]
    except (TypeError, ValueError) as problem:
        raise DataError(f"{name!r} must hold numbers, images or words, got: {problem}. Convert it.") from problem
    if len(shapes := sorted({tuple(part.shape) for part in parts})) > 1:
        raise DataError(
            f"{name!r} must have one shape, got {shapes[0]} and {shapes[1]}. Resize, crop or pad the items."
        )
    return torch.stack(parts)


def _tensor(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if not isinstance(value, Image.Image):
        return torch.from_numpy(np.array(value))
    image = value if value.mode in MODES else value.convert(BYTES.get(value.mode, "RGB"))
    pixels = np.array(image)
    pixels = pixels.astype(np.int32) if pixels.dtype.kind in "iu" and pixels.itemsize > 1 else pixels
    return torch.from_numpy(pixels).reshape(image.height, image.width, -1).permute(2, 0, 1)


def _named(item: Any) -> dict[str, Any]:
    match item:
        case Mapping():
            return {str(name): value for name, value in item.items()}
        case (x,):
            return {"x": x}
        case (x, label):
            return {"x": x, "label": label}
        case tuple() | list():
            return {"x": item[0], **{f"given{i}": value for i, value in enumerate(item[1:])}}
    return {"x": item}
