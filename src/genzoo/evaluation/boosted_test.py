"""A two-sample test by boosted trees: whether samples of a table can be told from real rows, column by column.

Trees split single columns at any place, so they see what a smooth classifier on scaled vectors does not: rounded
numbers, spikes, edges, words that go together. Rows are dealt into folds, and trees that learned from all but one are
asked about that one; the area under the ROC curve of the scores s of samples x and of real rows y,

$$ \\mathrm{AUC} = P(s(x) > s(y)) + \\tfrac12 P(s(x) = s(y)), $$

is ½ if nothing tells them apart and 1 if everything does.
As a score it is $1 - (2 \\max(\\mathrm{AUC}, ½) - 1)$, from 0 to 1, as tables of papers have it.

References:
    Lopez-Paz & Oquab, 2017, "Revisiting classifier two-sample tests", arXiv:1610.06545
    Ke et al., 2017, "LightGBM: a highly efficient gradient boosting decision tree" (the algorithm)
    DeLong, DeLong & Clarke-Pearson, 1988, "Comparing the areas under two or more correlated receiver operating
        characteristic curves" (the error)
"""

import math

import numpy as np
import torch
from jaxtyping import Float

from genzoo.core.noise import Noise
from genzoo.distributions.resampling import chance_below, require_rows
from genzoo.evaluation.measurement import Estimate
from genzoo.evaluation.tables import Columns, alike

__all__ = ["FOLDS", "boosted_score", "boosted_two_sample_test"]

LEAST = 100  # rows of each set: 66 to learn from, of which a leaf takes twenty
FOLDS = 3
MOST_WORDS = 255  # that trees tell apart in one column; rarer ones count as one


def boosted_two_sample_test(samples: Columns, real: Columns, *, folds: int = FOLDS, seed: int = 0) -> Estimate:
    """The area under the ROC curve of boosted trees that tell samples from real rows, on rows that they did not see.

    Missing cells stay missing, and count. The area is that of trees that learned from some of the rows, hence too low
    for the best ones: compare equal n, and set the floor (real rows against real rows) beside it. Numbers are binned
    at 255 levels, so that noise within a bin is not seen: read `repeated` beside it.

    Args:
        samples: The columns of samples.
        real: The same columns of rows that the model was not trained on.
        folds: Into how many parts rows are dealt.
        seed: Names the folds.

    Raises:
        ImportError: If scikit-learn is not installed.
        ValueError: If columns differ in name or kind, a number is infinite, or there are fewer than two folds.
        TooFew: If there are fewer than 100 rows of either.

    Example:
        >>> x = Noise(0).normal(400).double().numpy()
        >>> rounded = {"a": x[:200].round(1)}
        >>> boosted_two_sample_test(rounded, {"a": x[200:]}).value > 0.6
        True
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError:
        raise ImportError("Boosted trees need scikit-learn, got none. Run: pip install 'genzoo[sklearn]'") from None
    if folds < 2:
        raise ValueError(f"`folds` must be at least 2, got {folds}. Take 3.")
    columns = alike(samples, real)
    made, rows = (_matrix([pair[side] for pair in columns.values()], columns) for side in (0, 1))
    least = min(len(made), len(rows))
    require_rows(least, LEAST, "A two-sample test by boosted trees")
    noise = Noise(seed, "boosted")
    order = [noise.at(part).permutation(len(x)).numpy()[:least] for part, x in enumerate((made, rows))]
    parts = [np.array_split(x[index], folds) for x, index in zip((made, rows), order, strict=True)]
    is_words = [pair[1].dtype.kind == "U" for pair in columns.values()]
    areas = []
    for asked in range(folds):
        known = [np.concatenate([side[k] for k in range(folds) if k != asked]) for side in parts]
        x = np.concatenate(known)
        label = np.arange(len(x)) < len(known[0])
        trees = HistGradientBoostingClassifier(categorical_features=is_words, early_stopping=False, random_state=0)
        trees.fit(x, label)
        scores = [torch.from_numpy(trees.predict_proba(side[asked])[:, 1]) for side in parts]
        areas.append(chance_below(scores[1], scores[0]))
    value = sum(area.value for area in areas) / folds
    return Estimate(value, math.hypot(*(area.error or 0.0 for area in areas)) / folds)


def boosted_score(area: Estimate) -> Estimate:
    """The area as a score, 1 − (2 max(AUC, ½) − 1): 1 where nothing tells samples from real rows, 0 where all does.

    An area below ½ is chance, and counts as ½.

    Args:
        area: What `boosted_two_sample_test` found.

    Example:
        >>> boosted_score(Estimate(0.75, 0.01)), boosted_score(Estimate(0.48, 0.02)).value
        (Estimate(value=0.5, error=0.02), 1.0)
    """
    return Estimate(2 - 2 * max(area.value, 0.5), None if area.error is None else 2 * area.error)


def _matrix(parts: list[np.ndarray], columns: dict[str, tuple[np.ndarray, ...]]) -> Float[np.ndarray, "n D"]:
    """Columns as numbers: words by their rank among the most frequent, NaN where a cell is missing."""
    found = []
    for part, (made, real) in zip(parts, columns.values(), strict=True):
        if part.dtype.kind == "U":
            words, counts = np.unique(np.concatenate([made, real]), return_counts=True)
            kept = np.sort(words[np.argsort(-counts, kind="stable")[: MOST_WORDS - 1]])
            place = np.searchsorted(kept, part).clip(max=len(kept) - 1)
            code = np.where(kept[place] == part, place, MOST_WORDS - 1).astype(float)
            found.append(np.where(part == "", np.nan, code))
        else:
            found.append(part)
    return np.stack(found, axis=1)
