#!/usr/bin/env bash
# Pillow: an animation is read back with fewer frames than were saved, where neighbors are alike.
#
# What one expects: `frames[0].save("a.gif", save_all=True, append_images=frames[1:], duration=100)` writes the frames that it
# is given, so that a clip of 8 frames has 8 frames when it is read again, and an array of clips stacks.
# What happens: frames that equal the one before are left out, and their time is added to it; `n_frames` is smaller, and
# only the durations tell. So it is for GIF and for PNG.
# Where it is met: data sets of clips in which something rests or turns round. genzoo's clips come back whole, a frame that
# lasts k times as long as the shortest being k frames: tests/data/test_clips.py::test_clips_come_back_from_files.
#
# Seen with Pillow 13.0.0:
#   GIF: 6 frames become 3, of 100, 300, 200 ms
#   PNG: 6 frames become 3, of 100, 300, 200 ms
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
python3 -m venv "$home/venv"
"$home/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0
cd "$home"
"$home/venv/bin/python" - <<'PYTHON'
import PIL
from PIL import Image, ImageSequence

frames = [Image.new("L", (4, 4), shade) for shade in (10, 20, 20, 20, 30, 30)]
print("Pillow", PIL.__version__)
for form in ("GIF", "PNG"):
    frames[0].save(f"a.{form}", format=form, save_all=True, append_images=frames[1:], duration=100)
    with Image.open(f"a.{form}") as image:
        lasts = [frame.info["duration"] for frame in ImageSequence.Iterator(image)]
    assert len(lasts) < len(frames), f"Pillow {PIL.__version__} keeps all frames of a {form}"
    print(f"{form}: {len(frames)} frames become {len(lasts)}, of {', '.join(f'{each:g}' for each in lasts)} ms")
PYTHON
