"""Checkpoints: written whole or not at all, verified before they are read, never unpickled.

A checkpoint is a folder of safetensors files and one JSON file, with a manifest of their SHA-256. It is written under
a temporary name, flushed to the disk, and renamed; a kill at any instant leaves the ones before untouched. The newest
two are kept, so that one that the disk has spoilt costs the work of one interval, not the run.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from safetensors.torch import load_file, save_file
from torch import Tensor

from genzoo._files import open_plain, read_json
from genzoo.training.shard_files import Like, are_shards, read_files, read_shards, write_shards

__all__ = ["Checkpoint", "CheckpointError", "newest", "save", "verified", "write_json", "write_tensors"]

T = TypeVar("T")

KEPT = 2
MANIFEST, STEP = "manifest.json", "step-{:08d}"


class CheckpointError(RuntimeError):
    """A checkpoint is missing or spoilt."""


class Ranks(Protocol):
    """Who writes: whether each holds a part, whether this one is the first, and a place where all wait."""

    shards: bool
    is_first: bool

    def wait(self) -> None: ...


class _Alone:
    shards, is_first = False, True

    def wait(self) -> None: ...


ALONE = _Alone()


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds.

    Attributes:
        step: The step after which it was taken.
        state: Numbers and words, as plain JSON.
        tensors: Tensors by file and name, as tensors["model"]["net.0.weight"].
    """

    step: int
    state: dict[str, Any]
    tensors: dict[str, dict[str, Tensor]]


