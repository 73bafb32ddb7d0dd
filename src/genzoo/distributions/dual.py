"""Distances by a trained critic: lower bounds, for a critic can only fail to see a difference.

The Wasserstein distance is the largest difference in mean that a 1-Lipschitz function sees (Kantorovich and
Rubinstein), an f-divergence the largest E_p T − E_q f*(T),

$$ W_1(p, q) = \\sup_{\\|\\phi\\|_L \\le 1} \\mathbb E_p \\phi - \\mathbb E_q \\phi, \\qquad
   D_f(p \\| q) = \\sup_T\\, \\mathbb E_p T - \\mathbb E_q f^*(T). $$

The critic learns from half of the rows and is asked about the other half, so that what it learned by heart earns
nothing. A gradient penalty holds a critic to slope 1 only where it is penalized, and then the difference in mean
bounds nothing; here every layer of the critic is an orthogonal map and every nonlinearity a sorting of pairs, so that
it is 1-Lipschitz whatever its weights, and can still have slope 1 everywhere.

References:
    Arjovsky, Chintala & Bottou, 2017, "Wasserstein GAN", arXiv:1701.07875
    Anil, Lucas & Grosse, 2019, "Sorting out Lipschitz function approximation", arXiv:1811.05381
    Nowozin, Cseke & Tomioka, 2016, "f-GAN", arXiv:1606.00709
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal

from genzoo.core.noise import Noise, seeded
from genzoo.distributions.estimate import LowerBound, difference
from genzoo.distributions.f_divergence import FDivergence
from genzoo.distributions.resampling import require_rows
from genzoo.distributions.samples import Samples, checked_rows

__all__ = ["Dual", "LipschitzCritic", "adversarial_bound", "kantorovich_bound"]

WHAT = "A distance by a critic"
SIZES = (1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.06, 0.03)
LEAST = 100  # rows of each: half to learn from


class Dual(NamedTuple):
    """A lower bound with the critic that found it.

    Example:
        >>> Dual(LowerBound(0.9, 0.1), nn.Identity()).bound
        LowerBound(value=0.9, error=0.1)
    """

    bound: LowerBound
    critic: nn.Module


class LipschitzCritic(nn.Module):
    """A perceptron that is 1-Lipschitz whatever its weights: |φ(x) − φ(y)| ≤ ‖x − y‖.

    Args:
        center: What is taken from x first.
        scale: The unit in which the layers see x; the result is in it too, so that no slope changes.
        hidden: The widths of the hidden layers, even numbers.

    Example:
        >>> critic = LipschitzCritic(torch.zeros(2), 1.0)
        >>> x, y = torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2)
        >>> bool((critic(x) - critic(y)).abs() <= 5)
        True
    """

    center: Tensor

    def __init__(self, center: Float[Tensor, " D"], scale: float, hidden: Sequence[int] = (32, 32)) -> None:
        super().__init__()
        self.register_buffer("center", center)
        self.scale = scale
        widths = [len(center), *hidden, 1]
        layers = (nn.Linear(a, b, dtype=center.dtype) for a, b in itertools.pairwise(widths))
        self.layers = nn.ModuleList(orthogonal(layer, orthogonal_map="matrix_exp") for layer in layers)

    def forward(self, x: Float[Tensor, "B D"]) -> Float[Tensor, " B"]:
        *hidden, last = self.layers
        h = (x - self.center) / self.scale
        for layer in hidden:
            pairs = layer(h).unflatten(1, (-1, 2))
            h = torch.cat([pairs.amax(-1), pairs.amin(-1)], dim=1)  # sorts pairs: a permutation of the entries
        return self.scale * last(h).squeeze(1)


def kantorovich_bound(
    x: Samples,
    y: Samples,
    *,
    hidden: Sequence[int] = (32, 32),
    steps: int = 100,
    lr: float = 0.05,
    seed: int = 0,
) -> Dual:
    """A lower bound of W₁ by a critic trained under Kantorovich and Rubinstein's duality.

    Args:
        x: Rows of p.
        y: Rows of q.
        hidden: The widths of the critic's hidden layers.
        steps: Steps of Adam, each on all rows to learn from.
        lr: Its rate, which falls to zero.
        seed: Names the halves and the first weights.

    Raises:
        TooFew: If a set has fewer than 100 rows.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> x = Noise(0).normal(400, 2)
        >>> kantorovich_bound(x, x + 3, steps=50).bound  # at most 3 √2 = 4.24
        LowerBound(value=4..., error=0.1...)
    """
    (one, held_one), (other, held_other) = _halves(x, y, seed=seed)
    both = torch.cat([one, other])
    with seeded(seed):
        critic = LipschitzCritic(both.mean(0), max(both.std(0).mean().item(), 1e-12), hidden).to(both.device)
    _climb(critic, lambda: critic(one).mean() - critic(other).mean(), steps, lr)
    with torch.no_grad():
        return Dual(LowerBound(*difference(critic(held_one), critic(held_other))), critic)


def adversarial_bound(
    divergence: FDivergence,
    x: Samples,
    y: Samples,
    *,
    hidden: Sequence[int] = (32, 32),
    steps: int = 150,
    lr: float = 0.03,
    seed: int = 0,
) -> Dual:
    """A lower bound of an f-divergence by a critic that learns log p − log q.

    A critic that knows its rows by heart is too sure of itself on others, where one far answer may cost all that it
    earns. So it is multiplied by what serves best, between 0 and 1, on a quarter of the rows that it learns from.

    Of the Jensen–Shannon divergence the critic is the logit of a GAN's discriminator, D(x) = σ(v(x)).

    Args:
        divergence: Which.
        x: Rows of p.
        y: Rows of q.
        hidden: The widths of the critic's hidden layers.
        steps: Steps of Adam, each on all rows to learn from.
        lr: Its rate, which falls to zero.
        seed: Names the halves and the first weights.

    Raises:
        TooFew: If a set has fewer than 100 rows.
        NotFinite: If a number is NaN or infinite.
        Unknowable: If the critic's prices on held-out rows have a tail without variance.

    Example:
        >>> from genzoo.distributions.f_divergence import JENSEN_SHANNON
        >>> x, y = Noise(0).normal(400, 1), Noise(1).normal(400, 1) + 2
        >>> adversarial_bound(JENSEN_SHANNON, x, y, steps=100).bound  # 0.337
        LowerBound(value=0.3..., error=0.02...)
    """
    (one, held_one), (other, held_other) = _halves(x, y, seed=seed)
    (one, aside_one), (other, aside_other) = (_parted(rows) for rows in (one, other))
    both = torch.cat([one, other])
    with seeded(seed):
        critic = _perceptron(both.mean(0), both.std(0).clamp_min(1e-12), hidden)

    def value() -> Tensor:
        witness, price = divergence.sides(critic(one), critic(other))
        return witness.mean() - price.mean()

    _climb(critic, value, steps, lr)
    with torch.no_grad():
        seen = critic(aside_one), critic(aside_other)
        size = max(SIZES, key=lambda size: _mean(divergence, size * seen[0], size * seen[1]))
        critic = _Scaled(critic, size)
        return Dual(divergence.bound(critic(held_one), critic(held_other)), critic)


def _mean(divergence: FDivergence, one: Tensor, other: Tensor) -> float:
    """What a critic's answers bound a divergence by; nothing where that is no number."""
    witness, price = divergence.sides(one, other)
    value = float(witness.mean() - price.mean())
    return value if math.isfinite(value) else -math.inf


