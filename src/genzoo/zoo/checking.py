"""Runs held against what their models promise, on rows that their training did not see."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from genzoo.core.errors import DataError
from genzoo.core.given import Given, as_given, as_given_space, complete, given_rows, is_null
from genzoo.core.model import GenerativeModel
from genzoo.data import Data
from genzoo.models.abilities import Codes
from genzoo.models.autoencoders.quantizers import Quantized, Quantizer
from genzoo.models.standardized import Standardized
from genzoo.testing import Finding, Promise, Subject, asked, conditions, rows
from genzoo.testing.kept import told
from genzoo.testing.promise import hold
from genzoo.training.checkpoint import Checkpoint, newest
from genzoo.training.loop import WEIGHTS
from genzoo.zoo import store
from genzoo.zoo.loading import Run, loaded
from genzoo.zoo.mistakes import Mistake

__all__ = ["Checking"]

ROWS, ENTRIES = 200, 1 << 21  # rows of the run's data that are taken; entries in all, at most
SECONDS = 60.0
QUICK = {"steps": 5, "sweeps": 5, "temperatures": 5, "chains": 4}


@dataclass(frozen=True)
class Checking:
    """A run and the rows on which it is asked.

    Attributes:
        run: The run.
        subject: Its model with these rows.
        on: Which rows they are, in words.

    Example:
        >>> import tempfile
        >>> from genzoo.zoo.run import train
        >>> run = train("gaussian_mixture", "moons", out=tempfile.mkdtemp() + "/run", steps=30, device="cpu")
        >>> checking = Checking.of(run)
        >>> checking.on, [str(finding) for finding in checking.findings() if finding.broken]
        ('200 test rows of moons', [])
    """

    run: Run
    subject: Subject
    on: str

    @classmethod
    def of(cls, run: Run, *, online: bool = False) -> "Checking":
        """A run with rows that its training did not see, or, where these cannot be read, with rows of our own.

        Args:
            run: The run.
            online: Whether its data may be fetched from the hub.
        """
        model = run.generative
        x, given, on = _rows_of(run, model, online)
        unit = model.space.is_real and isinstance(model, Standardized) and model.can("log_prob")
        quick = {"options": _quick(model, "draw"), "scoring": _quick(model, "log_density")}
        return cls(run, Subject(model, x, given, unit, trained=True, **quick), on)

    def findings(self, seconds: float = SECONDS) -> Iterator[Finding]:
        """What came of each promise, the cheap ones first.

        Args:
            seconds: After so many the rest is left out.
        """
        return asked(self.subject, "contract", "use", "density", seconds=seconds, also=self._promises())

    def _promises(self) -> list[Promise]:
        """What a run promises beside its model."""
        everybody = frozenset[str]()

        def averages(subject: Subject) -> bool:
            """a run that averages its weights, with its last checkpoint"""
            return self.run.config.train.ema is not None

        def codes(subject: Subject) -> bool:
            """a model of codes that it learns"""
            return subject.model.ability(Codes) is not None and subject.can("encode", "decode")

        return [
            Promise("the run's folder is the model", "run", everybody, lambda subject: True, self._is_the_folder),
            Promise("the weights are the average that was asked for", "run", everybody, averages, self._is_averaged),
            Promise("codes stand for themselves", "run", everybody, codes, _keeps_codes),
        ]

    def _is_the_folder(self, subject: Subject) -> None:
        """Loaded a second time, it is the same to the bit."""
        other = cast(GenerativeModel, loaded(self.run.path, self.run.config))
        mine, its = told(subject, subject.model), told(subject, other)
        for what in mine:
            hold(torch.equal(mine[what], its[what]), f"{what} differs when the run is loaded a second time")

    def _is_averaged(self, subject: Subject) -> None:
        """The weights of the run are those that its last checkpoint has as the average, or as the best of them."""
        kept = store.read_weights(self.run.path / WEIGHTS)
        best, average = newest(self.run.path / "checkpoints", lambda said: None, _averages)
        wanted = best or average
        off = [name for name, tensor in kept.items() if name in wanted and not torch.equal(tensor, wanted[name])]
        hold(not off, f"{len(off)} of {len(kept)} weights are not the average: {', '.join(off[:3])}")


def _averages(checkpoint: Checkpoint) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The best weights, if they were noted, and the averaged ones."""
    averaged = checkpoint.tensors.get("average", {})
    return checkpoint.tensors.get("best", {}), {name.removeprefix("module."): w for name, w in averaged.items()}


def _rows_of(run: Run, model: GenerativeModel, online: bool) -> tuple[Tensor, Given, str]:
    """Rows that suit a run's model: of its own data, from the split that training saw least of."""
    n = max(2, min(ROWS, ENTRIES // model.space.dims))
    try:
        data = run.data(online=online)
        if data.space != model.space or as_given_space(data.given_space) != model.given_space:
            raise Mistake(f"the model is of other rows than {data.name}, which", "")
        return _whole(data, model, n)
    except (Mistake, DataError, OSError) as error:
        return rows(model.space, n), conditions(model.given_space, n), f"rows of our own ({_first(error)})"


def _whole(data: Data, model: GenerativeModel, n: int) -> tuple[Tensor, Given, str]:
    """n rows in which nothing is missing; where there are fewer they come again."""
    split = next(name for name in ("test", "valid", "train") if len(data.split(name)))
    x, condition = data.split(split).head(10 * n)
    given = complete(as_given(condition), model.given_space, len(x))
    there = x.isfinite().flatten(1).all(1)
    for name, values in given.items():
        there &= ~is_null(values, ragged=model.given_space[name].ragged)
    whole = there.nonzero()[:n, 0]
    if not len(whole):
        raise DataError(f"no {split} row of {data.name} is whole")
    places = whole[torch.arange(n) % len(whole)]
    return x[places], given_rows(given, places), f"{len(whole)} {split} rows of {data.name}"


def _first(error: Exception) -> str:
    """The first sentence of an error."""
    return str(error).split(", got ")[0].split(". ")[0]


def _quick(model: GenerativeModel, method: str) -> dict[str, int]:
    """How few steps samples or likelihoods are made in, where it does not matter how good they are."""
    return {name: few for name, few in QUICK.items() if name in model.options(method)}


def _keeps_codes(subject: Subject) -> str:
    """What a quantizer passes on is what its codes stand for. How many codes come back from what they are decoded to
    is told, and no promise: it depends on how much of x they hold."""
    model, data = subject.model, subject.batch(64)

    def watch(part: nn.Module, shown: Any, found: Quantized) -> None:
        off = (found.z - part.embed(found.codes)).abs().max().item()  # type: ignore[operator]
        least = 1e-4 * max(1.0, found.z.abs().max().item())
        hold(off <= least, f"codes stand for vectors that are {off:.3g} off those passed on")

    hooks = [part.register_forward_hook(watch) for part in model.modules() if isinstance(part, Quantizer)]
    try:
        with torch.no_grad():
            codes = model.encode(data.x, data.given)
            again = model.encode(model.decode(codes, data.given), data.given)
    finally:
        for hook in hooks:
            hook.remove()
    share, used = (codes == again).double().mean().item(), len(codes.unique())
    return f"and {share:.0%} of the codes ({used} different ones) come back from what they are decoded to"
