"""Densities against sums and integrals: they are normalized, samples follow them, scores are their gradients."""

import itertools
import math

import torch
from scipy.stats import chi2
from torch import Tensor

from genzoo.core import Batch, GenerativeModel, Given, Likelihood, Noise, Space
from genzoo.testing.promise import Subject, hold, promise

__all__ = ["every"]

FEW = 5000  # elements of a space that is summed over
DRAWS = 4000
CENTERS = 200
SURE = 5.0  # standard errors
KINKS = 2  # of 8 rows
UNITS = ((1e-3, 0.0), (2.0**10, -300.0))  # c and b of c x + b


def every(space: Space) -> Tensor:
    """All elements of a small discrete space.

    Example:
        >>> len(every(Space((2,), levels=3))), len(every(Space((2,), levels=3, ragged=True)))
        (9, 13)
    """
    levels = space.levels or 0
    if space.ragged:
        lengths = [every(Space((n,), levels)).long() for n in range(1, space.shape[0] + 1)]
        rows = [torch.nn.functional.pad(x, (0, space.shape[0] - x.shape[1]), value=levels) for x in lengths]
        return torch.cat([torch.full((1, *space.shape), levels), *rows])
    each = [column.levels or 0 for column in space.columns] if space.columns else [levels] * space.dims
    values = list(itertools.product(*map(range, each)))
    return torch.tensor(values, dtype=getattr(torch, space.dtype)).reshape(-1, *space.shape)


def is_exact(subject: Subject) -> bool:
    return subject.model.likelihood is Likelihood.EXACT


def is_small(subject: Subject) -> bool:
    space = subject.model.space
    return is_exact(subject) and space.levels is not None and space.levels**space.dims <= FEW


def is_low(subject: Subject) -> bool:
    space = subject.model.space
    return is_exact(subject) and space.is_real and space.dims <= 8


@promise("log_prob", kind="density", asked=is_small)
def masses_sum_to_one(subject: Subject) -> None:
    subject = subject.double()
    x = every(subject.model.space)
    for row in range(3 if subject.given else 1):
        with torch.no_grad():
            total = subject.model.log_prob(x, subject.alike(len(x), row)).exp().sum().item()
        hold(abs(total - 1) < 1e-6, f"the masses of all {len(x)} elements add up to {total:.8g}")


@promise("log_prob", "score", kind="density", asked=is_low)
def scores_are_gradients(subject: Subject) -> None:
    """A row may lie on a kink of a network, where there is no slope; not many do."""
    subject = subject.double()
    model, data, step = subject.model, subject.batch(8), 1e-6
    score = model.score(data.x, data.given).flatten(1)
    for d in range(model.space.dims):
        side = torch.zeros(model.space.dims, dtype=torch.float64)
        side[d] = step
        side = side.reshape(model.space.shape)
        slope = (model.log_prob(data.x + side, data.given) - model.log_prob(data.x - side, data.given)) / (2 * step)
        off = int((~torch.isclose(slope, score[:, d], rtol=1e-5, atol=1e-6)).sum())
        hold(off <= KINKS, f"entry {d} of the score is no slope of log_prob in {off} of {len(slope)} rows")


@promise("log_prob", "sample", kind="density", asked=is_small)
def samples_follow_the_masses(subject: Subject) -> None:
    """A χ² test over all elements of the space, those that are seldom drawn taken together."""
    subject = subject.double()
    x = every(subject.model.space)
    with torch.no_grad():
        expected = DRAWS * subject.model.log_prob(x, subject.alike(len(x))).exp().double()
    samples = subject.model.sample(DRAWS, subject.alike(DRAWS), seed=1)
    at = {tuple(row): i for i, row in enumerate(x.flatten(1).tolist())}
    places = torch.tensor([at[tuple(row)] for row in samples.flatten(1).tolist()])
    observed, often = places.bincount(minlength=len(x)).double(), expected > 5
    pairs = [torch.cat([part[often], part[~often].sum()[None]]) for part in (observed, expected)]
    off = ((pairs[0] - pairs[1]).square() / pairs[1].clamp_min(1.0)).sum().item()
    hold(bool(chi2.sf(off, int(often.sum())) > 1e-4), f"χ² between {DRAWS} samples and the masses is {off:.0f}")


