"""The folder of a run: what stands in it, and how it is read back without trusting it.

`config.json` says all that a run depends on; `model.safetensors` holds the weights, which are compared with the
rebuilt model by name, shape and type before a byte is copied. Nothing is ever unpickled.
"""

import contextlib
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from genzoo._files import FileError, check_plain, read_json, told
from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import GivenSpaceLike

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "CONFIG", "FORMAT", "WEIGHTS", "RunConfig", "fill", "fresh_folder", "named_run", "read_config", "run_folders",
    "whole",
]  # fmt: skip

FORMAT = 2
MOST_STAGES = 100
LONGEST, MOST_AXES, MOST_LEVELS = 1 << 27, 16, 1 << 31  # of one x
CONFIG, WEIGHTS, CODEC, CARD = "config.json", "model.safetensors", "codec.json", "README.md"
STAGE, EMBEDDED, START = "stage-{}", "embedded", "start"  # folders: earlier stages, runs that a run stands on


class RecipeRecord(BaseModel):
    """Which recipe a run was made by, with its arguments in full."""

    name: str
    arguments: dict[str, Any] = {}


class DataRecord(BaseModel):
    """Which data a run was trained on: enough to read them again, and to know them when they come back."""

    name: str
    origin: dict[str, Any] | None = None
    given: list[str] | None = None
    fingerprint: str
    rows: dict[str, int] = {}
    classes: dict[str, list[str]] = {}
    ranges: dict[str, tuple[float, float]] = {}  # of conditions that are a real number: where training rows were

    def asked(self) -> dict[str, Any]:
        """The arguments of `read` that give the data again."""
        if self.origin is not None:
            return dict(self.origin)
        given = self.given[0] if self.given is not None and len(self.given) == 1 else self.given
        return {} if given is None else {"given": given}


class RunConfig(BaseModel):
    """All that a run depends on; `config.json` in its folder.

    Attributes:
        stage: Which of its trainings this is.
        stages: How many there are.
        start: Where the run stood whose weights it started from, if it did.
    """

    model_config = ConfigDict(extra="forbid")

    format_version: int = FORMAT
    recipe: RecipeRecord
    train: TrainConfig
    space: dict[str, Any]
    given: dict[str, dict[str, Any]] | None = None
    data: DataRecord
    stage: int = Field(1, ge=1, le=MOST_STAGES)
    stages: int = Field(1, ge=1, le=MOST_STAGES)
    start: str | None = None
    parameters: int = 0
    versions: dict[str, str] = {}
    command: list[str] = []

    @property
    def spaces(self) -> tuple[Space, GivenSpaceLike]:
        """What one x is, and what it is conditioned on."""
        if self.given is None:
            return Space.from_json(self.space), None
        parts = {name: Space.from_json(fields) for name, fields in self.given.items()}
        return Space.from_json(self.space), parts.get("", parts)


def given_to_json(given_space: GivenSpaceLike) -> dict[str, dict[str, Any]] | None:
    """A condition's spaces as plain JSON; a single one has the empty name."""
    if given_space is None:
        return None
    return {
        name: part.to_json()
        for name, part in ({"": given_space} if isinstance(given_space, Space) else given_space).items()
    }


def versions() -> dict[str, str]:
    """The versions that a result may depend on."""
    import numpy as np
    import torch

    import genzoo

    return {
        "genzoo": genzoo.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "platform": platform.platform(terse=True),
    }


def command() -> list[str]:
    """The command line that runs now."""
    program = Path(sys.argv[0])
    module = ["python", "-m", program.parent.name] if program.name == "__main__.py" else [program.name]
    return [*module, *sys.argv[1:]]


def fresh_folder(name: str, home: Path = Path("runs")) -> Path:
    """A folder under `runs` that is not taken: name, name-2, name-3 …"""
    taken = (home / (name if number == 1 else f"{name}-{number}") for number in range(1, sys.maxsize))
    return next(path for path in taken if not path.exists())


def run_folders(home: Path) -> list[Path]:
    """The runs in a folder and its subfolders, newest first."""
    found = [path.parent for path in home.glob("**/" + CONFIG) if not {"checkpoints", EMBEDDED} & set(path.parts)]
    return sorted(found, key=lambda path: (path / CONFIG).stat().st_mtime, reverse=True)


