"""What is not finite: gradients before a step, weights before they are saved and after they are read."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from genzoo.training.sharding import is_shared, local

__all__ = ["NotFinite", "Skips", "gradient_norm", "not_finite", "odd", "spoilt_gradient", "what_is_odd"]

PATIENCE = 10  # steps in a row that may be skipped before training stops
TOLD = 3  # skipped steps that are told; the rest are counted


class NotFinite(ArithmeticError):
    """A loss, its gradient or the weights did not stay finite."""


def gradient_norm(parameters: Sequence[nn.Parameter]) -> Tensor | None:
    """The norm of all gradients together, NaN or infinite if a single number of them is; None if there are none.

    Example:
        >>> line = nn.Linear(1, 1)
        >>> line(torch.ones(1, 1)).sum().backward()
        >>> round(gradient_norm(list(line.parameters())).item(), 4)
        1.4142
    """
    grads = [p.grad for p in parameters if p.grad is not None]
    if not grads:
        return None
    norms = _norms(grads)
    if len({norm.dtype for norm in norms}) > 1:
        norms = [norm.double() for norm in norms]
    return torch.linalg.vector_norm(torch.stack(norms))


def _norms(grads: Sequence[Tensor]) -> list[Tensor]:
    """The norm of each, or of all that are sharded together."""
    whole = [grad for grad in grads if not is_shared(grad)]
    norms = list(torch._foreach_norm(whole)) if whole else []  # one call; the public function takes twice the time
    if shared := [grad for grad in grads if is_shared(grad)]:
        total: Any = torch.nn.utils.get_total_norm(shared)
        norms.append(total.full_tensor())
    return norms


def spoilt_gradient(model: nn.Module) -> str:
    """Which gradient is not finite, by the name and the layer of its parameter; where each is, and their norm is not,
    the largest.

    Example:
        >>> line = nn.Linear(1, 1)
        >>> line.weight.grad = torch.full((1, 1), torch.nan)
        >>> spoilt_gradient(line)
        'the gradient of weight (Linear) holds NaN'
        >>> line.weight.grad = torch.full((1, 1), 1e30)
        >>> spoilt_gradient(line)
        'the norm of the gradient is infinite, that of weight (Linear) reaches 1e+30'
    """
    grads = {name: local(p.grad) for name, p in model.named_parameters() if p.grad is not None}
    sizes = {name: float(grad.abs().max()) for name, grad in grads.items() if grad.numel()}
    if not sizes:
        return "the norm of the gradient is not finite"
    name = next((name for name, size in sizes.items() if not math.isfinite(size)), max(sizes, key=sizes.__getitem__))
    who = f"{name} ({type(model.get_submodule(name.rpartition('.')[0])).__name__})"
    if math.isfinite(sizes[name]):
        return f"the norm of the gradient is infinite, that of {who} reaches {sizes[name]:.3g}"
    return f"the gradient of {who} holds {what_is_odd(grads[name])}"


def not_finite(tensors: Mapping[str, Tensor], like: Mapping[str, Tensor]) -> list[str]:
    """Which tensors hold NaN or infinite numbers that those of an untrained model do not.

    Some buffers begin so, as what has not been reached yet.

    Args:
        tensors: Weights by name.
        like: Those of the untrained model, at least the ones that are not finite.

    Example:
        >>> fresh = {"w": torch.zeros(2), "reached": torch.tensor(torch.inf)}
        >>> not_finite({"w": torch.tensor([0.0, torch.nan]), "reached": torch.tensor(torch.inf)}, fresh)
        ['w holds NaN']
    """
    found = []
    for name, shared in tensors.items():
        tensor = local(shared)
        if tensor.is_floating_point() and not tensor.isfinite().all():
            before = like.get(name)
            if before is None or before.isfinite().all() or (tensor.isnan().any() and not before.isnan().any()):
                found.append(f"{name} holds {what_is_odd(tensor)}")
    return found


def odd(model: nn.Module) -> dict[str, Tensor]:
    """The tensors of an untrained model that are not finite from the start.

    Args:
        model: The model.
    """
    state = model.state_dict().items()
    return {name: t.clone() for name, t in state if t.is_floating_point() and not t.isfinite().all()}


class Skips:
    """Steps that were not made, for their loss or gradient was not finite.

    A single one is skipped and told; so many in a row end the training, before its weights are touched.

    Args:
        streak: Steps skipped in a row up to now.
        count: Steps skipped in all.
        began: The round of the first in this row.
        patience: How many in a row are too many.

    Example:
        >>> skips = Skips()
        >>> skips.add(lambda: "the loss is nan", "step 7", 7)
        'step 7 was skipped: the loss is nan'
        >>> skips.end_streak(); skips.count
        1
    """

    def __init__(self, streak: int = 0, count: int = 0, began: int = 0, patience: int = PATIENCE) -> None:
        self.streak, self.count, self.began, self.patience = streak, count, began, patience

    def add(self, why: Callable[[], str], step: str, number: int) -> str | None:
        """Counts a step that is skipped; returns what to say of it, if it is one of the first.

        Args:
            why: Finds out what is not finite, if that is to be said.
            step: The step and who made it, in words.
            number: The round.

        Raises:
            NotFinite: If it is one too many in a row.
        """
        self.began = self.began if self.streak else number
        self.streak, self.count = self.streak + 1, self.count + 1
        if self.streak >= self.patience:
            many = f"{self.streak} steps in a row where they are not, up to " if self.streak > 1 else ""
            raise NotFinite(
                f"The loss and its gradient must be finite, got {many}{step}: {why()}. "
                "Lower lr, set clip_norm, or look for extreme values in the data."
            )
        last = "; further ones are only counted" if self.count == TOLD else ""
        return f"{step} was skipped: {why()}{last}" if self.count <= TOLD else None

    def end_streak(self) -> None:
        """Notes a step that was made."""
        self.streak = 0


def what_is_odd(tensor: Tensor) -> str:
    """What a tensor holds that is not finite, in words.

    Args:
        tensor: One that is not finite.

    Example:
        >>> what_is_odd(torch.tensor([1.0, torch.inf]))
        'infinite numbers'
    """
    return "NaN" if tensor.isnan().any() else "infinite numbers"
