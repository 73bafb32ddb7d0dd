"""Divergence minimization as training: a model fitted to an unnormalized density, or to samples, by a chosen measure.

Which divergence is lowered decides what a model does that cannot fit everything. With p the target and q the model,

$$ KL(p \\| q) = \\mathbb E_p[\\log p - \\log q] \\qquad KL(q \\| p) = \\mathbb E_q[\\log q - \\log p]: $$

the first is infinite where q misses mass of p, so q covers all modes; the second where q puts mass that p lacks, so q
seeks one. The Jensen–Shannon divergence and the Wasserstein distance have no such edge; a second player tells them,

$$ JS(p, q) = \\log 2 + \\max_D \\tfrac12 \\big(\\mathbb E_p \\log D + \\mathbb E_q \\log(1 - D)\\big), \\qquad
   W_1(p, q) = \\max_{\\|f\\|_L \\le 1} \\mathbb E_p f - \\mathbb E_q f. $$

Each is a `Trainable` around a model, which the one engine trains like anything else; `fit.model` is what was fitted.
What needs no data trains on `NoRows`.

References:
    Goodfellow et al., 2014, "Generative adversarial nets", arXiv:1406.2661
    Rezende & Mohamed, 2015, "Variational inference with normalizing flows", arXiv:1505.05770
    Gulrajani et al., 2017, "Improved training of Wasserstein GANs", arXiv:1704.00028
    Bornschein & Bengio, 2015, "Reweighted wake-sleep", arXiv:1406.2751 (forward KL by weighted samples)
"""

import abc
import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn.functional import softplus

from genzoo.core.game import Batch, Player, Trainable
from genzoo.core.given import NOTHING, GivenLike
from genzoo.core.model import Capability, GenerativeModel, Unsupported
from genzoo.core.noise import Noise
from genzoo.tasks.gradients import score_surrogate
from genzoo.tasks.importance import LogDensity, effective_sample_size

__all__ = ["ForwardKLFit", "JensenShannonFit", "NoRows", "ReverseKLFit", "WassersteinFit"]


class NoRows:
    """Rows that hold nothing, for a loss that needs noise alone.

    Args:
        count: How many the engine counts as one pass.

    Example:
        >>> NoRows(10).gather(torch.arange(3))[0].shape
        torch.Size([3, 0])
    """

    def __init__(self, count: int = 1 << 16) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def gather(self, index: Tensor, *, seed: int = 0, epoch: int = 0) -> tuple[Tensor, GivenLike]:
        """As many rows as are asked for."""
        return torch.zeros(len(index), 0), None


class Fit(Trainable):
    """A model under a divergence.

    Args:
        model: The model, q; unconditional.

    Raises:
        ValueError: If the model is conditional.
    """

    def __init__(self, model: GenerativeModel) -> None:
        super().__init__()
        if model.given_space:
            raise ValueError(f"A target is one density, so its model must be unconditional, got {model.given_space}.")
        self.model = model

    def log_prob(self, x: Shaped[Tensor, "B *event"], noise: Noise) -> Float[Tensor, " B"]:
        """log q(x), differentiable in the model."""
        return self.model.log_density(x, NOTHING, noise.at("log_prob"))

    def draw(self, batch: Batch) -> Shaped[Tensor, "B *event"]:
        """x ~ q, one row per row of the batch, differentiable in the model."""
        return self.model.draw(len(batch), NOTHING, batch.noise.at("draw"))


class ReverseKLFit(Fit):
    """The model that lowers $KL(q \\| p) - \\log Z = \\mathbb E_q[\\log q(x) - \\log \\tilde p(x)]$, without data.

    Where it vanishes the loss is −log Z; above it, the loss minus that is the divergence in nats. Before the fit, and
    after it for how near it came, ask `log_normalizer`.

    Args:
        model: A model with a density, and with draws that are differentiable unless the gradient is the score's.
        log_target: $\\log \\tilde p(x)$ of each row, differentiable likewise.
        gradient: `reparametrized`, through the draws, or `score`, for discrete x and what cannot be differentiated.

    Raises:
        Unsupported: If the model has no density, or its draws are not differentiable.
        ValueError: If the way to a gradient is none.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.flows import ActNorm, Chain, Flow
        >>> from genzoo.training import TrainConfig, train
        >>> fit = ReverseKLFit(Flow(Space((1,)), None, Chain(ActNorm(1))), lambda x: -(x[:, 0] - 2).square() / 2)
        >>> trained = train(fit, NoRows(), TrainConfig(steps=300, lr=0.05))
        >>> x = trained.model.model.sample(1000, seed=0)
        >>> bool((x.mean() - 2).abs() < 0.2), bool((x.std() - 1).abs() < 0.1)
        (True, True)
    """

    def __init__(self, model: GenerativeModel, log_target: LogDensity, *, gradient: str = "reparametrized") -> None:
        super().__init__(model)
        if gradient not in ("reparametrized", "score"):
            raise ValueError(f"`gradient` must be 'reparametrized' or 'score', got {gradient!r}.")
        need_density(model)
        if gradient == "reparametrized":
            need_differentiable_draws(model)
        self.log_target, self.gradient = log_target, gradient

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        if self.gradient == "score":
            return self._by_score(batch)
        x = self.draw(batch)
        return (self.log_prob(x, batch.noise) - self.log_target(x)).mean()

    def _by_score(self, batch: Batch) -> Float[Tensor, ""]:
        with torch.no_grad():
            x = self.draw(batch)
        log_prob = self.log_prob(x, batch.noise)
        y = (log_prob - self.log_target(x)).detach()
        surrogate = score_surrogate(y, log_prob)  # E ∇log q = 0, so log q within y adds nothing
        return y.mean() + surrogate - surrogate.detach()


