"""The two formats of a graph: torch's own archive, and ONNX."""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genzoo.artifacts.graph import Program
from genzoo.artifacts.refusal import CannotExport
from genzoo.artifacts.translations import translations

__all__ = ["FORMATS", "Written", "written_onnx", "written_pt2"]

FORMATS = ("onnx", "pt2")
LARGEST = 2_000_000_000  # bytes of a file of ONNX
RANDOM = ("Random", "Bernoulli", "Multinomial", "Dropout")  # operations of ONNX that draw for themselves
DRAWS = ("rand", "normal", "bernoulli", "multinomial", "dropout", "poisson", "exponential")  # and torch's

Run = Callable[[Sequence[Tensor]], Tensor]  # from the inputs in their order to the answer


class Written:
    """A graph in one of the formats.

    Attributes:
        run: Runs it.
        save: Writes it, with words about it, into a file.
    """

    def __init__(self, run: Run, save: Callable[[Path, Mapping[str, Any]], None]) -> None:
        self.run, self.save = run, save


def written_pt2(program: Program) -> Written:
    """Torch's archive; no tensor in it is pickled.

    Args:
        program: The graph.

    Raises:
        CannotExport: If it draws for itself.
    """
    drawn = [str(node.target) for node in program.program.graph.nodes if _draws(node)]
    if drawn:
        raise CannotExport(f"it draws numbers of its own, {drawn[0]}", "Draw them from the noise that it is handed.")
    run = program.program.module(check_guards=False)

    def save(path: Path, about: Mapping[str, Any]) -> None:
        told = io.BytesIO()
        torch.export.save(program.program, told, extra_files={"genzoo.json": json.dumps(about)})
        path.write_bytes(told.getvalue())

    return Written(lambda inputs: run(*inputs), save)


def written_onnx(program: Program, name: str) -> Written:
    """ONNX.

    Args:
        program: The graph.
        name: The name of its output.

    Raises:
        CannotExport: If an operation has no counterpart, or draws for itself.
        ImportError: If ONNX is not installed.
    """
    session_of, weights = _runtime(), program.program.state_dict.values()
    if sum(x.numel() * x.element_size() for x in weights) > LARGEST:
        raise CannotExport("a file of ONNX holds less than 2 GB, and its weights are more", "Take the graph of torch.")
    model = _translated(program, name)
    drawn = [node.op_type for node in model.graph.node if node.op_type.startswith(RANDOM)]
    if drawn:
        raise CannotExport(f"it draws numbers of its own, {drawn[0]}", "Draw them from the noise that it is handed.")
    try:
        session = session_of(model.SerializeToString())
    except Exception as error:
        raise CannotExport(f"onnxruntime does not take it: {_line(error)}", "Take the graph of torch.") from error
    names = [each.name for each in session.get_inputs()]

    def run(inputs: Sequence[Tensor]) -> Tensor:
        held = dict(zip(program.names, (x.numpy() for x in inputs), strict=True))
        (found,) = session.run(None, {each: held[each] for each in names})
        return torch.from_numpy(np.asarray(found))

    def save(path: Path, about: Mapping[str, Any]) -> None:
        entry = model.metadata_props.add()
        entry.key, entry.value = "genzoo", json.dumps(about)
        path.write_bytes(model.SerializeToString())

    return Written(run, save)


def _translated(program: Program, name: str) -> Any:
    """ONNX's model of a program."""
    try:
        with _quiet(), torch.no_grad():
            found: Any = torch.onnx.export(
                program.program, input_names=program.names, output_names=[name], dynamo=True, verbose=False,
                custom_translation_table=translations(),
            )  # fmt: skip
        _kept_constants(found.model.graph)
        for node in found.model.graph.all_nodes():
            node.metadata_props.clear()  # the exporter's own words, nine tenths of a small file
        return found.model_proto
    except Exception as error:
        problem = error.__cause__ or error
        raise CannotExport(f"ONNX has no counterpart: {_line(problem)}", "Take the graph of torch.") from error


def _kept_constants(graph: Any) -> None:
    """Writes down the constants that the exporter's optimizer lost: where it joins two chains of clips of one value it
    calls the ends of both the same, and the second's replace the first's."""
    for node in graph.all_nodes():
        for value in node.inputs:
            constant = value is not None and value.producer() is None and value.const_value is not None
            if constant and value.name not in graph.initializers:
                graph.register_initializer(value)


def _runtime() -> Callable[[bytes], Any]:
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError:
        raise ImportError("ONNX must have onnx and onnxruntime. Run: pip install 'genzoo[export]'") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, torch.get_num_threads()
    return lambda model: onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _draws(node: Any) -> bool:
    """Whether a node of torch's draws for itself; dropout does so in training alone."""
    parts = str(node.target).split(".")
    name = parts[-2 if len(parts) > 2 else -1]
    return "aten" in parts and name.startswith(DRAWS) and (name != "dropout" or bool(node.args[2]))


def _line(error: BaseException) -> str:
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (said[0] if said else type(error).__name__)[:200].rstrip(".")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Neither warnings nor words of the exporter's own for a while."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
