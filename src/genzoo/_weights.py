"""Files of weights that others wrote, read without believing them: plain ones, whole, and finite."""

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from genzoo._files import FileError, check_plain, told

__all__ = ["check_finite", "read_tensors"]


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, by name.

    Args:
        path: A file of safetensors.

    Raises:
        FileError: If it is no plain file, not whole, or holds a number that is not finite.
    """
    with told(path.name, "be whole, as a safetensors file", "Fetch it again.", FileError):
        check_plain(path)
        tensors = load_file(path)
        check_finite(path.name, tensors)
    return tensors


def check_finite(name: str, tensors: dict[str, Tensor]) -> None:
    """Refuses weights that are not finite: whatever is computed of them is not either.

    Args:
        name: What their file is called.
        tensors: The weights by name.

    Raises:
        FileError: If one is NaN or infinite.

    Example:
        >>> import torch
        >>> check_finite("x.safetensors", {"w": torch.tensor([1.0, torch.inf])})
        Traceback (most recent call last):
        ...
        genzoo._files.FileError: x.safetensors must hold finite weights, and 'w' is not. Fetch it again.
    """
    odd = [name for name, t in tensors.items() if t.is_floating_point() and not t.isfinite().all()]
    if odd:
        raise FileError(f"{name} must hold finite weights, and {odd[0][:80]!r} is not.", "Fetch it again.")
