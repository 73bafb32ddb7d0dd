"""Likelihoods against what no density can beat, in any number of dimensions.

For any two densities, $E_q[\\log p] \\le E_q[\\log q]$ (Gibbs). With q of ours, of which we can draw, no density,
and no bound of one, may do better on its draws; with draws of the model's own, none may do better than the model. A
likelihood that lacks a term, or holds one twice, breaks one of the two once the term is larger than what p and q
differ by.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from genzoo.core import GenerativeModel, Given, Likelihood, Noise, Space
from genzoo.testing.density import FEW, every
from genzoo.testing.promise import LeftOut, Subject, hold, promise

__all__: list[str] = []

Density = Callable[[Tensor], Tensor]
DRAWS, CENTERS, SURE = 64, 32, 5.0  # rows that are drawn; rows of data that q knows; standard errors
NARROW, CHANGED = 0.3, 0.05  # q's deviation around a row, in the data's; the share of levels that it changes
MANY, SEEDS, SAMPLES = 8, 16, 4000  # draws of a bound that rises; seeds over which it is averaged
WORDS = ("draws", "samples")  # how models name the draws of a bound


def is_normalized(subject: Subject) -> bool:
    """a model with an exact likelihood, or a bound of one, on entries of one kind and rows of one length"""
    space = subject.model.space
    known = subject.model.likelihood in (Likelihood.EXACT, Likelihood.BOUND)
    return known and space.columns is None and not space.ragged


@promise("log_prob", kind="density", asked=is_normalized)
def no_other_density_is_beaten_on_its_own_draws(subject: Subject) -> None:
    """Rows of the data, blurred or with some levels changed: their entropy is a limit to what log_prob may say."""
    model, given = subject.model, subject.alike(DRAWS)
    x, log_q = _around(subject.x[:CENTERS], model.space, Noise(6, "around"))
    with torch.no_grad():
        gain = model.log_prob(x, given, seed=1).double() - log_q
    mean, error = gain.mean().item(), gain.std().item() / math.sqrt(len(gain))
    hold(
        mean <= SURE * error + 1e-6,
        f"on draws of a density that is known, log_prob is {mean:.4g} ± {error:.2g} nats "
        "above that density: it is no log of one",
    )


def is_exact(subject: Subject) -> bool:
    """a model with an exact likelihood that draws samples, on entries of one kind and rows of one length"""
    return is_normalized(subject) and subject.model.likelihood is Likelihood.EXACT


@promise("log_prob", "sample", kind="density", asked=is_exact)
def no_other_density_beats_it_on_its_own_samples(subject: Subject) -> None:
    """One that takes entries for independent, fitted to half of the samples, and asked of the other half."""
    model = subject.model
    samples = model.sample(2 * DRAWS, subject.alike(2 * DRAWS), seed=4, **subject.options)
    x, log_q = samples[DRAWS:], _independent(samples[:DRAWS], samples[DRAWS:], model.space)
    with torch.no_grad():
        gain = model.log_prob(x, subject.alike(DRAWS)).double() - log_q
    mean, error = gain.mean().item(), gain.std().item() / math.sqrt(len(gain))
    hold(
        mean >= -SURE * error - 1e-6,
        f"on its own samples log_prob is {-mean:.4g} ± {error:.2g} nats below a density "
        "of independent entries: it is not theirs",
    )


def _around(rows: Tensor, space: Space, noise: Noise) -> tuple[Tensor, Tensor]:
    """Draws around rows, each as likely as another, and their log-density."""
    centers = rows[torch.arange(DRAWS, device=rows.device) % len(rows)]
    if space.levels is None:
        wide = rows.double().flatten(1).std(0).nan_to_num().clamp_min(1e-3) * NARROW
        x = centers.double().flatten(1) + wide * noise.normal(DRAWS, space.dims, dtype=torch.float64).to(wide.device)
        off = (x[:, None] - rows.double().flatten(1)) / wide
        each = -off.square().sum(-1) / 2 - wide.log().sum() - space.dims * math.log(2 * math.pi) / 2
        return x.reshape(centers.shape).to(rows.dtype), each.logsumexp(1) - math.log(len(rows))
    other = noise.at("level").integers(space.levels, DRAWS, *space.shape).to(rows)
    x = torch.where(noise.at("where").uniform(DRAWS, *space.shape).to(rows.device) < CHANGED, other, centers)
    equal = (x.flatten(1)[:, None] == rows.flatten(1)).sum(-1).double()
    kept, changed = math.log(1 - CHANGED + CHANGED / space.levels), math.log(CHANGED / space.levels)
    return x, (equal * kept + (space.dims - equal) * changed).logsumexp(1) - math.log(len(rows))


def _independent(known: Tensor, x: Tensor, space: Space) -> Tensor:
    """The log-density of rows under independent entries fitted to other rows: normal, or by frequencies."""
    known, x = known.flatten(1), x.flatten(1)
    if space.levels is None:
        mean, wide = known.double().mean(0), known.double().std(0).clamp_min(1e-6) * 1.2
        return (-((x.double() - mean) / wide).square() / 2 - wide.log() - math.log(2 * math.pi) / 2).sum(1)
    seen = torch.stack([(known == row).sum(0) for row in x]).double()
    return ((seen + 1) / (len(known) + space.levels)).log().sum(1)


# --- bounds ---------------------------------------------------------------------------------------------------------


def is_bound(subject: Subject) -> bool:
    """a model whose likelihood is a bound"""
    return subject.model.likelihood is Likelihood.BOUND


@promise("log_prob", kind="use", asked=is_bound)
def more_draws_never_lower_a_bound(subject: Subject) -> None:
    model, data = subject.model, subject.batch(8)
    word = _draws_of(model)
    with torch.no_grad():
        one, many = (_repeated(model, data.x, data.given, {word: k}, 3) for k in (1, 4))
    off = (many - one).mean(0)
    mean, error = off.mean().item(), off.std().item() / math.sqrt(len(off))
    hold(
        mean >= -SURE * error - 1e-4,
        f"with 4 draws in the place of 1 the bound is {-mean:.4g} ± {error:.2g} nats lower",
    )


def is_small_bound(subject: Subject) -> bool:
    """a model with a bound of a mass over at most 5,000 elements"""
    space = subject.model.space
    return is_bound(subject) and space.levels is not None and space.columns is None and space.levels**space.dims <= FEW


@promise("log_prob", "sample", kind="density", asked=is_small_bound)
def bounds_of_masses_lie_below_them(subject: Subject) -> None:
    """Their exponentials add up to 1 at most. Where more draws raise a bound, the exponential of it is the mass on
    average, so as much as samples have inside; the first and the last level may hold more, as what lies beyond goes
    to the nearest."""
    subject = subject.double()
    model, x = subject.model, every(subject.model.space)
    word, given = _draws_of(model), subject.alike(len(x))
    with torch.no_grad():
        few, many = (_repeated(model, x, given, {word: k}, SEEDS) for k in (2, MANY))
    masses, slack = few.mean(0).exp(), few.mean(0).exp() * few.std(0) / math.sqrt(SEEDS)
    total, error = masses.sum().item(), slack.square().sum().sqrt().item()
    hold(total <= 1 + SURE * error + 1e-6, f"the bounds of all masses add up to {total:.6g} ± {error:.2g}")
    rise, sure = (many.mean(0) - few.mean(0)) * masses, (many.std(0).square() + few.std(0).square()) / SEEDS
    if rise.sum() > SURE * (sure.sqrt() * masses).square().sum().sqrt():
        _hold_shares(subject, x, many.exp())


def _hold_shares(subject: Subject, x: Tensor, masses: Tensor) -> None:
    """Holds that masses between the first and the last level add up to the share of samples there."""
    last = (subject.model.space.levels or 1) - 1
    samples = subject.model.sample(SAMPLES, subject.alike(SAMPLES), seed=2).flatten(1)
    inside, there = (((rows > 0) & (rows < last)).all(1) for rows in (x.flatten(1), samples))
    sums, share = masses[:, inside].sum(1), there.double().mean().item()
    total, error = sums.mean().item(), (sums.var() / SEEDS + (share + 1 / SAMPLES) / SAMPLES).sqrt().item()
    hold(
        abs(total - share) <= SURE * error,
        f"the masses inside add up to {total:.4g}, and {share:.4g} ± {error:.2g} of all samples are there",
    )


def _draws_of(model: GenerativeModel) -> str:
    known = model.options("log_density")
    word = next((word for word in WORDS if word in known), None)
    if word is None:
        raise LeftOut(f"its log_prob has no option {' or '.join(WORDS)}")
    return word


def _repeated(model: GenerativeModel, x: Tensor, given: Given, options: dict[str, int], times: int) -> Tensor:
    """What log_prob says of rows with several seeds."""
    return torch.stack([model.log_prob(x, given, seed=seed, **options).double() for seed in range(times)])
