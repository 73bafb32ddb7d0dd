"""Proposals of importance sampling: some Gaussians, always mixed with the model itself.

$$ q(u) = \\epsilon\\, p(u) + (1 - \\epsilon) \\sum_k \\pi_k\\, N\\big(u; m_k, \\mathrm{diag}\\, s_k^2\\big) $$

With the share ε no weight p/q exceeds 1/ε, whatever the fit.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.tasks.importance import effective_sample_size

__all__ = ["Proposal"]

DEFENSE = 0.1  # ε
SIGNIFICANT = 3.0  # standard errors by which an entry must differ from the model's to be moved
NARROWEST = 0.9  # narrower than the model, and the weights are heavy across the event
PASSES = 30  # of EM, for several modes


@dataclass(frozen=True)
class Proposal:
    """A defensive mixture of Gaussians over units in which the model is near a standard normal.

    Attributes:
        model_share: ε.
        shares: π.
        means: m.
        scales: s.

    Example:
        >>> proposal = Proposal(0.1, torch.ones(1), torch.full((1, 2), 3.0), torch.ones(1, 2))
        >>> u, _ = proposal.draw(1000, Noise(0))
        >>> log_w = proposal.log_weights(u, standard(u))
        >>> bool(log_w.max() <= math.log(10) + 1e-6), bool((log_w.exp().mean() - 1).abs() < 0.3)
        (True, True)
    """

    model_share: float
    shares: Float[Tensor, " K"]
    means: Float[Tensor, "K D"]
    scales: Float[Tensor, "K D"]

    @classmethod
    def of_model(cls, dims: int) -> "Proposal":
        """The model itself."""
        return cls(1.0, torch.ones(1).double(), torch.zeros(1, dims).double(), torch.ones(1, dims).double())

    def draw(self, n: int, noise: Noise) -> tuple[Float[Tensor, "n D"], Bool[Tensor, " n"]]:
        """n rows, and which of them are to be the model's own; those are standard normal here."""
        uniform = noise.at("model").uniform(n, dtype=torch.float64)
        which = noise.at("mode").categorical(self.shares.log().expand(n, -1))
        normal = noise.at("normal").normal(n, self.means.shape[1], dtype=torch.float64)
        own = uniform < self.model_share
        return torch.where(own[:, None], normal, self.means[which] + self.scales[which] * normal), own

    def log_weights(self, u: Float[Tensor, "n D"], log_prob: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """log p(u)/q(u), where log p(u) is given."""
        if self.model_share == 1:
            return torch.zeros_like(log_prob)
        each = self.log_density(u).logsumexp(1) + math.log(1 - self.model_share)
        return log_prob - torch.logaddexp(each, log_prob + math.log(self.model_share))

    def log_density(self, u: Float[Tensor, "n D"]) -> Float[Tensor, "n K"]:
        """$\\log \\pi_k N(u; m_k, s_k^2)$ of each Gaussian."""
        means, scales = self.means.to(u.dtype), self.scales.to(u.dtype)
        precision = scales**-2
        squares = u.square() @ precision.T - 2 * u @ (precision * means).T + (precision * means**2).sum(1)
        constant = scales.log().sum(1) + u.shape[1] * math.log(2 * math.pi) / 2
        return self.shares.log() - constant - squares / 2

    @classmethod
    def fitted(
        cls, u: Float[Tensor, "n D"], log_weights: Float[Tensor, " n"], modes: int, *, worth: float = 1.0
    ) -> "Proposal":
        """The proposal nearest to weighted rows, in cross-entropy.

        Args:
            u: The rows.
            log_weights: The logarithms of their weights, up to a constant.
            modes: How many Gaussians.
            worth: How many independent rows one of them is worth.
        """
        weights = log_weights.softmax(0)
        if modes == 1:
            return cls._around(u, weights[:, None], worth)
        apart = (torch.cdist(u, _far_apart(u, modes))).argmin(1)
        chances = torch.nn.functional.one_hot(apart, modes).double()
        for _ in range(PASSES):
            proposal = cls._around(u, weights[:, None] * chances, worth)
            chances = proposal.log_density(u).softmax(1)
        return proposal

    @classmethod
    def _around(cls, u: Tensor, weights: Float[Tensor, "n K"], worth: float = 1.0) -> "Proposal":
        """One step of maximum likelihood; entries that do not differ from the model's are left as they are."""
        totals = weights.sum(0).clamp_min(1e-300)
        parts = (weights / totals).T
        means = parts @ u
        squares = (parts @ u.square() - means.square()).clamp_min(0)
        rows = u.new_tensor([max(1.0, worth * effective_sample_size(part.log())) for part in parts])[:, None]
        moved = (means.abs() > SIGNIFICANT / rows.sqrt()) | ((squares - 1).abs() > SIGNIFICANT * (2 / rows).sqrt())
        scales = torch.where(moved, squares.sqrt().clamp_min(NARROWEST), 1.0)
        return cls(DEFENSE, (totals / totals.sum()).clamp_min(1e-12), torch.where(moved, means, 0.0), scales)


def standard(u: Float[Tensor, "n D"]) -> Float[Tensor, " n"]:
    """The log-density of a standard normal.

    Args:
        u: The rows.
    """
    return -u.square().sum(1) / 2 - u.shape[1] * math.log(2 * math.pi) / 2


def _far_apart(u: Float[Tensor, "n D"], count: int) -> Float[Tensor, "K D"]:
    """Rows of which each is the farthest from those before it, the first being the farthest from the mean."""
    chosen = [int((u - u.mean(0)).norm(dim=1).argmax())]
    while len(chosen) < count:
        chosen.append(int(torch.cdist(u, u[chosen]).amin(1).argmax()))
    return u[chosen]
