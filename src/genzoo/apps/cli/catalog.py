"""What there is: recipes, runs, and this machine."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from genzoo.apps.cli.words import print_json, print_table, shown
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import recipe_named, recipes
from genzoo.zoo.sampling import SAMPLING
from genzoo.zoo.terminal import say

__all__ = ["COMMANDS", "run_row"]

RUNS = Path("runs")  # where trainings go by default

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def list_(
    kind: Annotated[
        str | None, typer.Option("--for", help="Recommend, for: table, numbers, pictures, bits, text or points.")
    ] = None,
    purpose: Annotated[str | None, typer.Option("--to", help="Recommend, to: sample, score or impute.")] = None,
    json: Json = False,
) -> None:
    """List the recipes: every model that can be trained by name; or those that records recommend, the best first."""
    if kind is not None or purpose is not None:
        return _recommend(kind, purpose, json)
    infos = list(recipes().values())
    if json:
        return print_json([info.to_json() for info in infos])
    print_table(
        ("recipe", "family", "log_prob", "needs", "what it is"),
        [(info.name, info.family, _likelihood(info), info.extra, info.summary) for info in infos],
    )
    return None


def _recommend(kind: str | None, purpose: str | None, json: bool) -> None:
    """What records of the experiments say of a kind of data and a purpose."""
    from genzoo.experiments.recommended import recommended

    found = recommended(kind, purpose)
    if json:
        return print_json([choice._asdict() for choice in found])
    heads = ("for", "to", "recipe", "value", "what it is", "better", "core-minutes", "on", "record")
    print_table(heads, found)
    return say("Other data, other numbers: genzoo compare --models A,B --data YOURS decides on yours.")


def show(
    recipe: Annotated[str, typer.Argument(help="A recipe, as `genzoo list` names them, or read.")],
    json: Json = False,
) -> None:
    """Show a recipe: its paper, what it can do, and all of its settings; or, as `read`, how data can be read."""
    from genzoo.training.config import TrainConfig

    if recipe == "read":
        return _show_read(json)
    info = recipe_named(recipe)
    if json:
        return print_json(info.to_json() | {"train": TrainConfig.model_json_schema()})
    say(f"{info.name}: {info.summary}\n{info.paper}\n")
    print_table(
        ("", ""), [("family", info.family), ("log_prob", _likelihood(info)), ("can", info.can), ("loss", info.loss)]
    )
    columns = ("setting", "type", "default", "meaning")
    say()
    print_table(columns, _fields(info.arguments.model_json_schema()), "--set name=value: the model")
    say()
    print_table(columns, _fields(TrainConfig.model_json_schema()), "--train name=value: the training")
    if info.sampling:
        say()
        print_table(("option", "meaning"), [(name, SAMPLING[name]) for name in info.sampling], "genzoo sample --set")
    say("A recipe sets some of these itself; --train overrides it, and a run's config.json says what was used.")
    return None


def _show_read(json: bool) -> None:
    """The options of reading, with the kinds of sources that heed them."""
    from genzoo.data.reading import options_of_reading

    found = options_of_reading()
    if json:
        return print_json(found)
    return print_table(("option", "of", "meaning"), [tuple(option.values()) for option in found], "--read name=value")


def runs(
    folder: Annotated[Path, typer.Argument(help="Where to look.")] = RUNS,
    json: Json = False,
) -> None:
    """List the runs in a folder, newest first."""
    from genzoo.zoo.store import run_folders

    if folder != RUNS and not folder.is_dir():
        raise Mistake(f"Runs must lie in a folder, got {str(folder)!r}, which is none.", "Name the one they are in.")
    found = [run_row(path) for path in run_folders(folder)]
    if json:
        return print_json(found)
    if not found:
        say(f"There are no runs in {folder}. Train one: genzoo train vae --data digits")
        return None
    print_table(tuple(found[0]), [tuple(row.values()) for row in found])
    return None


def doctor(
    run: Annotated[Path | None, typer.Argument(help="A run's folder; without one, the machine.")] = None,
    json: Json = False,
) -> None:
    """Say what was wrong with a run's training, and how it ended; without a run, what this machine has."""
    return _examine_machine(json) if run is None else _examine_run(run, json)


