"""The optimizers of players, and the rate as a function of the step."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Muon
from torch.optim.adamw import adamw

from genzoo.core import Player
from genzoo.training.config import TrainConfig
from genzoo.training.muon import PreciseMuon
from genzoo.training.pace import Pace
from genzoo.training.precision import half_on
from genzoo.training.sharding import is_shared, local, shared_like

__all__ = ["Mover", "laid_out", "loaded", "movers", "rate"]


def loaded(config: TrainConfig) -> None:
    """Loads what torch loads with its first optimizer, its compiler: a second that is no part of any budget.

    Args:
        config: Whose optimizer is not one of torch's needs nothing.

    Example:
        >>> loaded(TrainConfig(optimizer="muon"))
    """
    if config.optimizer == "muon":
        Muon([nn.Parameter(torch.zeros(1, 1))])


def rate(step: int, pace: Pace, config: TrainConfig) -> float:
    """The share of the peak learning rate at a step: linear warm-up, then constant or a cosine to zero at the end,

    $$ r(s) = \\tfrac12 \\left(1 + \\cos \\pi \\frac{s - w}{N - w}\\right). $$

    Example:
        >>> config = TrainConfig(warmup=10)
        >>> [round(rate(step, Pace.even(110), config), 3) for step in (0, 9, 10, 60, 110)]
        [0.1, 1.0, 1.0, 0.5, 0.0]
    """
    if step < config.warmup:
        return (step + 1) / config.warmup
    if config.schedule == "constant":
        return 1.0
    share = (pace.place(step) - config.warmup) / max(1, pace.planned - config.warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


class AdamW:
    """Steps of AdamW,

    $$ \\theta \\leftarrow (1 - \\eta \\lambda)\\, \\theta - \\eta\\, \\hat m / (\\sqrt{\\hat v} + \\epsilon). $$

    The arithmetic is torch's. Its class of this name loads torch's compiler, which would be the first second of every
    training, and looks through its groups and hooks at each step.

    Args:
        parameters: What moves.
        lr: The peak learning rate η.
        betas: The averaging factors of m and v.
        weight_decay: λ.
        eps: ε.

    Example:
        >>> weight = nn.Parameter(torch.ones(1))
        >>> weight.grad = torch.full((1,), 3.0)
        >>> AdamW([weight], lr=0.1, weight_decay=0.0).step(0.5)
        >>> round(weight.item(), 4)
        0.95

    References:
        Loshchilov & Hutter, 2017, "Decoupled weight decay regularization", arXiv:1711.05101
    """

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        *,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float,
        eps: float = 1e-8,
    ) -> None:
        self.parameters = list(parameters)
        self.lr, self.betas, self.weight_decay, self.eps = lr, betas, weight_decay, eps
        self.fused = self.parameters[0].device.type in ("cpu", "cuda")
        self.state: dict[int, dict[str, Tensor]] = {}  # by a parameter's number, from its first gradient on

    @torch.no_grad()
    def step(self, share: float) -> None:
        """Moves the parameters that have a gradient at a share of the peak rate."""
        moved = [(i, local(p), local(p.grad)) for i, p in enumerate(self.parameters) if p.grad is not None]
        states = [self.state[i] if i in self.state else self._begun(i) for i, _, _ in moved]
        m, v, steps = ([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step"))
        adamw(
            [p for _, p, _ in moved],
            [grad for _, _, grad in moved],
            m,
            v,
            [],
            steps,
            fused=self.fused,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=self.lr * share,
            weight_decay=self.weight_decay,
            eps=self.eps,
            maximize=False,
        )

    def _begun(self, i: int) -> dict[str, Tensor]:
        p = local(self.parameters[i].detach())
        step = torch.zeros((), device=p.device if self.fused else "cpu")
        self.state[i] = {"step": step, "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
        return self.state[i]


class Mover:
    """What moves a player's parameters: AdamW, or Muon on the matrices and AdamW on the rest.

    Args:
        player: Its parameters, and its published settings that override the configuration.
        model: Where the parameters have their names; embeddings are no matrices.
        config: The training configuration.

    References:
        Jordan et al., 2024, "Muon: an optimizer for hidden layers in neural networks"
    """

    def __init__(self, player: Player, model: nn.Module, config: TrainConfig) -> None:
        self.parameters = [p for p in player.parameters() if p.requires_grad]
        settings = {"lr": config.lr, "betas": config.betas, "weight_decay": config.weight_decay, **player.optimizer}
        matrices = _matrices(self.parameters, model) if config.optimizer == "muon" else []
        taken = {id(p) for p in matrices}
        rest = [p for p in self.parameters if id(p) not in taken]
        self.adamw = AdamW(rest, **settings) if rest else None
        self.muon = _muon(matrices, config, settings["weight_decay"]) if matrices else None
        self.muon_lr = config.muon_lr

    def zero_grad(self) -> None:
        """Forgets the gradients of the last step."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self, share: float) -> None:
        """Moves the parameters at a share of the peak rate."""
        if self.adamw is not None:
            self.adamw.step(share)
        if self.muon is not None:
            self.muon.param_groups[0]["lr"] = self.muon_lr * share
            self.muon.step()

    def state_tensors(self) -> dict[str, Tensor]:
        """Every tensor of the optimizers' state, by a flat name."""
        states = [] if self.adamw is None else [_shared(self.adamw.state, self.adamw.parameters)]
        states += [self.muon.state_dict()["state"]] if self.muon is not None else []
        return {
            f"{i}/{j}/{name}": value
            for i, state in enumerate(states)
            for j, kept in state.items()
            for name, value in kept.items()
        }

    def like(self, name: str) -> Tensor | None:
        """The parameter that one of the `state_tensors` has a number for each number of.

        Args:
            name: Its name there.
        """
        i, j, _ = name.split("/")
        moved = [] if self.adamw is None else [self.adamw.parameters]
        moved += [] if self.muon is None else [self.muon.param_groups[0]["params"]]
        return moved[int(i)][int(j)]

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Puts the optimizers back into the state that `state_tensors` told."""
        states: list[dict[int, dict[str, Tensor]]] = [{}, {}]
        for flat, value in tensors.items():
            i, j, name = flat.split("/")
            states[int(i)].setdefault(int(j), {})[name] = value
        if self.adamw is not None:
            own = [local(p.detach()) for p in self.adamw.parameters]
            states[0] = {j: {name: local(t) for name, t in kept.items()} for j, kept in states[0].items()}
            self.adamw.state = {j: _beside(own[j], kept) for j, kept in states.pop(0).items()}
        if self.muon is not None:
            groups = self.muon.state_dict()["param_groups"]
            self.muon.load_state_dict({"state": states.pop(0), "param_groups": groups})
            for parameter, kept in self.muon.state.items():
                kept |= _beside(parameter, kept)


def _muon(matrices: list[nn.Parameter], config: TrainConfig, weight_decay: float) -> Muon:
    """Torch's; where its bfloat16 is slow, or less than was asked for, the same in the parameters' precision."""
    half = config.precision in ("auto", "bf16") and half_on(matrices[0].device).quick
    return (Muon if half else PreciseMuon)(matrices, lr=config.muon_lr, weight_decay=weight_decay)


def laid_out(tensor: Tensor, parameter: Tensor) -> Tensor:
    """A tensor in the type of a parameter and laid out as it is in memory, where fused optimizers pair their numbers.

    Args:
        tensor: One of the parameter's shape, such as its gradient.
        parameter: The parameter.

    Example:
        >>> image = torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last)
        >>> laid_out(torch.ones(2, 3, 4, 4), image).stride() == image.stride()
        True
    """
    if tensor.dtype == parameter.dtype and tensor.stride() == parameter.stride():
        return tensor
    return torch.empty_like(parameter, requires_grad=False).copy_(tensor)


def _shared(states: dict[int, dict[str, Tensor]], parameters: Sequence[Tensor]) -> dict[int, dict[str, Tensor]]:
    """What is kept of each parameter; of those that are sharded, as parts of a whole."""
    return {j: {name: shared_like(t, parameters[j]) for name, t in kept.items()} for j, kept in states.items()}


def _beside(parameter: Tensor, kept: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What is kept of a parameter, where and as it is itself."""
    moved = {name: t.to(parameter.device) for name, t in kept.items()}
    return {name: laid_out(t, parameter) if t.shape == parameter.shape else t for name, t in moved.items()}


