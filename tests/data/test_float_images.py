"""Pictures whose pixels are reals in [0, 1] are pictures; other arrays of reals stay arrays."""

from pathlib import Path

import numpy as np
import pytest
import torch

from genzoo.core import Noise, Space
from genzoo.data import ArrayCodec, ImageCodec, read
from genzoo.data.codecs.image import open_image

UNIT = Noise(5).uniform(12, 8, 10).numpy().astype(np.float32)


@pytest.mark.parametrize(("shape", "space"), [
    ((8, 10), (1, 8, 10)), ((8, 10, 3), (3, 8, 10)), ((1, 8, 10), (1, 8, 10)), ((3, 8, 10), (3, 8, 10))
])  # fmt: skip
def test_reals_in_the_unit_interval_are_pictures(
    tmp_path: Path, shape: tuple[int, ...], space: tuple[int, ...]
) -> None:
    x = Noise(5).uniform(12, *shape)
    data = read(x)
    assert (data.space, data.codec) == (Space(space), ImageCodec(None))
    path = data.codec.save(data.x[:1], tmp_path / "one.png")
    assert torch.equal(open_image(path).float(), (255 * data.x[0]).round())


@pytest.mark.parametrize("x", [UNIT - 0.5, UNIT[:, :4], UNIT.reshape(12, 80), UNIT[:, None].repeat(2, axis=1)])
def test_other_reals_are_arrays(x: np.ndarray) -> None:
    data = read(x)
    assert data.space == Space(x.shape[1:])
    assert not isinstance(data.codec, ImageCodec)
    assert isinstance(data.codec, ArrayCodec) == (x.ndim > 2)
