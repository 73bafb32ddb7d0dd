"""Parametrizations: what the network says, and what that says of the data.

A network may predict the data, the noise, or any mixture a x + b ε of the two with a and b known at each time. Since
x_t = α x + σ ε, each mixture is as good as the mean E[x | x_t]: two linear equations in two unknowns,

$$ F = a\\,x + b\\,\\varepsilon, \\quad x_t = \\alpha x + \\sigma\\varepsilon
   \\quad\\Longrightarrow\\quad x = \\frac{\\sigma F - b\\,x_t}{a\\sigma - b\\alpha}. $$

What differs is how an error of the network is spread over times.
"""

import enum

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.models.diffusion.schedule import Moment, Schedule

__all__ = ["Predicts"]


class Predicts(enum.Enum):
    """What the network predicts.

    DATA is x, NOISE is ε, SCORE is ∇ log p(x_t) = −ε/σ, VELOCITY is the flow's dx_t/dt = α' x + σ' ε, V is α ε − σ x,
    the velocity along a quarter circle, and PRECONDITIONED is the mixture (σ x − α ε)/ρ with ρ² = α² + σ²,
    uncorrelated with x_t for data of unit variance: the target of Karras et al., which keeps input, target and error
    of unit size at every time.

    Example:
        >>> from genzoo.models.diffusion import Straight
        >>> at, x, noise = Straight().at(torch.tensor(0.3)), torch.tensor([2.0]), torch.tensor([-1.0])
        >>> said = Predicts.VELOCITY.target(x, noise, at)
        >>> said, Predicts.VELOCITY.mean(said, at.mix(x, noise), at)
        (tensor([-3.]), tensor([2.]))

    References:
        Ho, Jain & Abbeel, 2020, arXiv:2006.11239 (the noise)
        Song & Ermon, 2019, "Generative modeling by estimating gradients of the data distribution", arXiv:1907.05600
        Salimans & Ho, 2022, "Progressive distillation for fast sampling of diffusion models", arXiv:2202.00512 (V)
        Karras, Aittala, Aila & Laine, 2022, arXiv:2206.00364 (preconditioning)
    """

    DATA = "data"
    NOISE = "noise"
    SCORE = "score"
    VELOCITY = "velocity"
    V = "v"
    PRECONDITIONED = "preconditioned"

    def target(
        self, x: Float[Tensor, "B *event"], noise: Float[Tensor, "B *event"], at: Moment
    ) -> Float[Tensor, "B *event"]:
        """F = a x + b ε, what the network ought to say."""
        a, b = self._mixture(at)
        return a * x + b * noise

    def mean(
        self, said: Float[Tensor, "B *event"], x_t: Float[Tensor, "B *event"], at: Moment
    ) -> Float[Tensor, "B *event"]:
        """E[x | x_t] from what the network says."""
        if self is Predicts.DATA:
            return said  # also where σ = 0 leaves nothing to divide by
        a, b = self._mixture(at)
        return (at.sigma * said - b * x_t) / (a * at.sigma - b * at.alpha)

    def reach(self, at: Moment) -> Tensor:
        """By how much the mean moves when what the network says moves by one, |σ / (aσ − bα)|."""
        a, b = self._mixture(at)
        return (at.sigma / (a * at.sigma - b * at.alpha)).abs()

    def refuse(self, schedule: Schedule) -> None:
        """Raises if what the network says would not determine the mean at the last time of a schedule.

        Raises:
            ValueError: If noise is predicted where no signal is left.
        """
        last = torch.tensor(schedule.t_max, dtype=torch.float64)
        if not 0 < (reach := self.reach(schedule.at(last)).item()) < 1e6:
            raise ValueError(
                f"Predicting the {self.value} needs some signal at every time: {schedule} has α = "
                f"{schedule(last)[0].item():.3g} at its last time {schedule.t_max}, where an error of one moves the "
                f"mean by {reach:.3g}. Predict Predicts.VELOCITY or Predicts.DATA, or take a smaller t_max."
            )

    def _mixture(self, at: Moment) -> tuple[Tensor, Tensor]:
        """a and b."""
        match self:
            case Predicts.DATA:
                return torch.ones_like(at.alpha), torch.zeros_like(at.alpha)
            case Predicts.NOISE:
                return torch.zeros_like(at.alpha), torch.ones_like(at.alpha)
            case Predicts.SCORE:
                return torch.zeros_like(at.alpha), -1 / at.sigma
            case Predicts.V:
                return -at.sigma, at.alpha
            case Predicts.VELOCITY:
                return at.d_alpha, at.d_sigma
            case Predicts.PRECONDITIONED:
                return at.sigma / at.scale, -at.alpha / at.scale