def save(folder: Path, checkpoint: Checkpoint, team: Ranks = ALONE) -> Path:
    """Writes a checkpoint durably and drops all but the newest two.

    Args:
        folder: The folder of checkpoints.
        checkpoint: What is written.
        team: Who writes it: of several ranks each what it holds, all at once.

    Example:
        >>> import tempfile, torch
        >>> folder = Path(tempfile.mkdtemp())
        >>> path = save(folder, Checkpoint(3, {"best": None}, {"model": {"w": torch.ones(2)}}))
        >>> path.name, newest(folder, print, lambda found: found.step)
        ('step-00000003', 3)
    """
    draft, final = folder / f".draft-{checkpoint.step:08d}", folder / STEP.format(checkpoint.step)
    if team.is_first:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        draft.mkdir()
    if team.shards:
        team.wait()
        named = checkpoint.tensors.items()
        write_shards(draft, {f"{file}/{name}": t for file, tensors in named for name, t in tensors.items()})
        if not team.is_first:
            team.wait()
            return final
    try:
        for name, tensors in () if team.shards else checkpoint.tensors.items():
            write_tensors(draft / f"{name}.safetensors", tensors)
        write_json(draft / "state.json", {"step": checkpoint.step, **checkpoint.state})
        sums = {path.name: _sha256(path) for path in sorted(draft.iterdir())}
        write_json(draft / MANIFEST, sums)
        _sync(draft)
        if final.exists():  # the same step once more, as after a resume: the bytes are the same
            shutil.rmtree(final)
        draft.rename(final)
        _sync(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    for old in checkpoints(folder)[KEPT:]:
        shutil.rmtree(old)
    if team.shards:
        team.wait()
    return final


def newest(
    folder: Path,
    say: Callable[[str], None],
    use: Callable[[Checkpoint], T],
    before: int | None = None,
    like: Like | None = None,
) -> T:
    """What can be made of the newest checkpoint that is whole; what is spoilt is named through `say` and passed over.

    Args:
        folder: The folder of checkpoints.
        say: Where it is told which ones are passed over.
        use: Makes use of one; whatever it raises but `CheckpointError` says that this one is spoilt.
        before: A step; only checkpoints of earlier ones are taken.
        like: What each tensor is to be like, where ranks read their parts of it; None: all are read whole.

    Raises:
        CheckpointError: If there is none, or none is whole.
    """
    spoilt = []
    for path in checkpoints(folder, before):
        try:
            return use(_load(path, like))
        except CheckpointError:
            raise
        except Exception as error:  # whatever a disk may have made of it
            spoilt.append(path.name)
            why = " ".join(str(error).split())[:200] or type(error).__name__
            say(f"checkpoint {path.name} is spoilt ({why}); trying the one before")
    if spoilt:
        raise CheckpointError(
            f"A whole checkpoint must be in {folder}, got only spoilt ones: {', '.join(spoilt)}. Train it anew."
        )
    raise CheckpointError(f"A checkpoint must be in {folder} to resume, got none. Train without --resume.")


def checkpoints(folder: Path, before: int | None = None) -> list[Path]:
    """The checkpoints in a folder, newest first; only those of steps before one, if it is named."""
    found = sorted(folder.glob("step-*"), reverse=True)
    return found if before is None else [path for path in found if path.name < STEP.format(before)]


def drop_from(folder: Path, step: int) -> None:
    """Removes the checkpoints after a step, of a training that has gone back to it."""
    for path in checkpoints(folder):
        if path.name > STEP.format(step):
            shutil.rmtree(path)


def sweep(folder: Path) -> None:
    """Removes what a kill in the middle of writing left."""
    for draft in folder.glob(".draft-*"):
        shutil.rmtree(draft, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON durably, whole or not at all."""
    _write(path, lambda draft: draft.write_text(json.dumps(value, indent=1) + "\n"))


def write_tensors(path: Path, tensors: Mapping[str, Tensor], team: Ranks = ALONE) -> None:
    """Writes a safetensors file durably, whole or not at all; tensors that share memory are written each.

    Args:
        path: The file.
        tensors: By name.
        team: Who writes it: several ranks all at once, and none of them holds the whole.
    """
    if team.shards:
        _write_joined(path, tensors, team)
    else:
        whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        _write(path, lambda draft: save_file(whole, draft))


def _write_joined(path: Path, tensors: Mapping[str, Tensor], team: Ranks) -> None:
    draft = path.with_name(f".{path.name}.shards")
    if team.is_first:
        shutil.rmtree(draft, ignore_errors=True)  # what a kill has left
    team.wait()
    write_shards(draft, tensors, joined=True)
    if team.is_first:
        (made,) = draft.glob("*.safetensors")
        _sync(made)
        made.rename(path)
        _sync(path.parent)
        shutil.rmtree(draft)
    team.wait()


def _write(path: Path, write: Any) -> None:
    draft = path.with_name(f".{path.name}.draft")
    write(draft)
    _sync(draft)
    draft.rename(path)
    _sync(path.parent)


def verified(path: Path) -> list[str]:
    """The names of a checkpoint's files, after reading each of them through.

    Args:
        path: Its folder.

    Raises:
        ValueError: If it is not whole.
    """
    sums = read_json(path / MANIFEST)
    if "state.json" not in sums or not ("model.safetensors" in sums or are_shards(sums)):
        raise ValueError(f"{MANIFEST} does not name the files of a checkpoint")
    for name, expected in sums.items():
        if Path(name).name != name:
            raise ValueError(f"{name!r} is not a file of this folder")
        if _sha256(path / name) != expected:
            raise ValueError(f"the bytes of {name} are not those of its manifest")
    return list(sums)


def _load(path: Path, like: Like | None = None) -> Checkpoint:
    names = verified(path)
    state = read_json(path / "state.json")
    step = state.pop("step")
    if type(step) is not int or path.name != STEP.format(step):
        raise ValueError(f"state.json says step {step!r}")
    if are_shards(names):
        return Checkpoint(step, state, read_shards(path, like or (lambda file, name: None)))
    files = [name for name in names if name.endswith(".safetensors")]
    if like is not None:
        return Checkpoint(step, state, read_files(path, files, like))
    return Checkpoint(step, state, {name.removesuffix(".safetensors"): load_file(path / name) for name in files})


def _sha256(path: Path) -> str:
    with open_plain(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
