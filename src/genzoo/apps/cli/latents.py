"""Walking in the latent of a run: every command makes a picture."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.pictures import codec_of, read_pictures, save_pictures
from genzoo.apps.cli.words import pairs
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.store import read_config
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.core import Given, Latent
    from genzoo.data.codecs.image import ImageCodec
    from genzoo.zoo.loading import Run

__all__ = ["COMMANDS"]

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")]
Seed = Annotated[int, typer.Option(min=0, help="Names the latents.")]
Out = Annotated[Path | None, typer.Option(help="The picture; by default in the run's folder.")]
GivenOption = Annotated[
    list[str] | None, typer.Option("--given", help="The condition: label=3, one for all or one for each latent.")
]
REACH, DRAWS = 3.0, 3000  # standard deviations to each side; draws that a direction is fitted to


class Place(NamedTuple):
    """A run whose latent is walked in."""

    run: "Run"
    latent: "Latent"
    codec: "ImageCodec"
    words: dict[str, Any]

    def given(self, n: int) -> "Given":
        """The conditions of n latents."""
        from genzoo.zoo.conditions import conditions

        model, config = self.run.generative, self.run.config
        rows = conditions(model, config.data, self.words, n, self.run.given_codecs)
        return model.checked_given(rows, n)

    def drawn(self, n: int, seed: int) -> "Tensor":
        """n latents of a seed: those of the first n samples, where nothing else is random."""
        from genzoo.core import Noise

        return self.latent.draw(n, self.given(n), Noise(seed, "sample"))


def walk(
    run: RunPath,
    n: Annotated[
        int, typer.Option("-n", min=2, help="How many latents are passed, one line from each to the next.")
    ] = 5,
    steps: Annotated[int, typer.Option(min=2, help="Pictures of a line, both ends included.")] = 8,
    way: Annotated[Literal["slerp", "lerp"], typer.Option(help="On the circle of N(0, I), or straight.")] = "slerp",
    seed: Seed = 0,
    given: GivenOption = None,
    out: Out = None,
) -> None:
    """Draw the way from one latent to the next, a line of pictures for each."""
    place = _place(run, given)
    import torch

    from genzoo.tasks.latents import between, pictured

    z = place.drawn(n, seed)
    lines = torch.stack([between(z[i], z[i + 1], steps, way) for i in range(n - 1)])
    given_rows = {name: rows[:-1].repeat_interleave(steps, dim=0) for name, rows in place.given(n).items()}
    _draw(place, pictured(place.latent, lines.flatten(0, 1), given_rows), steps, out or run / "samples" / "walk.png")


def mix(
    run: RunPath,
    n: Annotated[int, typer.Option("-n", min=1, help="Latents for the coarse layers, and as many for the fine.")] = 6,
    at: Annotated[int | None, typer.Option(min=1, help="The first fine layer; by default the middle one.")] = None,
    seed: Seed = 0,
    given: GivenOption = None,
    out: Out = None,
) -> None:
    """Draw mixed styles: the coarse layers' by line, the fine ones' by column, each alone at the edges."""
    place = _place(run, given)
    import torch

    latent, layers = place.latent, place.latent.layers
    if layers < 2:
        raise Mistake(
            "Styles are mixed in a generator with a latent for each layer, got one in one piece.", "Train stylegan."
        )
    z = place.drawn(2 * n, seed)
    coarse, fine = z[:n].repeat_interleave(n, dim=0), z[n:].repeat(n, *[1] * (z.ndim - 1))
    rows = place.given(len(coarse))
    middle = layers // 2 if at is None else at
    with torch.no_grad():
        mixed = latent.numbers.back(latent.mixed(coarse, fine, middle, rows)).unflatten(0, (n, n))
        alone = latent.numbers.back(latent.generate(z, place.given(2 * n)))
    top = torch.cat([torch.zeros_like(alone[:1]), alone[n:]])
    lines = [top, *(torch.cat([alone[i : i + 1], mixed[i]]) for i in range(n))]
    _draw(place, torch.cat(lines), n + 1, out or run / "samples" / "mix.png")


def truncate(
    run: RunPath,
    values: Annotated[
        str, typer.Option(help="Truncations, or values of ψ where a run has styles.")
    ] = "0.2,0.5,0.8,1.2,2",
    n: Annotated[int, typer.Option("-n", min=1, help="Samples, the same ones in each line.")] = 8,
    seed: Seed = 0,
    given: GivenOption = None,
    out: Out = None,
) -> None:
    """Draw the same samples at several truncations, a line for each."""
    place = _place(run, given)
    import torch

    from genzoo.evaluation.likelihood import options_of

    model = place.run.generative
    option = next((name for name in ("psi", "truncation") if name in options_of(model, "draw")), None)
    if option is None:
        raise Mistake("The run's sampling must know a truncation, got none.", "Train a GAN, such as r3gan.")
    rows = place.given(n)
    asked: list[dict[str, Any]] = [{option: value} for value in _numbers(values)]
    lines = [model.sample(n, rows or None, seed=seed, **each) for each in asked]
    _draw(place, torch.cat(lines), n, out or run / "samples" / "truncate.png")
    say(f"{option} by line: {values}")


def arithmetic(
    run: RunPath,
    plus: Annotated[list[str], typer.Option(help="Numbers of samples whose mean latent is added: 3,7,9.")],
    minus: Annotated[
        list[str] | None, typer.Option(help="Numbers of samples whose mean latent is subtracted.")
    ] = None,
    seed: Seed = 0,
    given: GivenOption = None,
    out: Out = None,
) -> None:
    """Draw the mean latents of groups of samples, and their sum; `genzoo sample RUN --seed 0` shows the samples."""
    place = _place(run, given)
    import torch

    from genzoo.tasks.latents import pictured, summed

    groups = [[int(i) for i in _numbers(side)] for side in (*plus, *(minus or ()))]
    z = place.drawn(max(max(group) for group in groups) + 1, seed)
    means = [summed(z, [group]) for group in groups]
    means.append(summed(z, groups[: len(plus)], groups[len(plus) :]))
    made = pictured(place.latent, torch.stack(means), place.given(len(means)))
    _draw(place, made, len(means), out or run / "samples" / "arithmetic.png")
    say("from left to right: " + ", ".join([*plus, *(f"−({side})" for side in minus or ()), "and their sum"]))


def direction(
    run: RunPath,
    of: Annotated[str, typer.Option(help="What is to grow: 'mean(x)', 'x[400] > 128'.")],
    n: Annotated[int, typer.Option("-n", min=1, help="Samples that are moved.")] = 6,
    seed: Seed = 0,
    given: GivenOption = None,
    out: Out = None,
) -> None:
    """Find the direction of the latent along which a number of x grows, and draw samples moved along it."""
    place = _place(run, given)
    from genzoo.tasks import Expression
    from genzoo.tasks.latents import along, pictured
    from genzoo.tasks.latents import direction as found

    with Heartbeat("direction") as beat:
        beat.say("drawing samples")
        fit = found(place.latent, Expression(of), DRAWS, given=place.given, seed=seed)
    steps = 7
    places = [REACH * (2 * i / (steps - 1) - 1) for i in range(steps)]
    z = along(place.drawn(n, seed), fit.unit, places).flatten(0, 1)
    rows = {name: values.repeat_interleave(steps, dim=0) for name, values in place.given(n).items()}
    _draw(place, pictured(place.latent, z, rows), steps, out or run / "samples" / "direction.png")
    hardly = " — hardly a straight direction" if fit.explained < 0.1 else ""
    say(f"{of} from −{REACH:g} to {REACH:g} standard deviations; the fit tells {max(0, fit.explained):.0%}{hardly}")


def traverse(
    run: RunPath,
    n: Annotated[int, typer.Option("-n", min=1, help="Entries, those first that change most.")] = 10,
    steps: Annotated[int, typer.Option(min=2, help="Pictures of a line.")] = 8,
    seed: Seed = 0,
    given: GivenOption = None,
    out: Out = None,
) -> None:
    """Draw a sample of which one entry of the latent after the other is moved, a line for each."""
    place = _place(run, given)
    from genzoo.tasks.latents import pictured, traversed

    z, places = place.drawn(1, seed)[0], [REACH * (2 * i / (steps - 1) - 1) for i in range(steps)]
    with Heartbeat("traverse") as beat:
        beat.say("drawing both ends of every entry")
        ends = traversed(place.latent, z, [-REACH, REACH], given=place.given, seed=seed).flatten(0, 1)
        seen = pictured(place.latent, ends, place.given(len(ends))).float().flatten(1).unflatten(0, (-1, 2))
        entries = (seen[:, 1] - seen[:, 0]).square().mean(1).argsort(descending=True, stable=True)[:n]
        lines = traversed(place.latent, z, places, given=place.given, seed=seed)[entries].flatten(0, 1)
    made = pictured(place.latent, lines, place.given(len(lines)))
    _draw(place, made, steps, out or run / "samples" / "traverse.png")
    say(f"entries by line: {', '.join(map(str, entries.tolist()))}; from −{REACH:g} to {REACH:g} standard deviations")


def manifold(
    run: RunPath,
    n: Annotated[int, typer.Option("-n", min=2, help="Lines, and columns.")] = 16,
    entries: Annotated[str, typer.Option(help="Which two entries of the latent.")] = "0,1",
    seed: Seed = 0,
    given: GivenOption = None,
    out: Out = None,
) -> None:
    """Draw the plane of two entries of the latent, at their quantiles; of a latent of two that is all of it."""
    two = [int(i) for i in _numbers(entries)]
    if len(two) != 2:
        raise Mistake(f"A plane has two entries, got {entries!r}.", "Write --entries 0,1.")
    place = _place(run, given)
    from genzoo.tasks.latents import pictured, plane

    z = plane(place.latent, n, (two[0], two[1]), given=place.given, seed=seed).flatten(0, 1)
    made = pictured(place.latent, z, place.given(len(z)))
    _draw(place, made, n, out or run / "samples" / "manifold.png")


def invert(
    run: RunPath,
    image: Annotated[list[Path], typer.Option(help="A picture of the run's size, or several.")],
    steps: Annotated[int, typer.Option(min=0, help="Steps of the search.")] = 200,
    seed: Seed = 0,
    given: GivenOption = None,
    out: Out = None,
) -> None:
    """Find the latents of pictures, by the run's own encoder or by a search: the pictures, and below what is made of
    what was found."""
    place = _place(run, given)
    import torch

    from genzoo.tasks.latents import pictured, recovered

    x, rows = read_pictures(place.run, image), place.given(len(image))
    with Heartbeat("invert") as beat:
        beat.say("searching")
        found = recovered(place.run.generative, x, rows, steps=steps, seed=seed)
    made = pictured(place.latent, found.z, rows)
    _draw(place, torch.cat([x, made]), len(x), out or run / "samples" / "invert.png", composite=True)
    first = "by the encoder" if place.run.generative.can("encode") else "the nearest of some draws"
    for path, left, start in zip(image, found.residual.tolist(), found.start.tolist(), strict=True):
        searched = "there and back" if left == start else f"{first} it was {start:.3f}"
        say(f"{path.name}: {left:.3g} away of 2 from black to white; {searched}")


def _place(path: Path, given: list[str] | None) -> Place:
    read_config(path)  # whatever is wrong with the folder is told before torch is loaded
    from genzoo.core import Latent
    from genzoo.zoo.loading import load

    run = load(path)
    codec = codec_of(run)
    return Place(run, run.generative.able(Latent), codec, pairs("--given", given or (), as_text=True))


def _draw(place: Place, x: "Tensor", columns: int, path: Path, *, composite: bool = False) -> None:
    pixels = place.codec.pixels(x.cpu())
    save_pictures(place.run, pixels, columns, path, f"{len(x)} pictures", composite=composite)


def _numbers(words: str) -> list[float]:
    try:
        return [float(word) for word in words.split(",")]
    except ValueError:
        raise Mistake(f"Numbers stand with commas between them, got {words!r}.", "Write 0.2,0.5 or 3,7,9.") from None


COMMANDS: dict[Callable[..., None], str] = {
    walk: "genzoo latent walk runs/r3gan-mnist -n 5",
    mix: "genzoo latent mix runs/stylegan-mnist",
    truncate: "genzoo latent truncate runs/stylegan-mnist --values 0,0.5,1",
    arithmetic: "genzoo latent arithmetic runs/r3gan-mnist --plus 3,7,9 --minus 1,2 --plus 5,8",
    direction: "genzoo latent direction runs/r3gan-mnist --of 'mean(x)'",
    traverse: "genzoo latent traverse runs/vae-mnist --steps 8",
    manifold: "genzoo latent manifold runs/vae-mnist -n 16",
    invert: "genzoo latent invert runs/r3gan-mnist --image three.png",
}
