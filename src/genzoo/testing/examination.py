"""Models held against their promises."""

from collections.abc import Sequence
from dataclasses import dataclass

from genzoo.core import GenerativeModel
from genzoo.testing import contract, density, training  # noqa: F401 — which register their promises
from genzoo.testing.promise import Broken, Promise, Subject, every_promise

__all__ = ["Failed", "Finding", "check", "examine", "promises"]


@dataclass(frozen=True)
class Finding:
    """What came of one promise.

    Attributes:
        promise: What must hold.
        kind: The kind of promise.
        broken: What was found instead; empty where it holds.
    """

    promise: str
    kind: str
    broken: str = ""

    def __str__(self) -> str:
        return f"{self.promise}: {self.broken or 'holds'}"


class Failed(AssertionError):
    """Some promises of a model are broken; the message tells which, and what was found.

    Args:
        name: The model.
        findings: All that was asked.
    """

    def __init__(self, name: str, findings: Sequence[Finding]) -> None:
        self.findings = [finding for finding in findings if finding.broken]
        told = "".join(f"\n  - {finding}" for finding in self.findings)
        super().__init__(f"{name} breaks {len(self.findings)} of {len(findings)} promises:{told}")


def promises(*kinds: str) -> list[Promise]:
    """All promises, or those of some kinds.

    Example:
        >>> [promise.name for promise in promises("contract")][0]
        'samples are rows of the space'
    """
    return [promise for promise in every_promise if not kinds or promise.kind in kinds]


def examine(model: GenerativeModel | Subject, *kinds: str) -> list[Finding]:
    """Asks a model for all that it promises.

    Args:
        model: The model, prepared as for its first round; or a `Subject`, which brings rows of its own.
        kinds: "contract", "density", "training"; by default all.

    Returns:
        A finding for each promise that the model makes; what it cannot do it is not asked for.

    Example:
        >>> from genzoo.models.classical import Gaussian
        >>> from genzoo.core import Space
        >>> findings = examine(Gaussian(Space((2,))), "contract")
        >>> [str(finding) for finding in findings if finding.broken]
        []
    """
    subject = model if isinstance(model, Subject) else Subject.of(model)
    return [_found(promise, subject) for promise in promises(*kinds) if promise.concerns(subject)]


def check(model: GenerativeModel | Subject, *kinds: str) -> list[Finding]:
    """The same, for a test: raises if any promise is broken.

    Args:
        model: The model, prepared as for its first round; or a `Subject`, which brings rows of its own.
        kinds: "contract", "density", "training"; by default all.

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
        genzoo.testing.examination.Failed: Wrong breaks 1 of 2 promises:
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
        promise.holds(subject)
    except Broken as broken:
        return Finding(promise.name, promise.kind, str(broken))
    except Exception as error:
        return Finding(promise.name, promise.kind, f"raised {type(error).__name__}: {error}")
    return Finding(promise.name, promise.kind)