def _examine_run(run: Path, json: bool) -> None:
    """How each training of a run ended, how good it became, what was wrong with it, and what to do."""
    from genzoo.zoo.health.examination import examined

    found = examined(run)
    if json:
        return print_json([each.to_json() for each in found])
    for each in found:
        say(f"{each.folder} {each.ending}.")
        print_table(("", ""), each.facts())
        for what, lines in (
            ("!!", each.findings),
            ("ok", [each.improving] if each.improving else []),
            ("do", each.advice),
        ):
            for line in lines:
                say(f"{what}   {line}")
        if not each.findings:
            say("ok   nothing was found to be wrong with the training")
    return None


def _examine_machine(json: bool) -> None:
    """Versions, devices, extras, writable folders; one fix per problem."""
    from genzoo.apps.cli.doctor import examined

    checks = examined()
    if json:
        return print_json([check._asdict() for check in checks])
    print_table(("", "what", "state"), [("ok" if check.ok else "!!", check.what, check.state) for check in checks])
    for check in checks:
        if check.fix:
            say(f"fix:   {check.fix}")
    return None


def bench(
    only: Annotated[str | None, typer.Option(help="Only models whose name begins so.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="How many threads are all; those of the machine.")] = None,
    json: Json = False,
) -> None:
    """Measure steps of training on this machine, by precision and by threads, and say what to take of it."""
    from genzoo.apps.cli.doctor import lacking
    from genzoo.experiments.speed import CASES, advice, measured, ways

    cases = {name: case for name, case in CASES.items() if name.startswith(only or "")}
    if not cases:
        raise Mistake(f"Some model must begin with {only!r}, got {', '.join(CASES)}.", "Choose one of these.")
    every, found = ways(threads), {}
    for name, case in cases.items():
        say(f"{name} …", err=True)
        found[name] = measured(case, every)
    said = advice(found, lacking())
    if json:
        rows = {name: {str(way): round(time, 3) for way, time in times.items()} for name, times in found.items()}
        return print_json({"milliseconds": rows, "advice": said})
    columns = ("milliseconds a step", *map(str, every))
    print_table(columns, [(name, *(f"{times[way]:.1f}" for way in every)) for name, times in found.items()])
    for sentence in said:
        say(sentence)
    return None


def _likelihood(info: Any) -> str:
    if info.on_levels == info.likelihood:
        return str(info.likelihood)
    return f"{info.likelihood} ({info.on_levels} on levels)"


def _fields(schema: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    fields = schema.get("properties", {})
    return [
        (name, _type(field), shown(field.get("default")), field.get("description", ""))
        for name, field in fields.items()
    ]


def _type(field: Mapping[str, Any]) -> str:
    """A JSON schema's type in a word or two, with its limits."""
    if "anyOf" in field:
        return " or ".join(_type(part) for part in field["anyOf"])
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if "const" in field:
        return str(field["const"])
    name = {"null": "none", "boolean": "yes or no", "array": "list"}.get(
        field.get("type", ""), field.get("type", "any")
    )
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {field[key]:g}" for key, sign in signs.items() if key in field]
    return " ".join([name, *limits])


def run_row(path: Path) -> dict[str, Any]:
    """What is told of a run where many are listed.

    Args:
        path: Its folder.
    """
    from genzoo.training.journal import loss_words
    from genzoo.zoo.store import WEIGHTS, read_config, read_metrics

    row: dict[str, Any] = dict.fromkeys(("run", "recipe", "data", "steps", "loss", "valid", "loss is", "state"))
    row["run"] = str(path)
    try:
        config, rows = read_config(path), read_metrics(path)
    except (Mistake, ValueError) as error:
        return row | {"state": f"spoilt: {Mistake.of(error).cause}"}
    for split, column in (("train", "loss"), ("valid", "valid")):
        losses = [entry.get("loss") for entry in rows if entry["split"] == split]
        row[column] = losses[-1] if losses else None
    return row | {
        "loss is": loss_words(rows),
        "recipe": config.recipe.name,
        "data": config.data.name,
        "steps": rows[-1]["step"] if rows else 0,
        "state": "trained" if (path / WEIGHTS).is_file() else "unfinished",
    }


COMMANDS: dict[Callable[..., None], str] = {
    list_: "genzoo list --for table --to sample",
    show: "genzoo show vae",
    runs: "genzoo runs",
    doctor: "genzoo doctor runs/vae-digits",
    bench: "genzoo bench --only gpt",
}
