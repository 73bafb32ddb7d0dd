"""What a run's guess at its latents is worth, in a table."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.using import DataOption, RunPath, SplitOption, data_of, loaded_on, rows_of
from genzoo.apps.cli.words import print_json, print_table
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.store import read_config
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.core import GenerativeModel, Given
    from genzoo.tasks import Calibration, Gaps, Sandwich

__all__ = ["COMMANDS"]

ANNEALED = 20  # rows whose log p is bounded from both sides


def posterior(
    run: RunPath,
    data: DataOption = None,
    split: SplitOption = "test",
    rows: Annotated[int, typer.Option(min=2, help="Rows, the first of the split.")] = 50,
    draws: Annotated[int, typer.Option(min=1, help="Draws of a row for log p.")] = 1000,
    steps: Annotated[int, typer.Option(min=1, help="Steps in which a Gaussian is fitted to each row.")] = 150,
    simulated: Annotated[int, typer.Option(min=20, help="Rows that are drawn from the model itself.")] = 300,
    anneal: Annotated[
        int, typer.Option(min=0, help="Temperatures of chains that bound log p from both sides; 0 for none.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Names the draws.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Tell what an encoder's guess at latents loses to the best of its kind and to the truth, and if it is too sure.

    Densities are of rows as the encoder sees them.
    """
    read_config(run)
    from genzoo.models.abilities import Inference
    from genzoo.tasks import calibration, gaps, sandwich

    loaded = loaded_on(run, device)
    model = loaded.generative
    guess = model.ability(Inference)
    if guess is None or not guess.latent.is_real or len(guess.latent.shape) != 1:
        got = f"{loaded.config.recipe.name}, which has no encoder" if guess is None else str(guess.latent)
        raise Mistake(f"Posteriors are asked of vectors of reals, got {got}.", "Train a vae or a latent_flow.")
    with Heartbeat("posterior") as beat:
        beat.say("reading the data")
        x, given = _rows(model, rows_of(data_of(loaded, data, online=False), split), rows)
        beat.say("fitting a posterior to each row")
        found = gaps(guess, x, given, steps=steps, draws=draws, seed=seed)
        beat.say("simulating rows")
        sure = calibration(guess, simulated, given=lambda n: _cycled(given, n), seed=seed)
        between = None
        if anneal:
            beat.say("walking to posteriors and back")
            own = _cycled(given, ANNEALED) or None
            between = sandwich(model, ANNEALED, given=own, steps=anneal, seed=seed)
    if as_json:
        return print_json(_record(found, sure, between))
    print_table(("what", "nats/row", "±"), _lines(found))
    say(sure)
    if between is not None:
        say(between)
    return None


def _rows(model: "GenerativeModel", rows: Any, n: int) -> "tuple[Tensor, Given]":
    """The first rows and their conditions, where the model is."""
    import torch

    from genzoo.core import map_given

    x, given = rows.gather(torch.arange(min(n, len(rows))))
    told = map_given(lambda part: part.to(model.device), given) if model.given_space else None
    return x.to(model.device), model.checked_given(told, len(x))


def _cycled(given: "Given", n: int) -> "Given":
    """The conditions of n rows, those that there are again and again."""
    import torch

    return {name: part[torch.arange(n) % len(part)] for name, part in given.items()}


def _lines(found: "Gaps") -> list[tuple[str, str, str]]:
    parts = {
        "bound of the encoder": found.elbo,
        "lost by amortization": found.amortization,
        "bound of a Gaussian fitted to each row": found.fitted,
        "lost by Gaussians": found.approximation,
        f"log p by {found.draws:,} draws": found.likelihood,
    }
    return [(what, f"{each.value:.2f}", f"{each.error or 0:.2f}") for what, each in parts.items()]


def _record(found: "Gaps", sure: "Calibration", between: "Sandwich | None") -> dict[str, Any]:
    """What was found as plain JSON."""
    told = {} if between is None else {"lower": between.lower.tolist(), "upper": between.upper.tolist()}
    names = ("elbo", "fitted", "likelihood", "amortization", "approximation")
    parts = {name: getattr(found, name) for name in names} | {"spread": sure.spread}
    return {name: {"value": each.value, "error": each.error} for name, each in parts.items()} | {
        "draws": found.draws,
        "chance": sure.chance,
        "simulated": len(sure.ranks),
        **({"between": told} if told else {}),
    }


COMMANDS: dict[Callable[..., None], str] = {posterior: "genzoo posterior runs/vae-mnist --rows 100"}
