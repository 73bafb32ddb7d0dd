"""f-divergences: one number of how unlike two distributions are, from the ratio of their densities.

With a convex generator f that is zero at 1, and t = p/q,

$$ D_f(p \\| q) = \\int q\\, f(p/q) = \\sup_T\\, \\mathbb E_p T - \\mathbb E_q f^*(T),
   \\qquad f^*(u) = \\sup_t\\, u t - f(t). $$

The supremum is reached by the witness T = f'(p/q), so any function that is trained to raise the right-hand side gives
a lower bound, and tells the ratio p/q on the way: the discriminator of a GAN does it for the Jensen–Shannon
divergence.

Here everything is a function of the log-ratio r = log p − log q, for log-densities are what models give. A divergence
is told by f balanced between both sides,

$$ b(r) = f(e^r) / (1 + e^r), \\qquad D_f(p \\| q) = \\int (p + q)\\, b(\\log p - \\log q), $$

which neither over- nor underflows. Where q is zero r = ∞ and p counts lim f(t)/t times, where p is zero r = −∞ and q
counts f(0) times: if that is ∞, so is the divergence, and no number stands in its place.

References:
    Csiszár, 1967, "Information-type measures of difference of probability distributions and indirect observations"
    Nguyen, Wainwright & Jordan, 2010, "Estimating divergence functionals and the likelihood ratio by convex risk
        minimization", arXiv:0809.0853
    Nowozin, Cseke & Tomioka, 2016, "f-GAN: training generative neural samplers using variational divergence
        minimization", arXiv:1606.00709
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from genzoo.distributions.estimate import LowerBound, difference
from genzoo.distributions.samples import Samples
from genzoo.distributions.tail import require_finite_variance

__all__ = [
    "CHI2",
    "F_DIVERGENCES",
    "JENSEN_SHANNON",
    "KL",
    "NEYMAN_CHI2",
    "REVERSE_KL",
    "SQUARED_HELLINGER",
    "TOTAL_VARIATION",
    "FDivergence",
    "cross_entropy",
    "entropy",
    "optimal_discriminator",
]

Curve = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class FDivergence:
    """The f-divergence of a generator f; called on probabilities, it is a differentiable number.

    Entries of probability zero count as fixed: no gradient passes through them.

    Args:
        name: What it is called.
        balanced: b(r) = f(eʳ) / (1 + eʳ) at finite r.
        at_zero: f(0), what q counts where p is zero.
        at_infinity: lim f(t)/t, what p counts where q is zero.
        conjugate: f*(u), ∞ outside its domain.
        witness: From any number to the domain of f*: T = f'(eᵛ), best at v = log p − log q. (Of the total variation,
            whose f' is a step, a smooth one, best at v = ±∞.)
        price: f*(T) at the witness T of v.

    Example:
        >>> p, q = torch.tensor([0.5, 0.5]), torch.tensor([0.9, 0.1])
        >>> KL(p, q), KL(q, p), TOTAL_VARIATION(p, q)
        (tensor(0.5108), tensor(0.3681), tensor(0.4000))
        >>> le_cam = FDivergence("Le Cam", lambda r: (r / 2).tanh().square(), 1.0, 1.0)
        >>> le_cam(p, q)
        tensor(0.3810)
    """

    name: str
    balanced: Curve = field(repr=False)
    at_zero: float = field(repr=False)
    at_infinity: float = field(repr=False)
    conjugate: Curve | None = field(default=None, repr=False)
    witness: Curve | None = field(default=None, repr=False)
    price: Curve | None = field(default=None, repr=False)

    def __call__(self, p: Samples, q: Samples) -> Float[Tensor, "*batch"]:
        """D(p ‖ q) of probabilities of the same K things, along the last axis.

        Args:
            p: One distribution, or a batch.
            q: The other.

        Raises:
            ValueError: If they do not sum to one, or hold negative numbers.
        """
        p, q = alike_probabilities(p, q)
        both, either = (p > 0) & (q > 0), (p > 0) | (q > 0)
        ratio = torch.where(both, p, 1).log() - torch.where(both, q, 1).log()
        terms = torch.where(both, (p + q) * self.balanced(ratio), (p + q).detach() * self._limit(p > 0, p))
        return torch.where(either, terms, 0).sum(-1)

    def generator(self, t: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """f(t), for t ≥ 0."""
        return self.at_ratio(t.log()) * (1 + t)

    def at_ratio(self, r: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """b(r) with its limits at r = ±∞, where one of the densities is zero."""
        infinite = r.isinf()
        return torch.where(infinite, self._limit(r > 0, r), self.balanced(torch.where(infinite, 0, r)))

    def bound(self, on_p: Samples, on_q: Samples) -> LowerBound:
        """The adversarial lower bound E_p T − E_q f*(T) of a critic v, T its witness.

        The critic must not have learned from these rows: then the bound is below D on average, and its error says by
        how much it may be off.

        Args:
            on_p: What the critic says of rows of p; log p − log q is the best it can say.
            on_q: What it says of rows of q.

        Raises:
            ValueError: If this divergence was made without a witness, or the critic says NaN.
            Unknowable: If the critic's prices have a tail without variance: their mean is then too low as a rule, and
                the bound too high.

        Example:
            >>> rows = torch.linspace(-2, 2, 9)
            >>> JENSEN_SHANNON.bound(rows + 1, rows - 1).value > 0
            True
        """
        witness, price = self.sides(checked_ratios(on_p).detach().double(), checked_ratios(on_q).detach().double())
        if math.inf in (self.at_zero, self.at_infinity):
            require_finite_variance(witness, f"A lower bound of {self.name}")
            require_finite_variance(price, f"A lower bound of {self.name}")
        return LowerBound(*difference(witness, price))

    def sides(
        self, on_p: Float[Tensor, " n"], on_q: Float[Tensor, " m"]
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, " m"]]:
        """T on rows of p and f*(T) on rows of q: a critic learns by raising the difference of their means."""
        if self.witness is None or self.price is None:
            raise ValueError(f"A lower bound needs a witness and its price, got none in {self}. Give both.")
        return self.witness(on_p), self.price(on_q)

    def _limit(self, of_p: Tensor, like: Tensor) -> Tensor:
        """What counts where only p has mass, else where only q has, in the precision of another tensor."""
        return torch.where(of_p, torch.full_like(like, self.at_infinity), torch.full_like(like, self.at_zero))


TOTAL_VARIATION = FDivergence(
    "total variation",  # f(t) = |t − 1| / 2
    balanced=lambda r: (r / 2).tanh().abs() / 2,
    at_zero=0.5,
    at_infinity=0.5,
    conjugate=lambda u: torch.where(u <= 0.5, u.clamp_min(-0.5), torch.inf),
    witness=lambda v: (v / 2).tanh() / 2,
    price=lambda v: (v / 2).tanh() / 2,
)
KL = FDivergence(
    "KL",  # f(t) = t log t
    balanced=lambda r: r * r.sigmoid(),
    at_zero=0.0,
    at_infinity=math.inf,
    conjugate=lambda u: (u - 1).exp(),
    witness=lambda v: v + 1,
    price=lambda v: v.exp(),
)
REVERSE_KL = FDivergence(
    "reverse KL",  # f(t) = −log t
    balanced=lambda r: -r * (-r).sigmoid(),
    at_zero=math.inf,
    at_infinity=0.0,
    conjugate=lambda u: torch.where(u < 0, -1 - (-torch.where(u < 0, u, -1)).log(), torch.inf),
    witness=lambda v: -(-v).exp(),
    price=lambda v: v - 1,
)
JENSEN_SHANNON = FDivergence(
    "Jensen–Shannon",  # f(t) = (t log t − (1 + t) log((1 + t) / 2)) / 2
    balanced=lambda r: (math.log(2) + r.sigmoid() * logsigmoid(r) + (-r).sigmoid() * logsigmoid(-r)).clamp_min(0) / 2,
    at_zero=math.log(2) / 2,
    at_infinity=math.log(2) / 2,
    conjugate=lambda u: torch.where(
        2 * u < math.log(2), -(2 - (2 * u).exp()).clamp_min(torch.finfo(u.dtype).tiny).log() / 2, torch.inf
    ),
    witness=lambda v: (math.log(2) + logsigmoid(v)) / 2,
    price=lambda v: -(math.log(2) + logsigmoid(-v)) / 2,
)
SQUARED_HELLINGER = FDivergence(
    "squared Hellinger",  # f(t) = (√t − 1)² / 2
    balanced=lambda r: (r / 2).tanh() * (r / 4).tanh() / 2,
    at_zero=0.5,
    at_infinity=0.5,
    conjugate=lambda u: torch.where(u < 0.5, u / (1 - 2 * u), torch.inf),
    witness=lambda v: -torch.expm1(-v / 2) / 2,
    price=lambda v: torch.expm1(v / 2) / 2,
)
CHI2 = FDivergence(
    "χ²",  # f(t) = (t − 1)², Pearson's
    balanced=lambda r: torch.expm1(r) * (r / 2).tanh(),
    at_zero=1.0,
    at_infinity=math.inf,
    conjugate=lambda u: torch.where(u > -2, u + u.square() / 4, -1),
    witness=lambda v: 2 * torch.expm1(v),
    price=lambda v: torch.expm1(2 * v),
)
NEYMAN_CHI2 = FDivergence(
    "Neyman χ²",  # f(t) = (t − 1)² / t, Pearson's the other way round
    balanced=lambda r: torch.expm1(-r) * (-r / 2).tanh(),
    at_zero=math.inf,
    at_infinity=1.0,
    conjugate=lambda u: torch.where(u <= 1, 2 - 2 * (1 - u).clamp_min(0).sqrt(), torch.inf),
    witness=lambda v: -torch.expm1(-2 * v),
    price=lambda v: -2 * torch.expm1(-v),
)
F_DIVERGENCES = (TOTAL_VARIATION, KL, REVERSE_KL, JENSEN_SHANNON, SQUARED_HELLINGER, CHI2, NEYMAN_CHI2)


def entropy(p: Samples) -> Float[Tensor, "*batch"]:
    """The entropy H(p) = −Σ p log p of probabilities along the last axis, in nats.

    Args:
        p: A distribution, or a batch.

    Raises:
        ValueError: If they do not sum to one, or hold negative numbers.

    Example:
        >>> entropy(torch.tensor([0.5, 0.5, 0.0]))
        tensor(0.6931)
    """
    p = checked_probabilities(p)
    return -torch.special.xlogy(p, torch.where(p > 0, p, 1)).sum(-1)


def cross_entropy(p: Samples, q: Samples) -> Float[Tensor, "*batch"]:
    """The cross-entropy −Σ p log q = H(p) + KL(p ‖ q), in nats: ∞ where q is zero and p is not.

    Args:
        p: The distribution that draws.
        q: The distribution that is charged.

    Raises:
        ValueError: If they do not sum to one, or hold negative numbers.

    Example:
        >>> cross_entropy(torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5]))
        tensor(0.6931)
    """
    return -torch.special.xlogy(*alike_probabilities(p, q)).sum(-1)


def optimal_discriminator(log_ratio: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The best discriminator of a GAN, D* = p / (p + q), from log p − log q.

    $$ \\max_D\\, \\mathbb E_p \\log D + \\mathbb E_q \\log(1 - D) = -\\log 4 + 2\\,\\mathrm{JS}(p, q) $$

    Args:
        log_ratio: log p − log q.

    Example:
        >>> optimal_discriminator(torch.tensor([0.0, torch.inf]))
        tensor([0.5000, 1.0000])

    References:
        Goodfellow et al., 2014, "Generative adversarial nets", arXiv:1406.2661 (Proposition 1, Theorem 1)
    """
    return log_ratio.sigmoid()


