"""The folder of an export: graphs, what is to be known of them, and a way to run them that needs no genzoo."""

import inspect
import json
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genzoo._files import read_bytes
from genzoo.artifacts import philox
from genzoo.zoo.mistakes import Mistake

__all__ = ["ABOUT", "checked_folder", "write_guide"]

ABOUT, NOISE, EXAMPLE, GUIDE = "genzoo.json", "noise.py", "example.py", "README.md"
FORMAT = 1


def checked_folder(out: str | Path) -> Path:
    """A folder for an export: a new one, an empty one, or that of an earlier export.

    Raises:
        Mistake: If something else lies there.
    """
    path = Path(out)
    if path.exists() and not (path.is_dir() and (not any(path.iterdir()) or (path / ABOUT).exists())):
        raise Mistake(
            f"An export needs a folder of its own, got {str(path)!r}, in which there is something else.",
            "Name a new folder by --out.",
        )
    path.mkdir(parents=True, exist_ok=True)
    return path


def write_guide(folder: Path, about: Mapping[str, Any]) -> None:
    """Writes what is to be known: for programs, for people, and as code.

    Args:
        folder: The folder.
        about: All of it, as plain JSON.
    """
    (folder / ABOUT).write_text(json.dumps({"format": FORMAT, **about}, indent=1) + "\n", encoding="utf-8")
    (folder / NOISE).write_text(inspect.getsource(philox), encoding="utf-8")
    (folder / EXAMPLE).write_text(_example(about), encoding="utf-8")
    (folder / GUIDE).write_text(_guide(about), encoding="utf-8")


def _template(name: str) -> string.Template:
    return string.Template(read_bytes(Path(__file__).parent / "templates" / name).decode())


def _example(about: Mapping[str, Any]) -> str:
    """A program that asks the first graph there is, by ONNX where it can."""
    graphs = about["graphs"]
    onnx = [name for name, graph in graphs.items() if "onnx" in graph["files"]]
    name = onnx[0] if onnx else next(iter(graphs))
    return _template("onnx.py.txt" if onnx else "torch.py.txt").substitute(graph=name)


def _guide(about: Mapping[str, Any]) -> str:
    """The README."""
    parts = [_of_graph(name, graph) for name, graph in about["graphs"].items()]
    refused = [f"- `{name}`: {reason}" for name, reason in about["refused"].items()]
    return _template("README.md").substitute(
        title=about["name"],
        made=f"genzoo {about['versions']['genzoo']}, torch {about['versions']['torch']}",
        x=about["x"]["words"],
        given="; ".join(f"`{name}`: {each['words']}" for name, each in about["given"].items()) or "nothing",
        likelihood=about["likelihood"],
        graphs="\n".join(parts),
        refused="\n".join(["Not exported, and why:", "", *refused]) if refused else "",
    )


def _of_graph(name: str, graph: Mapping[str, Any]) -> str:
    lines = [f"## `{name}`: {', '.join(f'`{file}`' for file in graph['files'].values())}", "", graph["words"], ""]
    lines += ["| input | shape | type | what |", "|---|---|---|---|"]
    lines += [f"| `{e['name']}` | {_shape(e)} | {e['dtype']} | {e['words']} |" for e in graph["inputs"]]
    lines += [
        f"| → `{name}` | {_shape(graph['output'])} | {graph['output']['dtype']} | {graph['output']['words']} |",
        "",
    ]
    for kind, found in graph["parity"].items():
        checks = ", ".join(f"{check} {value:.2g}" for check, value in found["checks"].items())
        lines.append(f"Beside genzoo's own ({kind}; {found['unit']}): {checks}.")
    return "\n".join([*lines, ""])


def _shape(each: Mapping[str, Any]) -> str:
    return f"({', '.join(str(length) for length in each['shape'])})"