def named_run(word: str) -> tuple[str, Path]:
    """A run's name and folder, of FOLDER or NAME=FOLDER; a folder that is there is meant as it stands.

    Args:
        word: What was said.

    Raises:
        Mistake: If it has no name.
    """
    name, equals, folder = word.partition("=")
    path = Path(folder if equals and not Path(word).is_dir() else word)
    name = name if path != Path(word) else path.resolve().name
    if not name:
        raise Mistake(f"Runs must have names, got {word!r}.", f"Write NAME={path}")
    return name, path


def read_config(path: Path) -> RunConfig:
    """The configuration in a run's folder.

    Raises:
        Mistake: If the folder is no run, or its configuration is spoilt or of another format.
    """
    file = path / CONFIG
    if not path.is_dir():
        raise Mistake(f"A run must be a folder, got {str(path)!r}, which is none.", f"{_runs_nearby(path)}")
    if not file.exists():
        raise Mistake(f"A run's folder must hold {CONFIG}, and {str(path)!r} does not.", f"{_runs_nearby(path)}")
    with told(str(file), "be JSON", "Restore the file, or train again.", Mistake):
        fields = read_json(file)
    if (written := fields.get("format_version")) != FORMAT:
        versions = fields.get("versions")
        by = versions.get("genzoo", "unknown") if isinstance(versions, dict) else "unknown"
        raise Mistake(
            f"{file} has format_version {written!r}, and this genzoo reads format {FORMAT}.",
            f"Train it again, or load it by the genzoo that wrote it ({by}).",
        )
    with told(str(file), "be a run's configuration", "Restore the file, or train again.", Mistake):
        config = RunConfig(**fields)
        space, given = config.spaces
        for part in (space, *((given,) if isinstance(given, Space) else (given or {}).values())):
            check_space(part)
        return config


def check_space(space: Space) -> None:
    """Refuses rows that are larger than any data that can be read.

    Args:
        space: What one x, or a condition, is said to be.

    Raises:
        Mistake: If it has too many entries, axes or levels.
    """
    for what, most, got in (
        ("axes", MOST_AXES, len(space.shape)),
        ("entries", LONGEST, space.dims),
        ("levels", MOST_LEVELS, space.levels or 0),
    ):
        if got > most:
            raise Mistake(f"A row must have at most {most:,} {what}, got {got:,}.", "Restore the file that says so.")


def weights_of(path: Path, config: RunConfig) -> list[Path]:
    """The weights in a run's folder, with those of the stages and runs that it stands on; none if its own are missing.

    Args:
        path: The folder of the run or stage.
        config: Its configuration.
    """
    if not (path / WEIGHTS).is_file():
        return []
    return [file for file in home_of(path, config).rglob(WEIGHTS) if "checkpoints" not in file.parts]


def home_of(path: Path, config: RunConfig) -> Path:
    """The folder of the whole run, of which this may be a stage before the last.

    Args:
        path: The folder of the run or stage.
        config: Its configuration.
    """
    return path if config.stage == config.stages else path.parent


def stage_folders(path: Path, config: RunConfig) -> list[Path]:
    """The folders of a run's stages up to this one, whose own is the last.

    Args:
        path: The folder of the run or stage.
        config: Its configuration.
    """
    return [*(home_of(path, config) / STAGE.format(stage) for stage in range(1, config.stage)), path]


def embed(run: Path, path: Path, name: str) -> None:
    """Copies a finished run's record and weights into the folder of a run that stands on it.

    Args:
        run: The finished run, or a stage of one.
        path: The new one.
        name: What the finished run is there: an argument of the recipe, or the start.

    Raises:
        Mistake: If it is no finished run.
    """
    config = read_config(run)
    if not (run / WEIGHTS).is_file():
        raise _unfinished(run)
    into, aside = path / EMBEDDED / name, path / EMBEDDED / f"{name}.part"
    shutil.rmtree(aside, ignore_errors=True)
    copy_run(run, config, aside)
    aside.rename(into)  # whoever sees it sees all of it


def copy_run(run: Path, config: RunConfig, to: Path) -> None:
    """Copies what a run is loaded from: its record and weights, with those of its stages and of the runs it stands on.

    Args:
        run: The run, or a stage of one.
        config: Its configuration.
        to: The new folder.
    """
    home = home_of(run, config)
    for folder in stage_folders(run, config) if home == run else [run]:
        into = to / folder.relative_to(run)
        into.mkdir(parents=True, exist_ok=True)
        for file in (CONFIG, CODEC, WEIGHTS):
            if (folder / file).exists():
                copy_file(folder / file, into / file)
    if (home / EMBEDDED).is_dir():
        shutil.copytree(home / EMBEDDED, to / EMBEDDED, ignore=shutil.ignore_patterns(START), copy_function=copy_file)


