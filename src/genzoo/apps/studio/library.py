"""The runs of a folder: all are listed, and one is loaded when it is first asked for."""

import threading
import time
from pathlib import Path
from typing import Any

from genzoo.apps.cli.catalog import run_row
from genzoo.apps.cli.using import loaded_on
from genzoo.apps.serve.limits import Limits
from genzoo.apps.serve.metrics import Metrics
from genzoo.apps.serve.refusals import Refusal, refused
from genzoo.apps.serve.served import Served, Shelf
from genzoo.training.journal import METRICS
from genzoo.zoo.mistakes import nearest
from genzoo.zoo.store import CONFIG, WEIGHTS, run_folders

__all__ = ["Library"]

KEPT = 6  # runs that stay in memory


class Library(Shelf):
    """Runs by their place in a folder, of which those asked last are in memory.

    A name is looked up among the folders that are there, so that none leads anywhere else.

    Args:
        home: The folder.
        device: Where the models are.
        limits: What is taken on.
        metrics: Counts what is done.
    """

    def __init__(self, home: Path, device: str, limits: Limits, metrics: Metrics) -> None:
        super().__init__()
        self.home, self.device, self.limits, self.metrics = home, device, limits, metrics
        self.lock = threading.Lock()
        self.written: dict[str, int] = {}  # when the weights were that are in memory
        self.known: dict[str, tuple[Any, dict[str, Any]]] = {}

    def folders(self) -> dict[str, Path]:
        """The folders of runs by name, newest first."""
        return {path.relative_to(self.home).as_posix(): path for path in run_folders(self.home)}

    def folder(self, name: str | None) -> Path:
        """The folder of a run.

        Raises:
            Refusal: If there is none of the name.
        """
        folders = self.folders()
        if name is None or name not in folders:
            close = nearest(str(name), folders)
            fix = f"Did you mean {close!r}?" if close else f"There are: {', '.join(folders) or 'none yet'}."
            raise Refusal(404, f"There is no run {name!r}. {fix}", "model", "model_not_found")
        return folders[name]

    def is_trained(self, name: str) -> bool:
        """Whether a run has weights."""
        return (self.folder(name) / WEIGHTS).is_file()

    def find(self, name: str | None) -> Served:
        """A run, loaded if it is not or was trained on since.

        Raises:
            Refusal: If there is none of the name, or it cannot be loaded.
        """
        path = self.folder(name)
        name, written = str(name), _written(path / WEIGHTS)
        with self.lock:
            if self.written.get(name) != written or name not in self:
                self._forget(name)
                self[name] = self._loaded(name, path)
                self.written[name] = written
            self[name] = self.pop(name)  # the last asked stands last
            for old in list(self)[:-KEPT]:
                self._forget(old)
            return self[name]

    def rows(self) -> list[dict[str, Any]]:
        """What `genzoo runs` tells of each, under its name here."""
        return [self._row(name, path) for name, path in self.folders().items()]

    def _row(self, name: str, path: Path) -> dict[str, Any]:
        state = tuple(_written(path / file) for file in (CONFIG, METRICS, WEIGHTS))
        if name not in self.known or self.known[name][0] != state:
            self.known[name] = state, run_row(path) | {"run": name, "path": str(path)}
        return self.known[name][1]

    def _loaded(self, name: str, path: Path) -> Served:
        began = time.monotonic()
        try:
            run = loaded_on(path, self.device)
            served = Served(name, run, self.limits, self.metrics)
        except ValueError as error:
            raise refused(error, "model") from None
        self.metrics.load.labels(name).set(time.monotonic() - began)
        return served

    def _forget(self, name: str) -> None:
        if name in self:
            threading.Thread(target=self.pop(name).line.close, daemon=True).start()


def _written(path: Path) -> int:
    """When a file was written; 0 if it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
