"""Completing what is known in part: pictures in the order of their pixels, rows by conditionals or a density."""

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.pictures import codec_of, read_pictures, save_pictures
from genzoo.apps.cli.statements import table_codec
from genzoo.apps.cli.words import pairs, print_table
from genzoo.zoo.mistakes import Mistake, unknown
from genzoo.zoo.store import read_config, whole
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.core import GenerativeModel
    from genzoo.data.codecs.image import ImageCodec
    from genzoo.data.codecs.table import PointsCodec, TableCodec
    from genzoo.models.autoencoders import Palette
    from genzoo.zoo.loading import Run

__all__ = ["COMMANDS"]

QUANTILES = (0.05, 0.5, 0.95)  # that are told of a column
GREY = 0.5  # of what is not known, between black and white


def complete(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    image: Annotated[list[Path] | None, typer.Option(help="A picture of the run's size, or several.")] = None,
    known: Annotated[list[str] | None, typer.Option(help="Of a table: what is known, as age=40.")] = None,
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
    return save_pictures(loaded, lines, n + 2, out or run / "samples" / "complete.png", said, composite=True)


def _rows(path: Path, known: list[str], n: int, seed: int, words: dict[str, str], out: Path | None) -> None:
    """Draws rows of a table in which some columns are known, and tells how good the draws are."""
    from genzoo.data.columns import write_columns
    from genzoo.zoo.conditions import conditions
    from genzoo.zoo.loading import load

    run = load(path)
    model, codec, place = run.generative, table_codec(run), out or path / "samples" / "complete.csv"
    row = _known(codec, pairs("--known", known, as_text=True))
    rows = conditions(model, run.config.data, words, 1, run.given_codecs) if words else None
    with Heartbeat("complete") as beat:
        beat.say(f"drawing {n} rows")
        x, how = _drawn(model, row, n, rows, seed)
    place.parent.mkdir(parents=True, exist_ok=True)
    cells = codec.cells(x.cpu())
    with whole(place) as draft:
        write_columns(draft, iter([cells]))
    missing = [entry for entry, value in enumerate(row) if value.isnan()]
    heads = ("column", "5 %", "median", "95 %")
    print_table(heads, [(codec.columns[entry], *_middle(codec, cells, x, entry)) for entry in missing])
    say(f"{n} rows, {how}: {place}")


def _known(codec: "TableCodec | PointsCodec", known: dict[str, str]) -> "Tensor":
    """A row of what is known, as its columns spell it, and NaN."""
    names = {name.replace("-", "_"): name for name in codec.columns} | {name: name for name in codec.columns}
    for name in known:
        if name not in names:
            raise unknown("column", name, codec.columns)
    told = {names[name]: value for name, value in known.items()}
    row = codec.holed({name: [told.get(name, "")] for name in codec.columns})[0]
    if not 0 < int(row.isnan().sum()) < len(row):
        raise Mistake(
            f"Some columns of {len(row)} must be known and some not, got {len(known)} known.",
            f"Name 1 to {len(row) - 1}.",
        )
    return row


def _drawn(model: "GenerativeModel", row: "Tensor", n: int, given: Any, seed: int) -> "tuple[Tensor, str]":
    """Rows with what is known, and how they were drawn: by the model's own conditionals where it has them."""
    import torch

    from genzoo.tasks import conditional, impute
    from genzoo.tasks.imputation import imputes

    if imputes(model) is not None:
        found = impute(model, row.expand(n, -1), 1, given, seed=seed)
        x = found.x[0].to(getattr(torch, model.space.dtype)) if model.space.is_discrete else found.x[0]
        return x, "exact draws" if found.exact and found.consistent else "draws that are nearly exact"
    there = {entry: value for entry, value in enumerate(row.tolist()) if not math.isnan(value)}
    weighted = conditional(model, there, n, given, seed=seed)
    how = {"prefix": "exact draws", "importance": f"weighted draws, worth {weighted.ess:,.0f} independent ones"}
    return weighted.x, how[weighted.method]


def _middle(
    codec: "TableCodec | PointsCodec", cells: dict[str, list[str]], x: "Tensor", entry: int
) -> tuple[Any, ...]:
    """Quantiles of a column that was drawn; of one of words the word that was drawn most, and how often."""
    import torch

    from genzoo.data.codecs.table import TableCodec

    name = codec.columns[entry]
    if not isinstance(codec, TableCodec) or name not in codec.words:
        return tuple(x[:, entry].double().cpu().quantile(torch.tensor(QUANTILES, dtype=torch.float64)).tolist())
    (word, count), *_ = Counter(cells[name]).most_common(1)
    return "", f"{word} ({count / len(x):.0%})", ""


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
