"""What a machine runs out of, in the user's words: memory, space on the disk, the size that a file may have."""

import contextlib
import errno
import re
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError

from genzoo._memory import is_out_of_memory
from genzoo.training.config import TrainConfig

__all__ = ["DiskFull", "OutOfMemory", "explained"]

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SPACE = re.compile(r"no space left|disk quota|file too large", re.IGNORECASE)


class OutOfMemory(RuntimeError):
    """A training needs more memory than there is."""


class DiskFull(OSError):
    """A run's folder cannot take what is to be written."""


@contextlib.contextmanager
def explained(config: TrainConfig, run: Path | None) -> Iterator[None]:
    """Says what a training ran out of, and what helps.

    Args:
        config: How it is trained.
        run: Its folder.

    Raises:
        OutOfMemory: In the place of torch's and Python's own errors.
        DiskFull: In the place of those of the system and of safetensors.
    """
    try:
        yield
    except (DiskFull, OutOfMemory):
        raise
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        wanted = re.search(r"allocate ([\d.]+ ?(?:[KMGT]i?B|bytes))", str(error))
        amount = f" ({wanted.group(1)} more were wanted)" if wanted else ""
        raise OutOfMemory(
            f"Training needs more memory than there is, with batches of {config.batch_size:,} rows{amount}. Take a "
            "smaller batch_size or let --auto-batch find it, split batches by accumulate=4, or make the model smaller."
        ) from None
    except (OSError, SafetensorError) as error:
        if (error.errno if isinstance(error, OSError) else None) not in FULL and not SPACE.search(str(error)):
            raise
        what = "files may not become so large" if "large" in str(error).lower() else "no space is left"
        raise DiskFull(
            f"The run's folder {run} must take another checkpoint, and {what} there; those before are whole. Make "
            f"room or raise the limit, then go on by genzoo train --resume {run}"
        ) from None