def _parted(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows to learn from, and a quarter that says how sure of itself the critic may be."""
    return rows[: 3 * len(rows) // 4], rows[3 * len(rows) // 4 :]


class _Scaled(nn.Module):
    """A critic times a number."""

    def __init__(self, critic: nn.Module, size: float) -> None:
        super().__init__()
        self.critic, self.size = critic, size

    def forward(self, x: Tensor) -> Tensor:
        answers: Tensor = self.size * self.critic(x)
        return answers


class _Standardize(nn.Module):
    """(x − mean) / deviation."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.deviation


def _perceptron(mean: Tensor, deviation: Tensor, hidden: Sequence[int]) -> nn.Module:
    """A critic that starts near zero, where all f-divergences are flat."""
    layers: list[nn.Module] = [_Standardize(mean, deviation)]
    for a, b in itertools.pairwise([len(mean), *hidden]):
        layers += [nn.Linear(a, b), nn.SiLU()]
    layers += [nn.Linear(hidden[-1], 1), nn.Flatten(0)]
    return nn.Sequential(*layers).to(mean)


def _halves(*sets: Samples, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Of each set rows to learn from and rows to be asked about."""
    found = []
    for part, rows in enumerate(checked_rows(*sets, what=WHAT)):
        require_rows(len(rows), LEAST, WHAT)
        order = Noise(seed, "halves", part).permutation(len(rows)).to(rows.device)
        first, second = rows.detach()[order].tensor_split(2)
        found.append((first, second))
    return found


def _climb(critic: nn.Module, value: Callable[[], Tensor], steps: int, lr: float) -> None:
    """Raises a value by Adam, at a rate that falls to zero."""
    optimizer = torch.optim.Adam(critic.parameters(), lr=lr, betas=(0.5, 0.99))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    with torch.enable_grad():
        for _ in range(steps):
            optimizer.zero_grad()
            (-value()).backward()
            optimizer.step()
            schedule.step()
