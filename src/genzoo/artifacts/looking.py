"""What a program looks at: Python's branches on the values of tensors, which a graph cannot have.

Most of what a model looks at is no choice: whether rows hold a NaN, which is an error; how many of them there are.
The model is run a few times in full, on other rows each; what a line saw each time alike, or as the number of rows, is
what it sees again when it is traced. Whatever differed was a choice by the data, and is refused with its place.
"""

import collections
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._subclasses import FakeTensor
from torch.overrides import TorchFunctionMode

from genzoo.artifacts.refusal import CannotExport

__all__ = ["Looking", "Replaying", "Seen"]

Seen = Mapping[str, Sequence[Any]]  # what was seen by each line, in order

# `tensor.__bool__` and its like are what Python calls; the others are called by name.
NAMES = ("__bool__", "__int__", "__float__", "__index__", "item", "tolist", "equal", "allclose", "is_nonzero")
LOOKS = {getattr(Tensor, name) for name in NAMES} | {torch.equal, torch.allclose, torch.is_nonzero}
MOST = 4000  # operations of a graph
NOISE = ("_random.py", "_stream.py", "core/noise.py")  # which has its own way through a graph
CHECKS = ("core/model.py", "core/given.py", "core/errors.py")  # which look at values to refuse them, and go on
FIX = "Export another of its graphs, or take a model that treats all rows alike."


class Looking(TorchFunctionMode):
    """Keeps what is seen while it is on.

    Args:
        most: How many tensors may be made, for so long a graph may be.

    Attributes:
        seen: By the lines that looked, in order.

    Example:
        >>> with Looking() as looks:
        ...     bool(torch.tensor(3.0) > 2)
        True
        >>> list(looks.seen.values())
        [[True]]
    """

    def __init__(self, most: int = MOST) -> None:
        super().__init__()
        self.seen: dict[str, list[Any]] = collections.defaultdict(list)
        self.most, self.calls = most, 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        value = func(*args, **(kwargs or {}))
        self.calls += isinstance(value, Tensor)
        if self.calls > self.most:
            raise CannotExport(
                f"it takes more than {self.most:,} operations, one after another",
                "Ask for fewer steps, as steps=10, or export one step (denoise, logits), or log_prob.",
            )
        if func in LOOKS:
            self.seen[place()].append(value)
        return value


class Replaying(TorchFunctionMode):
    """Shows while it is on what was seen before.

    Args:
        passes: What each pass saw.
        counts: The number of rows of each.
        n: What stands for it.

    Example:
        >>> passes = []
        >>> for n in (3, 5, 3):
        ...     with Looking() if n != 3 or not passes else Replaying(passes, [3, 5], "n") as mode:
        ...         said = torch.zeros(n).numel(), torch.tensor(n).item()
        ...     passes.append(mode.seen)
        >>> said
        (3, 'n')
    """

    def __init__(self, passes: Sequence[Seen], counts: Sequence[int], n: Any) -> None:
        super().__init__()
        self.passes, self.counts, self.n = passes, list(counts), n
        self.seen: dict[str, list[Any]] = collections.defaultdict(list)

    def __enter__(self) -> "Replaying":
        self.own = FakeTensor.tolist
        setattr(FakeTensor, "tolist", Tensor.tolist)  # noqa: B010 — its own looks at elements one by one, unseen
        super().__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        super().__exit__(*problem)
        setattr(FakeTensor, "tolist", self.own)  # noqa: B010

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        where = place() if func in LOOKS or func is Tensor.numpy else ""
        if func is Tensor.numpy:
            raise CannotExport(f"it leaves torch for NumPy, in {where}", FIX)
        if not where or where.startswith(NOISE):
            return func(*args, **(kwargs or {}))
        earlier = self.seen[where]
        found = [seen[where][len(earlier)] for seen in self.passes if len(seen.get(where, ())) > len(earlier)]
        if len(found) < len(self.passes):  # of a line that always sees the same, once more does not matter
            found = [value for seen in self.passes for value in seen.get(where, ())]
            if not found or not (where.startswith(CHECKS) or all(value == found[0] for value in found)):
                raise CannotExport(f"what it does depends on the values of its rows, in {where}", FIX)
        earlier.append(found[0] if where.startswith(CHECKS) else self._agreed(found, where))
        return earlier[-1]

    def _agreed(self, values: list[Any], where: str) -> Any:
        first = values[0]
        if isinstance(first, list) and all(isinstance(v, list) and len(v) == len(first) for v in values):
            return [self._agreed(list(each), where) for each in zip(*values, strict=True)]
        if all(value == first or (value != value and first != first) for value in values):
            return first
        if values == self.counts:
            return self.n
        raise CannotExport(f"it looks at values of its rows, in {where}", FIX)


def place() -> str:
    """The innermost line that is running and is neither torch's nor the exporter's."""
    frame = inspect.currentframe()
    while frame is not None:
        name = frame.f_code.co_filename.replace("\\", "/")
        if "/torch/" not in name and "/genzoo/artifacts/" not in name:
            return f"{name.split('/genzoo/')[-1]}, line {frame.f_lineno}"
        frame = frame.f_back
    return "torch"
