"""Programs that a model writes, judged by their tests; and hostile ones, which must come to nothing.

    python -m experiments.programs [--minutes 40] [--problems 200]
    python -m experiments.programs --beyond
    python -m experiments.programs --hostile

`gpt` learns `minipython`, tokens by `bpe`, a fifth of the pairs of operations withheld. Its programs for problems that
did not train run in namespaces of their own: problems whose constants were never seen with their operations, and
problems with a pair of operations that was never seen. How far tries are from the likeliest is chosen on validation
problems. Beside it stands the program of the training docstring that is most alike, by its runs of three characters;
and HumanEval and MBPP, of which it has seen nothing, are printed whatever they are. With `--beyond` it is asked in
words that no template has, and for four operations in a row. A run that was stopped goes on.

References:
    Chen et al., 2021, "Evaluating large language models trained on code", arXiv:2107.03374 (pass@k, HumanEval)
    Austin et al., 2021, "Program synthesis with large language models", arXiv:2108.07732 (MBPP)
"""

import argparse
import collections
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.data import Data
from genzoo.data.programs.mirrors import Mirror, mirrors
from genzoo.data.programs.tasks import Task, tasks
from genzoo.data.split import content_words
from genzoo.evaluation.passing import pass_rate
from genzoo.tasks.execution.problems import Problem, parsed_tests, recorded
from genzoo.zoo import Run, load, resume, store
from genzoo.zoo.programming import LEAST, Tried, made_problems, problem_of, prompt_of, tried, written
from tests.hostile_programs import PROGRAMS, row, trial

RECORDS = Path(__file__).parent / "records"
HOLD_OUT = "op1*op2:0.2"
TEMPERATURES = (0.0, 0.2, 0.5, 0.8)
TRIES, MOST = 20, 10  # at each problem, and the largest k
OWN_WORDS = (  # written down before any was tried
    ("return the sum of squares of the even numbers in xs", "def f(xs):", ["f([1, 2, 4]) == 20", "f([]) == 0"]),
    ("add up all positive numbers in xs", "def f(xs):", ["f([1, -2, 3]) == 4", "f([-1]) == 0"]),
    ("how many odd numbers are in xs?", "def f(xs):", ["f([1, 2, 3]) == 2", "f([]) == 0"]),
    ("the largest even number in xs", "def f(xs):", ["f([1, 4, 7]) == 4", "f([2, 8, 9]) == 8"]),
    ("join the words of s in reverse order with spaces", "def f(s):", ["f('a bc') == 'bc a'", "f('') == ''"]),
    ("return True if n is even", "def f(n):", ["f(4) == True", "f(7) == False"]),
    ("count the vowels in text", "def f(text):", ["f('aloe') == 3", "f('') == 0"]),
    ("return the three smallest numbers of xs", "def f(xs):", ["f([5, 1, 3, 2]) == [1, 2, 3]", "f([]) == []"]),
    ("把xs中每个数乘以2，再求和", "def f(xs):", ["f([1, 2]) == 6", "f([]) == 0"]),
    ("return the product of all numbers in xs", "def f(xs):", ["f([2, 3, 4]) == 24", "f([5]) == 5"]),
    ("return the n-th Fibonacci number", "def f(n):", ["f(10) == 55", "f(1) == 1"]),
    ("sort words by length and return the last one", "def f(words):", ["f(['a', 'bbb', 'cc']) == 'bbb'"]),
)
DIMS, PIECE = 4096, 4000  # counts of runs of characters, and docstrings looked at together
BODY = 40  # symbols that problems of others leave for a body


def data_of() -> Data:
    """The tasks, as the run reads them."""
    return genzoo.read("minipython", unit="bpe", vocabulary=1024, hold_out=HOLD_OUT)


def run_of(path: Path, minutes: float) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path)
    return genzoo.train("gpt", data_of(), out=path, core_minutes=minutes, batch_size=64, seed=0, device="cpu")


def at(run: Run, asked: Sequence[Task], temperature: float, tries: int) -> Tried:
    """A run's tries at some tasks."""
    problems = [problem_of(each) for each in asked]
    texts = written(run, [each.prompt for each in problems], tries, temperature=temperature)
    return tried(problems, texts, allow_running_code=True)


def rates(found: Tried, asked: Sequence[Task], ks: Sequence[int]) -> dict[str, Any]:
    """pass@k of all problems, of each language and of each number of operations, with standard errors."""
    kinds = {"all": [True] * len(asked)}
    kinds |= {language: [each.language == language for each in asked] for language in ("en", "zh")}
    kinds |= {f"{n} operations": [len(each.operations) == n for each in asked] for n in (1, 2, 3)}
    some = {name: found.right[torch.tensor(chosen)] for name, chosen in kinds.items()}
    return {
        name: {f"pass@{k}": _told(pass_rate(k, right, found.tries)) for k in ks} | {"problems": len(right)}
        for name, right in some.items() if len(right) > 1
    }  # fmt: skip


