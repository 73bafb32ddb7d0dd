#!/usr/bin/env bash
# Pillow: a gray picture of 16 bits, or of reals, converted to RGB or to bytes is cut off, not scaled.
#
# What one expects: 16-bit scans hold 0 … 65535, so `convert("RGB")`, which data sets call so that "everything is RGB",
# would keep their contrast (divide by 257), or refuse.
# What happens: every value above 255 becomes 255. Of a scan with 256 different values spread over the whole range, one
# value in 256 survives and the picture is white; reals in [0, 1] become 0 and 1, nearly all of them 0. No warning.
# Where it is met: data sets whose items are PIL pictures (X-ray, microscopy, depth). genzoo keeps pictures of the modes
# I;16, I and F as they are: tests/data/test_collections.py::test_pictures_keep_their_depth.
#
# Seen with Pillow 13.0.0:
#   I;16 -> RGB: 256 values become 2, 99.6 % of pixels are 255
#   I    -> L:   256 values become 2, 99.6 % of pixels are 255
#   F    -> RGB: 256 values in [0, 1] become 2, 99.6 % of pixels are 0
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
python3 -m venv "$home/venv"
"$home/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 numpy==2.4.6
cd "$home"
"$home/venv/bin/python" - <<'PYTHON'
import numpy as np
import PIL
from PIL import Image

steps = np.arange(256).reshape(16, 16)
print("Pillow", PIL.__version__)
for mode, array, wanted, common in (
    ("I;16", (steps * 257).astype(np.uint16), "RGB", 255),
    ("I", (steps * 257).astype(np.int32), "L", 255),
    ("F", (steps / 255).astype(np.float32), "RGB", 0),
):
    picture = Image.fromarray(array)
    assert picture.mode == mode, picture.mode
    assert np.array_equal(np.asarray(picture), array), "the picture itself holds every value"
    kept = np.asarray(picture.convert(wanted))
    share = float((kept == common).mean())
    print(f"{mode} -> {wanted}: {np.unique(array).size} values become {np.unique(kept).size}, {share:.1%} are {common}")
    assert np.unique(kept).size == 2 and share > 0.99, "Pillow has changed: look again"
PYTHON
