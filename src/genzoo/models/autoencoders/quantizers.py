"""Quantizers: numbers of an encoder become one of a few codes, and a gradient passes all the same.

The step is passed straight through, $\\partial z / \\partial e = 1$. A codebook that is learned may lose codes, which
no number is near any more; quantizers without one, by places of a grid, use all of them by construction.
"""

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from genzoo.core.game import Instant
from genzoo.core.noise import Noise

__all__ = ["Codebook", "LookupFree", "Quantized", "Quantizer", "ScalarGrid"]


@dataclass(frozen=True)
class Quantized:
    """What became of numbers.

    Attributes:
        z: What codes stand for, with the gradient of the numbers.
        codes: The codes.
        price: What is added to the loss of a row, the mean over rows.
    """

    z: Float[Tensor, "B D T"]
    codes: Int[Tensor, "B T"]
    price: Float[Tensor, ""]


class Quantizer(nn.Module, abc.ABC):
    """From vectors of D numbers to one of so many codes.

    Attributes:
        dims: D.
        levels: How many codes there are.
    """

    dims: int
    levels: int

    @abc.abstractmethod
    def forward(self, e: Float[Tensor, "B D T"]) -> Quantized:
        """The codes of the vectors at T places, and what they stand for."""

    @abc.abstractmethod
    def embed(self, codes: Int[Tensor, "B T"]) -> Float[Tensor, "B D T"]:
        """What codes stand for."""

    def start(self, e: Float[Tensor, "N D"], noise: Noise) -> None:
        """Takes a start from vectors, where it has one."""

    def follow(self, now: Instant) -> None:
        """Goes after the vectors of the last step, where it does."""