def shown(found: Tried, asked: Sequence[Task], n: int) -> dict[str, list[dict[str, str]]]:
    """Some tasks that the first try solves, and some that it does not, with what it should have been."""
    kinds: dict[str, list[dict[str, str]]] = {"solved": [], "failed": []}
    for task, texts, passed, outcomes in zip(asked, found.programs, found.passed, found.outcomes, strict=True):
        kind = kinds["solved" if passed[0] else "failed"]
        if len(kind) < n and (not passed[0] or len(task.operations) > 2):
            words = {"program": texts[0]} if passed[0] else {"program": texts[0], "reference": task.body,
                                                             "ended": outcomes[0].how}  # fmt: skip
            kind.append(words)
    return kinds


def profiles(texts: Sequence[str]) -> Tensor:
    """How often each run of three characters is in a text, hashed, of length one."""
    rows = torch.zeros(len(texts), DIMS)
    for row_, text in zip(rows, texts, strict=True):
        runs = [f" {text} "[i : i + 3] for i in range(len(text))]
        place = content_words((each.encode() for each in runs), "trigrams") % DIMS
        row_.index_add_(0, place, torch.ones(len(place)))
    return rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-9)


def looked_up(data: Data, asked: Sequence[Task]) -> Tried:
    """The programs of the training docstrings that are most like those asked, under the names they have there."""
    chosen = data.splits["train"].tolist()
    wanted = profiles([each.docstring for each in asked])
    every = list(tasks(int(data.splits["train"].max()) + 1))
    best, which = torch.full((len(asked),), -1.0), torch.zeros(len(asked), dtype=torch.long)
    for first in range(0, len(chosen), PIECE):
        numbers = torch.tensor(chosen[first : first + PIECE])
        likeness, place = (wanted @ profiles([every[k].docstring for k in numbers.tolist()]).T).max(1)
        which = torch.where(likeness > best, numbers[place], which)
        best = torch.maximum(best, likeness)
    problems, texts = list[Problem](), list[list[str]]()
    for task, number in zip(asked, which.tolist(), strict=True):
        given = problem_of(task)
        problems.append(Problem(given.name, given.prompt, every[number].entry, given.calls, given.expected))
        texts.append([every[number].text])
    return tried(problems, texts, allow_running_code=True)


def shortened(run: Run, mirror: Mirror) -> str:
    """A problem of others as tasks are written here, cut to what leaves room for a body."""
    room, words = run.generative.space.dims - max(BODY, LEAST), mirror.docstring.split()

    def prompt() -> str:
        return f'{mirror.signature}\n    """{" ".join(words)}"""'

    while words and len(run.codec.ids(prompt())) > room:  # type: ignore[attr-defined]
        words.pop()
    return prompt()


def mirrored(run: Run, name: str) -> dict[str, Any]:
    """pass@1 of the likeliest program on problems of others, and of their own references; what has no tests that can
    be told as data counts as failed."""
    given = mirrors(Path(os.environ["GENZOO_DATA"]) / "code-eval" / f"{name}.jsonl.gz")
    asked = [recorded(each.name, each.prompt, each.entry, each.reference, each.check, allow_running_code=True)
             for each in given]  # fmt: skip
    able = [(mirror, problem) for mirror, problem in zip(given, asked, strict=True) if problem is not None]
    own = tried([problem for _, problem in able], [[each.reference] for each, _ in able], allow_running_code=True)
    prompts = [shortened(run, mirror) for mirror, _ in able]
    bodies = [text[len(prompt) :] for prompt, (text,) in zip(prompts, written(run, prompts, 1, temperature=0),
                                                             strict=True)]  # fmt: skip
    texts = [[mirror.prompt + body] for (mirror, _), body in zip(able, bodies, strict=True)]
    found = tried([problem for _, problem in able], texts, allow_running_code=True)
    none = torch.zeros(len(given) - len(able), dtype=torch.long)
    ended = collections.Counter(_ended(each) for each in found.outcomes)
    return {
        "problems": len(given), "pass@1": _told(pass_rate(1, torch.cat([found.right, none]), 1)),
        "references that pass": int(own.right.sum()), "ended": dict(ended),
        "solved": [mirror.name for (mirror, _), right in zip(able, found.right.tolist(), strict=True) if right],
    }  # fmt: skip


def _ended(outcomes: Sequence[Any]) -> str:
    errors = [each["error"].partition(":")[0] for each in outcomes[0].results if "error" in each]
    return errors[0] if errors else outcomes[0].how


def _told(estimate: Any) -> list[float | None]:
    value, error = estimate
    return [round(value, 4), None if error is None else round(error, 4)]


