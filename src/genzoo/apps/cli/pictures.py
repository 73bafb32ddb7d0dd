"""Pictures that come in from files and go out as one."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genzoo.apps.cli.using import refuse_ending
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.data.codecs.image import ImageCodec
    from genzoo.data.pixels import Color
    from genzoo.zoo.loading import Run

__all__ = ["codec_of", "read_pictures", "save_pictures"]

COLORS: dict[int, "Color"] = {1: "grey", 3: "rgb", 4: "rgba"}


def codec_of(run: "Run") -> "ImageCodec":
    """The codec of a run of images.

    Raises:
        Mistake: If the run is of something else.
    """
    from genzoo.data.codecs.image import ImageCodec

    if not isinstance(run.codec, ImageCodec):
        raise Mistake(f"Pictures are drawn of runs of images, got one of {run.config.data.name}.", "Name another run.")
    return run.codec


def read_pictures(run: "Run", paths: Sequence[Path]) -> "Tensor":
    """Pictures as rows of a run's space, in its colors.

    Raises:
        Mistake: If one has another size.
    """
    import torch

    codec, wanted = codec_of(run), run.generative.space.shape
    read = [_in_colors(codec, path, wanted[0]) for path in paths]
    for path, x in zip(paths, read, strict=True):
        if x.shape[1:] != wanted:
            shape, got = ("×".join(map(str, sides)) for sides in (wanted, x.shape[1:]))
            raise Mistake(f"A picture must be {shape}, the run's, got {got} in {path}.", "Cut it, or resize it.")
    return torch.cat(read)


def _in_colors(codec: "ImageCodec", path: Path, channels: int) -> "Tensor":
    """A picture in gray, in color or with transparency, as a run's rows are; what had to be changed is said."""
    from genzoo.data.codecs.image import open_image

    x, color = codec.load(path), COLORS.get(channels)
    if x.shape[1] == channels or color is None:
        return x
    over = ", laid over white" if x.shape[1] == 4 else ""
    say(f"{path.name} is {COLORS[x.shape[1]]}, and is seen in {color} as the run's pictures are{over}")
    return codec.values(open_image(path, 65536 if codec.is_deep else 256, color)[None])


def save_pictures(run: "Run", pixels: "Tensor", columns: int, path: Path, said: str, *, composite: bool) -> None:
    """Writes bytes of pictures as one, so many in a line, which says that the run had a part in it.

    Args:
        run: Whose pictures they are.
        pixels: The bytes.
        columns: How many stand in a line.
        path: The file.
        said: What they are.
        composite: Whether some are the user's own, or a part of each is.
    """
    from genzoo.data.picture import grid
    from genzoo.zoo.receipts import signed

    refuse_ending(path, (".png", ".jpg", ".jpeg", ".webp"))
    path.parent.mkdir(parents=True, exist_ok=True)
    grid(pixels, columns=columns).save(path)
    signed(run, {}, path, composite=composite)
    say(f"{said}: {path}")