class Codebook(Quantizer):
    """The nearest of K vectors, which follow what is near them,

    $$ k = \\arg\\min_j \\|e - v_j\\|^2, \\qquad z = v_k, \\qquad price = \\beta \\|e - v_k\\|^2, $$

    as averages over steps (or, learned, by a price $\\|e - v_k\\|^2$ of their own). They begin by k-means++. A code
    that nobody has been near for long takes a half of what the worst one stands for: that whose vectors are farthest
    from it, all together. The busiest may stand for one vector again and again, and have nothing to share.

    Args:
        levels: K.
        dims: D.
        beta: β, what it costs vectors to be far from their code.
        averaged: Whether codes are averages; else parameters.
        decay: What an average keeps at each step. The first steps of an encoder move its vectors far, and codes that
            follow slowly, or are found dead late, are lost for good.
        least: The share of an even use below which a code is dead; 0 leaves the dead alone.

    Raises:
        ValueError: If there is no code, or a number is out of range.

    Example:
        >>> book = Codebook(4, 2)
        >>> found = book(torch.randn(3, 2, 5))
        >>> found.z.shape, torch.equal(found.z.detach(), book.embed(found.codes))
        (torch.Size([3, 2, 5]), True)

    References:
        van den Oord, Vinyals & Kavukcuoglu, 2017, "Neural discrete representation learning", arXiv:1711.00937
        Razavi, van den Oord & Vinyals, 2019, "Generating diverse high-fidelity images with VQ-VAE-2", arXiv:1906.00446
    """

    size: Tensor
    total: Tensor
    error: Tensor

    def __init__(
        self,
        levels: int,
        dims: int,
        *,
        beta: float = 0.25,
        averaged: bool = True,
        decay: float = 0.9,
        least: float = 0.1,
    ) -> None:
        super().__init__()
        if levels < 1 or dims < 1 or beta < 0 or not 0 <= decay < 1 or not 0 <= least < 1:
            raise ValueError(
                "A codebook must have codes and entries, a price of at least 0, and shares in [0, 1), got "
                f"{levels}, {dims}, beta={beta:g}, decay={decay:g}, least={least:g}. Correct them."
            )
        self.levels, self.dims, self.beta, self.averaged, self.decay, self.least = (
            levels,
            dims,
            beta,
            averaged,
            decay,
            least,
        )
        vectors = nn.init.normal_(torch.empty(levels, dims))
        if averaged:
            self.register_buffer("vectors", vectors)
        else:
            self.vectors = nn.Parameter(vectors)
        self.register_buffer("size", torch.ones(levels))
        self.register_buffer("total", vectors.clone())
        self.register_buffer("error", torch.zeros(levels))
        self.seen: tuple[Tensor, ...] | None = None  # of the last loss: how many were near each code, their sum, error

    def forward(self, e: Float[Tensor, "B D T"]) -> Quantized:
        flat = e.transpose(1, 2).flatten(0, 1)
        codes = self.nearest(flat)
        z = self.embed(codes.view(len(e), -1))
        price = self.beta * (e - z.detach()).square().flatten(1).sum(1).mean()
        if not self.averaged:
            price = price + (e.detach() - z).square().flatten(1).sum(1).mean()
        if self.training and torch.is_grad_enabled():
            self.seen = (*self._near(flat.detach(), codes), self._far(flat.detach(), codes))
        return Quantized(_through(e, z), codes.view(len(e), -1), price)

    def nearest(self, e: Float[Tensor, "N D"]) -> Int[Tensor, " N"]:
        """The code nearest to each vector."""
        vectors = self.vectors.detach().to(e.dtype)
        return torch.addmm(vectors.square().sum(1), e.detach(), vectors.mT, alpha=-2).argmin(1)

    def embed(self, codes: Int[Tensor, "B T"]) -> Float[Tensor, "B D T"]:
        return nn.functional.embedding(codes, self.vectors).transpose(1, 2)

    @torch.no_grad()
    def start(self, e: Float[Tensor, "N D"], noise: Noise) -> None:
        some = _spread_out(e, min(self.levels, len(e)), noise).to(self.vectors.dtype)
        if len(some) < self.levels:
            some = some[torch.arange(self.levels) % len(some)]
            some = some + 1e-3 * e.std() * noise.at("apart").normal(*some.shape, dtype=some.dtype)
        self.vectors.copy_(some)
        for _ in range(10):  # k-means
            size, total = self._near(e, self.nearest(e))
            near = size > 0
            self.vectors[near] = (total[near] / size[near, None]).to(self.vectors.dtype)
        self.total.copy_(self.vectors)

    @torch.no_grad()
    def follow(self, now: Instant) -> None:
        if self.seen is None:
            return
        size, total, error = (now.total(part.clone()) for part in self.seen)
        self.seen = None
        even = size.sum() / self.levels
        self.size.lerp_((size / even).to(self.size.dtype), 1 - self.decay)
        self.total.lerp_((total / even).to(self.total.dtype), 1 - self.decay)
        self.error.lerp_((error / even).to(self.error.dtype), 1 - self.decay)
        if self.averaged:
            used = self.size > 1e-5
            self.vectors[used] = self.total[used] / self.size[used, None]
        self._revive(now.noise)

    def _near(self, e: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        size = torch.bincount(codes, minlength=self.levels).to(e.dtype)
        return size, torch.zeros(self.levels, e.shape[1], dtype=e.dtype).index_add_(0, codes, e)

    def _far(self, e: Tensor, codes: Tensor) -> Tensor:
        """The squared distances of vectors from their codes, summed code by code."""
        each = (e - self.vectors.detach()[codes].to(e.dtype)).square().sum(1)
        return torch.zeros(self.levels, dtype=e.dtype, device=e.device).index_add_(0, codes, each)

    def _revive(self, noise: Noise) -> None:
        """Puts dead codes beside the worst, as far as its vectors are; the same in every process."""
        dead = (self.size < self.least).nonzero().flatten()
        if not self.least or not len(dead):
            return
        worst = self.error.topk(min(len(dead), self.levels)).indices
        dead, worst = dead[self.size[dead].argsort()], worst[self.size[worst] > 2 * self.least]
        dead = dead[: len(worst)]
        worst = worst[: len(dead)]
        spread = (self.error[worst] / self.size[worst] / self.dims).sqrt().clamp_min(1e-6)[:, None]
        aside = noise.at("revive").normal(len(dead), self.dims, dtype=self.vectors.dtype)
        moved = self.vectors[worst] + spread.to(aside.dtype) * aside
        self.vectors[dead] = moved
        share = self.size[worst] / 2
        self.size[worst], self.size[dead] = share, share
        self.total[worst], self.total[dead] = self.vectors[worst] * share[:, None], moved * share[:, None]
        self.error[worst] = self.error[dead] = self.error[worst] / 2


class ScalarGrid(Quantizer):
    """Each of D numbers rounded to one of a few places in [−1, 1]: finite scalar quantization,

    $$ z_i = \\frac{2}{L_i - 1} \\mathrm{round}\\Bigl(\\frac{L_i - 1}{2} (\\tanh e_i + 1)\\Bigr) - 1. $$

    The number of codes is the product of the L_i. There is nothing to learn, and nothing to lose.

    Args:
        places: L_1 … L_D.

    Raises:
        ValueError: If one has fewer than two places.

    Example:
        >>> ScalarGrid([3, 2]).embed(torch.tensor([[0, 5]])).tolist()
        [[[-1.0, 1.0], [-1.0, 1.0]]]

    References:
        Mentzer, Minnen, Agustsson & Tschannen, 2024, "Finite scalar quantization: VQ-VAE made simple",
        arXiv:2309.15505
    """

    steps: Tensor
    places: Tensor

    def __init__(self, places: Sequence[int]) -> None:
        super().__init__()
        if not places or min(places) < 2:
            raise ValueError(f"Each number must have at least two places, got {list(places)}. Set 2 or more.")
        self.dims, self.levels = len(places), math.prod(places)
        self.register_buffer("places", torch.tensor(places), persistent=False)
        steps = torch.tensor([math.prod(places[:i]) for i in range(len(places))])
        self.register_buffer("steps", steps, persistent=False)

    def forward(self, e: Float[Tensor, "B D T"]) -> Quantized:
        last = (self.places - 1)[:, None]
        at = (e.tanh() + 1) / 2 * last
        codes = (at.detach().round().long() * self.steps[:, None]).sum(1)
        return Quantized(2 * _through(at, at.round()) / last - 1, codes, e.new_zeros(()))

    def embed(self, codes: Int[Tensor, "B T"]) -> Float[Tensor, "B D T"]:
        at = codes[:, None] // self.steps[:, None] % self.places[:, None]
        return 2 * at / (self.places - 1)[:, None] - 1


class LookupFree(Quantizer):
    """The signs of D numbers: 2^D codes without a codebook, with a price that lets each row be sure of its signs and
    all rows together use them evenly,

    $$ price = w \\sum_i \\bigl(\\mathbb E\\, H(p_i) - H(\\mathbb E\\, p_i)\\bigr) + \\beta \\|e - z\\|^2, \\qquad
       p_i = \\sigma(4 e_i). $$

    Args:
        dims: D.
        beta: β.
        weight: w.

    Raises:
        ValueError: If there is no number, or more than 24.

    Example:
        >>> LookupFree(2)(torch.tensor([[[0.3], [-2.0]]])).codes.item()
        1

    References:
        Yu et al., 2024, "Language model beats diffusion: tokenizer is key to visual generation", arXiv:2310.05737
    """

    def __init__(self, dims: int, *, beta: float = 0.25, weight: float = 0.1) -> None:
        super().__init__()
        if not 1 <= dims <= 24:
            raise ValueError(f"Signs must be of 1 to 24 numbers, got {dims}. Set 8 for 256 codes.")
        self.dims, self.levels, self.beta, self.weight = dims, 2**dims, beta, weight

    def forward(self, e: Float[Tensor, "B D T"]) -> Quantized:
        up = e > 0
        z = torch.where(up, 1.0, -1.0).to(e.dtype)
        codes = (up.long() << torch.arange(self.dims)[:, None]).sum(1)
        p = torch.sigmoid(4 * e).transpose(0, 1).flatten(1)
        entropy = _entropy(p).mean(1) - _entropy(p.mean(1))
        price = self.weight * e.shape[2] * entropy.sum() + self.beta * (e - z).square().flatten(1).sum(1).mean()
        return Quantized(_through(e, z), codes, price)

    def embed(self, codes: Int[Tensor, "B T"]) -> Float[Tensor, "B D T"]:
        return 2.0 * (codes[:, None] >> torch.arange(self.dims)[:, None] & 1) - 1


def _spread_out(e: Float[Tensor, "N D"], count: int, noise: Noise) -> Float[Tensor, "k D"]:
    """Some vectors, each with a probability as its squared distance from those chosen before (k-means++)."""
    u, chosen = noise.uniform(count), [int(noise.at("first").integers(len(e), 1))]
    far = (e - e[chosen[0]]).square().sum(1)
    for i in range(1, count):
        sums = far.double().cumsum(0)
        chosen.append(int(torch.searchsorted(sums, u[i].double() * sums[-1]).clamp_max(len(e) - 1)))
        far = torch.minimum(far, (e - e[chosen[-1]]).square().sum(1))
    return e[chosen]


def _through(e: Tensor, z: Tensor) -> Tensor:
    """z, with the gradient of e."""
    return z.detach() + (e - e.detach())


def _entropy(p: Tensor) -> Tensor:
    return -(p * p.clamp_min(1e-6).log() + (1 - p) * (1 - p).clamp_min(1e-6).log())
