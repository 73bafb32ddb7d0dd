"""Runs on the Hugging Face hub by its conventions: `push_to_hub`, `from_pretrained`, a card and what was measured.

A repository holds what a run is loaded from (`config.json`, `codec.json`, safetensors) and what is told of it. No
other file is fetched, so nothing can be unpickled, and a model is built by a recipe that is installed here, never by
code that comes with it.
"""

import contextlib
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo._files import read_bytes
from genzoo.data.readers.hub import is_remote, parts_of
from genzoo.training.journal import METRICS
from genzoo.zoo import store
from genzoo.zoo.card import card
from genzoo.zoo.loading import Run, load
from genzoo.zoo.mistakes import Mistake

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCard

__all__ = ["from_pretrained", "push_to_hub", "save_pretrained"]

EVALUATION, RESULTS = "evaluation.json", ".eval_results/genzoo.yaml"
FETCHED = ["*.json", "*.jsonl", "*.safetensors", store.CARD, ".eval_results/*.yaml", "samples/*.png"]


def from_pretrained(
    name: str | Path, *, revision: str | None = None, token: str | None = None, cache_dir: str | Path | None = None,
    local_files_only: bool = False,
) -> Run:  # fmt: skip
    """The run in a folder, or in a repository of the hub.

    Args:
        name: A folder, or OWNER/NAME.
        revision: A branch, a tag or a commit; a commit cannot change afterwards.
        token: Of the hub, for what is private; by default the one that `hf auth login` keeps.
        cache_dir: Where files are kept; by default the hub's usual place.
        local_files_only: Whether only what was fetched before is used, as with `HF_HUB_OFFLINE=1`.

    Raises:
        Mistake: If there is no such run, it cannot be fetched, or it does not load.

    Example:
        >>> from_pretrained("no one/nothing")
        Traceback (most recent call last):
        ...
        genzoo.zoo.mistakes.Mistake: A run must be a folder or OWNER/NAME, got 'no one/nothing'. ...
    """
    if str(name) and Path(name).is_dir():
        return load(name)
    if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", str(name)):
        raise Mistake(f"A run must be a folder or OWNER/NAME, got {str(name)!r}.", "Correct the name.")
    with _told(str(name)):
        from huggingface_hub import snapshot_download

        path = snapshot_download(
            str(name), revision=revision, token=token, cache_dir=cache_dir, local_files_only=local_files_only,
            allow_patterns=FETCHED, library_name="genzoo",
        )  # fmt: skip
    return load(path)


def push_to_hub(
    run: Run, name: str, *, private: bool | None = None, revision: str | None = None, token: str | None = None,
    license: str | None = None,
) -> str:  # fmt: skip
    """Puts a run into a repository of the hub, which is made where there is none.

    Args:
        run: The run.
        name: OWNER/NAME.
        private: Whether a new repository is seen by its owner alone; by default as the owner's account has it.
        revision: A branch; by default main.
        token: Of the hub; by default the one that `hf auth login` keeps.
        license: Of the weights, as the hub names it: apache-2.0, say. It is for whoever may give it to say.

    Returns:
        Where it can be seen.

    Raises:
        Mistake: If it is no whole run, or the hub does not take it.
    """
    with tempfile.TemporaryDirectory() as folder, _told(name):
        from huggingface_hub import HfApi

        save_pretrained(run, folder, name=name, license=license)
        api = HfApi(token=token, library_name="genzoo")
        repository = api.create_repo(name, private=private, exist_ok=True).repo_id
        if revision is not None:
            api.create_branch(repository, branch=revision, exist_ok=True)
        said = f"Put {run.config.recipe.name} on {run.data_name} here"
        return str(api.upload_folder(repo_id=repository, folder_path=folder, revision=revision, commit_message=said))


