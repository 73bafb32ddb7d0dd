"""Small programs, generated: `minipython`."""

import torch
from torch import Tensor

from genzoo.core import Space
from genzoo.core.errors import DataError
from genzoo.data.programs.operations import OPERATIONS
from genzoo.data.programs.tasks import LANGUAGES, LENGTHS, Task, tasks
from genzoo.data.readers.spelling import SPELLING, text_rows
from genzoo.data.source import Asked, Condition, Source, reader
from genzoo.data.split import content_words

__all__ = ["PROGRAMS", "read_programs"]

PROGRAMS = {"minipython": 120_000}  # how many tasks
HELD = 20  # of so many values of constants, one validates and one tests


@reader("generated programs", *SPELLING)
def read_programs(name: str, asked: Asked) -> Source:
    """Functions with a docstring, always the same. Which constants go with which operations decides the split, so that
    no program that is tested was trained in any wording; programs without a constant all train.

    Conditions are "language", "operations" (how many), and the pairs of operations that follow each other, "op1" and
    "op2": `hold_out="op1*op2:0.2"` withholds a fifth of them.

    Raises:
        DataError: If x is to be something else than the text.
    """
    if asked.x not in ((), ("text",)):
        raise DataError(f"`x` of {name} must be text, got {', '.join(asked.x)!r}. Leave it out.")
    made = list(tasks(PROGRAMS[name]))
    splits = _splits(made)
    x, space, codec, notes = text_rows([each.text for each in made], asked, splits["train"].tolist())
    place = {word: k for k, word in enumerate(OPERATIONS)}
    numbers = torch.tensor([_padded([place[word] for word in each.operations]) for each in made])
    pairs = {"op1": numbers[:, :-1].masked_fill(numbers[:, 1:] < 0, -1), "op2": numbers[:, 1:]}
    conditions = {
        key: Condition(rows, Space((rows.shape[1],), levels=len(place)), list(place)) for key, rows in pairs.items()
    }
    language = torch.tensor([LANGUAGES.index(each.language) for each in made])
    count = torch.tensor([len(each.operations) - 1 for each in made])
    conditions["language"] = Condition(language, Space((), levels=len(LANGUAGES)), list(LANGUAGES))
    conditions["operations"] = Condition(count, Space((), levels=max(LENGTHS)), [str(k) for k in sorted({*LENGTHS})])
    return Source(name, x, space, codec, conditions, splits, notes=notes)


def _padded(numbers: list[int]) -> list[int]:
    return numbers + [-1] * (max(LENGTHS) - len(numbers))


def _splits(made: list[Task]) -> dict[str, Tensor]:
    programs = (repr((each.operations, each.constants)).encode() for each in made)
    bare = torch.tensor([not any(k is not None for k in each.constants) for each in made])
    part = (content_words(programs, "minipython") % HELD).masked_fill(bare, HELD)
    return {
        "train": (part > 1).nonzero()[:, 0],
        "valid": (part == 0).nonzero()[:, 0],
        "test": (part == 1).nonzero()[:, 0],
    }
