"""The Boltzmann machine: binary units, visible and hidden, each coupled with every other.

$$ E(s) = -\\tfrac12 s^\\top J s - b^\\top s, \\qquad p(v) = \\frac1Z \\sum_h e^{-E(v, h)}, \\qquad s = (v, h). $$

Its likelihood has the gradient that made it famous: what the units do together when the data hold the visible ones,
less what they do together when nothing holds them,

$$ \\frac{\\partial \\log p(v)}{\\partial J_{ij}} = \\langle s_i s_j \\rangle_{v} - \\langle s_i s_j \\rangle. $$

Both means are sums over all states here, so the machine is small and exact; the restricted machine
(`genzoo.models.graphical.rbm`) gives up couplings within a layer and grows.

References:
    Ackley, Hinton & Sejnowski, 1985, "A learning algorithm for Boltzmann machines"
"""

import torch
from jaxtyping import Float, Integer, UInt8
from torch import Tensor, nn

from genzoo.core.abilities import Ability
from genzoo.core.given import Given
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.mcmc.kernel import run
from genzoo.mcmc.sweeps import bits, gibbs, singles
from genzoo.models.causes import Causes
from genzoo.models.graphical.states import FEW, binary_states

__all__ = ["BoltzmannMachine"]

AT_ONCE = 1 << 22  # masses of states of hidden units that are held at a time


class BoltzmannMachine(GenerativeModel):
    """A general Boltzmann machine of up to 20 units, exact by enumeration.

    Training follows the exact gradient. Samples are exact too, or those of Gibbs chains: `sample(…, sweeps=100)`.

    Args:
        space: What one x is: two levels, up to 20 entries.
        hidden: The number of hidden units.

    Raises:
        ValueError: If the space is not binary, or there are more than 20 units together.

    Example:
        >>> model = BoltzmannMachine(Space((4,), levels=2), hidden=2)
        >>> x = model.sample(5, seed=0)
        >>> x.shape, model.log_prob(x).shape
        (torch.Size([5, 4]), torch.Size([5]))

    References:
        Ackley, Hinton & Sejnowski, 1985
    """

    likelihood = Likelihood.EXACT
    rows: Tensor
    columns: Tensor

    def __init__(self, space: Space, *, hidden: int = 4) -> None:
        super().__init__(space)
        _check(space, hidden)
        self.hidden, self.units = hidden, space.dims + hidden
        rows, columns = torch.triu_indices(self.units, self.units, 1)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)
        self.couplings = nn.Parameter(0.1 * torch.randn(len(rows)))
        self.biases = nn.Parameter(torch.zeros(self.units))

    @property
    def coupling(self) -> Float[Tensor, "units units"]:
        """J, symmetric with a zero diagonal."""
        upper = (
            torch.zeros_like(self.biases).repeat(self.units, 1).index_put((self.rows, self.columns), self.couplings)
        )
        return upper + upper.T

    def energy(self, s: Float[Tensor, "B units"]) -> Float[Tensor, " B"]:
        """E(s), visible units first.

        Args:
            s: States of zeros and ones.
        """
        return -((s @ self.coupling) * s).sum(1) / 2 - s @ self.biases

    def log_masses(self) -> Float[Tensor, " states"]:
        """log p(v) of all 2ᴰ rows, in the order of binary numbers."""
        parts = [-self.energy(states) for states in binary_states(self.units, self.dtype, self.device)]
        joint = torch.cat(parts).view(2**self.space.dims, 2**self.hidden)
        return joint.logsumexp(1).log_softmax(0)

    def log_density(self, x: Integer[Tensor, "B *shape"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        return self.log_masses()[(x.flatten(1).long() * self._places).sum(1)]

    def draw(self, n: int, given: Given, noise: Noise, *, sweeps: int | None = None) -> Integer[Tensor, "n *shape"]:
        """Samples from the table of masses, or by Gibbs chains.

        Args:
            n: The number of rows.
            given: Nothing.
            noise: Where randomness comes from.
            sweeps: The sweeps of each row's chain; none: exact draws.

        Raises:
            ValueError: If `sweeps` is negative.
        """
        if sweeps is None:
            edges = self.log_masses().double().exp().cumsum(0)
            number = torch.searchsorted(edges, noise.uniform(n, dtype=torch.float64) * edges[-1], right=True)
            v = number.clamp_max(len(edges) - 1)[:, None] // self._places % 2
        else:
            coupling = self.coupling
            kernel = gibbs(bits(lambda sites, s: s @ coupling[:, sites] + self.biases[sites]), singles(self.units))
            start = noise.at("start").bernoulli(torch.full((n, self.units), 0.5, dtype=self.dtype))
            v = run(kernel, start, noise, sweeps, thin=max(1, sweeps)).state.x[:, : self.space.dims]
        return v.to(torch.uint8).unflatten(1, self.space.shape)

    def abilities(self) -> list[Ability]:
        return [Causes(Space((self.hidden,), levels=2), self.hidden_given)] if self.hidden else []

    def hidden_given(self, x: Integer[Tensor, "B *shape"], given: Given, noise: Noise) -> UInt8[Tensor, "B hidden"]:
        """Hidden units drawn given the visible ones, by the masses of all 2ᴴ of their states."""
        d, coupling = self.space.dims, self.coupling
        states = torch.cat(list(binary_states(self.hidden, self.dtype, self.device)))
        among = ((states @ coupling[d:, d:]) * states).sum(1) / 2
        inputs = x.flatten(1).to(self.dtype) @ coupling[:d, d:] + self.biases[d:]
        uniform, some = noise.uniform(len(x), 1, dtype=torch.float64), max(1, AT_ONCE // len(states))
        found = [inputs.new_zeros(0, self.hidden)]
        for part, u in zip(inputs.split(some), uniform.split(some), strict=True):
            edges = (among + part @ states.T).double().softmax(1).cumsum(1)
            number = torch.searchsorted(edges, u * edges[:, -1:], right=True).squeeze(1)
            found.append(states[number.clamp_max(len(states) - 1)])
        return torch.cat(found).to(torch.uint8)

    def extra_repr(self) -> str:
        return f"{self.space}, hidden={self.hidden}"

    @property
    def _places(self) -> Tensor:
        """The weight of each visible unit in a state's number."""
        return 2 ** torch.arange(self.space.dims - 1, -1, -1, device=self.device)


def _check(space: Space, hidden: int) -> None:
    if space.levels != 2 or space.ragged:
        raise ValueError(f"BoltzmannMachine is a model of binary data, got {space}. Binarize pixels first.")
    if hidden < 0 or space.dims + hidden > FEW:
        raise ValueError(
            f"BoltzmannMachine enumerates its states, so visible and hidden units together must be at most {FEW}, got "
            f"{space.dims} + {hidden}. Take RBM for more."
        )
