"""Parameters sharded over ranks: each keeps a part of every block, of its gradient and of its moments.

Torch's `fully_shard` (FSDP2) does it in place: a block's parameters become DTensors, are gathered before it is called
and dropped behind it, and its gradients are summed while those of earlier blocks are still being found. With N ranks
and P numbers of parameters in the blocks, a rank holds P / N of each copy, and one block whole.

Networks are sharded, the rest of a model stays on every rank: conditions, tables of symbols, heads.

References:
    Rajbhandari et al., 2020, "ZeRO: memory optimizations toward training trillion parameter models", arXiv:1910.02054
    Zhao et al., 2023, "PyTorch FSDP: experiences on scaling fully sharded data parallel", arXiv:2304.11277
"""

import sys
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["is_shared", "local", "networks", "shard", "shared_like"]

DTENSOR = "torch.distributed.tensor"  # loaded where something is sharded, and nowhere else
VIEWS = "FSDP2-wrapped module .* returned a view"  # which is written to in no loss of ours


def networks(model: nn.Module) -> list[nn.Module]:
    """The networks of a model whose parameters can be sharded.

    Args:
        model: The model.

    Example:
        >>> from genzoo.nn import Transformer
        >>> net = nn.Sequential(nn.Linear(1, 16), Transformer(16, depth=2, heads=2, places=4))
        >>> [type(network).__name__ for network in networks(net)]
        ['Transformer']
    """
    from genzoo.nn import DiT, MMDiT, Transformer, UNet, UViT  # here, for only what is sharded needs them

    return [part for part in model.modules() if isinstance(part, DiT | MMDiT | Transformer | UNet | UViT)]


def shard(model: nn.Module, device: torch.device) -> None:
    """Shards the networks of a model over all ranks, in place.

    Gradients are summed, not averaged: losses carry each rank's share of the batch.

    Args:
        model: The same on every rank.
        device: That of this rank.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (torch.distributed.get_world_size(),))
    warnings.filterwarnings("ignore", VIEWS)
    for network in networks(model):
        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload] # FSDP takes no other
        for part in [*_blocks(network), network]:
            sharded = fully_shard(part, mesh=mesh, reshard_after_forward=True)
            sharded.set_gradient_divide_factor(1.0)
            sharded.set_force_sum_reduction_for_comms(True)  # gloo knows no sum that divides


def is_shared(tensor: Any) -> bool:
    """Whether a rank holds a part of a tensor only.

    Example:
        >>> is_shared(torch.zeros(3))
        False
    """
    return DTENSOR in sys.modules and isinstance(tensor, sys.modules[DTENSOR].DTensor)


def local(tensor: Tensor) -> Tensor:
    """What a rank holds of a tensor, in the same memory.

    Example:
        >>> local(torch.ones(2))
        tensor([1., 1.])
    """
    return tensor.to_local() if is_shared(tensor) else tensor  # type: ignore[attr-defined]


def shared_like(tensor: Tensor, parameter: Tensor) -> Tensor:
    """A rank's part of something that has a number for each of a parameter's, as the whole that it is a part of.

    Args:
        tensor: What is local, such as a moment of the gradient; what is of another shape stays as it is.
        parameter: The parameter.
    """
    if not is_shared(parameter) or is_shared(tensor) or tensor.shape != local(parameter).shape:
        return tensor
    whole: Any = parameter
    made: Tensor = sys.modules[DTENSOR].DTensor.from_local(
        tensor, whole.device_mesh, whole.placements, run_check=False, shape=whole.shape, stride=whole.stride()
    )
    return made


def _blocks(network: nn.Module) -> Iterator[nn.Module]:
    """What a network's lists hold, and is called as a whole."""
    for part in network.children():
        if isinstance(part, nn.ModuleList):
            yield from _of_list(part)


def _of_list(parts: nn.ModuleList) -> Iterator[nn.Module]:
    for part in parts:
        yield from _of_list(part) if isinstance(part, nn.ModuleList) else [part]
