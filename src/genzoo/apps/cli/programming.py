"""Programs that a run writes: shown, run if that is allowed, and judged by their tests."""

import collections
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.words import print_json, print_table
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.store import whole
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from genzoo.data import Data
    from genzoo.tasks.execution import Outcome
    from genzoo.zoo.loading import Run

__all__ = [
    "PROBLEMS",
    "AllowOption",
    "SignatureOption",
    "TaskArgument",
    "TestOption",
    "TriesOption",
    "pass_rates",
    "write_programs",
]

PROBLEMS = 200  # on which programs are judged
SHOWN = 3  # programs of a task, the likeliest to be right first
INPUTS = 4  # on which programs without tests are compared
OPEN = "This kernel gave no namespaces: the programs ran with the files and the network of this user."

AllowOption = Annotated[
    bool,
    typer.Option("--allow-running-code", help="Run programs that the model wrote, each in an interpreter of its own."),
]

TaskArgument = Annotated[
    str | None, typer.Argument(metavar="[TASK]", help="Of a run that writes programs: what one must do, in words.")
]
SignatureOption = Annotated[str | None, typer.Option(help="Of a program: its first line, as 'def f(xs):'.")]
TestOption = Annotated[list[str] | None, typer.Option("--test", help="What it must give: 'f([1, 2]) == 3'.")]
TriesOption = Annotated[int, typer.Option("-n", min=1, help="Programs that are tried.")]


def write_programs(
    load: "Callable[[], Run]", said: tuple[str, str, Sequence[str]], n: int, seed: int, allowed: bool, *, as_json: bool
) -> None:
    """Writes programs for a task, and tells which of them pass its tests, or agree with each other.

    Args:
        load: Loads the run.
        said: The task in words, the signature, and tests.
        n: How many are tried.
        seed: Names the noise.
        allowed: Whether they may run.
        as_json: Whether JSON is printed.

    Raises:
        Mistake: If there are tests, and programs may not run.
    """
    from genzoo.zoo.programming import prompt_of, written

    task, signature, tests = said
    prompt = prompt_of(task, signature)
    entry = prompt[4:].partition("(")[0]
    calls, expected = _tests(tests, entry, allowed)
    with Heartbeat("solve") as beat:
        beat.say(f"writing {n} programs")
        (texts,) = written(load(), [prompt], n, seed=seed)
        counts = collections.Counter(texts)
        beat.say(f"running {len(counts)} programs" if allowed else "done")
        calls = calls or _inputs(prompt)
        outcomes = _outcomes(list(counts), entry, calls) if allowed else {}
    passed = {text: outcome.gives(expected) for text, outcome in outcomes.items()} if tests else {}
    agreed = _agreement(counts, outcomes)
    best = sorted(counts, key=lambda text: (not passed.get(text, False), -agreed[text], -counts[text]))
    if as_json:
        told = {text: {"times": counts[text], "agree": agreed[text], "passed": passed.get(text)} for text in best}
        return print_json([{"program": text, **told[text]} for text in best])
    for text in best[:SHOWN]:
        say(f"{text.rstrip()}\n# {_remark(text, counts, passed, agreed, n, allowed)}\n")
    if not allowed:
        say("Nothing was run. --allow-running-code runs them, each in an interpreter of its own; --test judges them.")
    elif any(outcome.containment != "namespaces" for outcome in outcomes.values()):
        say(OPEN)
    return None


def _tests(tests: Sequence[str], entry: str, allowed: bool) -> tuple[tuple[tuple[Any, ...], ...], tuple[Any, ...]]:
    from genzoo.tasks.execution.problems import parsed_tests

    if tests and not allowed:
        raise Mistake(
            "Tests run the programs that a model wrote, and that is not allowed.", "Add --allow-running-code."
        )
    try:
        return parsed_tests(tests, entry)
    except ValueError as error:
        raise Mistake.of(error) from None


