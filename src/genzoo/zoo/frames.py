"""Frames and arrays as rows of a table that a model was fitted to, and a column predicted from the others."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from genzoo.core.model import Capability, GenerativeModel
from genzoo.data.codecs.table import TableCodec
from genzoo.data.readers.frames import columns_of_frame, is_frame
from genzoo.tasks.imputation import imputes
from genzoo.tasks.prediction import entry_draws, level_log_probs, levels_of

__all__ = [
    "Target", "as_frame", "classes_in", "classes_of", "goodness", "is_mixed", "predicted", "probabilities",
    "refuse_target", "rows_without", "with_target",
]  # fmt: skip


class Target(NamedTuple):
    """A column that is asked for.

    Attributes:
        place: Which it is.
        names: All columns.
    """

    place: int
    names: Sequence[str]

    @classmethod
    def of(cls, wanted: Any, names: Sequence[str]) -> "Target":
        """The column of a name, or of a number.

        Args:
            wanted: The name or number.
            names: All columns.

        Raises:
            ValueError: If there is none.
        """
        if str(wanted) not in names:
            raise ValueError(
                f"`target` must be a column of the fit, got {wanted!r}. There are {', '.join(names[:20])}."
            )
        return cls(list(names).index(str(wanted)), names)

    @property
    def name(self) -> str:
        """Its name."""
        return self.names[self.place]


def is_mixed(X: Any) -> bool:
    """Whether X is a frame in which some column holds words, truth values or categories.

    Args:
        X: A frame, or anything else.
    """
    return is_frame(X) and any(getattr(X[name].dtype, "kind", "O") not in "iuf" for name in X.columns)


def as_frame(codec: TableCodec, x: Tensor) -> Any:
    """Rows as a frame: words as such, whole numbers whole.

    Args:
        codec: The table's.
        x: The rows.
    """
    from pandas import DataFrame, to_numeric

    cells = codec.cells(x)
    return DataFrame(
        {
            name: column if name in codec.words or name in codec.forms else to_numeric(column)
            for name, column in cells.items()
        }
    )


def with_target(X: Any, y: Any, target: Any) -> Any:
    """Rows with their targets among the columns, where these come apart.

    Args:
        X: The rows.
        y: The targets, or None.
        target: The name, or number, of their column; None where there is none.
    """
    if target is None or y is None or (is_frame(X) and target in X.columns):
        return X
    if is_frame(X):
        return X.assign(**{str(target): np.asarray(y)})
    return np.insert(np.asarray(X, dtype=np.float64), int(target), np.asarray(y, dtype=np.float64), axis=1)


def rows_without(X: Any, asked: Target, codec: TableCodec | None) -> Tensor:
    """Rows as numbers, NaN in the column that is asked for and wherever nothing is; a frame may lack columns.

    Args:
        X: A frame, or an array with or without the column.
        asked: The column.
        codec: That of the fit, where some columns hold words.

    Raises:
        ValueError: If there are other columns than in the fit.
    """
    if not is_frame(X):
        x = torch.tensor(np.array(X, dtype=np.float64))
        if x.ndim != 2 or x.shape[1] not in (len(asked.names), len(asked.names) - 1):
            raise ValueError(
                f"Rows must have {len(asked.names)} columns, or one less, got {tuple(x.shape)}. Add them."
            )
        if x.shape[1] < len(asked.names):
            return torch.cat([x[:, : asked.place], x.new_full((len(x), 1), torch.nan), x[:, asked.place :]], 1)
        x[:, asked.place] = torch.nan
        return x
    if odd := [str(name) for name in X.columns if str(name) not in asked.names]:
        raise ValueError(f"Columns must be those of the fit, got {odd[:10]} beside them. Drop these.")
    there, nothing = columns_of_frame(X), [""] * len(X)
    cells = {name: nothing if name == asked.name else there.get(name, nothing) for name in asked.names}
    if codec is not None:
        return codec.holed(cells)
    columns = [[float(cell) if cell else torch.nan for cell in column] for column in cells.values()]
    return torch.tensor(columns, dtype=torch.float64).T


def classes_in(y: Any) -> tuple[np.ndarray, np.ndarray]:
    """The different classes of targets, and the number of each target's.

    Args:
        y: The targets.

    Raises:
        ValueError: If there are fewer than 2 or more than 256.
    """
    classes, numbers = np.unique(y, return_inverse=True)
    if not 2 <= (count := len(classes)) <= 256:
        got = "1 class" if count == 1 else f"{count} classes"
        raise ValueError(f"A classifier needs 2 to 256 classes, got {got}. Give rows of more, or bin the target.")
    return classes, numbers


def classes_of(X: Any, asked: Target, words: Sequence[str]) -> np.ndarray:
    """The words of a frame's column as the values that stand there, as True and False do.

    Args:
        X: The frame.
        asked: The column.
        words: Its words; there are no classes without.
    """
    if not words:
        return np.array([])
    column = next(X[name] for name in X.columns if str(name) == asked.name)
    values = {str(value): value for value in column.dropna().unique()}
    return np.array([values.get(word, word) for word in words])


def refuse_target(model: Any, asked: Target, name: str) -> None:
    """Refuses a column that a model cannot predict.

    Args:
        model: The model.
        asked: The column.
        name: The recipe's.

    Raises:
        ValueError: If it is one of levels and the model has no density, or of numbers and it draws none given others.
    """
    if levels_of(model.space, asked.place) is not None:
        if not model.can(Capability.LOG_PROB):
            raise ValueError(f"The words of {asked.name!r} are predicted by a density, and {name} has none.")
    elif imputes(model) is None:
        raise ValueError(
            f"The numbers of {asked.name!r} are drawn given the others, which {name} cannot. Take gaussian_mixture, "
            "mixture_table, circuit, tab_ar or gaussian_copula."
        )


def goodness(y: Any, found: np.ndarray, *, are_classes: bool) -> float:
    """The share of classes that are right, or R² of numbers.

    Args:
        y: The targets.
        found: What was predicted.
        are_classes: Whether they are classes.
    """
    from sklearn.metrics import accuracy_score, r2_score

    return float(accuracy_score(y, found) if are_classes else r2_score(y, found))


def probabilities(model: GenerativeModel, x: Tensor, asked: Target) -> np.ndarray:
    """p(word | other columns) of every word of a column.

    Args:
        model: The model.
        x: Rows.
        asked: The column.

    Raises:
        ValueError: If it holds numbers.
    """
    if levels_of(model.space, asked.place) is None:
        raise ValueError(
            f"Probabilities are those of words, and {asked.name!r} holds numbers. Ask `predict` for its mean, or "
            "`quantiles` of it."
        )
    return level_log_probs(model, x, asked.place).exp().numpy()


def predicted(
    model: GenerativeModel, x: Tensor, asked: Target, words: Any, quantiles: Any = None, draws: int = 100
) -> np.ndarray:
    """The most probable word of a column in each row; of numbers the mean of draws, or their quantiles.

    Args:
        model: The model.
        x: Rows.
        asked: The column.
        words: What its levels are called, if they have names.
        quantiles: Which quantiles, in place of the mean.
        draws: How many draws.

    Raises:
        ValueError: If quantiles are asked of words, or lie outside of [0, 1].
    """
    if quantiles is not None and not all(0 <= each <= 1 for each in np.atleast_1d(quantiles)):
        raise ValueError(f"`quantiles` must lie in [0, 1], got {quantiles}. Write 0.05 for 5 %.")
    if levels_of(model.space, asked.place) is not None:
        if quantiles is not None:
            raise ValueError(f"Quantiles are those of numbers, and {asked.name!r} holds words. Ask `predict_proba`.")
        best = level_log_probs(model, x, asked.place).argmax(1).numpy()
        return np.array(words)[best] if len(words) else best
    found = entry_draws(model, x, asked.place, draws).double()
    if quantiles is None:
        return found.mean(0).numpy()
    return found.quantile(torch.tensor(quantiles, dtype=torch.float64), 0).T.numpy()
