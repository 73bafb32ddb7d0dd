"""What diffusions of symbols share: rows as symbols, and a network that says what stands at every place.

Their bounds are of rows of a fixed length. Where lengths vary, all that follows the first end is an end, too: what a
draw has there is thrown away, so that the mass of a row is at least what the bound is of.
"""

import abc
from collections.abc import Callable

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn

from genzoo.core.game import Batch, Objective
from genzoo.core.given import Given, GivenSpaceLike, null_like
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import flattened, unflattened
from genzoo.models.diffusion.time import spread
from genzoo.models.sequences import check_padding, refuse_unlike, symbols
from genzoo.nn.transformer import Looks

__all__ = ["DiscreteModel", "Say"]

Say = Callable[[Tensor], Tensor]  # symbols (B, D), some of them hidden, to log-probabilities (B, D, K)


class DiscreteModel(GenerativeModel):
    """A diffusion of symbols.

    Args:
        space: What one x is: levels, of a fixed shape or ragged.
        given_space: What the model is conditioned on, if anything.
        net: Called as net(symbols, t, given), with K + 1 symbols of which the last one means "hidden"; says K logits
            at every place. K counts the end where lengths vary.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Attributes:
        levels: K.
        hidden: The symbol K.

    Raises:
        ValueError: If the space is not one of symbols.

    References:
        Austin et al., 2021, "Structured denoising diffusion models in discrete state-spaces", arXiv:2107.03006
    """

    likelihood = Likelihood.BOUND
    block = 1 << 16

    def __init__(self, space: Space, given_space: GivenSpaceLike, net: nn.Module, *, drop_given: float = 0.0) -> None:
        super().__init__(space, given_space)
        refuse_unlike(space, type(self).__name__)
        self.net, self.drop_given = net, drop_given
        self.levels = self.hidden = symbols(space)

    @abc.abstractmethod
    def cost(
        self, tokens: Int[Tensor, "B D"], u: Float[Tensor, " B"], given: Given, noise: Noise, steps: int | None
    ) -> Float[Tensor, " B"]:
        """−(bound on log p) of rows in nats, as one of its steps tells it: the mean over u, uniform on [0, 1), and the
        noise is the bound."""

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        given, u = self.training_given(batch), spread(len(batch), batch.noise.at("time"))
        return self.cost(self.tokens(batch.x), u, given, batch.noise, None).mean()

    def lowers(self) -> Objective:
        return Objective(nats=("loss",), densities=("loss",))

    def log_density(
        self, x: Integer[Tensor, "B *event"], given: Given, noise: Noise, *, samples: int = 8, steps: int | None = None
    ) -> Float[Tensor, " B"]:
        """The bound from so many of its steps, spread evenly.

        Args:
            x: Rows.
            given: The condition.
            noise: Where the draws come from.
            samples: How many of the steps are drawn; their mean has no bias, whatever their number.
            steps: In how many steps the samples are drawn whose bound it is; by default as many as there may be.
        """
        if samples < 1 or (steps is not None and steps < 1):
            raise ValueError(f"`samples` and `steps` must be at least 1, got {samples} and {steps}.")
        tokens, total = self.tokens(x), torch.zeros(len(x), dtype=torch.float64, device=x.device)
        for k in range(samples):
            page = noise.at("step", k)
            u = (k + page.at("time").uniform(len(x), dtype=torch.float64)) / samples
            total = total + self.cost(tokens, u, given, page, steps)
        return (-total / samples).to(self.dtype)

    def tokens(self, x: Integer[Tensor, "B *event"]) -> Int[Tensor, "B D"]:
        """Rows as symbols, all of one length."""
        if self.space.ragged and not torch.compiler.is_exporting():
            check_padding(x, self.space)
        tokens = flattened(x, self.space)
        return nn.functional.pad(tokens, (0, self.space.dims - tokens.shape[1]), value=self.space.levels or 0)

    def rows(self, tokens: Int[Tensor, "B D"]) -> Integer[Tensor, "B *event"]:
        """Symbols as rows of the space: all that follows an end is an end."""
        if self.space.ragged:
            ended = (tokens == self.levels - 1).cumsum(1) > 0
            tokens = tokens.masked_fill(ended, self.levels - 1)
        return unflattened(tokens, self.space)

    def log_p(
        self, tokens: Int[Tensor, "B T"], t: Float[Tensor, " B"], given: Given, looks: Looks | None = None
    ) -> Float[Tensor, "B T K"]:
        """log p̂(x_d | x_t, given) of every symbol at every place; a transformer may be told who looks at whom."""
        told = () if looks is None else (looks,)
        said: Tensor = self.net(tokens, t.to(self.dtype), given or None, *told)
        return self._normed(said)

    def _normed(self, said: Float[Tensor, "B T K"]) -> Float[Tensor, "B T K"]:
        """log p̂ of what a network says."""
        return (said if said.dtype == torch.float64 else said.float()).log_softmax(-1)

    def led(
        self,
        tokens: Int[Tensor, "B T"],
        t: Float[Tensor, " B"],
        given: Given,
        guidance: float,
        looks: Looks | None = None,
    ) -> Float[Tensor, "B T K"]:
        """The same, led to the condition: (1 + w) log p̂(· | given) − w log p̂(·), normed."""
        said = self.log_p(tokens, t, given, looks)
        if guidance == 0 or not given:
            return said
        return ((1 + guidance) * said - guidance * self.log_p(tokens, t, null_like(given), looks)).log_softmax(-1)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}"
