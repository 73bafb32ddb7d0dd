"""What may watch a training: progress, sample grids, TensorBoard.

A callback reads the state and writes elsewhere; it never changes the course of the training.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genzoo.core import Capability, GenerativeModel, GivenLike, map_given
from genzoo.training.state import State

if TYPE_CHECKING:
    from genzoo.data.codec import Codec

__all__ = ["Callback", "SampleGrid", "TensorBoard"]


class Callback:
    """Something that watches a training; every method may stay as it is.

    Example:
        >>> class Print(Callback):
        ...     def on_row(self, state, row):
        ...         print(row["step"])
        >>> Print().on_row(None, {"step": 3})
        3
    """

    def on_wait(self, what: str) -> None:
        """Again and again before the first step, while a model looks at the data or steps are timed."""

    def on_start(self, state: State) -> None:
        """Before the first step, or the first after a resume."""

    def on_step(self, state: State) -> None:
        """After every round of the game, or batch of a direct fit."""

    def on_row(self, state: State, row: dict[str, Any]) -> None:
        """After a row of metrics was written."""

    def on_samples(self, state: State) -> None:
        """When samples are due, as `TrainConfig.sample_every` says."""

    def on_end(self, state: State) -> None:
        """After the last step, or when the training is interrupted."""


class SampleGrid(Callback):
    """Writes samples while training, the same noise at every step, so that the files make a film.

    Where sampling is slow there are fewer of them, so that all grids together take a tenth of the run.

    Args:
        folder: Where `step-00001000.png` and so on go.
        codec: Turns samples into a file.
        n: The number of samples, at most.
        given: Their condition.
        seed: Names their noise.
        options: Of sampling.
    """

    def __init__(
        self, folder: Path, codec: "Codec", n: int = 64, given: GivenLike = None, seed: int = 0, **options: Any
    ) -> None:
        self.folder, self.codec, self.n, self.given, self.seed = folder, codec, n, given, seed
        self.options = options
        self.latest: Tensor | None = None  # what was drawn last, for whoever looks at it next

    def can_draw(self, model: Any) -> bool:
        """Whether a model has samples to show: a representation codes, and has none."""
        return isinstance(model, GenerativeModel) and model.can(Capability.SAMPLE)

    def draw(self, model: Any, n: int, device: torch.device) -> Tensor:
        """The first rows of the grid.

        Args:
            model: What is drawn from.
            n: How many rows.
            device: Where the model is.
        """
        given = map_given(lambda rows: rows[:n].to(device), self.given)
        x: Tensor = model.sample(n, given, seed=self.seed, **self.options)
        return x

    def on_samples(self, state: State) -> None:
        n = self.n if state.plan.shown is None else min(self.n, state.plan.shown)
        if not n or not self.can_draw(state.model):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self.latest = self.draw(state.weights, n, state.team.device).cpu()
        self.codec.save(self.latest, self.folder / f"step-{state.step:08d}{self.codec.suffix}")


class TensorBoard(Callback):
    """Sends every row of metrics to TensorBoard.

    Args:
        folder: The log folder.

    Raises:
        ImportError: If TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder))

    def on_row(self, state: State, row: dict[str, Any]) -> None:
        for name, value in row.items():
            if isinstance(value, float):
                self.writer.add_scalar(f"{row['split']}/{name}", value, row["step"])

    def on_end(self, state: State) -> None:
        self.writer.close()
