"""`minipython`: small tasks of programming, made of one to three operations in a row, in English or Chinese.

A task is a function of its number alone, by integers: task i of a seed is made of the words of row i of a noise. Its
text is a signature, a docstring and the reference body, a statement for each operation; its tests are inputs with what
the reference gives.

References:
    Chen et al., 2021, "Evaluating large language models trained on code", arXiv:2107.03374 (signature, docstring,
        body; and chained string operations as tasks whose difficulty is known)
    Lake & Baroni, 2018, "Generalization without systematicity", arXiv:1711.00350 (parts seen, pairs not)
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from genzoo.core import Noise
from genzoo.data.programs.operations import OPERATIONS, Operation

__all__ = ["LANGUAGES", "TESTS", "Task", "inputs_of", "task", "tasks"]

LANGUAGES = ("en", "zh")
TESTS = 8  # of a task
WORDS, TEST_WORDS = 24, 256  # random words of a task, and of its tests
BLOCK = 4096  # tasks made at a time
STARTS = "LLLLLLLLSSSWWWWIIIDD"  # the type of the argument, by its share
LENGTHS = (1, 2, 2, 2, 2, 3, 3, 3, 3, 3)  # how many operations, by their share
FUNCTIONS = ("f", "f", "f", "g", "solve", "compute")
ARGUMENTS = {
    "L": ("xs", "xs", "numbers", "values"),
    "I": ("n", "n", "number", "m"),
    "S": ("s", "s", "text", "line"),
    "W": ("words", "words", "names", "tokens"),
    "D": ("d", "d", "table", "scores"),
    "B": ("b",),
}
VOCABULARY = (
    "apple", "bird", "Cat", "door", "egg", "fish", "Grape", "hat", "ink", "lemon", "Moon", "nest", "ocean", "pear",
    "rain", "Star", "tree", "ant", "level", "Bob", "noon", "cloud", "stone", "red", "green", "dot", "Map", "it",
)  # fmt: skip
Pick = Callable[[int], int]  # a whole number below another
NESTED = {
    "en": ("Return {p}.", "Return {p}.", "return {p}", "Compute {p}.", "Give back {p}."),
    "zh": ("返回{p}。", "返回{p}。", "返回{p}", "计算{p}。", "求{p}。"),
}
STEPS = {
    "en": ("Take {v}, {s}, and return the result.", "Starting from {v}, {s}. Return the result.",
           "For {v}: {s}; return the result."),
    "zh": ("对{v}{s}，返回结果。", "从{v}开始，{s}，返回结果。", "给定{v}，{s}，然后返回。"),
}  # fmt: skip
FIRST, THEN = {"en": "first ", "zh": "先"}, {"en": ", then ", "zh": "，再"}


@dataclasses.dataclass(frozen=True)
class Task:
    """A task with its reference.

    Attributes:
        number: Which one it is.
        operations: The names of what is done, in order.
        constants: The constant of each operation; None where it has none.
        language: "en" or "zh".
        signature: The line that begins the function.
        docstring: What is asked, in words.
        body: The reference, indented.
    """

    number: int
    operations: tuple[str, ...]
    constants: tuple[int | str | None, ...]
    language: str
    signature: str
    docstring: str
    body: str

    @property
    def prompt(self) -> str:
        """What a solver is told: signature and docstring, up to the closing quotes."""
        return f'{self.signature}\n    """{self.docstring}"""'

    @property
    def text(self) -> str:
        """The whole function."""
        return f"{self.prompt}\n{self.body}"

    @property
    def entry(self) -> str:
        """The function's name."""
        return self.signature[4:].partition("(")[0]

    def expected(self, value: Any) -> Any:
        """What the reference gives."""
        for name, constant in zip(self.operations, self.constants, strict=True):
            function = OPERATIONS[name].function
            value = function(value) if constant is None else function(value, constant)
        return value

    def tests(self, *, seed: int = 0) -> list[tuple[Any, Any]]:
        """Eight inputs, each with what the reference gives.

        Args:
            seed: Names the inputs.

        Example:
            >>> inputs = [given for given, _ in task(0).tests()]
            >>> len(inputs), inputs == [given for given, _ in task(0).tests()]
            (8, True)
        """
        pick = _picker(Noise(seed, "minipython", "tests", start=self.number).words(1, TEST_WORDS)[0].tolist())
        makes = _INPUTS[OPERATIONS[self.operations[0]].takes]
        inputs = [makes(pick) for _ in range(TESTS)]
        return [(value, self.expected(value)) for value in inputs]

    @property
    def tells(self) -> bool:
        """Whether the tests tell the reference from a constant and from itself without any one of its operations."""
        tests = self.tests()
        if len({repr(found) for _, found in tests}) < 2:
            return False
        lacking = [self._without(k) for k in range(len(self.operations))]
        return all(any(part.expected(x) != found for x, found in tests) for part in lacking if part is not None)

    def _without(self, k: int) -> "Task | None":
        """The task without its operation k, where the types still fit."""
        operation = OPERATIONS[self.operations[k]]
        if operation.takes != operation.gives:
            return None
        names, constants = self.operations, self.constants
        return dataclasses.replace(
            self, operations=names[:k] + names[k + 1 :], constants=constants[:k] + constants[k + 1 :]
        )


