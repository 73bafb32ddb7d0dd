"""Pictures as others write them, against Pillow's writer and a convolution."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from genzoo.data import read
from genzoo.nn.spoiled import blurred, squeezed


@pytest.mark.parametrize("quality", [95, 75, 30])
def test_rounded_waves_are_those_of_a_writer_of_jpeg(quality: int) -> None:
    x = functional.interpolate(read("digits").test.x[:6].float() * 15.9, (20, 28), mode="bilinear").to(torch.uint8)
    ours = squeezed(x / 127.5 - 1, torch.full((6,), float(quality)))
    levels = ((ours + 1) * 127.5).round()
    for row, mine in zip(x, levels, strict=True):
        written = io.BytesIO()
        Image.fromarray(row[0].numpy()).save(written, "JPEG", quality=quality)
        theirs = torch.from_numpy(np.array(Image.open(written))).float()
        off = (theirs - mine[0]).abs()
        assert (off > 1).double().mean() < 0.1  # a wave that lies between two steps may go either way
        assert off.mean() < 0.5 * (theirs - row[0].float()).abs().mean()


def test_each_picture_has_its_own_quality_and_width() -> None:
    x = torch.rand(3, 2, 11, 9) * 2 - 1
    for change, numbers in ((squeezed, torch.tensor([90.0, 40.0, 10.0])), (blurred, torch.tensor([0.0, 0.7, 1.2]))):
        both = change(x, numbers)
        assert both.shape == x.shape
        for k in range(3):
            assert torch.allclose(change(x[k : k + 1], numbers[k : k + 1]), both[k : k + 1], atol=1e-6)
        off = (both - x).abs().flatten(1).mean(1)
        assert (off.diff() > 0).all()
    assert torch.allclose(blurred(x, torch.zeros(3)), x, atol=1e-6)


def test_a_blur_is_a_normal_kernel() -> None:
    places = torch.arange(-3.0, 4.0)
    line = (-places.square() / 2).softmax(0)
    x = torch.rand(2, 1, 12, 12)
    wide = functional.pad(x, (3, 3, 3, 3), mode="replicate")
    kernel = (line[:, None] * line)[None, None]
    assert torch.allclose(blurred(x, torch.ones(2)), functional.conv2d(wide, kernel), atol=1e-6)