def alike_probabilities(p: Samples, q: Samples) -> tuple[Tensor, Tensor]:
    """Probabilities of the same things, checked, in one precision.

    Args:
        p: A distribution, or a batch.
        q: Another.

    Raises:
        ValueError: If they are of unlike numbers of things, or no probabilities.

    Example:
        >>> alike_probabilities([1, 0], torch.tensor([0.5, 0.5]))[0].dtype
        torch.float64
    """
    p, q = checked_probabilities(p), checked_probabilities(q)
    if p.shape[-1] != q.shape[-1]:
        raise ValueError(
            f"Both must be probabilities of the same things, got {p.shape[-1]} and {q.shape[-1]}. "
            "Give 0 to what one of them lacks."
        )
    kind = torch.promote_types(p.dtype, q.dtype)
    one, other = torch.broadcast_tensors(p.to(kind), q.to(kind))
    return one, other


def checked_probabilities(p: Samples) -> Float[Tensor, "*batch K"]:
    """The same, if none is negative and they sum to one along the last axis, but for rounding.

    Args:
        p: Probabilities as a tensor, an array or lists.

    Raises:
        ValueError: If they are none; NaN is no probability.

    Example:
        >>> checked_probabilities(torch.tensor([0.5, 0.6]))
        Traceback (most recent call last):
        ...
        ValueError: Probabilities must be ≥ 0 and sum to 1, got a least of 0.5 and a sum of 1.1. Divide by the sum.
    """
    p = torch.as_tensor(p)
    p = p if p.is_floating_point() else p.double()
    if not p.ndim or not p.shape[-1]:
        raise ValueError(f"Probabilities must be those of at least one thing, got shape {tuple(p.shape)}.")
    total, least = p.detach().sum(-1), p.detach().min().item() if p.numel() else 0.0
    slack = max(1e-6, p.shape[-1] * torch.finfo(p.dtype).eps)  # what was rounded to float32 once is off by 1e-7
    if not least >= 0 or not bool(((total - 1).abs() <= slack).all()):
        worst = total.flatten()[(total - 1).abs().flatten().argmax()].item()
        raise ValueError(
            f"Probabilities must be ≥ 0 and sum to 1, got a least of {least:.4g} and a sum of {worst:.6g}. "
            "Divide by the sum."
        )
    return p


def checked_ratios(r: Samples) -> Float[Tensor, " n"]:
    """Log-ratios of rows, any of them infinite but none of them NaN.

    Args:
        r: log p − log q of each row.

    Raises:
        ValueError: If one is NaN, or there is not one number a row.

    Example:
        >>> checked_ratios([0.0, -math.inf])
        tensor([0., -inf])
    """
    r = torch.as_tensor(r)
    r = r if r.is_floating_point() else r.double()
    if r.ndim != 1:
        raise ValueError(f"Log-ratios must be one number a row, got {tuple(r.shape)}. Sum over the entries of a row.")
    if bool(r.isnan().any()):
        raise ValueError("Log-ratios must be numbers, got NaN: both densities are zero there. Draw from one of them.")
    return r
