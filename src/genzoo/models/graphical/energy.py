"""Deep energy models: any network that gives a number for a row is a density, up to a constant.

$$ p(x) = \\frac{e^{-E(x)}}{Z}, \\qquad E(x) = f(x) + \\frac{\\|x\\|^2}{2 r^2}. $$

The second term makes Z finite for any network f that grows at most linearly, and is where chains start. Two ways to
learn f without Z:

* *contrastive divergence*: lower the energy of the data and raise that of the model's own samples, which Langevin
  chains make; the chains are kept in a replay buffer and moved on after every step;
* *denoising score matching*: the score −∇E of the model must point from noised data back to where they came from,

$$ \\mathbb E\\,\\tfrac12 \\| \\sigma \\nabla E(x + \\sigma z) - z \\|^2, \\qquad z \\sim N(0, I), $$

whose answer is the density of the data blurred by σ.

References:
    Hyvärinen, 2005, "Estimation of non-normalized statistical models by score matching"
    Vincent, 2011, "A connection between score matching and denoising autoencoders"
    Du & Mordatch, 2019, "Implicit generation and modeling with energy-based models", arXiv:1903.08689
    Nijkamp, Hill, Han, Zhu & Wu, 2020, "On the anatomy of MCMC-based maximum likelihood learning of energy-based
    models", arXiv:1903.12370
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core.game import Batch, Instant, Objective, Player
from genzoo.core.given import NOTHING, Given, GivenAsked, GivenSpaceLike
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.mcmc.annealing import Annealed, ais
from genzoo.mcmc.densities import Density, density
from genzoo.mcmc.langevin import mala, ula

__all__ = ["DeepEnergy", "Replay", "Walk"]


@dataclass(frozen=True)
class Walk:
    """How Langevin chains go, $x' = x - h\\,\\nabla E(x) + \\sqrt{2 h T}\\,z$.

    Attributes:
        step_size: h.
        temperature: T; below one the chains see $e^{-E/T}$, as those of many image models do.
        steps: Their number for a sample.

    Raises:
        ValueError: If a number is not positive.
    """

    step_size: float = 0.01
    temperature: float = 1.0
    steps: int = 200

    def __post_init__(self) -> None:
        if self.step_size <= 0 or self.temperature <= 0 or self.steps < 1:
            raise ValueError(f"Step size, temperature and steps of a walk must be positive, got {self}.")


@dataclass(frozen=True)
class Replay:
    """The buffer of chains that contrastive divergence learns from.

    Attributes:
        size: Its chains.
        count: How many of them are moved in each round, in turn, and contrasted with the data.
        steps: How many steps they are moved.
        fresh: The share of these that start anew.
        pull: The weight of the mean of E², which holds energies near zero.

    Raises:
        ValueError: If a number is out of range.
    """

    size: int = 1024
    count: int = 128
    steps: int = 20
    fresh: float = 0.05
    pull: float = 1e-3

    def __post_init__(self) -> None:
        if not 1 <= self.count <= self.size or self.steps < 1 or not 0 <= self.fresh <= 1 or self.pull < 0:
            raise ValueError(
                f"A buffer must move 1 to `size` chains by at least one step, a share `fresh` in [0, 1], got {self}."
            )


class DeepEnergy(GenerativeModel):
    """A deep energy model, trained by contrastive divergence with a replay buffer or by denoising score matching.

    `log_prob` is −E(x), without log Z: unnormalized; `annealed` estimates log Z. On levels the network sees numbers in
    [−1, 1], blurred by σ in training, and samples go to the nearest level.

    Samples are the ends of Langevin chains, one for each row, started from N(0, r² I). Annealed, the first half of the
    steps leads from there to the model along $e^{-\\beta f(x) - \\|x\\|^2 / 2 r^2}$, β rising from 0 to 1.

    Args:
        space: What one x is; reals should come in standard units.
        given_space: What f is conditioned on, if anything; by score matching alone.
        potential: f, called as potential(x, given); one number a row.
        replay: The buffer of contrastive divergence; none: score matching.
        walk: How Langevin chains go.
        reach: r, the width of what chains start from; samples live within a few of it.
        sigma: σ, the noise put on the data.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If a number is out of range, or a conditional model is to learn by contrast.

    Example:
        >>> from genzoo.nn import MLP
        >>> model = DeepEnergy(Space((2,)), None, MLP(2, [16], 1), walk=Walk(steps=20))
        >>> x = model.sample(5, seed=0)
        >>> x.shape, model.log_prob(x).shape, model.score(x).shape
        (torch.Size([5, 2]), torch.Size([5]), torch.Size([5, 2]))

    References:
        Du & Mordatch, 2019, arXiv:1903.08689; Vincent, 2011
    """

    likelihood = Likelihood.UNNORMALIZED
    chains: Tensor
    turn: Tensor

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        potential: nn.Module,
        *,
        replay: Replay | None = None,
        walk: Walk = Walk(),
        reach: float = 2.0,
        sigma: float = 0.1,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        if reach <= 0 or sigma <= 0:
            raise ValueError(f"`reach` and `sigma` must be positive, got {reach} and {sigma}.")
        if replay is not None and given_space:
            raise ValueError(
                "A buffer holds chains without conditions, got `given`. Leave out replay: match the score."
            )
        self.potential, self.replay, self.walk = potential, replay, walk
        self.reach, self.sigma, self.drop_given = reach, sigma, drop_given
        self.register_buffer("chains", torch.zeros(replay.size if replay else 0, *space.shape))
        self.register_buffer("turn", torch.zeros((), dtype=torch.int64))

    # --- the distribution -------------------------------------------------------------------------------------------

    def energy(self, y: Float[Tensor, "B *shape"], given: Given = NOTHING, beta: float = 1.0) -> Float[Tensor, " B"]:
        """β f(y) + ‖y‖² / 2r².

        Args:
            y: Rows as the network sees them: levels as numbers in [−1, 1].
            given: Their condition.
            beta: β, 1 for the model itself.
        """
        return beta * self.potential(y, given or None).squeeze(1) + y.flatten(1).square().sum(1) / (2 * self.reach**2)

    def log_density(self, x: Shaped[Tensor, "B *shape"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        return -self.energy(self.numbers.of(x), given)

    def draw(
        self, n: int, given: Given, noise: Noise, *, steps: int | None = None, anneal: bool = True
    ) -> Shaped[Tensor, "n *shape"]:
        """Samples by one Langevin chain for each row.

        Args:
            n: The number of rows.
            given: The condition.
            noise: Where randomness comes from.
            steps: Langevin steps; by default as the model says.
            anneal: Whether the first half leads from the start to the model.

        Raises:
            ValueError: If `steps` is negative.
        """
        steps = self.walk.steps if steps is None else steps
        if steps < 0:
            raise ValueError(f"`steps` must not be negative, got {steps}.")
        y = self._fresh(n, noise.at("start"))
        for t in range(steps):
            beta = min(1.0, 2 * (t + 1) / steps) if anneal else 1.0
            y = self._moved(y, noise.tick(t), given, beta)
        return self.numbers.back(y)

    def annealed(self, n: int, given: GivenAsked = None, *, steps: int = 500, seed: int = 0) -> Annealed:
        """Weighted samples with an estimate of log Z, by annealed importance sampling with adjusted Langevin steps.

        The weights are of numbers as the network sees them: for levels, log Z is that of a density on reals.

        Args:
            n: The number of chains.
            given: The condition, one row per chain.
            steps: Temperatures from N(0, r² I) to the model.
            seed: Names the noise.
        """
        noise, condition = Noise(seed, "annealed", device=self.device), self.checked_given(given, n)

        def path(beta: float) -> Density:
            return density(lambda y: -self.energy(y, condition, beta))

        log_z = self.space.dims * float(torch.tensor(2 * torch.pi * self.reach**2).log()) / 2
        start, betas = self._fresh(n, noise.at("start")), torch.linspace(0, 1, steps)
        return ais(
            path, lambda beta: mala(path(beta), step_size=self.walk.step_size), start, noise, betas=betas, log_z=log_z
        )

    # --- training ---------------------------------------------------------------------------------------------------

    def players(self) -> Sequence[Player]:
        after = self._move_chains if self.replay else None
        return [Player("model", self, self.contrast if self.replay else self.loss, after=after)]

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        return self.contrast(batch)["loss"] if self.replay else self.score_matching(batch)

    def lowers(self) -> Objective:
        return Objective("gap of energies and its pull" if self.replay else "squared error of the score")

    def contrast(self, batch: Batch) -> dict[str, Tensor]:
        """The energy of the data less that of the chains whose turn it is, with the pull toward zero.

        Args:
            batch: Rows of data.
        """
        replay = self.replay or Replay()
        y = self.numbers.of(batch.x)
        if self.space.levels is not None:
            y = y + self.sigma * batch.noise.at("blur").normal(*y.shape, dtype=y.dtype)
        of_data, of_chains = self.energy(y), self.energy(self.chains[self._whose_turn(replay)].to(y.dtype))
        gap = of_data.mean() - of_chains.mean()
        size = (of_data.square().mean() + of_chains.square().mean()) / 2
        return {"loss": gap + replay.pull * size, "gap": gap, "energy": of_data.mean()}

    def score_matching(self, batch: Batch) -> Float[Tensor, ""]:
        """The mean of ½ ‖σ ∇E(x + σz) − z‖².

        Args:
            batch: Rows of data.
        """
        y, given = self.numbers.of(batch.x), self.training_given(batch)
        z = batch.noise.at("blur").normal(*y.shape, dtype=y.dtype)
        with torch.enable_grad():
            blurred = (y + self.sigma * z).requires_grad_()
            (slope,) = torch.autograd.grad(self.energy(blurred, given).sum(), blurred, create_graph=True)
        return (self.sigma * slope - z).square().flatten(1).sum(1).mean() / 2

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Chains of the buffer start from N(0, r² I)."""
        first = next(iter(batches), None)
        if self.replay and first is not None:
            noise = Noise(first.noise.seed, *first.noise.path, "start", device=self.device)
            self.chains.copy_(self._fresh(self.replay.size, noise))

    def extra_repr(self) -> str:
        learns = "contrast" if self.replay else "score"
        return f"{self.space}, given={self.given_space}, learns={learns!r}, walk={self.walk}, reach={self.reach}"

    @property
    def numbers(self) -> Numbers:
        """x as the potential sees it."""
        return Numbers(self.space, self.dtype)

    def _fresh(self, n: int, noise: Noise) -> Tensor:
        return self.reach * noise.normal(n, *self.space.shape, dtype=self.dtype)

    def _moved(self, y: Tensor, noise: Noise, given: Given = NOTHING, beta: float = 1.0) -> Tensor:
        """A Langevin step of each chain."""
        heat = self.walk.temperature
        kernel = ula(lambda y: -self.energy(y, given, beta) / heat, step_size=self.walk.step_size * heat)
        return kernel.step(kernel.init(y), noise).x.detach()

    def _whose_turn(self, replay: Replay) -> Tensor:
        """The chains that the next round contrasts with: one stretch of the buffer after the other."""
        return (self.turn + torch.arange(replay.count, device=self.device)) % replay.size

    def _move_chains(self, now: Instant) -> None:
        """Gives the turn to the next chains and moves them under the new weights; every process moves them alike."""
        replay = self.replay or Replay()
        self.turn.add_(replay.count).remainder_(replay.size)
        which = self._whose_turn(replay)
        noise = now.noise
        y, anew = self.chains[which].to(self.dtype), noise.uniform(replay.count) < replay.fresh
        y = torch.where(anew.reshape(-1, *[1] * (y.ndim - 1)), self._fresh(replay.count, noise.at("fresh")), y)
        for t in range(replay.steps):
            y = self._moved(y, noise.at("walk", t))
        self.chains[which] = y.to(self.chains)
