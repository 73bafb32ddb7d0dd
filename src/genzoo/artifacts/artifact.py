"""`export`: a model as graphs that run without genzoo."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

import genzoo
from genzoo.artifacts.folder import checked_folder, write_guide
from genzoo.artifacts.formats import FORMATS, written_onnx, written_pt2
from genzoo.artifacts.graph import Question, traced
from genzoo.artifacts.parity import Parity, parity
from genzoo.artifacts.questions import NAMES, questions
from genzoo.artifacts.refusal import CannotExport
from genzoo.artifacts.words import of_graph, of_inputs, of_output, of_space
from genzoo.core.given import SINGLE
from genzoo.core.model import Capability, GenerativeModel, evaluating
from genzoo.zoo.loading import Run, load
from genzoo.zoo.mistakes import unknown

__all__ = ["Exported", "export"]


@dataclass(frozen=True)
class Exported:
    """What was exported.

    Attributes:
        path: The folder.
        files: The files of graphs, by the graph's name and format.
        parity: How far each is from the model.
        refused: Why others were not made, in the same way.
    """

    path: Path
    files: dict[tuple[str, str], Path] = field(default_factory=dict)
    parity: dict[tuple[str, str], Parity] = field(default_factory=dict)
    refused: dict[tuple[str, str], str] = field(default_factory=dict)

    def __repr__(self) -> str:
        made = ", ".join(path.name for path in self.files.values())
        return f"Exported({str(self.path)!r}: {made or 'nothing'}; {len(self.refused)} refused)"


def export(
    model: GenerativeModel | Run | str | Path,
    out: str | Path,
    *,
    graphs: Sequence[str] | None = None,
    formats: Sequence[str] = FORMATS,
    **options: Any,
) -> Exported:
    """Writes a model as graphs that run without genzoo: what samples, what scores, and what else it can be asked.

    Each graph is held against the model's own `sample` or `log_prob` on the same noise before it is written, and is
    left out with the reason where it differs. Noise is an input of a graph; a script beside it makes that of a seed.

    Args:
        model: A model, a run, or the folder of one.
        out: The folder, new or of an earlier export.
        graphs: Which, of sample, log_prob, encode, decode, logits and denoise. By default sample and log_prob; where
            samples take too many steps one of them, logits or denoise; and the codes of what has no samples.
        formats: Of onnx, for which the extra `export` is needed, and pt2.
        options: Those of sampling, which are fixed in the graph, as `steps=10`.

    Raises:
        CannotExport: If no graph can be made, with the reasons.
        Mistake: If a graph, a format or an option is unknown, or the folder is taken.

    Example:
        >>> import tempfile
        >>> from genzoo.models.classical import PPCA
        >>> from genzoo.core import Space
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     export(PPCA(Space((3,)), rank=1), folder + "/ppca", graphs=["sample"], formats=["pt2"])
        Exported('...ppca': sample.pt2; 0 refused)
    """
    for what, words, known in (("graph", graphs or (), NAMES), ("format", formats, FORMATS)):
        for word in words:
            if word not in known:
                raise unknown(what, word, known)
    run = load(model) if isinstance(model, str | Path) else model
    own = run.generative if isinstance(run, Run) else run
    for name in options:
        if name not in own.options("draw"):
            raise unknown("sampling option", name, own.options("draw"))
    if own.device.type != "cpu":
        raise CannotExport(f"the model lies on {own.device}", "Move it first: model.to('cpu').")
    found, about = Exported(checked_folder(out)), _about(run, own)
    with evaluating(own), torch.no_grad():
        for question in questions(own, options):
            if question.name in graphs if graphs is not None else _is_wanted(question.name, found, own):
                _export_one(found, about, own, question, formats)
    if not found.files:
        raise CannotExport(*_every_reason(found, own))
    about["refused"] = {" ".join(name): reason for name, reason in found.refused.items()}
    write_guide(found.path, about)
    return found


def _is_wanted(name: str, found: Exported, model: GenerativeModel) -> bool:
    """Whether a graph is made where none is named: steps in place of samples, codes where there are no samples."""
    samples = any(name == "sample" for name, _ in found.files)
    match name:
        case "logits" | "denoise":
            return not samples
        case "encode" | "decode":
            return not model.can(Capability.SAMPLE)
    return True


def _export_one(
    found: Exported, about: dict[str, Any], model: GenerativeModel, question: Question, formats: Sequence[str]
) -> None:
    try:
        program = traced(model, question)
    except CannotExport as refusal:
        found.refused.update({(question.name, kind): _reason(refusal) for kind in formats})
        return
    graph = of_graph(question.name, model) | {"most_rows": program.most, "inputs": of_inputs(program, model)}
    graph |= {"output": of_output(question.name, program, model), "files": {}, "parity": {}}
    for kind in formats:
        name = question.name, kind
        try:
            written = written_pt2(program) if kind == "pt2" else written_onnx(program, question.name)
            found.parity[name] = parity(written.run, program, model, question)
        except CannotExport as refusal:
            found.refused[name] = _reason(refusal)
            continue
        found.files[name] = found.path / f"{question.name}.{kind}"
        told = graph | {"files": {}, "parity": {kind: found.parity[name].to_json()}}
        written.save(found.files[name], {"versions": about["versions"], "name": about["name"], "graph": told})
        graph["files"][kind], graph["parity"][kind] = found.files[name].name, found.parity[name].to_json()
    if graph["files"]:
        about["graphs"][question.name] = graph


def _about(run: GenerativeModel | Run, model: GenerativeModel) -> dict[str, Any]:
    """What is to be known of all graphs."""
    classes = _classes(run) if isinstance(run, Run) else {}
    return {
        "name": f"{run.config.recipe.name} on {run.data_name}" if isinstance(run, Run) else repr(model),
        "recipe": run.config.recipe.model_dump() if isinstance(run, Run) else None,
        "versions": {"genzoo": genzoo.__version__, "torch": torch.__version__, "python": platform.python_version()},
        "x": of_space(model.space),
        "codec": run.codec.to_json() if isinstance(run, Run) else None,
        "given": {name: of_space(space, classes.get(name, ())) for name, space in model.given_space.items()},
        "likelihood": model.likelihood.value,
        "graphs": {},
        "refused": {},
    }


def _classes(run: Run) -> Mapping[str, Sequence[str]]:
    """The names of classes, also of a condition that is called by none."""
    classes, named = run.config.data.classes, run.config.data.given or []
    return classes | ({SINGLE: classes[named[0]]} if len(named) == 1 and named[0] in classes else {})


def _reason(refusal: CannotExport) -> str:
    return f"{refusal.cause}. {refusal.fix}"


def _every_reason(found: Exported, model: GenerativeModel) -> tuple[str, str]:
    """Why no graph was made: the reason of each, where they differ."""
    if not found.refused:
        return f"{type(model).__name__} can be asked none of these graphs", "Ask for another with --graphs."
    by_graph = {graph: reason.rpartition(". ") for (graph, _), reason in found.refused.items()}
    causes = {cause for cause, _, _ in by_graph.values()}
    told = "; ".join(f"{graph}: {cause}" for graph, (cause, _, _) in by_graph.items())
    first = next(iter(by_graph.values()))
    return (told if len(causes) > 1 else first[0]), first[2]
