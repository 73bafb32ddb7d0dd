"""Completing pictures: what a model of pixels in an order makes of the rest."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.pictures import codec_of, read_pictures, save_pictures
from genzoo.apps.cli.words import pairs
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.store import read_config

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.core import GenerativeModel
    from genzoo.data.codecs.image import ImageCodec
    from genzoo.models.autoencoders import Palette
    from genzoo.zoo.loading import Run

__all__ = ["COMMANDS"]

GREY = 0.5  # of what is not known, between black and white


def complete(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    image: Annotated[list[Path], typer.Option(help="A picture of the run's size, or several.")],
    n: Annotated[int, typer.Option("-n", min=1, help="Completions of each.")] = 6,
    keep: Annotated[float, typer.Option(min=0.0, max=1.0, help="The share of each picture that is kept.")] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="Names the noise.")] = 0,
    given: Annotated[list[str] | None, typer.Option(help="The condition: label=3, or one for each picture.")] = None,
    options: Annotated[list[str] | None, typer.Option("--set", help="An option of the model's sampling.")] = None,
    out: Annotated[Path | None, typer.Option(help="The picture; by default in the run's folder.")] = None,
) -> None:
    """Keep the upper part of pictures and draw the rest, a line for each: picture, what is kept, completions."""
    read_config(run)  # whatever is wrong with the folder is told before torch is loaded
    loaded, codec, x = _read(run, image)
    import torch

    from genzoo.zoo.conditions import conditions

    model = loaded.generative
    symbols, each = _symbols(model, x)
    kept = round(keep * symbols.shape[1] / each)  # whole pixels
    words = pairs("--given", given or (), as_text=True)
    told = conditions(model, loaded.config.data, words, len(x), loaded.given_codecs) if words else None
    rows = {name: each.repeat_interleave(n, dim=0) for name, each in model.checked_given(told, len(x)).items()}
    prefix = symbols[:, : kept * each].repeat_interleave(n, dim=0)
    with Heartbeat("complete") as beat:
        beat.say(f"drawing {len(prefix)} completions")
        asked: dict[str, Any] = pairs("--set", options or ())
        drawn = model.sample(len(prefix), rows or None, seed=seed, prefix=prefix, **asked).unflatten(0, (len(x), n))
    lines = torch.cat([_line(codec, x[i], drawn[i], kept) for i in range(len(x))])
    said = f"{n} completions of {len(x)} pictures, {kept * each / symbols.shape[1]:.0%} of each kept"
    save_pictures(lines, n + 2, out or run / "samples" / "complete.png", said)


def _line(codec: "ImageCodec", x: "Tensor", drawn: "Tensor", kept: int) -> "Tensor":
    """A picture, the same with grey where nothing is known, and its completions, as pixels."""
    import torch

    pixels = codec.pixels(torch.cat([x[None], x[None], drawn]).cpu()).clone()
    known = torch.arange(pixels[0, 0].numel()).reshape(pixels.shape[2:]) < kept
    pixels[1] = pixels[1].masked_fill(~known, int(GREY * 255))
    return pixels


def _symbols(model: "GenerativeModel", x: "Tensor") -> "tuple[Tensor, int]":
    """Pictures as the symbols that a model reads, and how many of them a pixel has: its colors, or its channels."""
    from genzoo.models.sequences import flattened

    if (palette := _palette(model)) is not None:
        return flattened(palette.codes(x), palette.latent), 1
    return flattened(x, model.space), model.space.shape[0]


def _palette(model: "GenerativeModel") -> "Palette | None":
    """The palette of a model of colors, if it is one."""
    from genzoo.models import LatentModel
    from genzoo.models.autoencoders import Palette

    found = model.autoencoder if isinstance(model, LatentModel) else None
    return found if isinstance(found, Palette) else None


def _read(path: Path, images: list[Path]) -> "tuple[Run, ImageCodec, Tensor]":
    """The run, its codec, and pictures as rows of its space.

    Raises:
        Mistake: If the run is none of images in an order, or a picture has another size.
    """
    from genzoo.core import Sequential
    from genzoo.zoo.loading import load

    run = load(path)
    codec = codec_of(run)
    if run.generative.ability(Sequential) is None and _palette(run.generative) is None:
        raise Mistake(
            f"A model must have an order of pixels to complete a picture, got {run.config.recipe.name}.",
            "Train made, pixelcnn, gpt or image_gpt.",
        )
    return run, codec, read_pictures(run, images)


COMMANDS: dict[Callable[..., None], str] = {
    complete: "genzoo complete runs/pixelcnn-mnist --image three.png --keep 0.5",
}
