"""Checkpoints of sharded trainings: every rank writes what it holds, as safetensors, and reads what it needs.

The files are those of `torch.distributed.checkpoint` in Hugging Face's layout: one for each rank, and in each file's
header where in the whole its parts lie. No rank ever holds the whole of anything that is sharded, any number of ranks
reads what another number wrote, and nothing on the disk is a pickle. (Ranks of one training tell one another what each
writes, and torch sends that as pickles: between processes that torchrun started, never through a file.)
"""

import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from genzoo.training.sharding import is_shared, local

__all__ = ["Like", "are_shards", "read_files", "read_shards", "write_shards"]

Like = Callable[[str, str], Tensor | None]  # the tensor, sharded or not, that one of a file and a name is like
PREFIX = "shard-"
ALONE = "torch.distributed is disabled"  # every rank reads for itself


def are_shards(names: Any) -> bool:
    """Whether files are those of ranks.

    Example:
        >>> are_shards(["state.json", "shard-00001-model-00001-of-00001.safetensors"])
        True
    """
    return any(name.startswith(PREFIX) for name in names)


def write_shards(folder: Path, tensors: Mapping[str, Tensor], *, joined: bool = False) -> None:
    """Writes what this rank holds; all ranks call it together.

    Args:
        folder: Where every rank's file goes.
        tensors: By name.
        joined: Whether the first rank makes one file of them all, part by part from the disk.
    """
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
    from torch.distributed.checkpoint.state_dict_saver import save

    writer = HuggingFaceStorageWriter(str(folder), save_distributed=True, enable_consolidation=joined)
    held = {name: t.detach() if is_shared(t) else t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    save(held, storage_writer=writer)


def read_shards(folder: Path, like: Like) -> dict[str, dict[str, Tensor]]:
    """What a rank needs of the files of all ranks; by file and name.

    Args:
        folder: Where they lie.
        like: What each is to be like: sharded as this is, whole if None.
    """
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
    from torch.distributed.checkpoint.state_dict_loader import load

    reader = HuggingFaceStorageReader(str(folder))
    found: dict[str, Any] = reader.read_metadata().state_dict_metadata
    flat = {}
    for key, kept in found.items():
        file, _, name = key.partition("/")
        flat[key] = _empty(kept.size, kept.properties.dtype, like(file, name))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ALONE)
        load(flat, storage_reader=reader, no_dist=True)
    tree: dict[str, dict[str, Tensor]] = {}
    for key, tensor in flat.items():
        file, _, name = key.partition("/")
        tree.setdefault(file, {})[name] = tensor
    return tree


def read_files(folder: Path, files: Iterable[str], like: Like) -> dict[str, dict[str, Tensor]]:
    """What a rank needs of files that one process wrote; by file and name.

    Args:
        folder: Where they lie.
        files: Their names.
        like: As in `read_shards`.
    """
    tree: dict[str, dict[str, Tensor]] = {}
    for file in files:
        stem = file.removesuffix(".safetensors")
        with safe_open(folder / file, framework="pt") as kept:
            tree[stem] = {name: _part(kept.get_slice(name), like(stem, name)) for name in kept.keys()}  # noqa: SIM118
    return tree


def _part(kept: Any, like: Tensor | None) -> Tensor:
    """Of a tensor in a file what a rank holds of it."""
    if like is None or not is_shared(like) or tuple(kept.get_shape()) != tuple(like.shape):
        whole: Tensor = kept[:] if kept.get_shape() else kept[...]
        return whole
    from torch.distributed.tensor._utils import compute_local_shape_and_global_offset

    made = torch.zeros_like(like)
    sharded: Any = like
    shape, first = compute_local_shape_and_global_offset(like.shape, sharded.device_mesh, sharded.placements)
    if local(made).numel():
        local(made).copy_(kept[tuple(slice(a, a + n) for a, n in zip(first, shape, strict=True))])
    return made


def _empty(shape: torch.Size, dtype: torch.dtype, like: Tensor | None) -> Tensor:
    if like is not None and is_shared(like) and shape == like.shape:
        return torch.zeros_like(like, dtype=dtype)
    return torch.zeros(shape, dtype=dtype)
