"""Pairwise fields: what Ising's and Potts's models share.

Every site i takes one of q levels, and level v is seen as a vector φ_v: the numbers −1 and 1 for Ising's spins, unit
vectors for Potts's colors. Couplings act on pairs, fields on sites,

$$ E(x) = -\\sum_{i < j} J_{ij}\\, \\phi_{x_i} \\cdot \\phi_{x_j} - \\sum_i h_i \\cdot \\phi_{x_i}, \\qquad
   p(x) = \\frac{e^{-\\beta E(x)}}{Z}, \\qquad
   p(x_i = v \\mid x_{-i}) \\propto e^{\\beta\\, \\phi_v \\cdot H_i}, \\quad H_i = h_i + \\sum_j J_{ij} \\phi_{x_j}. $$

Up to 2²⁰ states are summed, so that likelihood, gradient and samples are exact. Beyond, samples come from Markov
chains, log Z from annealed importance sampling with an error bar, and training raises the pseudo-likelihood
$\\sum_i \\log p(x_i \\mid x_{-i})$, whose maximum is consistent and needs no Z.

References:
    Besag, 1975, "Statistical analysis of non-lattice data" (pseudo-likelihood)
    Neal, 2001, "Annealed importance sampling", arXiv:physics/9803008
"""

import hashlib
import warnings
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Integer, UInt8
from torch import Tensor, nn

from genzoo.core.abilities import Ability
from genzoo.core.game import Batch, Objective
from genzoo.core.given import Given
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.mcmc import Kernel, Summary, ais, colors, gibbs, levels, run, summary
from genzoo.models.graphical.clamped import Swept
from genzoo.models.graphical.clusters import swendsen_wang, wolff
from genzoo.models.graphical.graph import Couplings, graph_of
from genzoo.models.graphical.onsager import check_beta

__all__ = ["LogPartition", "Method", "PairwiseField"]

Method = Literal["auto", "exact", "gibbs", "swendsen-wang", "wolff"]
ENUMERABLE = 1 << 20  # states that are summed
DENSE = 1 << 12  # sites up to which couplings are kept as a full matrix


class LogPartition(NamedTuple):
    """log Z with its standard error, zero if it is exact, and what speaks against it, if anything."""

    value: float
    error: float
    trouble: str = ""