def movers(players: Sequence[Player], model: nn.Module, config: TrainConfig) -> list[Mover]:
    """One mover per player; players that move the same parameters in the same way share theirs."""
    shared: dict[Any, Mover] = {}
    result = []
    for player in players:
        key = (tuple(id(p) for p in player.parameters()), repr(sorted(player.optimizer.items())))
        if key not in shared:
            shared[key] = Mover(player, model, config)
        result.append(shared[key])
    return result


def _matrices(parameters: Sequence[nn.Parameter], model: nn.Module) -> list[nn.Parameter]:
    tables = {id(part.weight) for part in model.modules() if isinstance(part, nn.Embedding)}
    return [p for p in parameters if p.ndim == 2 and id(p) not in tables and min(p.shape) > 1]


def clip(parameters: Sequence[nn.Parameter], most: float | None, norm: Tensor | None) -> None:
    """Scales gradients of a norm down to the largest norm that is allowed, if one is set."""
    if most is None or norm is None:
        return
    if any(map(is_shared, parameters)):
        torch._foreach_mul_(
            [local(p.grad) for p in parameters if p.grad is not None], (most / (norm + 1e-6)).clamp(max=1.0)
        )
    else:
        torch.nn.utils.clip_grads_with_norm_(parameters, most, norm)
