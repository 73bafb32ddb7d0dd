"""Mixture density networks: a perceptron of the condition says a mixture of Gaussians of all of x.

$$ p(x \\mid c) = \\sum_k \\pi_k(c) \\prod_d N\\big(x_d; \\mu_{kd}(c), \\sigma_{kd}(c)^2\\big) $$

With one component its mean is the regression of x on the condition, and with a fixed σ its loss is the squared error.
A mean of several answers may be none: two components keep apart what one would put in the middle.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import softplus

from genzoo.core.abilities import Ability
from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.causes import Causes
from genzoo.nn.embedding import Embedding
from genzoo.nn.mlp import MLP

__all__ = ["MixtureDensity"]

NARROW, WIDE = -7.0, 3.0  # log σ lies between


class MixtureDensity(GenerativeModel):
    """A mixture of Gaussians with diagonal covariances whose every parameter is a function of the condition.

    Args:
        space: What one x is: reals in standard units, of any shape.
        given_space: What the model is conditioned on; without a condition it is one mixture.
        components: K.
        width: Units of a hidden layer.
        depth: Hidden layers.
        fixed: Whether σ is one number for all conditions, entries and components: then what is learned of the means
            is least squares.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If the space is not real, or a number is not positive.

    Example:
        >>> model = MixtureDensity(Space((4, 2)), Space((3,)), components=2, width=16)
        >>> x = model.sample(5, torch.zeros(3), seed=0)
        >>> x.shape, model.log_prob(x, torch.zeros(3)).shape
        (torch.Size([5, 4, 2]), torch.Size([5]))

    References:
        Bishop, 1994, "Mixture density networks"
    """

    likelihood = Likelihood.EXACT

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        components: int = 5,
        width: int = 256,
        depth: int = 3,
        fixed: bool = False,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        if not space.is_real or space.ragged:
            raise ValueError(f"MixtureDensity is a density of reals of a fixed shape, got {space}. Dequantize levels.")
        if min(components, width, depth) < 1:
            raise ValueError(f"Its sizes must be positive, got {components}, {width}, {depth}. Pass 1 or more.")
        self.components, self.drop_given = components, drop_given
        self.embedding = Embedding(given_space, width) if given_space else None
        if not given_space:
            self.nothing = nn.Parameter(torch.randn(width))  # in the condition's place
        self.net = MLP(width, [width] * depth, components * (1 + (1 if fixed else 2) * space.dims))
        self.log_scale = nn.Parameter(torch.zeros(())) if fixed else None
        nn.init.zeros_(self.net.last.weight)
        nn.init.normal_(self.net.last.bias[components : components * (1 + space.dims)])

    def mixture(
        self, n: int, given: Given
    ) -> tuple[Float[Tensor, "n K"], Float[Tensor, "n K D"], Float[Tensor, "n K D"]]:
        """log π, μ and log σ for n rows."""
        told = self.embedding(given) if self.embedding is not None else self.nothing
        said = self.net(told.expand(n, -1))
        said = said.float() if said.dtype in (torch.bfloat16, torch.float16) else said
        weights, rest = said.split([self.components, said.shape[1] - self.components], dim=1)
        parts = rest.unflatten(1, (-1, self.components, self.space.dims)).unbind(1)
        log_scale = self.log_scale.expand_as(parts[0]) if self.log_scale is not None else parts[1]
        return weights.log_softmax(1), parts[0], WIDE - softplus(WIDE - (NARROW + softplus(log_scale - NARROW)))

    def log_density(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        return self._joint(x, given).logsumexp(1)

    def draw(self, n: int, given: Given, noise: Noise, *, temperature: float = 1.0) -> Float[Tensor, "n *event"]:
        """Draws, whose distances from their component's mean are multiplied by a temperature."""
        log_weight, mean, log_scale = self.mixture(n, given)
        which = noise.at("component").categorical(log_weight)[:, None, None].expand(-1, 1, self.space.dims)
        mean, log_scale = mean.gather(1, which)[:, 0], log_scale.gather(1, which)[:, 0]
        z = noise.at("place").normal(n, self.space.dims, dtype=mean.dtype)
        return (mean + temperature * log_scale.exp() * z).to(self.dtype).unflatten(1, self.space.shape)

    def abilities(self) -> list[Ability]:
        return [Causes(Space((), levels=self.components), self.component_of)] if self.components > 1 else []

    def component_of(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Int[Tensor, " B"]:
        """A component for each row, drawn from p(k | x, given)."""
        return noise.categorical(self._joint(x, given))

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, components={self.components}"

    def _joint(self, x: Float[Tensor, "B *event"], given: Given) -> Float[Tensor, "B K"]:
        """log π_k N(x; μ_k, σ_k²)."""
        log_weight, mean, log_scale = self.mixture(len(x), given)
        z = (x.flatten(1)[:, None] - mean) / log_scale.exp()
        each = -0.5 * z.square().sum(2) - log_scale.sum(2) - 0.5 * self.space.dims * math.log(2 * math.pi)
        return log_weight + each