def _inputs(prompt: str) -> tuple[tuple[Any, ...], ...]:
    """Values for a function of one argument whose name tells its type."""
    from genzoo.data.programs.tasks import inputs_of

    found = re.match(r"def \w+\((\w+)\)", prompt)
    return tuple((value,) for value in inputs_of(found[1], INPUTS)) if found else ()


def _outcomes(texts: Sequence[str], entry: str, calls: Sequence[Sequence[Any]]) -> "dict[str, Outcome]":
    from genzoo.tasks.execution import execute

    return {text: execute(text, entry, calls, allow_running_code=True) for text in texts}


def _agreement(counts: "collections.Counter[str]", outcomes: "dict[str, Outcome]") -> "collections.Counter[str]":
    """How many of all tries give what a program gives; of one that gives nothing, how many are that program."""
    gives = {
        text: repr(outcome.results) for text, outcome in outcomes.items()
        if outcome.how == "finished" and any("value" in each for each in outcome.results)
    }  # fmt: skip
    together = collections.Counter[str]()
    for text, count in counts.items():
        together[gives.get(text, text)] += count
    return collections.Counter({text: together[gives.get(text, text)] for text in counts})


def _remark(text: str, counts: Any, passed: dict[str, bool], agreed: Any, n: int, allowed: bool) -> str:
    often = f"written {counts[text]} times of {n}"
    if not allowed:
        return often
    judged = ("passes the tests, " if passed[text] else "fails the tests, ") if text in passed else ""
    return f"{judged}{often}, {agreed[text]} give the same"


def pass_rates(
    run: Path,
    load: "Callable[[], tuple[Run, Data]]",
    metrics: str,
    split: str,
    problems: int,
    seed: int,
    allowed: bool,
    *,
    as_json: bool,
) -> None:
    """Measures how many problems a run's programs solve.

    Args:
        run: The run's folder.
        load: Loads the run and its data.
        metrics: pass@k, with commas between.
        split: Which problems.
        problems: How many.
        seed: Names the noise.
        allowed: Whether programs may run.
        as_json: Whether JSON is printed.

    Raises:
        Mistake: If something else is asked for, or programs may not run.
    """
    found = [re.fullmatch(r"pass@([1-9]\d{0,2})", word.strip()) for word in metrics.split(",")]
    ks = [int(each[1]) for each in found if each]
    if len(ks) < len(found):
        raise Mistake(f"Metrics of programs are pass@k, got {metrics!r}.", "Write them as --metrics pass@1,pass@10.")
    if not allowed:
        raise Mistake("pass@k runs programs that a model wrote, and that is not allowed.", "Add --allow-running-code.")
    from genzoo.zoo.programming import TEMPERATURE, interval_of, made_problems, measured, problem_of, tried, written

    with Heartbeat("evaluate") as beat:
        beat.say("reading the data")
        loaded, data = load()
        asked = [problem_of(task) for task in made_problems(data, split, problems)]
        tries = 2 * max(ks)  # an estimate from k tries alone is one draw
        beat.say(f"writing {tries} programs for each of {len(asked)} problems")
        programs = written(loaded, [problem.prompt for problem in asked], tries, seed=seed)
        beat.say("running them")
        came = tried(asked, programs, allow_running_code=True)
    made = measured(came, ks, split=split, seed=seed, temperature=TEMPERATURE)
    with whole(run / f"passes-{split}.json") as draft:
        draft.write_text(json.dumps([each.to_json() for each in made], indent=1) + "\n")
    if as_json:
        return print_json([each.to_json() for each in made])
    heads = ("what", "value", "from", "to", "problems", "tries", "protocol")
    lines = []
    for each in made:
        low, high = interval_of(each)
        lines.append((each.name, str(each), f"{low:.3f}", f"{high:.3f}", each.n, tries, each.fingerprint))
    print_table(heads, lines)
    if not came.contained:
        say(OPEN)
    return None
