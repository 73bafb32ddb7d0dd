"""What a judge of classes says of samples: its score, the agreement with the class asked for, the histogram.

A judge gives p(y | x) for each sample. The score is of the Inception Score's form,

$$ \\exp\\Bigl(\\frac1n \\sum_i \\mathrm{KL}\\bigl(p(y \\mid x_i) \\,\\|\\, p(y)\\bigr)\\Bigr), \\quad
   p(y) = \\frac1n \\sum_j p(y \\mid x_j), $$

between 1 and the number of classes: high where each sample is plainly of one class and all classes occur. It never
looks at real data and cannot see a lack of variety within a class, so it stands beside the score of real rows and
beside `diversity_within`. With a judge that is not Inception it is not called an Inception Score.

References:
    Salimans et al., 2016, "Improved techniques for training GANs", arXiv:1606.03498
    Barratt & Sharma, 2018, "A note on the Inception Score", arXiv:1801.01973
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.distributions.resampling import require_rows, share_of
from genzoo.distributions.samples import Samples, checked_numbers, checked_rows
from genzoo.evaluation.measurement import Estimate

__all__ = ["Fidelity", "LabelHistogram", "conditional_fidelity", "judge_score", "label_histogram"]


def judge_score(probabilities: Samples, *, splits: int = 10) -> Estimate:
    """The judge's score of all samples, with the standard error of the splits' scores.

    At small n the mean p(y) follows the samples and the score is too low, by about (K − 1)/2n of itself at most. The
    published convention, the mean over ten splits, has ten times that bias; here the value is of all samples, and the
    splits (runs of consecutive rows) serve the error alone.

    Args:
        probabilities: p(y | x) of each sample; rows sum to one.
        splits: Into how many parts the samples go for the error.

    Raises:
        TooFew: If a split has fewer rows than there are classes.
        ValueError: If the rows are no probabilities.

    Example:
        >>> judge_score(torch.eye(2).repeat(10, 1))
        Estimate(value=2.0, error=0.0)
    """
    p = _checked(probabilities).double()
    classes = p.shape[1]
    require_rows(len(p), splits * classes, f"A score by {classes} classes in {splits} splits")
    scores = torch.tensor([_score(part) for part in p.tensor_split(splits)])
    return Estimate(_score(p), (scores.std() / math.sqrt(splits)).item() if splits > 1 else None)


class Fidelity(NamedTuple):
    """How often the judge sees what was asked for: in all, and by class.

    Example:
        >>> Fidelity(Estimate(0.9, 0.01), {}).overall.value
        0.9
    """

    overall: Estimate
    by_class: dict[int, Estimate]


def conditional_fidelity(probabilities: Samples, asked: Samples) -> Fidelity:
    """The judge's accuracy on the classes that the samples were asked for.

    It has no bias at any n; its ceiling is the judge's own accuracy on held-out real rows.

    Args:
        probabilities: p(y | x) of each sample.
        asked: The class that each sample was made for.

    Raises:
        TooFew: If there is no sample.
        ValueError: If the rows are no probabilities, or a class does not exist.

    Example:
        >>> conditional_fidelity(torch.eye(2), torch.tensor([0, 0])).overall.value
        0.5
    """
    p, (wanted,) = _checked(probabilities), checked_numbers(asked, what="The fidelity to a condition")
    if len(wanted) != len(p):
        raise ValueError(f"There must be a class asked for each of {len(p):,} samples, got {len(wanted):,}.")
    if wanted.min() < 0 or wanted.max() >= p.shape[1]:
        raise ValueError(
            f"Asked classes must lie in 0 … {p.shape[1] - 1}, got {wanted.min():g} … {wanted.max():g}. Leave out "
            "rows without a class, or take the judge of these classes."
        )
    right, wanted = (p.argmax(1) == wanted.to(p.device)).cpu(), wanted.cpu()
    return Fidelity(share_of(right), {int(label): share_of(right[wanted == label]) for label in wanted.unique()})


class LabelHistogram(NamedTuple):
    """The share of samples that the judge puts in each class, with standard errors, and the counts behind them.

    Example:
        >>> label_histogram(torch.eye(2)).shares
        tensor([0.5000, 0.5000], dtype=torch.float64)
    """

    shares: Float[Tensor, " K"]
    errors: Float[Tensor, " K"]
    counts: Int[Tensor, " K"]


def label_histogram(probabilities: Samples) -> LabelHistogram:
    """How samples spread over the judge's classes; `histogram_divergence` of its counts sums it up.

    Args:
        probabilities: p(y | x) of each sample.

    Raises:
        TooFew: If there is no sample.
        ValueError: If the rows are no probabilities.

    Example:
        >>> label_histogram(torch.tensor([[0.9, 0.1], [0.6, 0.4]])).counts
        tensor([2, 0])
    """
    p = _checked(probabilities)
    counts = torch.bincount(p.argmax(1), minlength=p.shape[1]).cpu()
    shares = counts.double() / len(p)
    return LabelHistogram(shares, (shares * (1 - shares) / len(p)).sqrt(), counts)


def _score(probabilities: Tensor) -> float:
    """exp of the mutual information between rows and classes."""
    mean = probabilities.mean(0)
    certain, mixed = (torch.special.xlogy(p, p).sum(-1).mean() for p in (probabilities, mean))
    return (certain - mixed).exp().item()


def _checked(probabilities: Samples) -> Tensor:
    (p,) = checked_rows(probabilities, what="A measure by a judge")
    total = p.sum(1)
    if bool((total - 1).abs().max() > 1e-3) or float(p.min()) < 0:
        raise ValueError(
            f"A judge's rows must be probabilities that sum to 1, got sums from {total.min():.3g} to "
            f"{total.max():.3g}. Give the softmax of its logits."
        )
    return p
