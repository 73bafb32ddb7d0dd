"""What samples of a table are good for, and whether they give records away.

*Train on synthetic, test on real*: a simple model learns to predict one column from the others on samples, and is
tested on real rows, beside the same model that learned from as many real ones. *Distance to the closest record*:
samples should lie as near to held-out rows as to training rows; nearer to training rows tells of memory.

For both, rows become vectors: numbers less their mean in units of their standard deviation, words by `word_places` so
that two different words are at distance 1, and a place more that says whether a number is missing.

References:
    Esteban, Hyland & Rätsch, 2017, "Real-valued (medical) time series generation …", arXiv:1706.02633 (TSTR)
    Park et al., 2018, "Data synthesis based on generative adversarial networks", arXiv:1806.03384 (DCR)
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from genzoo.core.noise import Noise
from genzoo.distributions.pairwise import nearest
from genzoo.distributions.resampling import require_rows, share_of
from genzoo.evaluation.measurement import Estimate
from genzoo.evaluation.raw_values import word_places
from genzoo.evaluation.tables import Columns, alike, missing
from genzoo.evaluation.weighted import estimate, mean_of, resampled

__all__ = ["ClosestRecords", "Learner", "Utility", "closest_records", "table_utility"]

Learner = Literal["linear", "boosting"]
LEAST = 10  # rows
RIDGE = 1.0  # the weight of the squared coefficients against the sum of losses


class Utility(NamedTuple):
    """How well a column is predicted on real rows by what learned from samples, and from real rows.

    Errors are over the draw of test rows; learning from other samples, or other training rows, would add to them.

    Attributes:
        synthetic: The score of what learned from samples.
        real: The score of what learned from as many training rows.
        gap: real − synthetic, with an error that knows that both were tested on the same rows.
        metric: "ROC AUC", a mean over the words of the column, each against the rest; for numbers "R²".
    """

    synthetic: Estimate
    real: Estimate
    gap: Estimate
    metric: str


class ClosestRecords(NamedTuple):
    """How near samples are to training records.

    Attributes:
        closer: The share of samples that are nearer to a training record than to any of as many held-out ones, ties
            counted half; ½ if nothing was memorized.
        distance: The median distance of a sample to the closest training record.
        floor: The same of held-out rows.
        copies: The share of samples that are equal to a training record.
        copies_floor: The same of held-out rows.
        rows: Which samples those are.
    """

    closer: Estimate
    distance: Estimate
    floor: Estimate
    copies: Estimate
    copies_floor: Estimate
    rows: list[int]


def table_utility(
    samples: Columns,
    train: Columns,
    test: Columns,
    target: str,
    *,
    by: Learner = "linear",
    draws: int = 100,
    seed: int = 0,
) -> Utility:
    """Train on synthetic, test on real, beside train on real.

    Both learn from equal numbers of rows. Words are told apart by logistic regression, numbers predicted by ridge
    regression; a linear model sees no interactions, boosted trees do.

    Args:
        samples: The columns of samples.
        train: The same columns of training rows.
        test: And of held-out rows.
        target: The column to predict; rows without it are left out.
        by: "linear"; or "boosting", which needs scikit-learn.
        draws: How often test rows are drawn again for the errors.
        seed: Names the draws.

    Raises:
        ValueError: If columns differ, there is but one, none is the target, or all test rows have one value of it.
        TooFew: If a table has fewer than ten rows with the target.
        ImportError: If boosting is asked for without scikit-learn.

    Example:
        >>> x = np.linspace(-1, 1, 40)
        >>> real = {"x": x, "sign": np.where(x > 0, "+", "-")}
        >>> found = table_utility({"x": x, "sign": np.where(x > 0, "-", "+")}, real, real, "sign")
        >>> round(found.synthetic.value, 6), round(found.real.value, 6), found.metric
        (0.0, 1.0, 'ROC AUC')
    """
    if target not in test or len(test) < 2:
        raise ValueError(f"`target` must be one of several columns, got {target!r} of {sorted(test)}. Name another.")
    tables = {name: _with(target, table) for name, table in {"samples": samples, "train": train, "test": test}.items()}
    for name, table in tables.items():
        require_rows(len(table[target]), LEAST, f"The utility of `{name}` with {target!r}")
    columns = alike(*tables.values())
    answers = columns.pop(target)
    if len(np.unique(answers[-1])) < 2:
        raise ValueError(f"`target` must differ among test rows, got one value in all of {target!r}. Name another.")
    features = _encoded(columns)
    is_words = answers[-1].dtype.kind == "U"
    words, codes = np.unique(np.concatenate(answers), return_inverse=True)
    if is_words:
        answers = tuple(np.split(codes, np.cumsum([len(part) for part in answers])[:-1]))
    weights = resampled(len(answers[-1]), draws, seed)
    n, scores = min(len(answers[0]), len(answers[1])), []
    for part in (0, 1):
        chosen = Noise(seed, "utility", part).permutation(len(answers[part])).numpy()[:n]
        predict = _learned(features[part][chosen], answers[part][chosen], len(words) if is_words else 0, by)
        measure = _areas if is_words else _determination
        scores.append(measure(answers[-1], predict(features[-1]), weights))
    metric = "ROC AUC" if is_words else "R²"
    return Utility(estimate(scores[0]), estimate(scores[1]), estimate(scores[1] - scores[0]), metric)


def closest_records(
    samples: Columns, train: Columns, held_out: Columns, *, draws: int = 100, seed: int = 0
) -> ClosestRecords:
    """Distances of samples to the closest training records against those of held-out rows.

    `closer` compares with equal numbers of training and of held-out rows, drawn if one has more. Columns of few words
    and whole numbers make equal rows by chance: read `copies` beside `copies_floor`.

    Args:
        samples: The columns of samples.
        train: The same columns of training rows.
        held_out: And of rows that were not trained on.
        draws: How often rows are drawn again for the errors of medians.
        seed: Names the draws.

    Raises:
        ValueError: If columns differ.
        TooFew: If there are fewer than ten rows of either.

    Example:
        >>> normal = [Noise(k).normal(50).numpy() for k in range(2)]
        >>> found = closest_records({"a": normal[0][:20]}, {"a": normal[0]}, {"a": normal[1]})
        >>> found.closer.value, found.distance.value, found.copies.value, found.copies_floor.value
        (1.0, 0.0, 1.0, 0.0)
    """
    for name, table in {"samples": samples, "train": train, "held_out": held_out}.items():
        require_rows(len(next(iter(table.values()), ())), LEAST, f"A distance between records of `{name}`")
    mine, known, other = (torch.from_numpy(rows) for rows in _encoded(alike(samples, held_out, train), (0, 2, 1)))
    count = min(len(known), len(other))
    some = [rows[Noise(seed, "records", len(rows)).permutation(len(rows))[:count]] for rows in (known, other)]
    to_train, to_other = (nearest(mine, rows)[0] for rows in some)
    closer = (to_train < to_other).double() + (to_train == to_other).double() / 2
    distances, floor = (nearest(rows, known)[0].numpy() for rows in (mine, other))
    return ClosestRecords(
        mean_of(closer.numpy()),
        _median(distances, draws, seed),
        _median(floor, draws, seed),
        share_of(torch.from_numpy(distances == 0)),
        share_of(torch.from_numpy(floor == 0)),
        np.flatnonzero(distances == 0).tolist(),
    )


def _with(target: str, table: Columns) -> dict[str, np.ndarray]:
    """The rows whose target is there."""
    there = ~missing(np.asarray(table[target])) if target in table else slice(None)
    return {name: values[there] for name, values in table.items()}


def _encoded(columns: dict[str, tuple[np.ndarray, ...]], order: Sequence[int] = (0, 1, 2)) -> list[np.ndarray]:
    """Tables as vectors, in the order asked for; numbers are standardized by table 1 of that order."""
    parts: list[list[np.ndarray]] = [[] for _ in order]
    for tables in columns.values():
        for place, values in zip(parts, _vectors([tables[k] for k in order]), strict=True):
            place.append(values)
    return [np.concatenate(place, axis=1) for place in parts]


def _vectors(tables: Sequence[np.ndarray]) -> list[Float[np.ndarray, "n k"]]:
    """A column of several tables as vectors."""
    ends = np.cumsum([len(values) for values in tables])[:-1]
    values, lacks = np.concatenate(tables), np.concatenate([missing(values) for values in tables])
    if values.dtype.kind == "U":
        words, codes = np.unique(values, return_inverse=True)
        vectors = word_places(len(words)).numpy()[codes]
    else:
        known = tables[1][~missing(tables[1])]
        mean, scale = (known.mean(), known.std()) if len(known) else (0.0, 1.0)
        vectors = np.where(lacks, 0.0, (values - mean) / (scale or 1.0))[:, None]
        if lacks.any():
            vectors = np.concatenate([vectors, lacks[:, None]], axis=1)
    return np.split(vectors, ends)


def _learned(
    x: Float[np.ndarray, "n D"], y: Shaped[np.ndarray, " n"], kinds: int, by: Learner
) -> Callable[[np.ndarray], np.ndarray]:
    """What predicts y: the probability of each kind, or numbers if there are none."""
    if by == "boosting":
        return _boosted(x, y, kinds)
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    weight = _logistic(x, y, kinds) if kinds else _ridge(x, y)

    def scores(rows: np.ndarray) -> np.ndarray:
        linear = rows @ weight[:-1] + weight[-1]
        return softmax(linear, axis=1) if kinds else linear

    return scores


def _ridge(x: Float[np.ndarray, "n D"], y: Float[np.ndarray, " n"]) -> Float[np.ndarray, " D"]:
    """Ridge regression; the last weight, that of the ones, is free."""
    penalty = RIDGE * np.eye(x.shape[1])
    penalty[-1, -1] = 1e-9
    return np.linalg.solve(x.T @ x + penalty, x.T @ y)


def _logistic(x: Float[np.ndarray, "n D"], y: Int[np.ndarray, " n"], kinds: int) -> Float[np.ndarray, "D K"]:
    """Logistic regression with several kinds; the last weights, those of the ones, are free."""
    hot, size = np.eye(kinds)[y], (x.shape[1], kinds)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weight = flat.reshape(size)
        held = np.concatenate([weight[:-1], np.zeros((1, kinds))])
        logs = log_softmax(x @ weight, axis=1)
        value = -(hot * logs).sum() + RIDGE / 2 * (held**2).sum()
        return value / len(x), (x.T @ (np.exp(logs) - hot) + RIDGE * held).ravel() / len(x)

    found = minimize(loss, np.zeros(size).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return found.x.reshape(size)


def _boosted(x: np.ndarray, y: np.ndarray, kinds: int) -> Callable[[np.ndarray], np.ndarray]:
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    except ImportError:
        raise ImportError("Boosting must have scikit-learn, got none. Run: pip install 'genzoo[sklearn]'") from None
    if kinds and len(np.unique(y)) == 1:  # nothing to tell apart
        return lambda rows: np.zeros((len(rows), kinds))
    kind: Any = HistGradientBoostingClassifier if kinds else HistGradientBoostingRegressor
    model = kind(random_state=0, early_stopping=False).fit(x, y)
    if not kinds:
        return model.predict

    def scores(rows: np.ndarray) -> np.ndarray:
        found = np.zeros((len(rows), kinds))
        found[:, model.classes_] = model.predict_proba(rows)
        return found

    return scores


def _areas(
    y: Int[np.ndarray, " n"], scores: Float[np.ndarray, "n K"], weights: Float[np.ndarray, "t n"]
) -> Float[np.ndarray, " t"]:
    """The area under the ROC curve of each kind against the rest, a mean over the kinds that are there."""
    kinds = np.unique(y)
    if len(kinds) == 1:
        return np.full(len(weights), np.nan)
    areas = np.stack([_area(y == kind, scores[:, kind], weights) for kind in kinds])
    there = ~np.isnan(areas)
    with np.errstate(invalid="ignore"):  # where no word of the drawn rows has others beside it
        return np.where(there, areas, 0).sum(0) / there.sum(0)


def _area(
    is_kind: np.ndarray, score: Float[np.ndarray, " n"], weights: Float[np.ndarray, "t n"]
) -> Float[np.ndarray, " t"]:
    """The probability that one of the kind scores higher than one of the rest, ties counted half."""
    step = np.unique(score, return_inverse=True)[1]
    found = []
    for row in weights:
        inside, outside = (np.bincount(step, row * part, step.max() + 1) for part in (is_kind, ~is_kind))
        total = inside.sum() * outside.sum()
        found.append(inside @ (outside.cumsum() - outside / 2) / total if total else np.nan)
    return np.array(found)


def _determination(
    y: Float[np.ndarray, " n"], predicted: Float[np.ndarray, " n"], weights: Float[np.ndarray, "t n"]
) -> Float[np.ndarray, " t"]:
    """The coefficient of determination, 1 − Σ (y − ŷ)² / Σ (y − ȳ)²."""
    variance = weights @ y**2 - (weights @ y) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - weights @ (y - predicted) ** 2 / variance


def _median(values: Float[np.ndarray, " n"], draws: int, seed: int) -> Estimate:
    order = np.argsort(values)
    below = resampled(len(values), draws, seed)[:, order].cumsum(1)
    return estimate(values[order][(below >= 0.5 - 1e-12).argmax(1)])