def task(number: int, *, seed: int = 0) -> Task:
    """The task of a number.

    Args:
        number: From 0 on.
        seed: Names a series of tasks.

    Example:
        >>> (made := task(14)).docstring, made.body, made.operations
        ('return 3 copies of text', '    return text * 3\\n', ('copies',))
    """
    return next(tasks(1, seed=seed, start=number))


def tasks(n: int, *, seed: int = 0, start: int = 0, lengths: Sequence[int] = LENGTHS) -> Iterator[Task]:
    """Some tasks in a row, each a function of its number alone.

    Args:
        n: How many.
        seed: Names a series of tasks.
        start: The number of the first.
        lengths: How many operations a task may have, each as likely, up to six.
    """
    for first in range(start, start + n, BLOCK):
        count = min(BLOCK, start + n - first)
        for k, words in enumerate(Noise(seed, "minipython", start=first).words(count, WORDS).tolist()):
            yield _made(first + k, _picker(words), lengths)


def inputs_of(argument: str, n: int, *, seed: int = 0) -> list[Any]:
    """Values that an argument of some name may have; none where the name tells no type.

    Args:
        argument: Its name, as tasks name theirs.
        n: How many.
        seed: Names them.

    Example:
        >>> [type(value).__name__ for name in ("xs", "text", "what") for value in inputs_of(name, 1)]
        ['list', 'str']
    """
    kind = next((kind for kind, names in ARGUMENTS.items() if argument in names and kind in _INPUTS), None)
    if kind is None:
        return []
    noise = Noise(seed, "minipython", "inputs", argument)
    return [_INPUTS[kind](_picker(words)) for words in noise.words(n, TEST_WORDS).tolist()]


def _picker(words: Sequence[int]) -> Pick:
    """Whole numbers from random words, one after another."""
    left = iter(words)

    def pick(n: int) -> int:
        return (next(left) * n) >> 32

    return pick


def _made(number: int, pick: Pick, lengths: Sequence[int]) -> Task:
    kind = STARTS[pick(len(STARTS))]
    chain = _chain(kind, lengths[pick(len(lengths))], pick)
    constants = tuple(each.constants[pick(len(each.constants))] if each.constants else None for each in chain)
    language = LANGUAGES[pick(2)]
    argument = ARGUMENTS[kind][pick(len(ARGUMENTS[kind]))]
    words = _words(chain, constants, argument, language, pick)
    signature = f"def {FUNCTIONS[pick(len(FUNCTIONS))]}({argument}):"
    names = tuple(each.name for each in chain)
    return Task(number, names, constants, language, signature, words, _body(chain, constants, argument))


def _chain(kind: str, length: int, pick: Pick) -> list[Operation]:
    """Operations each of which takes what the one before gives, none twice in a row."""
    chain = list[Operation]()
    while len(chain) < length:
        able = [each for each in _TAKING.get(kind, ()) if not chain or each is not chain[-1]]
        if not able:  # a truth value ends a program
            break
        chain.append(able[pick(len(able))])
        kind = chain[-1].gives
    return chain


def _body(chain: Sequence[Operation], constants: Sequence[Any], name: str) -> str:
    """A statement for each operation; a value of another type gets another name."""
    lines = []
    for place, (each, k) in enumerate(zip(chain, constants, strict=True)):
        code = each.code.format(v=name, k=k)
        if place + 1 == len(chain):
            lines.append(f"    return {code}\n")
        else:
            name = name if each.gives == each.takes else ARGUMENTS[each.gives][0]
            lines.append(f"    {name} = {code}\n")
    return "".join(lines)


def _words(chain: Sequence[Operation], constants: Sequence[Any], argument: str, language: str, pick: Pick) -> str:
    """What is asked: one phrase around the other, or step by step."""
    forms, form = (NESTED, pick(len(NESTED[language]))) if len(chain) == 1 or pick(5) < 3 else (STEPS, pick(3))
    chinese = language == "zh"
    if forms is NESTED:
        phrase = argument
        for each, k in zip(chain, constants, strict=True):
            phrase = (each.chinese if chinese else each.english).format(x=phrase, k=k)
        phrase = phrase.replace("of the ", "of ", 1) if pick(4) == 0 else phrase
        return NESTED[language][form].format(p=phrase)
    steps = [
        (each.step_chinese if chinese else each.step).format(k=k) for each, k in zip(chain, constants, strict=True)
    ]
    said = (FIRST[language] if pick(2) else "") + THEN[language].join(steps)
    return STEPS[language][form].format(v=argument, s=said)


def _number(pick: Pick) -> int:
    return pick(41) - 12 if pick(3) else pick(10)


def _text(pick: Pick) -> str:
    return " ".join(VOCABULARY[pick(len(VOCABULARY))] for _ in range(1 + pick(4)))


def _of_words(pick: Pick) -> list[str]:
    return [VOCABULARY[pick(len(VOCABULARY))] for _ in range(2 + pick(5))]


_INPUTS: dict[str, Callable[[Pick], Any]] = {
    "L": lambda pick: [_number(pick) for _ in range(2 + pick(8))],
    "I": lambda pick: pick(300) - 60,
    "S": _text,
    "W": _of_words,
    "D": lambda pick: {word: _number(pick) for word in dict.fromkeys(_of_words(pick))},
}
_TAKING: dict[str, list[Operation]] = {
    kind: [each for each in OPERATIONS.values() if each.takes == kind] for kind in "LISWD"
}