def copy_file(file: str | Path, to: str | Path) -> None:
    """Copies a plain file.

    Args:
        file: Which.
        to: Its new path.

    Raises:
        Mistake: If it is none.
    """
    with told(str(file), error=Mistake):
        check_plain(file)
        shutil.copyfile(file, to)


def embedded(path: Path, config: RunConfig, name: str) -> Path | None:
    """Where a run that another stands on lies: in its folder, or in that of the whole run; None: nowhere.

    Args:
        path: The folder of the run or stage that stands on it.
        config: Its configuration.
        name: What the other is to it.
    """
    places = (home / EMBEDDED / name for home in (path, home_of(path, config)))
    return next((place for place in places if place.is_dir()), None)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The rows of metrics in a run's folder, none if training has not begun."""
    from genzoo.training.journal import METRICS, read_rows

    with told(str(path / METRICS), error=Mistake):
        return read_rows(path / METRICS)


def fill(model: "nn.Module", path: Path) -> None:
    """Copies weights into a model, after checking that every name, shape and type agrees.

    Raises:
        Mistake: If the file is missing, spoilt, of another model, or holds NaN or infinite weights.
    """
    from genzoo.training.finite import not_finite

    tensors = read_weights(path)
    if differences := differing(tensors, model.state_dict()):
        raise Mistake(
            f"{path} must hold the weights of the recipe in {CONFIG}; {'; '.join(differences[:3])}.",
            "Give the run its own weights back: one of the two files is of another run.",
        )
    if spoilt := not_finite(tensors, model.state_dict()):
        raise Mistake(
            f"The weights in {path} must be finite, and {'; '.join(spoilt[:3])}.",
            "Restore the file, or train again with a lower lr or clip_norm set.",
        )
    model.load_state_dict(tensors)


def read_weights(path: Path) -> "dict[str, Tensor]":
    """The tensors of a file of weights.

    Raises:
        Mistake: If it is missing or spoilt.
    """
    from safetensors.torch import load_file

    if not path.exists():
        raise _unfinished(path.parent)
    with told(str(path), "be a safetensors file", "Restore the file, or train again.", Mistake):
        check_plain(path)
        return load_file(path)


def differing(tensors: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """In what a file's tensors are not those of a model."""
    found = [f"{name} is missing" for name in expected if name not in tensors]
    found += [f"{name} is unknown" for name in tensors if name not in expected]
    for name in tensors.keys() & expected.keys():
        got, want = tensors[name], expected[name]
        # What has no rows in a new model, such as the rows that a kernel density estimate keeps, takes any number.
        grows = got.ndim and want.ndim and len(want) == 0 and got.shape[1:] == want.shape[1:]
        if got.shape != want.shape and not grows:
            found.append(f"{name} has shape {tuple(got.shape)}, not {tuple(want.shape)}")
        elif got.dtype != want.dtype:
            found.append(f"{name} is {got.dtype}, not {want.dtype}")
    return found


def _unfinished(path: Path) -> Mistake:
    return Mistake(
        f"A trained run must hold {WEIGHTS}, and {str(path)!r} does not.",
        f"Finish its training: genzoo train --resume {path}",
    )


def _runs_nearby(path: Path) -> str:
    home = next((parent for parent in (path, *path.parents) if parent.is_dir()), Path())
    names = [entry.name for entry in os.scandir(home) if (Path(entry.path) / CONFIG).is_file()]
    if not names:
        return "List the runs that there are: genzoo runs"
    return f"Runs in {home} are: {', '.join(sorted(names)[:5])}."


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Another name to write a file under, which gets its own when it is whole; what was there stays until then.

    Of several ranks each writes, and the first one's stays.

    Raises:
        Mistake: If a pipe, a device, a socket or a folder is there, which no file is to take the place of.
    """
    try:
        check_plain(path)
    except FileNotFoundError:
        pass
    except FileError as error:
        raise Mistake(error.cause, "Give --out another name.") from None
    rank = int(os.environ.get("RANK", 0))
    draft = path.with_name(f".{path.name}.draft{rank or ''}")
    try:
        yield draft
        if not rank:
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
