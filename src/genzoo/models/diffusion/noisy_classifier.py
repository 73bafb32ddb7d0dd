"""A classifier of noised rows, which a diffusion without a condition can be led by."""

import math

import torch
from jaxtyping import Float, Integer, Shaped
from torch import Tensor, nn

from genzoo.core.game import Batch, Objective
from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.models.diffusion.flow_likelihood import TRAINED
from genzoo.models.diffusion.schedule import Cosine, Moment, Schedule
from genzoo.models.diffusion.time import spread

__all__ = ["NoisyClassifier"]


class NoisyClassifier(GenerativeModel):
    """The label given a row, however much noise is in it; its loss is the cross-entropy at all noises,

    $$ L = -\\mathbb E_{t, x, \\varepsilon} \\log p(y \\mid \\alpha x + \\sigma \\varepsilon, t). $$

    A classifier is a model of the label: x is the label, and the condition the row. `log_prob` is that of the row as
    it is. Its gradient in noised rows leads a diffusion to where the label is what is wanted, `ClassifiedDiffusion`.
    Only the noise in units of the signal matters, so the schedule need not be the diffusion's.

    Args:
        space: What one label is: one integer below C.
        given_space: What one row is, levels or reals of a fixed shape.
        net: Called as net(x_t / ρ, t, None) with one time a row; the logits of C classes.
        schedule: α and σ; by default `Cosine`, at all whose times it looks alike.

    Raises:
        ValueError: If x is no label, or the condition no row.

    Example:
        >>> from genzoo.nn import MLP, Timed
        >>> model = NoisyClassifier(Space((), levels=3), Space((2,)), Timed(MLP(2, [16], 3, given=8), 8))
        >>> model.log_prob(torch.tensor([0, 2]), torch.zeros(2, 2)).shape
        torch.Size([2])

    References:
        Dhariwal & Nichol, 2021, "Diffusion models beat GANs on image synthesis", arXiv:2105.05233
    """

    likelihood = Likelihood.EXACT

    def __init__(
        self, space: Space, given_space: GivenSpaceLike, net: nn.Module, *, schedule: Schedule | None = None
    ) -> None:
        super().__init__(space, given_space)
        rows = list(self.given_space.values())
        if space.levels is None or space.dims != 1 or len(rows) != 1 or rows[0].ragged or not rows[0].shape:
            raise ValueError(
                f"A classifier tells one label of one row of a fixed shape, got x of {space} and conditions "
                f"{self.given_space}. Name the label as x and the row as its condition."
            )
        self.net, self.schedule = net, schedule or Cosine()
        (self.name, self.row), *_ = self.given_space.items()
        noises = torch.tensor([TRAINED, 1 / TRAINED], dtype=torch.float64)
        self.first, self.last = self.schedule.time(-2 * noises.log()).tolist()

    @property
    def numbers(self) -> Numbers:
        """Rows as the network sees them."""
        return Numbers(self.row, self.dtype)

    def log_probs(self, x_t: Float[Tensor, "B *event"], at: Moment) -> Float[Tensor, "B C"]:
        """log p(c | x_t) of every class, for rows as numbers, noised as some diffusion has them.

        Args:
            x_t: The noised rows.
            at: α and σ, of all rows or of each.
        """
        edge = -2 * math.log(TRAINED)
        t = self.schedule.time(at.log_snr.double().clamp(-edge, edge)).to(x_t.dtype)
        logits: Tensor = self.net(x_t / at.over(x_t).scale, t.flatten().expand(len(x_t)), None)
        return logits.float().log_softmax(1) if logits.dtype is torch.bfloat16 else logits.log_softmax(1)

    def log_density(self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        return self._of_rows(given).gather(1, x.long().reshape(-1, 1))[:, 0]

    def draw(self, n: int, given: Given, noise: Noise) -> Integer[Tensor, "n *event"]:
        labels = noise.categorical(self._of_rows(given).double())
        return labels.to(getattr(torch, self.space.dtype)).reshape(n, *self.space.shape)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        x = self.numbers.of(batch.given[self.name])
        t = self.first + (self.last - self.first) * spread(len(x), batch.noise.at("time"))
        at = self.schedule.at(t.to(x.dtype)).over(x)
        told = self.log_probs(at.mix(x, batch.noise.at("noise").normal(*x.shape, dtype=x.dtype)), at)
        return -told.gather(1, batch.x.long().reshape(-1, 1)).mean()

    def lowers(self) -> Objective:
        return Objective("−log p(class | noised row)", nats=("loss",))

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, {self.schedule}"

    def _of_rows(self, given: Given) -> Tensor:
        """log p(c | row) of every class, for rows as they are."""
        x = self.numbers.of(given[self.name])
        at = self.schedule.at(torch.tensor(self.first, dtype=x.dtype, device=x.device))
        return self.log_probs(at.alpha * x, at)