@promise("log_prob", "sample", kind="density", asked=is_low)
def samples_have_the_moments_of_the_density(subject: Subject) -> None:
    """Means, variances and covariances of samples against an integral of the density."""
    subject = subject.double()
    x = subject.model.sample(DRAWS, subject.alike(DRAWS), seed=1).double().flatten(1)
    points, weights = _integrated(subject, x)
    effective = (weights.sum().square() / weights.square().sum()).item()
    hold(
        effective > 1000, f"the density is too thin to be integrated: {effective:.0f} effective draws of {len(points)}"
    )
    center, scale = x.mean(0), x.std(0).clamp_min(1e-9)
    found, truth = _moments((x - center) / scale), _moments((points - center) / scale)
    share = weights / weights.sum()
    mean = share @ truth
    off = (truth - mean).square()
    error = (share @ off / DRAWS + share.square() @ off).sqrt() + 1e-9
    worst = ((found.mean(0) - mean).abs() / error).max().item()
    hold(worst < SURE, f"a moment of {DRAWS} samples is {worst:.1f} standard errors from the density's")


def _integrated(subject: Subject, x: Tensor) -> tuple[Tensor, Tensor]:
    """Points and their weights under a density: draws around other samples, by Student's t with five degrees of
    freedom, so that ridges are met and tails are not missed."""
    noise, n, dims = Noise(7, "integral"), 2 * DRAWS, x.shape[1]
    centers = subject.model.sample(CENTERS, subject.alike(CENTERS), seed=2).double().flatten(1)
    root = torch.linalg.cholesky(x.T.cov().reshape(dims, dims) / 6 + 1e-9 * torch.eye(dims, dtype=torch.float64))
    chi = noise.at("chi").normal(n, 5, dtype=torch.float64).square().sum(1)
    z = noise.normal(n, dims, dtype=torch.float64) / (chi / 5).sqrt()[:, None]
    points = centers[torch.arange(n) % CENTERS] + z @ root.T
    white = (torch.linalg.solve_triangular(root, rows.T, upper=False).T for rows in (points, centers))
    near = -(5 + dims) / 2 * (torch.cdist(*white).square() / 5).log1p()
    log_q = near.logsumexp(1) - math.log(CENTERS) - root.diagonal().log().sum() + _t_constant(dims)
    with torch.no_grad():
        log_p = subject.model.log_prob(points.reshape(n, *subject.model.space.shape), subject.alike(n)).double()
    weights = (log_p - log_q).exp()
    total, error = weights.mean().item(), weights.std().item() / math.sqrt(n)
    hold(abs(total - 1) < SURE * error + 1e-9, f"the density integrates to {total:.4f} ± {error:.4f}")
    return points, weights


def _t_constant(dims: int) -> float:
    return math.lgamma((5 + dims) / 2) - math.lgamma(2.5) - dims / 2 * math.log(5 * math.pi)


def _moments(x: Tensor) -> Tensor:
    """Entries and their products."""
    i, j = torch.triu_indices(x.shape[1], x.shape[1])
    return torch.cat([x, x[:, i] * x[:, j]], 1)


def refitted(model: GenerativeModel, x: Tensor, given: Given, passes: int = 5) -> GenerativeModel:
    """The model after it has looked at rows, and after some passes if it is fitted so."""
    batch = Batch(x, given, Noise(3, "train"))
    model.prepare([batch])
    for _ in range(passes if model.can("direct_fit") else 0):
        model.begin()
        model.accumulate(batch)
        model.finish()
    return model.eval()


@promise("log_prob", kind="density", asked=lambda subject: subject.unit)
def its_likelihood_moves_with_the_unit(subject: Subject) -> None:
    """In another unit, x → c x + b, it is less by D log c, exactly, once the model has seen the rows in that unit."""
    subject = subject.double()
    x, given = subject.x, subject.given
    one = refitted(subject.copy(), x, given)
    for unit, shift in UNITS:
        other = refitted(subject.copy(), unit * x + shift, given)
        with torch.no_grad():
            moved = one.log_prob(x, given).double() - other.log_prob(unit * x + shift, given).double()
        wanted = subject.model.space.dims * math.log(unit)
        worst = (moved - wanted).abs().max().item()
        hold(worst < 1e-5 * max(1.0, abs(wanted)), f"of {unit:g} x + {shift:g} log_prob is off by {worst:.3g} nats")
