"""Completing what is known in part: pictures by a model of pixels in an order, rows of numbers by a density."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.pictures import codec_of, read_pictures, save_pictures
from genzoo.apps.cli.words import pairs, print_table
from genzoo.zoo.mistakes import Mistake, unknown
from genzoo.zoo.store import read_config, whole
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.core import GenerativeModel
    from genzoo.data.codecs.image import ImageCodec
    from genzoo.data.codecs.table import TableCodec
    from genzoo.models.autoencoders import Palette
    from genzoo.zoo.loading import Run

__all__ = ["COMMANDS"]

GREY = 0.5  # of what is not known, between black and white


def complete(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    image: Annotated[list[Path] | None, typer.Option(help="A picture of the run's size, or several.")] = None,
    known: Annotated[list[str] | None, typer.Option(help="Of a table: a column that is known, as age=40.")] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Completions of each.")] = 6,
    keep: Annotated[float, typer.Option(min=0.0, max=1.0, help="The share of each picture that is kept.")] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="Names the noise.")] = 0,
    given: Annotated[list[str] | None, typer.Option(help="The condition: label=3, or one for each picture.")] = None,
    options: Annotated[list[str] | None, typer.Option("--set", help="An option of the model's sampling.")] = None,
    out: Annotated[Path | None, typer.Option(help="The file; by default in the run's folder.")] = None,
) -> None:
    """Draw what is not known: of a picture all below its upper part, a line for each; of a table other columns."""
    read_config(run)  # whatever is wrong with the folder is told before torch is loaded
    if bool(image) == bool(known):
        raise Mistake("Either pictures or columns must be known in part.", "Use --image FILE or --known age=40.")
    if known:
        return _rows(run, known, n, seed, pairs("--given", given or (), as_text=True), out)
    loaded, codec, x = _read(run, image or [])
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
    return save_pictures(lines, n + 2, out or run / "samples" / "complete.png", said)


def _rows(path: Path, known: list[str], n: int, seed: int, words: dict[str, str], out: Path | None) -> None:
    """Draws rows of a table in which some columns are known, and tells how good the draws are."""
    from genzoo.data.codecs.table import TableCodec
    from genzoo.data.columns import write_columns
    from genzoo.tasks import conditional
    from genzoo.zoo.conditions import conditions
    from genzoo.zoo.loading import load

    run = load(path)
    model, codec, place = run.generative, run.codec, out or path / "samples" / "complete.csv"
    if not isinstance(codec, TableCodec):
        raise Mistake(f"Columns are known of tables, got a run on {run.config.data.name}.", "Use --image FILE.")
    values = _values(codec, pairs("--known", known))
    rows = conditions(model, run.config.data, words, 1, run.given_codecs) if words else None
    with Heartbeat("complete") as beat:
        beat.say(f"drawing {n} rows")
        found = conditional(model, values, n, rows, seed=seed)
    place.parent.mkdir(parents=True, exist_ok=True)
    with whole(place) as draft:
        write_columns(draft, iter([codec.cells(found.x.cpu())]))
    middle = found.quantiles([0.05, 0.5, 0.95]).T.tolist()
    names = [codec.columns[entry] for entry in found.missing]
    print_table(("column", "5 %", "median", "95 %"), [(name, *row) for name, row in zip(names, middle, strict=True)])
    how = {"prefix": "exact draws", "importance": f"weighted draws, worth {found.ess:,.0f} independent ones"}
    say(f"{n} rows, {how[found.method]}: {place}")


def _values(codec: "TableCodec", known: dict[str, Any]) -> dict[int, float]:
    """Known values by the number of their entry."""
    entries = {name.replace("-", "_"): entry for entry, name in enumerate(codec.columns)}
    for name, value in known.items():
        if name not in entries:
            raise unknown("column", name, codec.columns)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Mistake(f"The value of {name} must be a number, got {value!r}.", f"Write --known {name}=1.5.")
    return {entries[name]: float(value) for name, value in known.items()}


def _line(codec: "ImageCodec", x: "Tensor", drawn: "Tensor", kept: int) -> "Tensor":
    """A picture, the same with grey where nothing is known, and its completions, as pixels."""
    import torch

    pixels = codec.pixels(torch.cat([x[None], x[None], drawn]).cpu()).clone()
    known = torch.arange(pixels[0, 0].numel()).reshape(pixels.shape[2:]) < kept
    pixels[1] = pixels[1].masked_fill(~known, int(GREY * 255))
    return pixels


def _symbols(model: "GenerativeModel", x: "Tensor") -> "tuple[Tensor, int]":
    """Pictures as the symbols that a model reads, and how many of them a pixel has: its colors, or its channels."""
    from genzoo.distributions.levels import flattened

    if (palette := _palette(model)) is not None:
        return flattened(palette.codes(x), palette.latent), 1
    return flattened(x, model.space), model.space.shape[0]


def _goes_on(model: "GenerativeModel") -> bool:
    """Whether samples may begin with given pixels; of a model of latents what they begin with are latents."""
    from genzoo.models import Joint, LatentModel

    return "prefix" in model.options("draw") and not isinstance(model, LatentModel | Joint)


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
    from genzoo.zoo.loading import load

    run = load(path)
    codec = codec_of(run)
    if _palette(run.generative) is None and not _goes_on(run.generative):
        raise Mistake(
            f"A model must have an order of pixels to complete a picture, got {run.config.recipe.name}.",
            "Train made, pixelcnn, gpt, image_gpt or masked_diffusion.",
        )
    return run, codec, read_pictures(run, images)


COMMANDS: dict[Callable[..., None], str] = {
    complete: "genzoo complete runs/pixelcnn-mnist --image three.png --keep 0.5",
}
