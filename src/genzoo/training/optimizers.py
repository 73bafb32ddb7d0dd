"""The optimizers of players, and the rate as a function of the step."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

from genzoo.core import Player
from genzoo.training.config import TrainConfig

__all__ = ["Mover", "laid_out", "movers", "rate"]


def rate(step: int, total: int, config: TrainConfig) -> float:
    """The share of the peak learning rate at a step: linear warm-up, then constant or a cosine to zero at the end,

    $$ r(s) = \\tfrac12 \\left(1 + \\cos \\pi \\frac{s - w}{N - w}\\right). $$

    Example:
        >>> config = TrainConfig(warmup=10)
        >>> [round(rate(step, 110, config), 3) for step in (0, 9, 10, 60, 110)]
        [0.1, 1.0, 1.0, 0.5, 0.0]
    """
    if step < config.warmup:
        return (step + 1) / config.warmup
    if config.schedule == "constant":
        return 1.0
    share = (step - config.warmup) / max(1, total - config.warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


class Mover:
    """What moves a player's parameters: AdamW, or Muon on the matrices and AdamW on the rest.

    Args:
        player: Its parameters, and its published settings that override the configuration.
        model: Where the parameters have their names; embeddings are no matrices.
        config: The training configuration.

    References:
        Loshchilov & Hutter, 2017, "Decoupled weight decay regularization", arXiv:1711.05101
        Jordan et al., 2024, "Muon: an optimizer for hidden layers in neural networks"
    """

    def __init__(self, player: Player, model: nn.Module, config: TrainConfig) -> None:
        self.parameters = [p for p in player.parameters() if p.requires_grad]
        settings = {"lr": config.lr, "betas": config.betas, "weight_decay": config.weight_decay, **player.optimizer}
        self.settings = settings
        matrices = _matrices(self.parameters, model) if config.optimizer == "muon" else []
        taken = {id(p) for p in matrices}
        rest = [p for p in self.parameters if id(p) not in taken]
        self.optimizers: list[Optimizer] = []
        if rest:
            fused = rest[0].device.type in ("cpu", "cuda")
            self.optimizers.append(AdamW(rest, **settings, fused=fused))
        if matrices:
            self.optimizers.append(Muon(matrices, lr=config.muon_lr, weight_decay=settings["weight_decay"]))
        self.peaks = [optimizer.param_groups[0]["lr"] for optimizer in self.optimizers]

    def zero_grad(self) -> None:
        """Forgets the gradients of the last step."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)

    def step(self, share: float) -> None:
        """Moves the parameters at a share of the peak rate."""
        for optimizer, peak in zip(self.optimizers, self.peaks, strict=True):
            optimizer.param_groups[0]["lr"] = peak * share
            optimizer.step()

    def state_tensors(self) -> dict[str, Tensor]:
        """Every tensor of the optimizers' state, by a flat name."""
        return {
            f"{i}/{j}/{name}": value
            for i, optimizer in enumerate(self.optimizers)
            for j, state in optimizer.state_dict()["state"].items()
            for name, value in state.items()
            if isinstance(value, Tensor)
        }

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Puts the optimizers back into the state that `state_tensors` told."""
        states: list[dict[int, dict[str, Tensor]]] = [{} for _ in self.optimizers]
        for flat, value in tensors.items():
            i, j, name = flat.split("/")
            states[int(i)].setdefault(int(j), {})[name] = value
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
            for parameter, kept in optimizer.state.items():
                kept |= {name: laid_out(t, parameter) for name, t in kept.items() if t.shape == parameter.shape}


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
    if most is not None and norm is not None:
        torch.nn.utils.clip_grads_with_norm_(parameters, most, norm)
