"""The processes that train together, and their device and precision.

Where there are several, Lightning Fabric lets them meet; one needs none of it, and is spared the second that it takes
to load. Modules are never wrapped, so a loss may call any method: gradients are averaged by hand after backward, and
nothing here unpickles (object collectives do).
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from genzoo.training.config import TrainConfig
from genzoo.training.optimizers import laid_out
from genzoo.training.precision import device_named, resolved
from genzoo.training.sharding import is_shared

__all__ = ["Team"]


class Team:
    """One process, or those that `torchrun` started.

    Args:
        config: Device and precision are read from it.

    Raises:
        ValueError: If the device does not exist here.

    Example:
        >>> team = Team(TrainConfig(device="cpu"))
        >>> team.size, team.share(10)
        (1, slice(0, 10, None))
    """

    def __init__(self, config: TrainConfig) -> None:
        self.precision = resolved(config).precision
        self.device = device_named(config.device)
        self.rank, self.size = 0, int(os.environ.get("WORLD_SIZE", 1))
        if self.size > 1:
            self.rank, self.device = _met(self.device.type, self.size)
        self.is_first = self.rank == 0
        self.shards = config.shard and self.size > 1

    def autocast(self, *, half: bool = True) -> contextlib.AbstractContextManager[None]:
        """The precision that losses are computed in; without half, bf16 is float32."""
        if self.precision == "bf16" and half:
            return torch.autocast(self.device.type, torch.bfloat16)
        return _new_tensors_in(torch.float64) if self.precision == "float64" else contextlib.nullcontext()

    def share(self, rows: int) -> slice:
        """This process's part of a batch."""
        return slice(self.rank * rows // self.size, (self.rank + 1) * rows // self.size)

    def total(self, tensor: Tensor) -> Tensor:
        """The sum of a tensor over processes, in place."""
        if self.size > 1:
            torch.distributed.all_reduce(tensor)
        return tensor

    def agree(self, value: float) -> float:
        """The first process's value, on every process."""
        if self.size == 1:
            return value
        tensor = torch.tensor(value, dtype=torch.float64, device=self.device)
        torch.distributed.broadcast(tensor, 0)
        return float(tensor)

    def most(self, number: int) -> int:
        """The largest of the processes' numbers, on every process."""
        if self.size == 1:
            return number
        tensor = torch.tensor(number, device=self.device)
        torch.distributed.all_reduce(tensor, torch.distributed.ReduceOp.MAX)
        return int(tensor)

    def share_state(self, module: nn.Module) -> None:
        """Gives every process the first one's parameters and buffers."""
        if self.size > 1:
            for tensor in module.state_dict().values():
                torch.distributed.broadcast(tensor, 0)

    def wait(self) -> None:
        """Waits until every process is here."""
        if self.size > 1:
            torch.distributed.barrier()

    def average_gradients(self, parameters: Sequence[nn.Parameter], loss: Tensor) -> Tensor:
        """Sums gradients that already carry each process's share, and the loss with them.

        A gradient that is None on every process stays None, so a layer that no process used is not moved. Those of
        sharded parameters are summed already, on the way back.
        """
        if self.size == 1:
            return loss
        parameters = [p for p in parameters if not is_shared(p)]
        present = torch.tensor([p.grad is not None for p in parameters], dtype=loss.dtype, device=loss.device)
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = self.total(torch.cat([loss.reshape(1), present, *(g.flatten().to(loss.dtype) for g in grads)]))
        head, body = flat[: 1 + len(parameters)], flat[1 + len(parameters) :]
        for parameter, count, grad in zip(parameters, head[1:], _split_like(body, parameters), strict=True):
            parameter.grad = laid_out(grad, parameter) if count else None
        return head[0]


def _met(accelerator: str, size: int) -> tuple[int, torch.device]:
    """The rank and the device of this process, once all have met."""
    try:
        from lightning_fabric import Fabric
    except ImportError:  # the full `lightning` package brings the same code under another name
        from lightning.fabric import Fabric  # type: ignore[no-redef]
    local = int(os.environ.get("LOCAL_WORLD_SIZE", size))
    fabric = Fabric(accelerator=accelerator, devices=local, num_nodes=max(1, size // local), strategy="ddp")
    _meet_again(accelerator)
    fabric.launch()
    return fabric.global_rank, fabric.device


def _meet_again(accelerator: str) -> None:
    """Lets processes that torchrun has started again find one another.

    The store that they meet in still holds the addresses of those that died, so each attempt has names of its own.
    """
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    attempt = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))
    if attempt == 0 or torch.distributed.is_initialized():
        return
    store, rank, size = next(rendezvous("env://"))
    named = PrefixStore(f"attempt-{attempt}", store)
    backend = "nccl" if accelerator == "cuda" else "gloo"
    torch.distributed.init_process_group(backend, store=named, rank=rank, world_size=size)


@contextlib.contextmanager
def _new_tensors_in(dtype: torch.dtype) -> Iterator[None]:
    """Tensors of no type of their own get this one, for a while."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _split_like(flat: Tensor, parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    parameters = list(parameters)
    parts = flat.split([p.numel() for p in parameters])
    return [part.view_as(p) for part, p in zip(parts, parameters, strict=True)]
