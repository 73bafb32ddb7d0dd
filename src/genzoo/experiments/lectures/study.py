"""A sheet on which an item of a lecture puts what it found: numbers that must hold, and a figure."""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.distributions.estimate import Estimate
from genzoo.experiments.lectures.style import new_figure, to_svg
from genzoo.zoo.loading import Run
from genzoo.zoo.run import train
from genzoo.zoo.store import whole

__all__ = ["Check", "Study", "short"]

MOST = 8  # numbers that are written out
CALM = {"validate_every": 1 << 20, "sample_every": 1 << 20}  # of a training of seconds
Number = float | int | str | bool | Tensor | Sequence[Any]


class Check(NamedTuple):
    """A number beside what it must be.

    Attributes:
        name: What it is, in words or symbols.
        got: What was found.
        want: What must be found.
        within: How far it may be off; or "at most", "at least".
        holds: Whether it is so.
    """

    name: str
    got: Any
    want: Any
    within: float | str
    holds: bool

    @property
    def found(self) -> str:
        """What was found, in few letters; of many numbers how far they are off."""
        got = _flat(self.got)
        if len(got) <= MOST or isinstance(self.within, str):
            return ", ".join(map(short, got))
        off = max((abs(a - b) for a, b in zip(got, _flat(self.want), strict=True)), default=0.0)
        return f"{len(got)} numbers, off by at most {_rough(off)}"

    @property
    def wanted(self) -> str:
        """What must be found, in few letters."""
        want = _flat(self.want)
        if isinstance(self.within, str):
            return f"{self.within} {', '.join(map(short, want))}"
        by = f" ± {_rough(self.within)}" if self.within else ""
        return (", ".join(map(short, want)) if len(want) <= MOST else "the same") + by

    def __str__(self) -> str:
        return f"{'✓' if self.holds else '✗'} {self.name}: {self.found} (must be {self.wanted})"


class Study:
    """What an item is given: a seed, a folder, how much time there is, and a place for what it finds.

    Args:
        number: The item's.
        folder: Where its files go.
        seed: Names every random draw.
        quick: Whether seconds must do where it would take minutes.
        train: Whether long trainings are redone, rather than their records drawn.

    Example:
        >>> s = Study("000.0", Path("runs"))
        >>> s.near("two thirds", 0.6666, 2 / 3, within=1e-3); s.equal("words", [1, 2], [1, 2])
        >>> [check.holds for check in s.checks]
        [True, True]
    """

    def __init__(self, number: str, folder: Path, *, seed: int = 0, quick: bool = False, train: bool = False) -> None:
        self.number, self.folder, self.seed, self.quick, self.train = number, folder, seed, quick, train
        self.checks: list[Check] = []
        self.numbers: dict[str, Any] = {}
        self.files: list[Path] = []
        self._figures: list[tuple[Any, str]] = []

    @property
    def again(self) -> Path | None:
        """Where long trainings are redone; None where their records are drawn."""
        return self.folder / "again" if self.train else None

    def noise(self, *path: str | int) -> Noise:
        """The noise of this item, under a name."""
        return Noise(self.seed, "lecture", self.number, *path)

    def equal(self, name: str, got: Number, want: Number) -> None:
        """Must be the very same."""
        got, want = _plain(got), _plain(want)
        self.checks.append(Check(name, got, want, 0, bool(got == want)))

    def near(self, name: str, got: Number, want: Number, *, within: float) -> None:
        """Must be as near as that; of several numbers each."""
        found, truth = _doubles(got), _doubles(want)
        if len(found) != len(truth):
            raise ValueError(f"As many numbers must be found as wanted, got {len(found)} and {len(truth)}: {name}.")
        off = (found - truth).abs()
        self.checks.append(Check(name, _plain(got), _plain(want), within, bool((off <= within).all())))

    def expect(self, name: str, got: Estimate, want: float, *, errors: float = 4.0) -> None:
        """An estimate must lie within some standard errors of the truth."""
        self.near(name, got.value, want, within=errors * float(got.error or 0.0))

    def most(self, name: str, got: Number, bound: float) -> None:
        """Must be at most that; of several numbers each."""
        value = float(_doubles(got).max())
        self.checks.append(Check(name, value, bound, "at most", value <= bound))

    def least(self, name: str, got: Number, bound: float) -> None:
        """Must be at least that; of several numbers each."""
        value = float(_doubles(got).min())
        self.checks.append(Check(name, value, bound, "at least", value >= bound))

    def note(self, name: str, value: Number) -> None:
        """A number of which nothing is claimed."""
        self.numbers[name] = _plain(value)

    def trained(self, recipe: str, data: Any, name: str | None = None, **how: Any) -> Run:
        """A recipe trained as `genzoo.train` does, in a folder of its own; what an earlier one left there goes.

        In seconds it is looked at in the end alone.

        Args:
            recipe: Its name.
            data: What it is trained on.
            name: The folder's, if it is not the recipe's.
            how: As of `genzoo.train`: settings, steps, given.
        """
        folder = self.folder / (name or recipe)
        if folder.exists():
            shutil.rmtree(folder)
        return train(recipe, data, out=folder, seed=self.seed, **(CALM if self.quick else {}) | how)

    def figure(self, rows: int = 1, columns: int = 1, *, alt: str, **how: Any) -> Any:
        """A figure and its axes, written when the item is done.

        Args:
            rows: Of axes.
            columns: Of axes.
            alt: What it shows, in a sentence, for those who cannot see it.
            how: Its `size` in inches, and what `Figure.subplots` takes.
        """
        figure, axes = new_figure(rows, columns, **how)
        self._figures.append((figure, alt))
        return figure, axes

    def keep(self, path: Path) -> None:
        """Another file that belongs to it: a sound, a page."""
        self.files.append(path)

    def draw(self) -> list[Path]:
        """Writes the figures, and tells all files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for place, (figure, alt) in enumerate(self._figures):
            path = self.folder / f"figure{'' if place == 0 else f'-{place + 1}'}.svg"
            with whole(path) as draft:
                draft.write_text(to_svg(figure, alt), encoding="utf-8")
            self.files.append(path)
        return self.files


def _rough(value: float) -> str:
    """A number in two digits."""
    return short(float(f"{value:.2g}"))


def _plain(value: Any) -> Any:
    """Numbers as JSON has them."""
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.tolist() if hasattr(value, "tolist") else value  # of NumPy


def short(value: Any) -> str:
    """A number or a word in few letters.

    Args:
        value: Which.

    Example:
        >>> short(2.0), short(-0.123456789), short(1e-9), short(True)
        ('2', '−0.123457', '1e−9', 'True')
    """
    if isinstance(value, bool | str) or not isinstance(value, int | float):
        return str(value)
    whole = isinstance(value, int) or (math.isfinite(value) and value == int(value) and abs(value) < 1e9)
    text = f"{int(value):,}" if whole else f"{value:.6g}"
    return text.replace("e-0", "e-").replace("e+0", "e").replace("-", "−")


def _doubles(value: Number) -> Tensor:
    """Numbers, one after another, with all their digits."""
    return torch.tensor(_flat(_plain(value)), dtype=torch.float64)


def _flat(value: Any) -> list[Any]:
    return [each for part in value for each in _flat(part)] if isinstance(value, list | tuple) else [value]