class PairwiseField(GenerativeModel):
    """A field of sites with couplings between pairs; see `Ising` and `Potts`.

    Args:
        space: What one x is: entries of a fixed number of levels.
        couplings: J, a `Graph` or a symmetric matrix, dense or sparse.
        features: φ, a vector for each level.
        field: h, a vector for each site.
        beta: The inverse temperature β.
        sweeps: How long chains run for a sample.
        temperatures: How many steps of annealing log Z takes.

    Raises:
        ValueError: If the space is not one of levels, J is no symmetric finite matrix over its entries, h is not
            finite, or β is negative.
    """

    edges: Tensor
    features: Tensor

    def __init__(
        self,
        space: Space,
        couplings: Couplings,
        features: Float[Tensor, "levels f"],
        field: Float[Tensor, "n f"] | None,
        *,
        beta: float,
        sweeps: int,
        temperatures: int,
    ) -> None:
        super().__init__(space)
        check_beta(beta)
        if sweeps < 0 or temperatures < 1:
            raise ValueError(f"`sweeps` must not be negative, `temperatures` positive; got {sweeps}, {temperatures}.")
        graph, size = graph_of(couplings, space.dims), (space.dims, features.shape[1])
        field = torch.zeros(size) if field is None else field
        if field.shape != size or not field.isfinite().all():
            raise ValueError(f"The field must be finite and of shape {size}, got {tuple(field.shape)}.")
        self.beta, self.sweeps, self.temperatures = float(beta), sweeps, temperatures
        self.couplings = nn.Parameter(graph.weights.to(torch.get_default_dtype()))
        self.field = nn.Parameter(field.detach().to(torch.get_default_dtype()).clone())
        self.register_buffer("edges", graph.edges)
        self.register_buffer("features", features.to(torch.get_default_dtype()), persistent=False)
        self._colors: list[Tensor] | None = None
        self._log_z: dict[bytes, LogPartition] = {}
        self.likelihood = Likelihood.EXACT if self.is_enumerable else Likelihood.ESTIMATE

    @property
    def is_enumerable(self) -> bool:
        """Whether all states can be summed: up to 2²⁰."""
        return len(self.features) ** self.space.dims <= ENUMERABLE

    def energy(self, x: Integer[Tensor, "B *event"]) -> Float[Tensor, " B"]:
        """E(x), row by row."""
        phi = self._phi(x)
        return -((self._influence(phi) / 2 + self.field) * phi).sum((1, 2))

    def matrix(self) -> Tensor:
        """J as a symmetric matrix, sparse from 4,096 sites on."""
        n, both = self.space.dims, torch.cat([self.edges, self.edges.flip(1)]).T
        weights = self.couplings.repeat(2)
        if n > DENSE:
            return torch.sparse_coo_tensor(both, weights, (n, n), check_invariants=False)
        return weights.new_zeros(n, n).index_put((both[0], both[1]), weights)

    def log_density(
        self,
        x: Integer[Tensor, "B *event"],
        given: Given,
        noise: Noise,
        *,
        chains: int = 64,
        temperatures: int | None = None,
    ) -> Float[Tensor, " B"]:
        if self.is_enumerable:
            return (-self.beta * self.energy(x) - self._exact_log_z()).to(self.dtype)
        found = self.log_partition(chains=chains, temperatures=temperatures, seed=noise.seed)
        if found.trouble:
            warnings.warn(f"log Z is not to be trusted: {found.trouble}", stacklevel=2)
        return -self.beta * self.energy(x) - found.value

    def loss(self, batch: Batch) -> Tensor:
        """−log p(x) where all states can be summed, else the negative pseudo-likelihood; the mean over rows."""
        if self.is_enumerable:
            return super().loss(batch)
        phi = self._phi(batch.x)
        logits = self.beta * (self._influence(phi) + self.field) @ self.features.T
        x = batch.x.flatten().long()
        return nn.functional.cross_entropy(logits.flatten(0, 1), x, reduction="sum") / len(batch)

    def lowers(self) -> Objective:
        return Objective("−log p" if self.is_enumerable else "−log pseudo-likelihood", nats=("loss",))

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Starts a field that has no couplings yet from the shares of levels at each site."""
        first = next(iter(batches), None)
        if first is None or self.couplings.any() or not self.beta:
            return
        shares = self._one_hot(first.x).mean(0)
        logits = ((len(first) * shares + 0.5) / (len(first) + 1)).log() / self.beta
        pull = torch.linalg.lstsq(self.features.double(), (logits - logits.mean(1, keepdim=True)).T.double()).solution
        with torch.no_grad():
            self.field.copy_(pull.T)

    def draw(
        self, n: int, given: Given, noise: Noise, *, method: Method = "auto", sweeps: int | None = None
    ) -> UInt8[Tensor, "n *event"]:
        """Samples: exact where all states can be summed, else the ends of chains of their own.

        Args:
            n: The number of rows.
            given: Nothing.
            noise: Where randomness comes from.
            method: How; by default exact, or Gibbs. Clusters need a ferromagnet and pass a critical point fast.
            sweeps: How long each chain runs, from a random start.
        """
        if method == "exact" or (method == "auto" and self.is_enumerable):
            return self._exact_draw(n, noise)
        start = noise.at("start").integers(len(self.features), n, self.space.dims)
        x = run(self.kernel(method), start, noise, self.sweeps if sweeps is None else sweeps).state.x
        return x.to(getattr(torch, self.space.dtype)).reshape(n, *self.space.shape)

    def kernel(self, method: Method = "gibbs", *, share: float = 1.0) -> Kernel:
        """A Markov kernel on rows (chains, n) that leaves p as it is.

        Args:
            method: Gibbs by colors, or clusters by Swendsen & Wang or Wolff.
            share: A factor of all couplings, for annealing.

        Raises:
            ValueError: If clusters are asked for and a coupling is negative.
        """
        match method:
            case "swendsen-wang" | "wolff":
                step = swendsen_wang if method == "swendsen-wang" else wolff
                weights = self.beta * (self.features[0] @ (self.features[0] - self.features[1])) * share
                pull = self.beta * self.field.detach() @ self.features.T
                return step(self.edges, weights * self.couplings.detach(), pull)
            case _:
                return self._gibbs(share)

    def log_partition(self, *, chains: int = 64, temperatures: int | None = None, seed: int = 0) -> LogPartition:
        """log Z: exact where all states can be summed, else by annealed importance sampling.

        Couplings grow from 0, where sites are independent and Z is known, to J, a sweep of Gibbs at each step. The
        same question is answered once for the same parameters.

        Args:
            chains: How many chains.
            temperatures: How many steps; by default as the model says.
            seed: Names the noise.
        """
        if self.is_enumerable:
            return LogPartition(self._exact_log_z().item(), 0.0)
        temperatures, tensors = temperatures or self.temperatures, (self.couplings, self.field)
        text = [f"{chains} {temperatures} {seed} {self.beta}".encode()]
        key = hashlib.blake2b(b"".join(text + [t.detach().cpu().numpy().tobytes() for t in tensors])).digest()
        if key not in self._log_z:
            self._log_z = {key: self._annealed(chains, temperatures, Noise(seed, "log Z", device=self.device))}
        return self._log_z[key]

    def diagnose(self, *, method: Method = "gibbs", chains: int = 16, sweeps: int = 500, seed: int = 0) -> Summary:
        """Whether chains mix: half start at random, half all at the first level, and they must come to agree.

        Args:
            method: How they move.
            chains: How many.
            sweeps: How long; the first half is warm-up.
            seed: Names the noise.

        Returns:
            R̂, effective sample sizes and autocorrelation times of the energy and of each level's share; `trouble`
            says in words what is wrong.
        """
        noise = Noise(seed, "diagnose", device=self.device)
        start = noise.at("start").integers(len(self.features), chains, self.space.dims)
        start[: chains // 2] = 0
        with torch.no_grad():
            trace = run(self.kernel(method), start, noise, sweeps, keep=lambda state: self._seen(state.x))
        names = ["energy", *(f"share of {v}" for v in range(1, len(self.features)))]
        return summary(trace.x[sweeps // 2 :], names=names)

    @torch.no_grad()
    def enumerate(self) -> tuple[UInt8[Tensor, "states *event"], Float[Tensor, " states"]]:
        """All states with their probabilities.

        Raises:
            ValueError: If there are more than 2²⁰.
        """
        first, second, weights = self._halves()
        a, b = (torch.arange(len(half), device=self.device) for half in (first, second))
        x = torch.cat([first[a.repeat_interleave(len(b))], second[b.repeat(len(a))]], dim=1)
        return x.to(torch.uint8).reshape(-1, *self.space.shape), weights.flatten().softmax(0)

    def extra_repr(self) -> str:
        return f"{self.space}, edges={len(self.edges)}, beta={self.beta}"

    def _one_hot(self, x: Tensor) -> Tensor:
        return nn.functional.one_hot(x.flatten(1).long(), len(self.features)).to(self.dtype)

    def _phi(self, x: Tensor) -> Tensor:
        """(B, n, f): each entry as its vector."""
        return self.features[x.flatten(1).long()]

    def _influence(self, phi: Tensor, rows: Tensor | None = None) -> Tensor:
        """(B, n, f): Σ_j J_ij φ_j for every site, or for those whose rows of J are given."""
        matrix = self.matrix() if rows is None else rows
        columns = phi.transpose(0, 1).reshape(phi.shape[1], -1)
        return (matrix @ columns).reshape(len(matrix), len(phi), phi.shape[2]).transpose(0, 1)

    def _seen(self, x: Tensor) -> Tensor:
        return torch.cat([self.energy(x)[:, None], self._one_hot(x).mean(1)[:, 1:]], dim=1)

    def abilities(self) -> list[Ability]:
        return [Swept(self.space, self.seen_through)]

    def seen_through(self, evidence: Float[Tensor, "B D L"], given: Given) -> Kernel:
        """Gibbs by colors of sites of which something is known beside, one chain for each row.

        Args:
            evidence: The logarithm of how likely each value is; −∞ rules it out.
            given: Nothing.
        """
        return self._gibbs(1.0, evidence)

    def _gibbs(self, share: float, evidence: Tensor | None = None) -> Kernel:
        if self._colors is None:
            self._colors = [sites.to(self.device) for sites in colors(self.space.dims, self.edges)]
        matrix = share * self.matrix().detach()
        rows = {id(sites): matrix.index_select(0, sites) for sites in self._colors}

        def logits(sites: Tensor, x: Tensor) -> Tensor:
            pull = self._influence(self._phi(x), rows[id(sites)]) + self.field.detach()[sites]
            found = self.beta * pull @ self.features.T
            return found if evidence is None else found + evidence[:, sites].to(found)

        return gibbs(levels(logits), self._colors)

    @torch.no_grad()
    def _annealed(self, chains: int, temperatures: int, noise: Noise) -> LogPartition:
        alone = self.beta * self.field @ self.features.T
        x = noise.at("start").categorical(alone.expand(chains, *alone.shape))
        matrix = self.matrix()

        def path(share: float) -> Callable[[Tensor], Tensor]:
            def log_prob(x: Tensor) -> Tensor:
                phi = self._phi(x)
                return self.beta * ((share / 2 * self._influence(phi, matrix) + self.field) * phi).sum((1, 2))

            return log_prob

        betas = torch.linspace(0, 1, temperatures + 1, dtype=torch.float64)
        start = float(alone.double().logsumexp(1).sum())
        done = ais(path, lambda share: self.kernel("gibbs", share=share), x, noise, betas=betas, log_z=start)
        return LogPartition(done.log_z, done.error, done.trouble)

    def _halves(self) -> tuple[Tensor, Tensor, Tensor]:
        """All states of either half of the sites, and −βE of every pair of them."""
        if not self.is_enumerable:
            raise ValueError(
                f"Up to {ENUMERABLE:,} states are summed, got {len(self.features)}^{self.space.dims}. Sample instead."
            )
        n, count = self.space.dims, len(self.features)
        cut, values = (n + 1) // 2, torch.arange(count, device=self.device)
        halves = [torch.cartesian_prod(*[values] * k).reshape(count**k, k) for k in (cut, n - cut)]
        matrix, field, features = self.matrix().double(), self.field.double(), self.features.double()
        alone, phis = [], []
        for states, part in zip(halves, (slice(0, cut), slice(cut, n)), strict=True):
            phi = features[states]
            inner = torch.einsum("sif,ij,sjf->s", phi, matrix[part, part], phi) / 2
            alone.append(inner + (phi * field[part]).sum((1, 2)))
            phis.append(phi)
        across = torch.einsum("sif,ij->sjf", phis[0], matrix[:cut, cut:]).flatten(1) @ phis[1].flatten(1).T
        return halves[0], halves[1], self.beta * (alone[0][:, None] + alone[1] + across)

    def _exact_log_z(self) -> Tensor:
        return self._halves()[2].flatten().logsumexp(0)

    def _exact_draw(self, n: int, noise: Noise) -> Tensor:
        first, second, weights = self._halves()
        edges = weights.flatten().softmax(0).cumsum(0)
        uniform = noise.uniform(n, dtype=torch.float64) * edges[-1]
        which = torch.searchsorted(edges, uniform, right=True).clamp_max(len(edges) - 1)
        x = torch.cat([first[which // len(second)], second[which % len(second)]], dim=1)
        return x.to(getattr(torch, self.space.dtype)).reshape(n, *self.space.shape)
