"""Plain advice from a comparison: which model for which purpose, and when the numbers do not decide."""

from typing import NamedTuple

import torch
from torch import Tensor

from genzoo.core import Given, GivenSpace, Space
from genzoo.evaluation import Kind, Measurement
from genzoo.evaluation.measurement import BESIDE
from genzoo.experiments.compare import Comparison, Entry, best_of, leading
from genzoo.experiments.figures import in_words

__all__ = ["Advice", "advise", "kinds_in_words"]

BLIND = (
    "Raw values and random features do not see what a picture shows, so they recommend no model. Leave out "
    "--extractor, and a judge looks at the samples."
)
LIKELIHOODS = ("bits/dim", "−log p")


class Advice(NamedTuple):
    """One piece of advice.

    Attributes:
        purpose: What for.
        names: The contestants that suit it, which the numbers do not tell apart.
        reason: Why, in a sentence.
    """

    purpose: str
    names: list[str]
    reason: str


def advise(comparison: Comparison) -> list[Advice]:
    """Which model to take to generate, to score, to edit, and in a hurry.

    Args:
        comparison: What was compared.
    """
    found = [_to_generate(comparison), _to_score(comparison), _to_edit(comparison), _fastest(comparison)]
    return [advice for advice in found if advice is not None]


def kinds_in_words(comparison: Comparison) -> str:
    """What must be kept in mind where likelihoods of unlike kinds stand in one column; empty where they do not."""
    for name in LIKELIHOODS:
        kinds: dict[Kind, list[str]] = {}
        for entry in comparison.entries:
            if (found := entry.measured(name)) is not None:
                kinds.setdefault(found.kind, []).append(entry.name)
        if len(kinds) > 1:
            each = "; ".join(f"{', '.join(names)}: {KINDS[kind]}" for kind, names in kinds.items())
            return f"The likelihoods are of unlike kinds. {each}."
    return ""


KINDS = {
    Kind.EXACT: "the exact value",
    Kind.BOUND: "an upper bound of the code length, so the model itself may be better than it looks",
    Kind.ESTIMATE: "an estimate, which may err to either side",
    Kind.UNNORMALIZED: "unnormalized, so it compares with nothing but itself",
    Kind.SPIKED: "a density of columns that repeat a value, so it says how narrow a model may get",
    Kind.STATISTIC: "a statistic",
}


def main_column(comparison: Comparison) -> str | None:
    """The measurement of samples that entries are ordered by."""
    return leading([m for entry in comparison.entries for m in entry.measurements])


def _to_generate(comparison: Comparison) -> Advice | None:
    column = main_column(comparison)
    if column is not None:
        return _best("to generate", column, comparison.entries)
    blind = any(m.name.endswith(BESIDE) for entry in comparison.entries for m in entry.measurements)
    return Advice("to generate", [], BLIND) if blind else None


def _to_score(comparison: Comparison) -> Advice | None:
    name = next((name for name in LIKELIHOODS if comparison.measured(name)), None)
    if name is None:
        return Advice("to score", [], "None of these models has a likelihood.")
    if any(m is not None and m.kind is Kind.SPIKED for m in (entry.measured(name) for entry in comparison.entries)):
        return Advice(
            "to score",
            [],
            "Real columns repeat a value, and a density of such spikes has no upper limit: leave them "
            "out, or read them as integer or categorical.",
        )
    return _best("to score", name, comparison.entries)


def _to_edit(comparison: Comparison) -> Advice | None:
    able = [entry for entry in comparison.entries if _edits(entry)]
    column = main_column(comparison)
    if not able:
        return Advice("to edit", [], "None of these models maps data to a latent and back.")
    if column is None:
        return None
    return _best("to edit (data to latent and back)", column, able)


def _fastest(comparison: Comparison) -> Advice:
    top = max(comparison.entries, key=lambda entry: entry.rate)
    near = [entry for entry in comparison.entries if entry.rate > 0.8 * top.rate]
    reason = f"{in_words(top.rate)} samples a second on this machine"
    column = main_column(comparison)
    measured = top.measured(column) if column else None
    return Advice(
        "in a hurry", [e.name for e in near], f"{reason}; its {column} is {measured}." if measured else f"{reason}."
    )


def _edits(entry: Entry) -> bool:
    model = entry.run.generative
    if not (model.can("encode") and model.can("decode")):
        return False
    with torch.no_grad():
        z = model.encode(entry.samples[:1].to(model.device), _some_condition(model.given_space))
    return z.ndim > 1  # the number of a cluster leaves nothing to edit


def _some_condition(given_space: GivenSpace) -> Given:
    """One row of a condition, whichever."""
    return {name: _zeros(space) for name, space in given_space.items()}


def _zeros(space: Space) -> Tensor:
    return torch.zeros(1, *space.shape, dtype=torch.int64 if space.is_discrete else torch.get_default_dtype())


def _best(purpose: str, column: str, entries: list[Entry]) -> Advice | None:
    """The best of some entries in a column, with those within two standard errors of it."""
    found: dict[str, Measurement] = {e.name: m for e in entries if (m := e.measured(column)) is not None}
    if not found:
        return None
    names = best_of(found)
    top = min((m for m in found.values()), key=lambda m: m.cost)
    said = f"{column} {top}"
    if len(names) == len(found) > 1:
        return Advice(purpose, names, f"The differences in {column} are within the noise: any of them ({said}).")
    if len(names) > 1:
        return Advice(purpose, names, f"{said}; the differences between these are within the noise.")
    rest = sorted((m for name, m in found.items() if name not in names), key=lambda m: m.cost)
    return Advice(purpose, names, f"{said}; the next has {rest[0]}." if rest else f"{said}; nothing else has it.")
