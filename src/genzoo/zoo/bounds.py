"""What building a model may take, refused before it is allocated: a configuration may ask for anything.

Weights that are there say how large a model can be, and the memory of the machine how large one is worth a try.
"""

import contextlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from genzoo._files import memory, open_plain
from genzoo.zoo.mistakes import Mistake

__all__ = ["bounded", "bounded_by"]

MOST_CALLS = 1_000_000
TIMES, SLACK, CALLS = 16, 1 << 27, 20_000  # of a file of weights: its size so often, and so much in any case
SIZED = {"empty": 0, "empty_strided": 0, "zeros": 0, "ones": 0, "full": 0, "rand": 0, "randn": 0, "new_empty": 1,
         "new_zeros": 1, "new_ones": 1, "new_full": 1}  # fmt: skip


class _Counted(TorchDispatchMode):
    """Counts what torch allocates, and refuses what is too much."""

    def __init__(self, most: int, calls: int) -> None:
        super().__init__()
        self.most, self.calls, self.bytes, self.made = most, calls, 0, 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Says no: else torch loads its whole compiler, for seconds, at the first tensor that is made here."""
        return False

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        self.made += 1
        self._check(self.bytes + _asked(function, args, kwargs))
        found = function(*args, **kwargs)
        if all(said.alias_info is None for said in function._schema.returns):
            self.bytes += sum(part.nbytes for part in _parts(found))
            self._check(self.bytes)
        return found

    def _check(self, wanted: int) -> None:
        if wanted > self.most:
            raise Mistake(
                f"A model must be built in at most {self.most:,} bytes, got settings that need {wanted:,} or more.",
                "Choose smaller ones, as width, depth or components; a run's own are those of its weights.",
            )
        if self.made > self.calls:
            raise Mistake(
                f"A model must be built of at most {self.calls:,} parts, got settings that need more.",
                "Choose a smaller depth; a run's own is that of its weights.",
            )


def bounded(most: int | None = None, calls: int = MOST_CALLS) -> contextlib.AbstractContextManager[Any]:
    """Building in which no more than so much is allocated.

    Args:
        most: The bytes; None: those of the machine's memory.
        calls: The number of operations.

    Raises:
        Mistake: If it would be more, before it is.

    Example:
        >>> import torch
        >>> with bounded(1_000_000):
        ...     torch.nn.Linear(1000, 1000)
        Traceback (most recent call last):
        ...
        genzoo.zoo.mistakes.Mistake: A model must be built in at most 1,000,000 bytes, got settings that need ...
    """
    return _Counted(memory() if most is None else most, calls)


def bounded_by(weights: Sequence[Path]) -> contextlib.AbstractContextManager[Any]:
    """Building of a model whose weights are there.

    Args:
        weights: Their file, and those of the models that it stands on; none: the memory is the bound.

    Raises:
        Mistake: If it would take far more than they do.
    """
    if not weights:
        return bounded()
    size = sum(path.stat().st_size for path in weights)
    names = sum(min(path.stat().st_size, _header(path)) for path in weights)
    return bounded(min(memory(), TIMES * size + SLACK), min(MOST_CALLS, CALLS + names))


def _asked(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> int:
    """The bytes that an operation is about to fill, as far as its arguments tell; four for each number."""
    name = function._schema.name.removeprefix("aten::")
    if name in SIZED:
        size = args[SIZED[name]] if len(args) > SIZED[name] else kwargs.get("size", ())
        return 4 * math.prod(size)
    if name == "eye":
        return 4 * math.prod((*args, *args)[:2])
    if name == "arange":
        first, end, step = (0, args[0], 1) if len(args) == 1 else (*args, 1)[:3]
        return 4 * int(abs((end - first) / (step or 1)))
    if name == "linspace":
        return 4 * int(args[2]) if len(args) > 2 else 0
    if name == "repeat":
        return int(args[0].nbytes) * math.prod(args[1])
    return 0


def _header(weights: Path) -> int:
    """The bytes of a file of weights that say what it holds."""
    with open_plain(weights) as file:
        return int.from_bytes(file.read(8), "little")


def _parts(found: Any) -> list[Tensor]:
    return [part for part in (found if isinstance(found, tuple | list) else [found]) if isinstance(part, Tensor)]
