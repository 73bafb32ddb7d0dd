"""Graphs of what a model answers: its samples, its log-densities, or a step of either.

A `Question` is what is asked of a model; `traced` makes a program of torch's of the answer, whose inputs are the rows
that are asked about, their conditions and the noise. One way serves all models: a first pass finds out which noise is
drawn and which values are looked at, and the second is traced.
"""

import builtins
import contextlib
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jaxtyping
import torch
from torch import Tensor, fx, nn
from torch.distributions import Distribution

from genzoo.artifacts.folding import folded
from genzoo.artifacts.listening import Asked, Listening, fed, numbers
from genzoo.artifacts.looking import Looking, Replaying, Seen
from genzoo.artifacts.refusal import CannotExport
from genzoo.core.given import SINGLE, Given
from genzoo.core.model import GenerativeModel, evaluating
from genzoo.core.noise import Noise

__all__ = ["Program", "Question", "Rows", "answered", "traced"]

COUNTS = (5, 3)  # rows of the passes in full
ROWS, LEAST_ROWS = 1 << 16, 64  # the most rows of a graph, and the fewest that this may be

Rows = Mapping[str, Tensor]  # what is asked about, by the names of inputs


@dataclass(frozen=True)
class Question:
    """What is asked of a model.

    Attributes:
        name: Its name; the first of its noise's path as well.
        rows: So many rows to ask about, the same at every call; others for another seed.
        given: So many conditions.
        answer: The answer.
        front: The same at the model's front door, of so many rows from a first one on, if there is one.
        far: Rows far out to ask about, if there are any.
    """

    name: str
    rows: Callable[[int, int], Rows]
    given: Callable[[int, int], Given]
    answer: Callable[[GenerativeModel, int, Rows, Given, Noise], Tensor]
    front: Callable[[GenerativeModel, int, Rows, Given, int, int], Tensor] | None = None
    far: Callable[[int], Rows] | None = None


class Program(NamedTuple):
    """A traced answer.

    Attributes:
        program: Torch's program; its inputs are the rows, the conditions and the noise, in this order.
        rows: The names of the rows.
        given: The names of conditions.
        asked: The draws.
        example: A few rows of each input, by its name.
        output: What is answered to them.
        most: The most rows that it takes.
    """

    program: torch.export.ExportedProgram
    rows: tuple[str, ...]
    given: tuple[str, ...]
    asked: tuple[Asked, ...]
    example: Rows
    output: Tensor
    most: int

    def inputs(self, rows: Rows, given: Given, noise: Mapping[Asked, Tensor]) -> list[Tensor]:
        """The inputs in their order."""
        return [
            *(rows[name] for name in self.rows), *(given[name] for name in self.given),
            *(noise[draw] for draw in self.asked),
        ]  # fmt: skip

    @property
    def names(self) -> list[str]:
        """The names of the inputs in their order."""
        return named(self.rows, self.given, self.asked)


class Graph(nn.Module):
    """The answer as a module of tensors alone."""

    def __init__(self, model: GenerativeModel, question: Question, heard: list["Heard"]) -> None:
        super().__init__()
        self.model, self.question, self.heard = model, question, heard
        first = heard[0]
        self.names, self.given, self.asked = list(first.rows), list(first.given), list(first.asked)

    def forward(self, *inputs: Tensor) -> Tensor:
        left = iter(inputs)
        rows = {name: next(left) for name in self.names}
        given = {name: next(left) for name in self.given}
        drawn = {draw: next(left) for draw in self.asked}
        n: Any = inputs[0].shape[0]
        noise = Listening(n, self.question.name, answer=fed(drawn))
        with Replaying([each.seen for each in self.heard], COUNTS, n), symbolic_lengths():
            return self.question.answer(self.model, n, rows, given, noise).clone()


class Heard(NamedTuple):
    """A pass in full: with what, which draws it made and what it looked at, and the answer."""

    rows: Rows
    given: Given
    asked: Mapping[Asked, Tensor]
    seen: Seen
    output: Tensor


def answered(model: GenerativeModel, question: Question, n: int, seed: int = 0) -> Heard:
    """A pass in full.

    Args:
        model: The model, in eval mode.
        question: What is asked.
        n: The number of rows.
        seed: Names the noise, the rows and the conditions.

    Raises:
        CannotExport: If a draw has other rows than x, or it takes too many operations.
    """
    rows, given = question.rows(n, seed), question.given(n, seed)
    noise = Listening(n, question.name, answer=numbers(seed))
    with torch.no_grad(), Looking() as looks:
        output = question.answer(model, n, rows, given, noise)
    return Heard(rows, given, noise.asked, looks.seen, output)


