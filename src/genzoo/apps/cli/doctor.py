"""The examination of a machine."""

import importlib.metadata
import platform
import re
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import NamedTuple

from genzoo.zoo.recipe import recipes

__all__ = ["Check", "examined", "lacking"]


SILENT = ("all", "dev", "docs", "oracles")  # not asked for one by one
BRINGS = {
    "audio": "sounds other than WAV of whole numbers, as FLAC",
    "chem": "metrics of molecules, and SELFIES",
    "compress": "files into bytes by a run, and back: genzoo compress",
    "export": "graphs of a run as ONNX: genzoo export",
    "fast": "compiled loops: the same numbers, sooner",
    "hub": "data sets of the Hugging Face hub, hub:NAME",
    "lectures": "figures of the lectures: genzoo lecture",
    "ot": "exact transport of many rows",
    "robots": "environments through the interface of Gymnasium, and pusht",
    "serve": "runs behind HTTP: genzoo serve",
    "sklearn": "every recipe as an estimator, and tests by boosted trees",
    "tables": "tables in Parquet",
    "tensorboard": "curves of training in TensorBoard",
    "text": "texts in tokens that are learned, unit=bpe",
}


class Check(NamedTuple):
    """One finding: what was looked at, how it stands, and what to do if it is not well."""

    what: str
    state: str
    ok: bool = True
    fix: str | None = None


def examined() -> list[Check]:
    """All findings, in the order in which they are shown."""
    return [*_versions(), *_devices(), *_recipes(), *_folders(), *_extras()]


def _versions() -> list[Check]:
    names = ("genzoo", "torch", "numpy", "scipy", "safetensors", "pydantic", "typer")
    found = [Check("python", f"{platform.python_version()} on {platform.platform(terse=True)}")]
    return found + [Check(name, importlib.metadata.version(name)) for name in names]


def _devices() -> list[Check]:
    import torch

    from genzoo.training.precision import device_named, half_on

    found = [Check("cpu", f"{torch.get_num_threads()} threads")]
    found += [Check(f"cuda:{i}", torch.cuda.get_device_name(i)) for i in range(torch.cuda.device_count())]
    if torch.version.cuda and not torch.cuda.is_available():
        fix = "Check the driver with nvidia-smi, or install the build of torch for CPUs."
        found.append(Check("cuda", f"torch was built for CUDA {torch.version.cuda} and sees no GPU", False, fix))
    half = half_on(device_named("auto"))
    return [*found, Check("precision auto", f"{'bf16' if half.quick else 'float32'}: {half.why}")]


def _recipes() -> list[Check]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        recipes.cache_clear()
        found = [Check("recipes", f"{len(recipes())} known")]
    fix = "Update or remove the package that offers them."
    return found + [Check("recipes of others", str(warning.message), False, fix) for warning in caught]


def _folders() -> list[Check]:
    return [_folder("runs", Path("runs")), _folder("temporary files", Path(tempfile.gettempdir()))]


def _folder(what: str, path: Path) -> Check:
    """Whether a file can be written at a place, or at the nearest folder above it that exists."""
    home = next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.is_dir())
    try:
        with tempfile.TemporaryFile(dir=home):
            free = shutil.disk_usage(home).free / 2**30
    except OSError as error:
        return Check(what, f"{path}: {error.strerror}", False, f"Make {home} writable, or work in another folder.")
    if free < 1:
        return Check(what, f"{path}: {free:.1f} GiB free", False, f"Free some space on the disk of {home}.")
    return Check(what, f"{path}: writable, {free:.0f} GiB free")


def lacking() -> list[str]:
    """The extras of which something is not installed."""
    return [extra for extra, names in sorted(_wanted().items()) if not all(map(_installed, names))]


def _extras() -> list[Check]:
    """Extras as installed or not; a missing one is no problem until something needs it, so it has no fix here."""
    return [_extra(extra, names) for extra, names in sorted(_wanted().items())]


def _wanted() -> dict[str, list[str]]:
    """What each extra installs."""
    wanted: dict[str, list[str]] = {}
    for line in importlib.metadata.requires("genzoo") or ():
        found = re.match(r"([\w.-]+).*extra == ['\"]([\w-]+)['\"]", line)
        if found and found[1] != "genzoo" and found[2] not in SILENT:
            wanted.setdefault(found[2], []).append(found[1])
    return wanted


def _extra(extra: str, names: list[str]) -> Check:
    missing = [name for name in names if not _installed(name)]
    if not missing:
        return Check(f"extra {extra}", "installed")
    brings = BRINGS.get(extra, "more")
    return Check(f"extra {extra}", f"lacks {', '.join(missing)}: pip install 'genzoo[{extra}]' brings {brings}")


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