class ForwardKLFit(Fit):
    """The model that lowers $KL(p \\| q)$ by self-normalized importance sampling from a proposal r,

    $$ -\\sum_i \\bar w_i \\log q(x_i), \\qquad \\bar w_i \\propto \\tilde p(x_i) / r(x_i), \\quad x_i \\sim r. $$

    Where samples of p are at hand, this is maximum likelihood: train the model itself on them. What is logged as
    `divergence` is the weighted mean of log p̃ − log q, that is KL(p‖q) + log Z; `ess` is the share of the rows that
    the weights are worth.

    Args:
        model: A model with a density.
        log_target: $\\log \\tilde p(x)$ of each row.
        proposal: r, which must reach wherever p does; by default the model as it is at the time, which then must
            start wide enough.

    Raises:
        Unsupported: If the model or the proposal has no density.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import Gaussian
        >>> model = Gaussian(Space((1,)))
        >>> loss = ForwardKLFit(model, lambda x: -x.square().sum(1) / 2).weighted(Batch(torch.zeros(50, 0)))
        >>> round(loss["ess"].item(), 3)
        1.0
    """

    def __init__(
        self, model: GenerativeModel, log_target: LogDensity, *, proposal: GenerativeModel | None = None
    ) -> None:
        super().__init__(model)
        for part in (model, proposal or model):
            need_density(part)
        self.log_target, self.proposal = log_target, proposal

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        return self.weighted(batch)["loss"]

    def players(self) -> Sequence[Player]:
        return [Player("model", self.model, self.weighted)]

    def weighted(self, batch: Batch) -> Mapping[str, Float[Tensor, ""]]:
        """The loss with the divergence up to log Z and the worth of the weights."""
        source = self.proposal or self.model
        with torch.no_grad():
            x = source.draw(len(batch), NOTHING, batch.noise.at("draw"))
            log_target = self.log_target(x)
            log_weights = log_target - source.log_density(x, NOTHING, batch.noise.at("proposal"))
            weights = log_weights.softmax(0)
        log_prob = self.log_prob(x, batch.noise)
        ess = torch.tensor(effective_sample_size(log_weights) / len(batch))
        divergence = (weights * (log_target - log_prob.detach())).sum()
        return {"loss": -(weights * log_prob).sum(), "divergence": divergence, "ess": ess}


class AdversarialFit(Fit):
    """A model and a critic that tells how far its samples are from the rows of data.

    Args:
        model: A model whose draws are differentiable; it needs no density.
        critic: A network, one number for each row of x.
        critic_steps: The critic's steps per turn.
        critic_lr: The critic's learning rate; by default that of the training.

    Raises:
        Unsupported: If the model's draws are not differentiable.
    """

    def __init__(
        self, model: GenerativeModel, critic: nn.Module, *, critic_steps: int = 5, critic_lr: float | None = None
    ) -> None:
        super().__init__(model)
        need_differentiable_draws(model)
        self.critic, self.critic_steps, self.critic_lr = critic, critic_steps, critic_lr

    @abc.abstractmethod
    def told(self, batch: Batch, *, moving: bool) -> Mapping[str, Float[Tensor, ""]]:
        """What the critic tells of real rows and samples, to be lowered as `loss` by the critic, if it is `moving`, or
        by the model."""

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        return self.told(batch, moving=False)["loss"]

    def players(self) -> Sequence[Player]:
        rate = {} if self.critic_lr is None else {"lr": self.critic_lr}
        return [
            Player(
                "critic",
                self.critic,
                lambda batch: self.told(batch, moving=True),
                steps=self.critic_steps,
                optimizer={"betas": (0.5, 0.9)} | rate,
            ),
            Player("model", self.model, lambda batch: self.told(batch, moving=False), optimizer={"betas": (0.5, 0.9)}),
        ]

    def prepare(self, batches: Iterable[Batch]) -> None:
        self.model.prepare(batches)

    def prices(self, batch: Batch, *, moving: bool) -> tuple[Tensor, Float[Tensor, " B"], Float[Tensor, " B"]]:
        """Samples, and the critic's numbers for the rows of data and for the samples."""
        with torch.set_grad_enabled(not moving and torch.is_grad_enabled()):
            fake = self.draw(batch)
        of_real, of_fake = self.critic(torch.cat([batch.x, fake])).flatten().chunk(2)
        return fake, of_real, of_fake


