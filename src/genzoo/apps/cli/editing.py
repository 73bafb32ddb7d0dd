"""Pictures of the user's own, painted over by a run."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.pictures import codec_of, read_pictures
from genzoo.apps.cli.using import RunPath, loaded_on
from genzoo.apps.cli.words import pairs
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.store import read_config, whole
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.zoo.loading import Run

__all__ = ["COMMANDS", "painted_into"]

BRIGHT = 128  # from here on a mask is bright


def edit(
    run: RunPath,
    guide: Annotated[Path, typer.Option("--strokes", help="A picture of the run's size: a sketch, or a photograph.")],
    strength: Annotated[float, typer.Option(help="0 leaves the picture as it is, 1 forgets it.")] = 0.5,
    mask: Annotated[
        Path | None, typer.Option(help="A picture, bright where it may change; all else is kept bit for bit.")
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="How many answers.")] = 4,
    given: Annotated[list[str] | None, typer.Option(help="The condition: label=3 or text='a cat'.")] = None,
    steps: Annotated[int, typer.Option(min=2, help="Steps from noise to data, of which `strength` are gone.")] = 50,
    seed: Annotated[int | None, typer.Option(min=0, help="Names the noise; by default a fresh one.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    out: Annotated[
        Path | None, typer.Option(help="The picture of all answers; by default in the run's folder.")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Do not say in the picture that a model had a part in it.")
    ] = False,
) -> None:
    """Make rough strokes into pictures that look like the run's data, or paint over a part of a picture."""
    read_config(run)
    from genzoo.core.noise import fresh_seed
    from genzoo.data.marks import substance
    from genzoo.zoo.receipts import signed

    loaded, seed = loaded_on(run, device), fresh_seed() if seed is None else seed
    codec = codec_of(loaded)
    hashes = {"guide": substance(guide), "mask": None if mask is None else substance(mask)}
    asked = {"n": n, "seed": seed, "given": given or [], "options": {}}
    asked["edit"] = hashes | {"strength": strength, "steps": steps}
    path = out or run / "edited" / f"{guide.stem}-seed{seed}{codec.suffix}"
    if path.suffix.lower() != codec.suffix:
        raise Mistake(f"An edited picture is written as {codec.suffix}, got {path.name}.", "Change the name's ending.")
    if path.resolve() in {each.resolve() for each in (guide, mask) if each is not None}:
        raise Mistake(f"Guide and mask must stay as they are, got one of them as --out {path}.", "Take another name.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with Heartbeat("edit") as beat, whole(path) as draft:
        beat.say(f"painting {n} answers")
        painted_into(loaded, asked, guide, mask, draft)
        record = {"run": str(run)} | signed(loaded, asked, draft, inside=not plain, composite=True)
    with whole(path.with_suffix(".json")) as draft:
        draft.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    _tell_how_far(loaded, guide)
    say(f"{n} answers with seed {seed} at strength {strength:g}: {path}")


def painted_into(run: "Run", asked: Mapping[str, Any], guide: Path, mask: Path | None, path: Path) -> None:
    """Paints over a picture, into a file.

    Args:
        run: What paints.
        asked: The number of answers `n`, `seed`, conditions `given`, and `edit` with its strength and steps.
        guide: The picture.
        mask: Where it may change.
        path: The file.

    Raises:
        Mistake: If a picture is not of the run's size, or the run cannot paint.
    """
    from genzoo.tasks.editing import strokes
    from genzoo.zoo.conditions import conditions

    model, about = run.generative, asked["edit"]
    words = pairs("--given", asked["given"], as_text=True)
    told = conditions(model, run.config.data, words, 1, run.given_codecs)
    x = read_pictures(run, [guide]).to(model.device)
    how = {"strength": about["strength"], "steps": about["steps"], "n": asked["n"], "seed": asked["seed"]}
    made = strokes(model, x, free=_bright(run, mask), given=told or None, **how)
    run.codec.save(made[:, 0].cpu(), path)


def _bright(run: "Run", mask: Path | None) -> "Tensor | None":
    """Where a mask is bright, for all channels."""
    if mask is None:
        return None
    from genzoo.data.codecs.image import open_image

    seen, wanted = open_image(mask), run.generative.space.shape[1:]
    if seen.shape[1:] != wanted:
        shape, got = ("×".join(map(str, sides)) for sides in (wanted, seen.shape[1:]))
        raise Mistake(f"A mask must be {shape}, the run's, got {got} in {mask}.", "Draw it on a copy of the picture.")
    return (seen.float().mean(0, keepdim=True) >= BRIGHT).to(run.generative.device)


def _tell_how_far(run: "Run", guide: Path) -> None:
    """Of a run without noise levels says how near its latents come to the picture, for nothing nearer is painted."""
    from genzoo.core import Denoiser
    from genzoo.data.view import intensity
    from genzoo.tasks.editing import strokes

    model = run.generative
    if model.ability(Denoiser) is None:
        x = read_pictures(run, [guide]).to(model.device)
        near = strokes(model, x, strength=0.0, seed=0)[0]
        far = (intensity(near, model.space) - intensity(x, model.space)).square().mean().sqrt().item()
        say(f"the run's own picture of {guide.name} is {far:.3f} away from it, of 1 from black to white")


COMMANDS: dict[Callable[..., None], str] = {edit: "genzoo edit runs/edm --strokes sketch.png --strength 0.6"}
