"""The standard protocol: what is measured of every model, in one order."""

from typing import Protocol, runtime_checkable

from genzoo.core.model import GenerativeModel
from genzoo.evaluation.frechet import frechet_of_samples
from genzoo.evaluation.likelihood import RowsLike, code_length, options_of
from genzoo.evaluation.measurement import Measurement

__all__ = ["DataLike", "evaluate"]


@runtime_checkable
class DataLike(Protocol):
    """Data as `genzoo.data` reads it: rows in three splits."""

    @property
    def train(self) -> RowsLike: ...
    @property
    def valid(self) -> RowsLike: ...
    @property
    def test(self) -> RowsLike: ...


def evaluate(
    model: GenerativeModel,
    data: DataLike,
    *,
    samples: int | None = None,
    importance: int | None = None,
    seed: int = 0,
    split: str = "test",
) -> list[Measurement]:
    """Measures a model on held-out rows: its code length, if it has a likelihood, and the Fréchet distance.

    Args:
        model: A trained model.
        data: Data of the same space.
        samples: Samples for the Fréchet distance; by default as `frechet_of_samples` says.
        importance: Draws per row of a tighter bound as well, for models whose likelihood has `samples` or `draws`.
        seed: Names the noise and the samples.
        split: The rows measured on.

    Raises:
        ValueError: If the split is unknown.
    """
    if split not in ("train", "valid", "test"):
        raise ValueError(f"A split must be train, valid or test, got {split!r}. Choose one of them.")
    rows = {"train": data.train, "valid": data.valid, "test": data.test}[split]
    made = []
    if model.can("log_prob"):
        made.append(code_length(model, rows, seed=seed))
        for option in ("samples", "draws"):
            if importance and option in options_of(model, "log_density"):
                made.append(code_length(model, rows, seed=seed, **{option: importance}))
                break
    real = data.train if split != "train" else data.valid
    return [*made, frechet_of_samples(model, rows, n=samples, seed=seed, real=real)]
