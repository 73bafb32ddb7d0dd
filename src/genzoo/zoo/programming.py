"""Programs that a run writes, and how many of them pass.

A run of texts that are functions goes on with a prompt, a signature and a docstring, and what it adds is a body. A
problem's tries are drawn under noise of its own, so that they do not depend on which others are asked beside it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Int
from torch import Tensor

from genzoo.data.codecs.text import SpellingCodec
from genzoo.data.programs.tasks import Task, tasks
from genzoo.evaluation.measurement import Kind, Measurement
from genzoo.evaluation.passing import pass_rate
from genzoo.tasks.execution.problems import Problem, judged
from genzoo.tasks.execution.running import NAMESPACES, Outcome
from genzoo.tasks.intervals import of_proportion
from genzoo.zoo.mistakes import Mistake

if TYPE_CHECKING:
    from genzoo.data import Data
    from genzoo.zoo.loading import Run

__all__ = [
    "TEMPERATURE",
    "Tried",
    "interval_of",
    "made_problems",
    "measured",
    "problem_of",
    "prompt_of",
    "tried",
    "written",
]

TEMPERATURE = 0.2  # which validation problems chose
LEAST = 8  # symbols that a body must have room for


@dataclass(frozen=True)
class Tried:
    """What a run's tries at problems came to.

    Attributes:
        problems: The problems.
        programs: The tries at each.
        passed: Which of them pass.
        outcomes: How each ended.
    """

    problems: tuple[Problem, ...]
    programs: tuple[tuple[str, ...], ...]
    passed: tuple[tuple[bool, ...], ...]
    outcomes: tuple[tuple[Outcome, ...], ...]

    @property
    def tries(self) -> int:
        """How often each problem was tried."""
        return len(self.programs[0]) if self.programs else 0

    @property
    def right(self) -> Int[Tensor, " problems"]:
        """How many tries at each pass."""
        return torch.tensor([sum(each) for each in self.passed], dtype=torch.long)

    @property
    def contained(self) -> bool:
        """Whether all ran in namespaces."""
        return all(each.containment in (NAMESPACES, "") for some in self.outcomes for each in some)


def prompt_of(task: str, signature: str) -> str:
    """What a program begins with, as `minipython` writes it.

    Args:
        task: What is asked, in words.
        signature: The line that begins the function.

    Raises:
        Mistake: If the signature is none, or nothing is asked.

    Example:
        >>> print(prompt_of("the sum of xs", "def f(xs):"))
        def f(xs):
            \"\"\"the sum of xs\"\"\"
    """
    if re.fullmatch(r"def \w+\(.*\)( -> .+)?:", signature.strip()) is None:
        raise Mistake(
            f"A signature must begin a function, got {signature!r}.", 'Write it as --signature "def f(xs):".'
        )
    if not (told := " ".join(task.replace('"""', "").split())):
        raise Mistake("A task must be told in words, got none.", 'Say it first: "the sum of xs".')
    return f'{signature.strip()}\n    """{told}"""'


def problem_of(task: Task) -> Problem:
    """A task of `minipython` as a problem.

    Args:
        task: The task.
    """
    tests = task.tests()
    calls, expected = tuple((value,) for value, _ in tests), tuple(found for _, found in tests)
    return Problem(f"minipython/{task.number}", task.prompt, task.entry, calls, expected)


def made_problems(data: "Data", split: str, n: int) -> list[Task]:
    """The first tasks of a split of `minipython` whose tests tell the reference from less.

    Args:
        data: As a run read them.
        split: Its name.
        n: How many.

    Raises:
        Mistake: If the data are others, or have no such split.
    """
    if data.name != "minipython":
        raise Mistake(f"pass@k is measured on problems with tests, got {data.name}.", "Train on --data minipython.")
    if split not in data.splits:
        known = ", ".join(data.splits)
        raise Mistake(f"There is no split {split!r} of {data.name}.", f"Choose one of: {known}.")
    found = list[Task]()
    for number in data.splits[split].tolist():
        if len(found) == n:
            break
        each = next(tasks(1, start=number))
        found += [each] if each.tells else []
    return found


