"""Energy matching: one energy, without a time, down which noise flows to data, and whose Boltzmann law the data are.

Far from the data its slope is the velocity of a flow; near them it is held at a temperature ε, at which

$$ p(x) \\propto e^{-V(x) / \\varepsilon}. $$

Two losses teach it. *Transport*: between a row x and the noise z that lies nearest to it in a batch, the slope is to
point straight from the noise to the row, whatever the time,

$$ L_T = \\mathbb E_{t \\ge \\tau}\\,\\|{-\\nabla V(x_t)} - (x - z)\\|^2, \\qquad x_t = (1 - t)\\,x + t z. $$

*Contrast*: the energy of the data falls and that of Langevin chains at temperature ε rises, which ends where both have
one law,

$$ L_C = \\mathbb E_{data} V(x) / \\varepsilon - \\mathbb E_{chains} V(x) / \\varepsilon. $$

Chains need not find the data from far, for the flow has brought them there: what is hard for energies alone. But
Langevin's steps never cross from mode to mode, and then the shares of the chains among modes stay what they were,
whatever the energy says of them: no gradient tells its heights apart. So chains also jump to places near other chains,
accepted by Metropolis' rule; and transport, whose slope is not the density's near the data, counts less and less.

References:
    Balcerak et al., 2025, "Energy matching: unifying flow matching and energy-based models for generative modeling",
    arXiv:2504.10612
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core.game import Batch, Instant, Objective, Player
from genzoo.core.given import NOTHING, Given
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.mcmc.langevin import mala
from genzoo.models.diffusion.coupling import Coupling, MinibatchOT
from genzoo.models.diffusion.time import spread

__all__ = ["Chains", "EnergyMatching"]

LEAST = 0.02  # what the transport counts at the end
NEAR = 8  # the neighbor whose distance is the width of a jump
FALL = 20  # steps by which noise for chains falls down the slope


@dataclass(frozen=True)
class Chains:
    """The chains that the data are contrasted with, kept from round to round.

    Attributes:
        size: Their number.
        count: How many are moved in each round, in turn.
        steps: How many steps they are moved.
        step_size: h, in units of V/ε.
        fresh: The share of the moved that start anew, from noise that has flowed down.
        weight: The weight of the contrast, in nats, beside the transport.
        jumps: Whether they also jump to places near chains that rest, if more than eight do.

    Raises:
        ValueError: If a number is out of range.
    """

    size: int = 1024
    count: int = 256
    steps: int = 5
    step_size: float = 0.005
    fresh: float = 0.002
    weight: float = 1.0
    jumps: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.count <= self.size or self.steps < 1 or not 0 <= self.fresh <= 1:
            raise ValueError(
                f"Of `size` chains 1 or more are to be moved by at least one step, a share `fresh` in [0, 1] of them "
                f"anew, got {self}."
            )
        if self.step_size <= 0 or self.weight <= 0:
            raise ValueError(f"`step_size` and `weight` of chains must be positive, got {self}.")


class EnergyMatching(GenerativeModel):
    """An energy V without a time, whose slope carries noise to data, and with e^(−V/ε) for their density.

    `log_prob` is −V(x)/ε, without log Z: unnormalized. Reals should come in standard units; on levels the network sees
    numbers in [−1, 1], anywhere in their cells in training, and samples go to the nearest level.

    A sample starts as noise. The first half of the steps falls down the slope from t = 1 to t = 0, from t = τ on with
    a heat that rises to ε; the other half are Langevin steps at ε, adjusted by Metropolis and Hastings.

    Args:
        space: What one x is.
        potential: V, called as potential(y, None); one number a row.
        heat: ε.
        until: τ, the time down to which the slope is taught to be the velocity.
        warm: The share of the training before chains are contrasted with the data.
        chains: The chains.
        coupling: Which noise goes with which row.
        steps: Steps of a sample if nothing else is asked for.

    Raises:
        ValueError: If a number is out of range, or rows are of unlike lengths.

    Example:
        >>> from genzoo.nn import MLP
        >>> model = EnergyMatching(Space((2,)), MLP(2, [16], 1))
        >>> x = model.sample(5, seed=0, steps=20)
        >>> x.shape, model.log_prob(x).shape, model.score(x).shape
        (torch.Size([5, 2]), torch.Size([5]), torch.Size([5, 2]))

    References:
        Balcerak et al., 2025, arXiv:2504.10612
    """

    likelihood = Likelihood.UNNORMALIZED
    places: Tensor
    turn: Tensor

    def __init__(
        self,
        space: Space,
        potential: nn.Module,
        *,
        heat: float = 0.1,
        until: float = 0.6,
        warm: float = 0.1,
        chains: Chains = Chains(),
        coupling: Coupling | None = None,
        steps: int = 200,
    ) -> None:
        super().__init__(space)
        if heat <= 0 or not 0 <= until < 1 or not 0 <= warm < 1 or steps < 2 or space.ragged:
            raise ValueError(
                f"Energy matching needs rows of one length, a positive heat, `until` and `warm` in [0, 1) and at "
                f"least two steps, got {space}, {heat}, {until}, {warm} and {steps}."
            )
        self.potential, self.heat, self.until, self.warm = potential, heat, until, warm
        self.chains, self.coupling, self.steps = chains, coupling or MinibatchOT(), steps
        self.register_buffer("places", torch.zeros(chains.size, *space.shape))
        self.register_buffer("turn", torch.zeros((), dtype=torch.int64))

    # --- the distribution -------------------------------------------------------------------------------------------

    def energy(self, y: Float[Tensor, "B *shape"]) -> Float[Tensor, " B"]:
        """V of rows as the network sees them: levels as numbers in [−1, 1]."""
        told: Tensor = self.potential(y, None)
        return told.squeeze(1).to(y.dtype)

    def slope(self, y: Float[Tensor, "B *shape"], *, graph: bool = False) -> Float[Tensor, "B *shape"]:
        """∇V.

        Args:
            y: Rows as the network sees them.
            graph: Whether it is to be differentiated.
        """
        with torch.enable_grad():
            y = y.detach().requires_grad_()
            return torch.autograd.grad(self.energy(y).sum(), y, create_graph=graph)[0]

    def log_density(self, x: Shaped[Tensor, "B *shape"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        return -self.energy(self.numbers.of(x)) / self.heat

    def draw(self, n: int, given: Given, noise: Noise, *, steps: int | None = None) -> Shaped[Tensor, "n *shape"]:
        """Samples, each down the slope and then by a chain of its own.

        Args:
            n: The number of rows.
            given: Nothing.
            noise: Where randomness comes from.
            steps: Steps in all; by default as the model says.

        Raises:
            ValueError: If there are fewer than two.
        """
        steps = self.steps if steps is None else steps
        if steps < 2:
            raise ValueError(f"`steps` must be at least 2, one down the slope and one of a chain, got {steps}.")
        y = self._fallen(n, noise.at("fall"), steps // 2)
        return self.numbers.back(self._walked(y, noise.at("walk"), steps - steps // 2))

    # --- training ---------------------------------------------------------------------------------------------------

    def players(self) -> Sequence[Player]:
        return [Player("model", self, self.parts, after=self._move)]

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        return self.parts(batch)["loss"]

    def lowers(self) -> Objective:
        return Objective("squared error of the slope, and the gap of energies")

    def parts(self, batch: Batch) -> dict[str, Tensor]:
        """The loss, and its parts.

        Args:
            batch: Rows of data.
        """
        y = self.numbers.of(batch.x)
        if self.space.is_discrete:  # anywhere in their cells
            width = 2 / max(1, (self.space.levels or 2) - 1)
            y = y + width * (batch.noise.at("cell").uniform(*y.shape, dtype=y.dtype) - 0.5)
        transport = self._transport(y, batch.noise)
        if batch.progress < self.warm:
            return {"loss": transport, "transport": transport}
        gap = self.energy(y).mean() - self.energy(self.places[self._whose_turn()].to(y)).mean()
        gap = gap / self.heat  # in nats
        # Near the data the slope of the flow is not that of the density.
        left = max(LEAST, ((1 - batch.progress) / (1 - self.warm)) ** 2)
        return {"loss": left * transport + self.chains.weight * gap, "transport": transport, "gap": gap}

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Chains start from rows of data, blurred by a tenth, as often as need be."""
        found = list[Tensor]()
        for batch in batches:
            found.append(self.numbers.of(batch.x))
            if sum(map(len, found)) >= self.chains.size:
                break
        if found:
            rows = torch.cat(found)
            rows = rows[torch.arange(self.chains.size, device=rows.device) % len(rows)]
            noise = Noise(0, "chains", device=self.device)
            self.places.copy_(rows + 0.1 * noise.normal(*rows.shape, dtype=rows.dtype))

    def extra_repr(self) -> str:
        return f"{self.space}, heat={self.heat}, until={self.until}, {self.chains}, {self.coupling}"

    @property
    def numbers(self) -> Numbers:
        """x as the potential sees it."""
        return Numbers(self.space, self.dtype)

    def _transport(self, y: Tensor, noise: Noise) -> Float[Tensor, ""]:
        """How far the slope is from the way to the rows, the mean over entries."""
        z = noise.at("noise").normal(*y.shape, dtype=y.dtype)
        y, z = self.coupling.pair(y, z, NOTHING, noise.at("pairs"))
        t = self.until + (1 - self.until) * spread(len(y), noise.at("time")).to(y.dtype)
        t = t.reshape(-1, *[1] * (y.ndim - 1))
        return (self.slope((1 - t) * y + t * z, graph=True) + y - z).square().mean()

    def _fallen(self, n: int, noise: Noise, steps: int) -> Tensor:
        """Noise that has flowed down the slope, at last with a heat that rises."""
        y, dt = noise.at("start").normal(n, *self.space.shape, dtype=self.dtype), 1 / steps
        for k in range(steps):
            t = 1 - (k + 1) * dt
            heat = self.heat * max(0.0, 1 - t / self.until) if self.until else 0.0
            y = y - dt * self.slope(y)
            if heat > 0:
                y = y + (2 * heat * dt) ** 0.5 * noise.at("heat", k).normal(*y.shape, dtype=y.dtype)
        return y

    def _walked(self, y: Tensor, noise: Noise, steps: int) -> Tensor:
        """Ends of chains at the heat of the data."""
        kernel = mala(lambda y: -self.energy(y) / self.heat, step_size=self.chains.step_size)
        state = kernel.init(y)
        for k in range(steps):
            state = kernel.step(state, noise.at("step", k))
        return state.x.detach()

    def _whose_turn(self) -> Tensor:
        """The chains that the next round contrasts with: one stretch after the other."""
        return (self.turn + torch.arange(self.chains.count, device=self.device)) % self.chains.size

    def _move(self, now: Instant) -> None:
        """Gives the turn to the next chains and moves them under the new weights; every process moves them alike."""
        if now.progress < self.warm:
            return
        self.turn.add_(self.chains.count).remainder_(self.chains.size)
        which, count = self._whose_turn(), self.chains.count
        y, anew = self.places[which].to(self.dtype), now.noise.uniform(count) < self.chains.fresh
        if bool(anew.any()):
            y = y.index_copy(0, anew.nonzero()[:, 0], self._fallen(int(anew.sum()), now.noise, FALL))
        if self.chains.jumps and self.chains.size - self.chains.count > NEAR:
            y = self._jumped(y, now.noise.at("jump"))
        self.places[which] = self._walked(y, now.noise.at("walk"), self.chains.steps).to(self.places)

    @torch.no_grad()
    def _jumped(self, y: Tensor, noise: Noise) -> Tensor:
        """Each chain at a place near another chain, or where it was, as Metropolis and Hastings have it: so the shares
        of modes far apart are those of the energy, which no step of Langevin's would change."""
        rest = torch.arange(self.chains.count, self.chains.size, device=self.device)
        others = self.places[(self.turn + rest) % self.chains.size].to(y)
        apart = torch.cdist(others[:256].flatten(1), others.flatten(1))
        width = apart.kthvalue(NEAR + 1, 1).values.median() / math.sqrt(others[0].numel())
        new = others[noise.at("which").integers(len(others), len(y))]
        new = new + width * noise.at("step").normal(*y.shape, dtype=y.dtype)

        def log_w(x: Tensor) -> Tensor:
            log_q = -(torch.cdist(x.flatten(1), others.flatten(1)) / width).square() / 2
            return -self.energy(x) / self.heat - log_q.logsumexp(1)

        accepted = noise.at("accept").uniform(len(y), dtype=torch.float64).log() < log_w(new) - log_w(y)
        return torch.where(accepted.reshape(-1, *[1] * (y.ndim - 1)), new, y)
