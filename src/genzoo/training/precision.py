"""Which precision pays on a device: bfloat16 where its products are made by the hardware, else float32.

A processor without such instructions still computes in bfloat16, number by number: a step of training then takes two
to ten times as long as in float32, where it would have taken two thirds.
"""

import os
from typing import NamedTuple

import torch

from genzoo.training.config import TrainConfig

__all__ = ["Half", "device_named", "half_on", "resolved"]

WITHOUT = ("SSE", "AVX")  # what ONEDNN_MAX_CPU_ISA may allow: these have no products in bfloat16,
WITH = ("BF16", "FP16", "AMX", "AVX10", "VNNI_2")  # but for those of them that these words name


class Half(NamedTuple):
    """Whether a device is quick in bfloat16.

    Attributes:
        quick: Whether it is.
        why: What it has or lacks.
    """

    quick: bool
    why: str


def resolved(config: TrainConfig) -> TrainConfig:
    """The configuration with a precision in place of auto: bf16 where the device is quick in it, else float32.

    Args:
        config: The configuration, which stays as it is if a precision is named.

    Raises:
        ValueError: If the device does not exist here.

    Example:
        >>> resolved(TrainConfig(precision="float64")).precision
        'float64'
        >>> resolved(TrainConfig(precision="auto", device="cpu")).precision in ("bf16", "float32")
        True
    """
    if config.precision != "auto":
        return config
    found = "bf16" if half_on(device_named(config.device)).quick else "float32"
    return config.model_copy(update={"precision": found})


def half_on(device: torch.device) -> Half:
    """Whether a device computes quickly in bfloat16, and why.

    On a processor PyTorch's libraries use what the instruction set has, unless `ONEDNN_MAX_CPU_ISA` allows less.

    Args:
        device: Where it is asked.

    Example:
        >>> half_on(torch.device("cpu")).why.startswith("this processor has")
        True
    """
    if device.type == "cuda":
        has = torch.cuda.is_bf16_supported(including_emulation=False)
        return Half(has, f"this GPU {'computes' if has else 'does not compute'} in bfloat16")
    if device.type == "mps":
        has = torch.backends.mps.is_macos_or_newer(14, 0)
        return Half(has, f"this macOS {'has' if has else 'is too old for'} bfloat16 on the GPU")
    has_one = sorted(name for name, there in torch.cpu.get_capabilities().items() if there is True and "bf16" in name)
    most = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    if has_one and most.startswith(WITHOUT) and not any(word in most for word in WITH):
        return Half(False, f"this processor has {has_one[0]}, and ONEDNN_MAX_CPU_ISA={most} forbids it")
    return Half(bool(has_one), f"this processor has {has_one[0] if has_one else 'no products in bfloat16'}")


def device_named(device: str) -> torch.device:
    """The device of a name: auto is a GPU if there is one.

    Args:
        device: auto, cpu, cuda, cuda:N or mps.

    Raises:
        ValueError: If it does not exist here.

    Example:
        >>> device_named("cpu")
        device(type='cpu')
    """
    kind, _, index = device.partition(":")
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        kind = "cuda" if available["cuda"] else "cpu"
    if kind not in available or (index and not index.isdecimal()):
        raise ValueError(f"`device` must be auto, cpu, cuda, cuda:N or mps, got {device!r}. Choose one.")
    if not available[kind]:
        raise ValueError(f"`device` must exist on this machine, got {device!r} and no {kind} is here. Use device=cpu.")
    if kind == "cuda" and int(index or 0) >= (count := torch.cuda.device_count()):
        raise ValueError(f"`device` must be one of the {count} here, got {device!r}. Use device=cuda.")
    if kind == "cuda":
        return torch.device(kind, int(index or 0))
    return torch.device(kind)