def traced(model: GenerativeModel, question: Question) -> Program:
    """A program of the answer to a question.

    Args:
        model: The model.
        question: What is asked.

    Raises:
        CannotExport: If there is none, with the reason.
    """
    with evaluating(model), torch.no_grad(), unchecked():
        heard = [answered(model, question, n, seed) for seed, n in enumerate(COUNTS)]
        first = heard[0]
        inputs = (*first.rows.values(), *first.given.values(), *first.asked.values())
        if not inputs:
            raise CannotExport("it needs neither rows nor noise", "Keep what it says as a file.")
        if set(first.asked) != set(heard[1].asked):
            raise CannotExport("what it draws depends on the values of its rows", "Export another of its graphs.")
        with _reasons():
            program, most = _exported(Graph(model, question, heard), inputs)
    parts = tuple(first.rows), tuple(first.given), tuple(first.asked)
    return Program(pruned(program), *parts, dict(zip(named(*parts), inputs, strict=True)), first.output, most)


def _exported(graph: Graph, inputs: tuple[Tensor, ...]) -> tuple[torch.export.ExportedProgram, int]:
    """Torch's program, and the most rows that it takes: what parts its rows takes no more than one part."""
    most = ROWS
    while True:
        count = torch.export.Dim("n", min=1, max=most)
        shapes: Any = tuple({0: count} for _ in inputs)
        try:
            program = torch.export.export(graph, inputs, dynamic_shapes=(shapes,), strict=False)
        except torch._dynamo.exc.UserError as error:
            found = re.search(r"n = Dim\('n', max=(\d+)\)", str(error))
            if found is None or not LEAST_ROWS <= int(found[1]) < most:
                raise
            most = int(found[1])
        else:
            return folded(program, inputs, shapes), most


def named(rows: Iterable[str], given: Iterable[str], asked: Iterable[Asked]) -> list[str]:
    """The names of inputs in their order."""
    drawn = [f"{draw.kind}_{i}" for i, draw in enumerate(asked)]
    return [*rows, *map(said, given), *drawn]


def said(name: str) -> str:
    """The name of the input of a condition.

    Example:
        >>> said("given"), said("label")
        ('given', 'given_label')
    """
    return name if name == SINGLE else f"given_{name}"


def pruned(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """A program without the weights that it makes no use of, for a decoder needs no encoder, without gradients, and
    without the lines of source that made each node, which are most of a file and name folders of whoever wrote it.

    Args:
        program: The program; it is changed.
    """
    nodes, signature = {node.name: node for node in program.graph.nodes}, program.graph_signature
    for spec in list(signature.input_specs):
        if spec.target is None or nodes[spec.arg.name].users:
            continue
        program.graph.erase_node(nodes[spec.arg.name])
        signature.input_specs.remove(spec)
        for held in (program.state_dict, program.constants):
            held.pop(spec.target, None)
    for name, tensor in program.state_dict.items():
        if isinstance(tensor, nn.Parameter):
            program.state_dict[name] = nn.Parameter(tensor.detach(), requires_grad=False)
    for part in program.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, fx.GraphModule) else ():
            node.meta = {"val": node.meta["val"]} if "val" in node.meta else {}
    program.graph_module.recompile()
    return program


@contextlib.contextmanager
def unchecked() -> Iterator[None]:
    """Neither distributions look at their parameters for a while, nor who checks types: a symbol is no int."""
    before, typed = Distribution._validate_args, jaxtyping.config.jaxtyping_disable
    Distribution.set_default_validate_args(False)
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)
        jaxtyping.config.update("jaxtyping_disable", typed)


@contextlib.contextmanager
def symbolic_lengths() -> Iterator[None]:
    """`len(x)` in this package is `x.shape[0]` for a while: Python's own makes a number of it, and forgets that it is
    the number of rows."""
    homes = [vars(module) for name, module in list(sys.modules.items()) if name.startswith("genzoo.")]
    homes = [home for home in homes if "len" not in home]
    for home in homes:
        home["len"] = _length
    try:
        yield
    finally:
        for home in homes:
            del home["len"]


def _length(x: Any) -> Any:
    return x.shape[0] if isinstance(x, Tensor) and x.ndim else builtins.len(x)


@contextlib.contextmanager
def _reasons() -> Iterator[None]:
    """Errors of tracing as refusals that name the line where they arose."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, of its own older ways
            yield
    except CannotExport:
        raise
    except Exception as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/genzoo/" in frame.filename]
        own = [frame for frame in frames if "/genzoo/artifacts/" not in frame.filename]
        where = f" (in {own[-1].filename.split('/genzoo/')[-1]}, line {own[-1].lineno})" if own else ""
        said = " ".join(str(error).split("\n")[0].split())[:200]
        if "specialized" in str(error) or "Constraints violated" in str(error):
            said = "the number of rows becomes a constant"
        raise CannotExport(
            f"torch cannot trace it{where}: {type(error).__name__}: {said.rstrip('.')}",
            "Export another of its graphs.",
        ) from error