def written(
    run: "Run", prompts: Sequence[str], n: int, *, seed: int = 0, temperature: float = TEMPERATURE
) -> list[tuple[str, ...]]:
    """n programs for each prompt, the prompt included.

    Args:
        run: A run of texts.
        prompts: Signatures with docstrings.
        n: How many.
        seed: Names the noise; the tries at a prompt depend on its place.
        temperature: How far tries are from the likeliest; 0 takes that.

    Raises:
        Mistake: If the run writes no text from left to right, or a prompt leaves no room for a body.
    """
    codec, model = run.codec, run.generative
    if not isinstance(codec, SpellingCodec) or not model.can("step"):
        raise Mistake(f"{run.config.recipe.name} writes no texts symbol by symbol.", "Train gpt on texts of programs.")
    choice = {"top_k": 1} if temperature == 0 else {"temperature": temperature}
    found = []
    for place, prompt in enumerate(prompts):
        prefix = codec.ids(prompt).long()
        if len(prefix) + LEAST > model.space.dims:
            raise Mistake(
                f"A task must leave room for a program of {model.space.dims} symbols, got one of {len(prefix)}.",
                "Say it in fewer words.",
            )
        x = model.sample(n, seed=seed, start=place * n, prefix=prefix, **choice)
        found.append(tuple(_cut(text, prompt) for text in codec.texts(x)))
    return found


def tried(
    problems: Sequence[Problem], programs: Sequence[Sequence[str]], *, allow_running_code: bool = False
) -> Tried:
    """Programs judged, equal ones once.

    Args:
        problems: The problems.
        programs: The tries at each.
        allow_running_code: Whether they may run.
    """
    passed, outcomes = list[tuple[bool, ...]](), list[tuple[Outcome, ...]]()
    for problem, texts in zip(problems, programs, strict=True):
        known = {text: judged(problem, text, allow_running_code=allow_running_code) for text in dict.fromkeys(texts)}
        passed.append(tuple(known[text].passed for text in texts))
        outcomes.append(tuple(known[text].outcome for text in texts))
    return Tried(tuple(problems), tuple(map(tuple, programs)), tuple(passed), tuple(outcomes))


def measured(found: Tried, ks: Sequence[int], **protocol: object) -> list[Measurement]:
    """pass@k of tries, with standard errors over problems.

    Args:
        found: The tries.
        ks: Each k.
        protocol: How they were made.
    """
    said = dict(protocol) | {"tries": found.tries, "contained": found.contained}
    return [
        Measurement(f"pass@{k}", *pass_rate(k, found.right, found.tries), Kind.STATISTIC, "", len(found.problems),
                    protocol=said, better="higher")
        for k in ks
    ]  # fmt: skip


def interval_of(found: Measurement) -> tuple[float, float]:
    """The 95 % interval of pass@k over problems; where all came out alike, that of a share of so many, which is exact.

    Args:
        found: What was measured.

    Example:
        >>> from genzoo.evaluation import Kind, Measurement
        >>> low, high = interval_of(Measurement("pass@1", 1.0, 0.0, Kind.STATISTIC, "", 200))
        >>> round(low, 3), high
        (0.982, 1.0)
    """
    if not found.error:
        within = of_proportion(round(found.value * found.n), found.n, exact=True)
        return within.low, within.high
    low, high = found.interval or (0.0, 1.0)
    return max(0.0, low), min(1.0, high)


def _cut(text: str, prompt: str) -> str:
    """A program up to the first line after the prompt that is no part of the function."""
    body = text[len(prompt) :]
    outside = re.search(r"\n(?=[^\s])", body)
    return prompt + (body[: outside.start() + 1] if outside else body)