def save_pretrained(run: Run, folder: str | Path, *, name: str | None = None, license: str | None = None) -> Path:
    """Writes what `from_pretrained` reads into a folder: the files of a repository of the hub.

    Args:
        run: The run.
        folder: Where.
        name: OWNER/NAME that the card tells to load; by default the folder.
        license: Of the weights, as the hub names it.

    Raises:
        Mistake: If it is no whole run, or the hub knows no such name or license.
    """
    home, config, to = run.path, run.config, Path(folder)
    if config.stage < config.stages or not (home / store.WEIGHTS).is_file():
        raise Mistake(f"What is shared must be a whole run, got {home}.", f"Finish it: genzoo train --resume {home}")
    if license is not None and not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", license):
        raise Mistake(f"A license must be named as the hub names it, got {license!r}.", "Write it as apache-2.0 is.")
    with _told(name or str(folder)):
        from huggingface_hub import ModelCard
        from huggingface_hub.utils._validators import validate_repo_id

        if name is not None:
            validate_repo_id(name)
    store.copy_run(home, config, to)
    written = home / store.CARD
    text = read_bytes(written).decode(errors="replace") if written.is_file() else card(home, config, run.metrics)
    page = ModelCard(_in_the_name(text, home, name or str(folder)))
    _describe(page, run, name or home.name, license)
    for file in (METRICS, EVALUATION, *re.findall(r"\((samples/[\w.-]+\.png)\)", text)):
        if (home / file).is_file():
            (to / file).parent.mkdir(exist_ok=True)
            store.copy_file(home / file, to / file)
    (to / store.CARD).write_text(str(page), encoding="utf-8")
    _write_results(run, to / RESULTS)
    return to


def _in_the_name(text: str, home: Path, name: str) -> str:
    """A card whose commands ask for a run of the hub."""
    own = f"runs/{name.rpartition('/')[2]}"
    text = text.replace(f'genzoo.load("{home}")', f'genzoo.from_pretrained("{name}")')
    return text.replace(f"`genzoo sample {home} ", f"After `genzoo pull {name}`, `genzoo sample {own} ").replace(
        f"`genzoo evaluate {home}`", f"`genzoo evaluate {own}`"
    )


def _describe(page: "ModelCard", run: Run, name: str, license: str | None) -> None:
    """What the hub searches by: the library, the task, the data, and what was measured."""
    data: Any = page.data  # which takes any field
    data.library_name = "genzoo"
    data.license = license or data.license
    data.pipeline_tag = _task(run)
    source = (run.config.data.origin or {}).get("source")
    if is_remote(source):
        data.datasets = [parts_of(str(source))[0]]
    data.model_name = name
    data.eval_results = _measured(run) or None


def _task(run: Run) -> str | None:
    """What the hub calls what it does, where it has a word."""
    from genzoo.data.codecs.image import ImageCodec
    from genzoo.data.codecs.text import SpellingCodec

    if isinstance(run.codec, SpellingCodec):
        return "text-generation"
    if not isinstance(run.codec, ImageCodec):
        return None
    told = any(isinstance(codec, SpellingCodec) for codec in run.given_codecs.values())
    return "text-to-image" if told else "unconditional-image-generation"


def _records(run: Run) -> list[dict[str, Any]]:
    """What `genzoo evaluate` measured."""
    path = run.path / EVALUATION
    return list(json.loads(read_bytes(path))) if path.is_file() else []


def _measured(run: Run) -> "list[EvalResult]":
    """The same as the card's model-index has it, with kind, error, rows and protocol of each number."""
    from huggingface_hub import EvalResult

    data = run.config.data
    return [
        EvalResult(
            task_type=_task(run) or "other", dataset_type=data.name, dataset_name=data.name,
            metric_type=record["name"], metric_value=record["value"],
            metric_args={key: record[key] for key in ("kind", "unit", "error", "n", "fingerprint")},
        )
        for record in _records(run)
    ]  # fmt: skip


def _write_results(run: Run, path: Path) -> None:
    """The same as files of results, which the hub holds against a data set of its own; nothing for other data."""
    import yaml
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    source = (run.config.data.origin or {}).get("source")
    records = _records(run)
    if not records or not is_remote(source):
        return
    dataset, revision, configuration = parts_of(str(source))
    entries = [
        EvalResultEntry(
            dataset_id=dataset, task_id=configuration or "default", value=record["value"], dataset_revision=revision,
            notes=f"{record['name']} ({record['unit']}), {record['kind']}, n = {record['n']}, protocol "
            f"{record['fingerprint']}",
        )
        for record in records
    ]  # fmt: skip
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False), encoding="utf-8")


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    """Says what goes wrong with the hub in the words of a user's mistake."""
    try:
        yield
    except ImportError:
        raise Mistake(
            "The hub needs huggingface_hub, which is not installed.", "Run: pip install 'genzoo[hub]'"
        ) from None
    except (OSError, ValueError) as error:  # what the library raises, and what it is built on
        if isinstance(error, Mistake):
            raise
        cause = " ".join(str(error).split()).partition(". ")[0][:200].rstrip(".")
        fix = "Check the name, the token (hf auth login) and whether the hub may be reached (HF_HUB_OFFLINE)."
        raise Mistake(f"{name} must be a repository that the hub lets you use, got: {cause}.", fix) from error
