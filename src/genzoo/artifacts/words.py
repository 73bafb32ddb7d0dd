"""What is told of a graph's inputs and outputs, for programs and for people."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from genzoo.artifacts.graph import Program, said
from genzoo.core.model import GenerativeModel
from genzoo.core.space import Space

__all__ = ["of_graph", "of_inputs", "of_output", "of_space"]

GRAPHS = {
    "sample": "Noise becomes samples.",
    "log_prob": "log p(x | given) of each row.",
    "encode": "The latent of each row.",
    "decode": "The row that each latent stands for.",
    "logits": "log p(x_t | x_<t, given) of every symbol at every place t of a row: what comes at place t depends on "
    "the places before it alone, so a row is drawn by filling in one place after another.",
    "denoise": "The mean of the data that are seen in noise, E[x | x_t, given]: one step of a sampler. t = 0 is data, "
    "t = 1 is noise.",
}
OUTPUTS = {
    "log_prob": "nats",
    "encode": "the latent",
    "decode": "x",
    "logits": "log-probabilities; axes are rows, places and symbols",
    "denoise": "the mean, in the numbers that networks see",
}
DRAWS = {"normal": "N(0, 1)", "uniform": "uniform on [0, 1)", "words": "uniform integers below 2^32"}


def of_graph(name: str, model: GenerativeModel) -> dict[str, Any]:
    """What a graph is.

    Args:
        name: Its name.
        model: The model.
    """
    words = GRAPHS[name]
    return {"words": f"{words[:-1]}: {model.likelihood.value}." if name == "log_prob" else words}


def of_space(space: Space, classes: Sequence[str] = ()) -> dict[str, Any]:
    """A space with its type, range and classes.

    Args:
        space: The space.
        classes: The names of its levels, if they have names.
    """
    null = "; null is -1" if space.is_discrete else "; null is NaN"
    named = f" ({', '.join(classes[:20])}{' …' if len(classes) > 20 else ''})" if classes else ""
    return {"space": space.to_json(), "dtype": space.dtype, "classes": list(classes), "words": f"{space}{named}",
            "null": null[2:]}  # fmt: skip


def of_inputs(program: Program, model: GenerativeModel) -> list[dict[str, Any]]:
    """The inputs of a graph in their order.

    Args:
        program: The graph.
        model: The model.
    """
    names, held = program.names, program.example
    rows = [{"name": name, "is": "rows", **_form(held[name]), "words": _of_rows(name, model)} for name in program.rows]
    given = [
        {"name": said(name), "is": "given", **_form(held[said(name)]), "words": _of_given(name, model)}
        for name in program.given
    ]
    first = len(rows) + len(given)
    noise = [
        {"name": names[first + i], "is": "noise", **draw.to_json(), "words": DRAWS[draw.kind]}
        for i, draw in enumerate(program.asked)
    ]
    return [*rows, *given, *noise]


def of_output(name: str, program: Program, model: GenerativeModel) -> dict[str, Any]:
    """The output of a graph.

    Args:
        name: The graph's name.
        program: The graph.
        model: The model.
    """
    return {"name": name, **_form(program.output), "words": OUTPUTS.get(name, str(model.space))}


def _form(x: Tensor) -> dict[str, Any]:
    return {"shape": ["n", *x.shape[1:]], "dtype": str(x.dtype).removeprefix("torch.")}


def _of_rows(name: str, model: GenerativeModel) -> str:
    if name == "x":
        return f"{model.space}, none of them missing"
    return {"z": "a latent", "x_t": "noisy data, in the numbers that networks see", "t": "its time"}[name]


def _of_given(name: str, model: GenerativeModel) -> str:
    space, may = model.given_space[name], model.takes_null() and name not in model.required
    return f"{space}{('; -1' if space.is_discrete else '; NaN') + ' asks for the marginal' if may else ''}"
