"""Models held against their promises."""

import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

from genzoo._deadline import Deadline, TooLong
from genzoo.core import GenerativeModel
from genzoo.testing import (  # noqa: F401 — which register their promises
    bounds,
    contract,
    denoising,
    density,
    entries,
    given,
    kept,
    latents,
    order,
    training,
)
from genzoo.testing.promise import Broken, LeftOut, Promise, Subject, every_promise

__all__ = ["Failed", "Finding", "asked", "check", "examine", "promises"]

KINDS = ("contract", "use", "density", "training")  # as they cost


@dataclass(frozen=True)
class Finding:
    """What came of one promise.

    Attributes:
        promise: What must hold.
        kind: The kind of promise.
        broken: What was found instead; empty where it holds.
        left_out: Why it was not asked after all, where it was not.
        told: What was measured on the way, where it holds.
        seconds: How long it took to ask.
    """

    promise: str
    kind: str
    broken: str = ""
    left_out: str = ""
    told: str = ""
    seconds: float = field(default=0.0, compare=False)

    def __str__(self) -> str:
        return f"{self.promise}: {self.words}"

    @property
    def words(self) -> str:
        """What came of it."""
        if self.left_out:
            return f"not asked, {self.left_out}"
        return self.broken or (f"holds, {self.told}" if self.told else "holds")


class Failed(AssertionError):
    """Some promises of a model are broken; the message tells which, and what was found.

    Args:
        name: The model.
        findings: All that was asked.
    """

    def __init__(self, name: str, findings: Sequence[Finding]) -> None:
        self.findings = [finding for finding in findings if finding.broken]
        told = "".join(f"\n  - {finding}" for finding in self.findings)
        asked = sum(not finding.left_out for finding in findings)
        super().__init__(f"{name} breaks {len(self.findings)} of {asked} promises:{told}")


def promises(*kinds: str) -> list[Promise]:
    """All promises, or those of some kinds, the cheap ones first.

    Example:
        >>> [promise.name for promise in promises("contract")][0]
        'samples are rows of the space'
    """
    wanted = [promise for promise in every_promise if not kinds or promise.kind in kinds]
    return sorted(wanted, key=lambda promise: KINDS.index(promise.kind))


def examine(model: GenerativeModel | Subject, *kinds: str) -> list[Finding]:
    """Asks a model for all that it promises.

    Args:
        model: The model, prepared as for its first round; or a `Subject`, which brings rows of its own.
        kinds: "contract", "use", "density", "training"; by default all.

    Returns:
        A finding for each promise that the model makes; what it cannot do it is not asked for.

    Example:
        >>> from genzoo.models.classical import Gaussian
        >>> from genzoo.core import Space
        >>> findings = examine(Gaussian(Space((2,))), "contract")
        >>> [str(finding) for finding in findings if finding.broken]
        []
    """
    return list(asked(model if isinstance(model, Subject) else Subject.of(model), *kinds))


def asked(
    subject: Subject, *kinds: str, seconds: float | None = None, also: Sequence[Promise] = ()
) -> Iterator[Finding]:
    """The same, one finding after another as they come.

    Args:
        subject: The model and its rows.
        kinds: "contract", "use", "density", "training"; by default all.
        seconds: After so many the promise that is being asked, and all after it, are left out.
        also: Promises that are asked before these.
    """
    start = time.monotonic()
    for promise in [*also, *promises(*kinds)]:
        if not promise.concerns(subject):
            continue
        begun = time.monotonic()
        try:
            with nullcontext() if seconds is None else Deadline(time.monotonic, start + seconds - begun):
                found = _found(promise, subject)
        except TooLong:
            found = Finding(promise.name, promise.kind, left_out=f"{seconds:g} seconds were over")
        yield replace(found, seconds=time.monotonic() - begun)


def check(model: GenerativeModel | Subject, *kinds: str) -> list[Finding]:
    """The same, for a test: raises if any promise is broken.

    Args:
        model: The model, prepared as for its first round; or a `Subject`, which brings rows of its own.
        kinds: "contract", "use", "density", "training"; by default all.

    Raises:
        Failed: If a promise is broken.

    Example:
        >>> from genzoo.core import Likelihood, Space
        >>> class Wrong(GenerativeModel):
        ...     likelihood = Likelihood.EXACT
        ...     def draw(self, n, given, noise):
        ...         return noise.normal(n, *self.space.shape)
        ...     def log_density(self, x, given, noise):
        ...         return -x.square().sum(1) / 2
        >>> check(Wrong(Space((2,))), "density")
        Traceback (most recent call last):
        ...
        genzoo.testing.examination.Failed: Wrong breaks 1 of 4 promises:
          - samples have the moments of the density: the density integrates to 6.2... ± ...
    """
    findings = examine(model, *kinds)
    if any(finding.broken for finding in findings):
        subject = model if isinstance(model, Subject) else Subject.of(model)
        raise Failed(type(subject.model).__name__, findings)
    return findings


def _found(promise: Promise, subject: Subject) -> Finding:
    """What came of a promise; an error is a promise broken, for models raise only where they say so."""
    try:
        told = promise.holds(subject)
    except Broken as broken:
        return Finding(promise.name, promise.kind, str(broken))
    except LeftOut as why:
        return Finding(promise.name, promise.kind, left_out=str(why))
    except TooLong:
        raise
    except Exception as error:
        return Finding(promise.name, promise.kind, f"raised {type(error).__name__}: {error}")
    return Finding(promise.name, promise.kind, told=told or "")