def programs(path: Path, minutes: float, problems: int) -> None:
    """Trains what is missing, measures it, and keeps the record."""
    run, data = run_of(path, minutes), data_of()
    last = run.metrics[-1]
    found: dict[str, Any] = {
        "steps": last["step"], "core_seconds": round(last["core_seconds"], 1),
        "parameters": sum(each.numel() for each in run.model.parameters()), "data": run.config.data.fingerprint,
        "splits": {name: len(rows) for name, rows in data.splits.items()}, "tries": TRIES,
    }  # fmt: skip

    def keep(**more: Any) -> None:
        found.update(more)
        (RECORDS / "programs.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        print(json.dumps(more, ensure_ascii=False, indent=1), flush=True)

    trial_of = made_problems(data, "valid", problems // 2)
    tried_out = {t: rates(at(run, trial_of, t, MOST), trial_of, (1, MOST))["all"] for t in TEMPERATURES}
    one = max(TEMPERATURES, key=lambda t: (tried_out[t]["pass@1"][0], -t))
    many = max(TEMPERATURES[1:], key=lambda t: (tried_out[t][f"pass@{MOST}"][0], -t))
    keep(valid={str(t): rate for t, rate in tried_out.items()}, temperature={"pass@1": one, f"pass@{MOST}": many})
    for split in ("test", "held_out"):
        asked = made_problems(data, split, problems)
        first, rest = at(run, asked, one, TRIES if one else 1), at(run, asked, many, TRIES)
        keep(**{split: {"pass@1": rates(first, asked, (1,)), f"pass@{MOST}": rates(rest, asked, (MOST,)),
                        "lookup": rates(looked_up(data, asked), asked, (1,))["all"], "contained": first.contained,
                        "shown": shown(first, asked, 4)}})  # fmt: skip
    for name in ("HumanEval", "mbpp"):
        keep(**{name: mirrored(run, name)})


def longer(run: Run, n: int) -> dict[str, Any]:
    """pass@1 of the likeliest programs for four operations in a row, one more than any that trained."""
    room = run.generative.space.dims
    fresh = (each for each in tasks(20 * n, seed=1, lengths=(4,)) if len(each.operations) == 4 and each.tells)
    asked = [each for each in fresh if len(run.codec.ids(each.text)) <= room][:n]  # type: ignore[attr-defined]
    found = at(run, asked, 0.0, 1)
    statements = collections.Counter(
        len(text[len(problem.prompt) :].strip().splitlines())
        for problem, (text,) in zip(found.problems, found.programs, strict=True)
    )
    return {"pass@1": rates(found, asked, (1,)), "statements": statements, "shown": shown(found, asked, 4)}


def own_words(run: Run) -> list[dict[str, Any]]:
    """The likeliest programs for tasks in other words."""
    prompts = [prompt_of(words, signature) for words, signature, _ in OWN_WORDS]
    entries = [signature[4:].partition("(")[0] for _, signature, _ in OWN_WORDS]
    tests = [parsed_tests(each, entry) for (_, _, each), entry in zip(OWN_WORDS, entries, strict=True)]
    asked = [Problem(words, prompt, entry, *test) for (words, _, _), prompt, entry, test
             in zip(OWN_WORDS, prompts, entries, tests, strict=True)]  # fmt: skip
    found = tried(asked, written(run, prompts, 1, temperature=0), allow_running_code=True)
    return [{"task": problem.name, "passed": passed, "program": text}
            for problem, (passed,), (text,) in zip(asked, found.passed, found.programs, strict=True)]  # fmt: skip


def beyond(path: Path, problems: int) -> None:
    """Adds to the record what is asked beyond what trained."""
    run, record = load(path), RECORDS / "programs.json"
    found = {"own words": own_words(run), "four operations": longer(run, problems)}
    kept = json.loads(record.read_text()) if record.exists() else {}
    record.write_text(json.dumps(kept | found, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(found, ensure_ascii=False, indent=1))


def hostile() -> None:
    """Runs every hostile program, and keeps what came of it."""
    rows = []
    for name in PROGRAMS:
        with tempfile.TemporaryDirectory() as folder:
            found = trial(name, Path(folder))
            told = row(name, found)
        rows.append(told | {"detail": told["detail"].replace(folder, "HOME").removesuffix(": ")})
    record = {"containment": found.outcome.containment, "root": os.geteuid() == 0, "kernel": os.uname().release}
    record |= {"contained": sum(each["contained"] for each in rows), "of": len(rows), "programs": rows}
    (RECORDS / "hostile_programs.json").write_text(json.dumps(record, indent=1) + "\n")
    for each in rows:
        print(f"| {each['program']} | {each['ended']} | {each['detail'] or '–'} | {each['ended with it']} |")
    print(f"{record['contained']} of {record['of']} contained, by {record['containment']}")


def main() -> None:
    """Measures programs, or runs hostile ones."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--minutes", type=float, default=40.0, help="of processor time")
    asked.add_argument("--problems", type=int, default=200, help="of each kind")
    asked.add_argument("--out", type=Path, default=Path("runs/programs"))
    asked.add_argument("--beyond", action="store_true", help="ask in other words, and for longer programs")
    asked.add_argument("--hostile", action="store_true", help="run hostile programs instead")
    given = asked.parse_args()
    torch.set_num_threads(1)
    if given.hostile:
        hostile()
    elif given.beyond:
        beyond(given.out, given.problems)
    else:
        programs(given.out, given.minutes, given.problems)


if __name__ == "__main__":
    main()
