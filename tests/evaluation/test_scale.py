"""Scales: what is told in other units than the reference is refused, what is merely bad is not."""

import pytest
import torch

from genzoo.core import Noise, Space
from genzoo.data import read
from genzoo.evaluation.scale import WrongScale, check_scale

BYTES = Space((1, 8, 8), levels=256)


@pytest.fixture(scope="module")
def digits():
    """Real digits as bytes, in two halves."""
    x = (read("digits").x.long() * 255 // 16).to(torch.uint8)
    return x[:900], x[900:]


def test_real_rows_pass(digits):
    check_scale(*digits, BYTES)


def test_digits_in_their_own_levels_pass():
    data = read("digits")
    check_scale(data.test.x, data.train.x, data.space)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: x / 255, "reals in .0, 1.. Multiply them by 255"),
        (lambda x: x / 127.5 - 1, "reals in .−1, 1.. Take .x . 1. / 2 · 255"),
        (lambda x: x.float(), "reals in .0, 255.. Round them"),
        (lambda x: (x > 127).to(torch.uint8), "only 0 and 1. Multiply them by 255"),
        (lambda x: (x.long() * 255 % 256).to(torch.uint8), "multiplied by 255 again. Leave"),
        (lambda x: x.long() * 255, "got 0 to 65025. Clip them"),
        (lambda x: x.long() - 1, "got -1 to"),
    ],
    ids=["unit", "signed", "floats", "binary", "double", "high", "negative"],
)
def test_other_scales_are_refused(digits, change, said):
    samples, reference = digits
    with pytest.raises(WrongScale, match=said):
        check_scale(change(samples), reference, BYTES)


def test_bytes_of_a_picture_are_no_levels(digits):
    data = read("digits")
    with pytest.raises(WrongScale, match=r"in \[0, 17\), got 0 to 255. Divide them by 15.94"):
        check_scale(digits[0], data.x, data.space)


def test_other_shapes_are_refused(digits):
    with pytest.raises(WrongScale, match="Resize one like the other"):
        check_scale(torch.zeros(2, 1, 9, 9, dtype=torch.uint8), digits[1], BYTES)


@pytest.mark.parametrize("kind", ["black", "noise", "inverse", "dark"])
def test_bad_samples_are_not_refused(digits, kind):
    """A failed model is measured, not refused."""
    samples, reference = digits
    made = {
        "black": torch.zeros_like(samples),
        "noise": Noise(0).integers(256, *samples.shape).to(torch.uint8),
        "inverse": 255 - samples,
        "dark": samples // 4,
    }[kind]
    check_scale(made, reference, BYTES)


def test_binary_data_pass_as_such(digits):
    binary = (digits[0] > 127).to(torch.uint8)
    check_scale(binary, binary, BYTES)
    check_scale(binary, binary, Space((1, 8, 8), levels=2))


def test_reals_of_images(digits):
    space, (samples, reference) = Space((1, 8, 8)), digits
    unit = reference / 255
    check_scale(samples / 255 + 0.1 * Noise(0).normal(*samples.shape), unit, space)
    with pytest.raises(WrongScale, match="Divide bytes by 255"):
        check_scale(samples.float(), unit, space)
    with pytest.raises(WrongScale, match=r"down to -1. Take \(x . 1\) / 2"):
        check_scale(samples / 127.5 - 1, unit, space)
    with pytest.raises(WrongScale, match="got torch.uint8"):
        check_scale(samples, unit, space)


def test_reals_of_tables_are_not_judged():
    check_scale(torch.full((5, 2), 900.0), torch.zeros(5, 2), Space((2,)))


def test_no_rows_pass(digits):
    check_scale(digits[0][:0], digits[1], BYTES)
