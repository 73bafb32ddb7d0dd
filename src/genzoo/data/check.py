"""What was understood of a source: the first thing to look at before training on one's own files."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor

from genzoo.core import Space
from genzoo.data.atoms import spike_of
from genzoo.data.codec import Codec
from genzoo.data.codecs.molecules import MoleculeCodec
from genzoo.data.codecs.table import PointsCodec, TableCodec
from genzoo.data.data import Data
from genzoo.data.molecule_check import LOOKED, facts_of_molecules
from genzoo.data.split import content_uniform

__all__ = ["Report", "check"]

SHOWN, PIECE = 10, 4096


@dataclasses.dataclass(frozen=True)
class Report:
    """What was understood of a source.

    Attributes:
        facts: What to know, in words, in order.
        columns: One mapping per column of a table: its name, kind and range.
        skipped: What could not be read, each with the reason; the first ten.
        bad: How many could not be read.
    """

    facts: Mapping[str, str]
    columns: tuple[Mapping[str, Any], ...] = ()
    skipped: tuple[str, ...] = ()
    bad: int = 0

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON."""
        return dataclasses.asdict(self)


def check(data: Data) -> Report:
    """What was understood: kind, count, shape, range, levels, classes, splits, duplicates across splits.

    Args:
        data: The data, read with `skip_bad=True` so that what cannot be read is listed.

    Example:
        >>> from genzoo.data import read
        >>> report = check(read("digits", given="label"))
        >>> report.facts["rows"], report.facts["range"], report.facts["given"]
        ('1,797 (train 1,469, valid 168, test 160)', '0 … 16', 'one of 10 classes: 178 of 0, 182 of 1, ...')
    """
    sizes = ", ".join(f"{name} {len(index):,}" for name, index in data.splits.items())
    facts = {
        "name": data.name,
        "kind": data.codec.kind,
        "rows": f"{len(data):,} ({sizes})",
        "one x": str(data.space),
        "range": _range(data),
        "given": _conditions(data),
        "seen through": data.view.name if data.view else "nothing: as it is",
        "in two splits": _duplicates(data),
        "fingerprint": data.fingerprint,
    }
    facts |= _of_molecules(data)
    facts |= {f"note {i}": note for i, note in enumerate(data.notes, start=1)}
    if not data.paired:
        facts["paired"] = "no: x and its condition are two sets"
    return Report(facts, tuple(_columns(data)), data.skipped[:SHOWN], len(data.skipped))


def _of_molecules(data: Data) -> dict[str, str]:
    """What RDKit makes of molecules, where it is installed."""
    if not isinstance(data.codec, MoleculeCodec):
        return {}
    numbers = None if data.numbers is None else data.numbers[:LOOKED].tolist()
    try:
        return facts_of_molecules(data.codec.texts(data.x[:LOOKED]), numbers)
    except ImportError:
        return {"molecules": "not looked at, for want of RDKit (pip install 'genzoo[chem]')"}


def _pieces(x: Shaped[Tensor, "n *shape"]) -> Iterator[Tensor]:
    """Some rows at a time, so that data larger than memory are looked at too."""
    for start in range(0, len(x), PIECE):
        yield x[start : start + PIECE]


def _range(data: Data) -> str:
    if data.space.is_discrete and data.space.ragged:
        lengths = torch.cat([(part != data.space.levels).flatten(2).any(2).sum(1) for part in _matrix(data.x)])
        return f"lengths {int(lengths.min()):,} … {int(lengths.max()):,}, {lengths.float().mean():.1f} on average"
    ends = [(part.min(), part.max()) for part in _finite(data.x)]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    return f"{low:.6g} … {high:.6g}"


def _matrix(x: Tensor) -> Iterator[Tensor]:
    for part in _pieces(x):
        yield part.reshape(*part.shape[:2], -1)


def _finite(x: Tensor) -> Iterator[Tensor]:
    for part in _pieces(x):
        part = part[part.isfinite()] if part.is_floating_point() else part
        if part.numel():
            yield part


def _conditions(data: Data) -> str:
    if data.given is None:
        return "nothing"
    if isinstance(data.given, Tensor):
        assert isinstance(data.given_space, Space)
        return _condition(data.given, data.given_space, data.classes.get("", []))
    spaces = data.given_space if isinstance(data.given_space, Mapping) else {}
    parts = (f"{name}: {_condition(data.given[name], spaces[name], data.classes.get(name, []))}" for name in spaces)
    return "; ".join(parts)


def _condition(rows: Tensor, space: Space, classes: list[str]) -> str:
    if space.shape or space.levels is None:
        return str(space)
    counts = rows[rows >= 0].bincount(minlength=space.levels).tolist()
    named = [f"{count:,} of {name}" for name, count in zip(classes or range(space.levels), counts, strict=True)]
    more = f", and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return f"one of {space.levels} classes: {', '.join(named[:SHOWN])}{more}"


def _duplicates(data: Data) -> str:
    """Rows of one split that another one holds too."""
    words = content_uniform(data.x, "duplicates")
    found, seen = [], words[data.splits["train"]]
    for name in [name for name in data.splits if name != "train"]:
        if count := int(torch.isin(words[data.splits[name]], seen).sum()):
            found.append(f"{count:,} rows of {name} stand in train too")
    return "; ".join(found) or "no row"


def _columns(data: Data) -> Iterator[dict[str, Any]]:
    codec = data.codec
    if not isinstance(codec, TableCodec | PointsCodec):
        return
    for place, (name, column) in enumerate(zip(codec.columns, data.x.unbind(1), strict=True)):
        known = column[column.isfinite()].double()
        words = codec.words.get(name) if isinstance(codec, TableCodec) else None
        least, most, mean = _range_of(codec, name, known)
        yield {
            "column": name,
            "kind": _kind(data.space, place),
            "least": words[0] if words else least,
            "most": words[-1] if words else most,
            "mean": None if words else mean,
            "different": len(known.unique()),
            "missing": int(len(column) - len(known)),
            **_atoms(data.space, place, known),
        }


def _range_of(codec: Codec, name: str, known: Tensor) -> list[Any]:
    """The least, the most and the mean of a column, written as it is: of dates as dates."""
    found = [part.item() for part in (known.min(), known.max(), known.mean())] if len(known) else [None] * 3
    form = codec.forms.get(name) if isinstance(codec, TableCodec) else None
    return found if form is None or not len(known) else [form.spelled(repr(value)) for value in found]


def _kind(space: Space, place: int) -> str:
    """What a column is, in words."""
    if space.columns is not None:
        return str(space.columns[place])
    return "real" if space.levels is None else f"categorical of {space.levels}"


def _atoms(space: Space, place: int, values: Tensor) -> dict[str, str]:
    """What of a real column is no density: the value it holds most often, and the share of rows that share a value."""
    if not _kind(space, place).startswith("real") or not len(values):
        return {"spike": "", "repeated": ""}
    spike, counts = spike_of(values), values.unique(return_counts=True)[1]
    shared = int(counts[counts > 1].sum()) / len(values)
    return {"spike": "" if spike is None else f"{spike[0]:g} in {spike[1]:.0%}", "repeated": f"{shared:.0%}"}