class JensenShannonFit(AdversarialFit):
    """The model that lowers JS(p, q) as a discriminator D = sigmoid(critic) tells it, from below,

    $$ JS(p, q) \\ge \\log 2 + \\tfrac12 \\big(\\mathbb E_p \\log D(x) + \\mathbb E_q \\log (1 - D(x))\\big). $$

    Logged as `divergence`, in nats; it cannot exceed log 2.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.flows import ActNorm, Chain, Flow
        >>> from genzoo.nn import MLP
        >>> fit = JensenShannonFit(Flow(Space((1,)), None, Chain(ActNorm(1))), MLP(1, [16], 1))
        >>> [(player.name, player.steps) for player in fit.players()]
        [('critic', 5), ('model', 1)]
    """

    def told(self, batch: Batch, *, moving: bool) -> Mapping[str, Float[Tensor, ""]]:
        _, of_real, of_fake = self.prices(batch, moving=moving)
        divergence = math.log(2) - (softplus(-of_real).mean() + softplus(of_fake).mean()) / 2
        return {"loss": -divergence if moving else divergence, "divergence": divergence.detach()}


class WassersteinFit(AdversarialFit):
    """The model that lowers W₁(p, q) as a critic tells it whose slope is held to at most one by a penalty,

    $$ W_1(p, q) \\approx \\mathbb E_p f - \\mathbb E_q f, \\qquad
       \\lambda\\, \\mathbb E\\big(\\max(0, \\|\\nabla f(\\hat x)\\| - 1)\\big)^2, $$

    at places x̂ between real rows and samples. Logged as `distance`.

    Args:
        model: A model whose draws are differentiable; it needs no density.
        critic: A network, one number for each row of x.
        penalty: λ.
        critic_steps: The critic's steps per turn.
        critic_lr: The critic's learning rate; by default that of the training.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.flows import ActNorm, Chain, Flow
        >>> from genzoo.nn import MLP
        >>> fit = WassersteinFit(Flow(Space((1,)), None, Chain(ActNorm(1))), MLP(1, [16], 1))
        >>> sorted(fit.told(Batch(torch.zeros(4, 1)), moving=True))
        ['distance', 'loss', 'penalty']

    References:
        Petzka, Fischer & Lukovnikov, 2018, "On the regularization of Wasserstein GANs", arXiv:1709.08894 (one-sided)
    """

    def __init__(
        self,
        model: GenerativeModel,
        critic: nn.Module,
        *,
        penalty: float = 10.0,
        critic_steps: int = 5,
        critic_lr: float | None = None,
    ) -> None:
        super().__init__(model, critic, critic_steps=critic_steps, critic_lr=critic_lr)
        self.penalty = penalty

    def told(self, batch: Batch, *, moving: bool) -> Mapping[str, Float[Tensor, ""]]:
        fake, of_real, of_fake = self.prices(batch, moving=moving)
        distance = of_real.mean() - of_fake.mean()
        if not moving:
            return {"loss": distance, "distance": distance.detach()}
        penalty = self._slope(batch, fake).sub(1).clamp_min(0).square().mean()
        return {"loss": self.penalty * penalty - distance, "distance": distance.detach(), "penalty": penalty.detach()}

    def _slope(self, batch: Batch, fake: Tensor) -> Float[Tensor, " B"]:
        """‖∇f‖ at a place between each row and a sample."""
        share = batch.noise.at("between").uniform(len(fake), *[1] * (fake.ndim - 1), dtype=fake.dtype)
        place = (fake + share * (batch.x - fake)).detach().requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(self.critic(place).sum(), place, create_graph=True)
        return slope.flatten(1).norm(dim=1)


def need_density(model: GenerativeModel) -> None:
    """Raises if the model has no density.

    Args:
        model: The model.

    Raises:
        Unsupported: If so.
    """
    if not model.can("log_prob"):
        raise model.lacks(Capability.LOG_PROB)


def need_differentiable_draws(model: GenerativeModel) -> None:
    """Raises if the model's draws are not differentiable in its parameters.

    Args:
        model: The model.

    Raises:
        Unsupported: If so.
    """
    with torch.enable_grad():
        x = model.draw(2, NOTHING, Noise(0, device=model.device))
    if not x.requires_grad:
        raise Unsupported(
            f"{type(model).__name__} over {model.space} has draws that are not differentiable in its parameters. "
            "Use a flow, or ReverseKLFit with gradient='score'."
        )
