"""The classifier two-sample test: can anything tell the samples from real rows?

A classifier is trained on half of both sets and asked about the other half. If the distributions are equal, no
classifier is right more often than by chance, so an accuracy above 1/2 is evidence that they differ, and how far it is
above says how plainly.

References:
    Lopez-Paz & Oquab, 2017, "Revisiting classifier two-sample tests", arXiv:1610.06545
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from genzoo.core.noise import Noise
from genzoo.distributions.resampling import require_rows, share_of
from genzoo.distributions.samples import Samples, checked_rows
from genzoo.evaluation.measurement import Estimate

__all__ = ["TwoSample", "two_sample_test", "verdicts"]

LEAST = 40  # of each set: 20 to learn from, 20 to be asked about


class TwoSample(NamedTuple):
    """The accuracy on rows held out, and the chance of one as high if the distributions are equal.

    Example:
        >>> TwoSample(Estimate(0.5, 0.05), 0.54).p_value
        0.54
    """

    accuracy: Estimate
    p_value: float


def two_sample_test(
    samples: Samples,
    reference: Samples,
    *,
    hidden: int = 0,
    decay: float = 1e-3,
    seed: int = 0,
) -> TwoSample:
    """The classifier two-sample test by logistic regression, or by a network with one hidden layer.

    The p-value is the binomial one, right at any n and for any classifier. The accuracy is that of the classifier
    learned from half of the rows, hence too low for the best one, and the more so the fewer rows there are per
    dimension: compare equal n. A logistic regression sees differences of means only; a hidden layer sees shapes.

    Args:
        samples: The rows judged.
        reference: Real rows, none of which the model was trained on.
        hidden: The width of the hidden layer; 0 for logistic regression.
        decay: The penalty on squared weights.
        seed: Names the split and the first weights.

    Raises:
        TooFew: If a set has fewer than 40 rows.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> x = Noise(0).normal(100, 2)
        >>> two_sample_test(x, x.flip(1) + 4).accuracy.value
        1.0
    """
    real, made = checked_rows(reference, samples, what="A classifier two-sample test")
    least = min(len(real), len(made))
    require_rows(least, LEAST, "A classifier two-sample test")
    noise = Noise(seed, "two-sample test")
    parts = [rows[noise.permutation(len(rows))[:least].to(rows.device)].double() for rows in (real, made)]
    known, asked = (torch.cat(halves) for halves in zip(*(part.tensor_split(2) for part in parts), strict=True))
    right = (_told(known, asked, hidden, decay, noise) > 0) == (_halves(asked) > 0)
    return TwoSample(share_of(right), _tail(int(right.sum()), len(right)))


def verdicts(
    samples: Samples, reference: Samples, asked: Samples, *, hidden: int = 0, decay: float = 1e-3, seed: int = 0
) -> Float[Tensor, " n"]:
    """What the classifier of the test says of other rows, once it has learned from all of both sets: above zero it
    takes a row for a sample.

    Args:
        samples: Rows of a model.
        reference: Real rows.
        asked: The rows that it is asked about, none of which it learned from.
        hidden: The width of the hidden layer; 0 for logistic regression.
        decay: The penalty on squared weights.
        seed: Names the choice of rows, of which there are as many of both, and the first weights.

    Raises:
        TooFew: If a set has fewer than 20 rows.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> x = Noise(0).normal(100, 2)
        >>> (verdicts(x + 4, x, torch.tensor([[4.0, 4.0], [0.0, 0.0]])) > 0).tolist()
        [True, False]
    """
    real, made = checked_rows(reference, samples, what="A classifier of two samples")
    least = min(len(real), len(made))
    require_rows(least, LEAST // 2, "A classifier of two samples")
    noise = Noise(seed, "two-sample test")
    known = torch.cat([rows[noise.permutation(len(rows))[:least].to(rows.device)].double() for rows in (real, made)])
    return _told(known, checked_rows(asked, samples, what="What is asked")[0].double(), hidden, decay, noise)


def _told(known: Tensor, asked: Tensor, hidden: int, decay: float, noise: Noise) -> Tensor:
    """What is said of rows by who learned from others, real ones first and as many samples after them."""
    mean, scale = known.mean(0), known.std(0)
    known, asked = ((rows - mean) / torch.where(scale > 0, scale, 1) for rows in (known, asked))
    return _logits(asked, _learned(known, _halves(known), hidden, decay, noise))


def _halves(rows: Tensor) -> Tensor:
    """Zeros for the first half of the rows, which are real, and ones for the second."""
    return (torch.arange(len(rows), device=rows.device) >= len(rows) // 2).double()


def _learned(x: Tensor, label: Tensor, hidden: int, decay: float, noise: Noise) -> list[Tensor]:
    """Weights at a minimum of the penalized cross-entropy, by L-BFGS on all rows: nothing is left to chance."""
    from scipy.optimize import minimize

    widths = [x.shape[1], *([hidden] if hidden else []), 1]
    start = []
    for layer, (into, out) in enumerate(itertools.pairwise(widths)):
        scale = math.sqrt(2 / into) if hidden else 0.0
        start += [noise.at(layer).normal(out, into, dtype=x.dtype).cpu() * scale, torch.zeros(out, dtype=x.dtype)]
    shapes, rows, truth = [part.shape for part in start], x.cpu().numpy(), label.cpu().numpy()

    def climbed(flat: np.ndarray) -> tuple[float, np.ndarray]:
        return _loss_and_slope(_parts(flat, shapes), rows, truth, decay)

    flat = torch.cat([part.flatten() for part in start]).numpy()
    found = minimize(climbed, flat, jac=True, method="L-BFGS-B", options={"maxiter": 200, "maxcor": 50})
    return [torch.from_numpy(part.copy()).to(x.device) for part in _parts(found.x, shapes)]


def _parts(flat: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """Weights and biases of each layer, out of one vector."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends), shapes, strict=True)]


def _loss_and_slope(
    parts: list[np.ndarray], x: np.ndarray, label: np.ndarray, decay: float
) -> tuple[float, np.ndarray]:
    """The penalized cross-entropy of a logistic regression or a network with one hidden layer, and its gradient."""
    seen = np.tanh(x @ parts[0].T + parts[1]) if len(parts) > 2 else x
    weight, bias = parts[-2], parts[-1]
    logit = seen @ weight[0] + bias
    loss = np.mean(np.logaddexp(0, logit) - label * logit) + decay * sum(float((w**2).sum()) for w in parts[::2])
    slope = (np.exp(-np.logaddexp(0, -logit)) - label) / len(x)
    slopes = [slope @ seen + 2 * decay * weight[0], slope.sum(keepdims=True)]
    if len(parts) > 2:
        inner = slope[:, None] * weight * (1 - seen**2)
        slopes = [inner.T @ x + 2 * decay * parts[0], inner.sum(0), *slopes]
    return float(loss), np.concatenate([part.ravel() for part in slopes])


def _logits(x: Tensor, weights: list[Tensor]) -> Tensor:
    for weight, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = functional.linear(x, weight, bias).tanh()
    return functional.linear(x, weights[-2], weights[-1]).squeeze(1)


def _tail(right: int, n: int) -> float:
    """P(at least as many heads of n fair coins)."""
    from scipy.special import bdtrc

    return float(bdtrc(right - 1, n, 0.5)) if right else 1.0
