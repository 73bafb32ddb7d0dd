"""Reproductions: what was once measured here, each remade by one command beside the number that it must reach.

Listing them costs no torch: what one needs is imported when it runs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.zoo.mistakes import unknown

if TYPE_CHECKING:
    from genzoo.experiments.outcome import Outcome

__all__ = ["Reproduction", "reproduction_named", "reproductions"]

Say = Callable[[str], None]
TABLES = {  # test log-likelihoods of MAF (5), arXiv:1705.07057, table 1
    "uci_power": 0.14, "uci_gas": 9.07, "uci_hepmass": -17.70, "uci_miniboone": -11.75, "bsds300": 155.69
}  # fmt: skip


@dataclass(frozen=True)
class Reproduction:
    """Something that can be remade.

    Attributes:
        name: What it is asked for by.
        summary: What it is, in a line.
        data: The name of the data that it needs.
        budget: What it costs, in words.
        measure: What its number says.
        goal: The number that it must reach, the higher the better.
        run: Remakes it in a folder, from files in another where they are not shipped.
    """

    name: str
    summary: str
    data: str
    budget: str
    measure: str
    goal: float
    run: Callable[[Path, Say, Path | None], "Outcome"]

    def to_json(self) -> dict[str, Any]:
        """What a list says of it."""
        return {name: value for name, value in vars(self).items() if name != "run"}


def reproductions() -> dict[str, Reproduction]:
    """All that can be remade, by name.

    Example:
        >>> reproductions()["judge-digits"].data
        'digits'
    """
    every = [
        _judge("digits", "digits", "the judge of the embedded digits", "half a core-minute", 0.97),
        _judge("mnist", "mnist", "the judge of MNIST", "3 core-minutes", 0.992),
        _judge("fashion-mnist", "fashion-mnist", "the judge of Fashion-MNIST", "4.5 core-minutes", 0.925),
        _judge("fsdd", "fsdd", "the judge of spoken digits", "2 core-minutes", 0.97),
        _judge("natural", "cifar10-subset", "the judge of small color images", "8 core-minutes", 0.74),
    ]
    every.append(Reproduction(
        "unseen-speakers", "spoken digits of speakers that the judge never heard, the mean over six", "fsdd",
        "3 core-minutes", "accuracy on all of their rows", 0.8, _speakers
    ))  # fmt: skip
    every.append(Reproduction(
        "linked-zoo",
        "ten models side by side: VAE, VQ-VAE, GAN, WGAN, VQGAN, flow, DDPM, guidance, flow matching, DiT, VAR",
        "fashion-mnist",
        "50 core-minutes, and what is measured", "share that the judge reads as asked, the best", 0.85,
        _linked,
    ))  # fmt: skip
    return {one.name: one for one in [*every, *map(_table, TABLES)]}


def reproduction_named(name: str) -> Reproduction:
    """A reproduction by its name.

    Args:
        name: One of `reproductions()`.

    Raises:
        Mistake: If there is none of that name.

    Example:
        >>> reproduction_named("judge-digits").measure
        'accuracy on the test rows'
    """
    if name not in reproductions():
        raise unknown("reproduction", name, reproductions())
    return reproductions()[name]


def _judge(name: str, data: str, summary: str, budget: str, goal: float) -> Reproduction:
    def run(out: Path, say: Say, folder: Path | None = None) -> "Outcome":
        from genzoo.experiments.judges import train_judge

        return train_judge(name, out, say=say)

    return Reproduction(f"judge-{name}", summary, data, budget, "accuracy on the test rows", goal, run)


def _table(name: str) -> Reproduction:
    def run(out: Path, say: Say, folder: Path | None = None) -> "Outcome":
        from genzoo.experiments.published import reproduce

        return reproduce(name, out, folder, published=TABLES[name], say=say)

    summary = f"nsf on {name} as the papers prepare it; its files come by --data FOLDER"
    return Reproduction(name, summary, name, "60 core-minutes", "log p of test rows, nats", TABLES[name], run)


def _linked(out: Path, say: Say, folder: Path | None = None) -> "Outcome":
    from genzoo.experiments.linked_zoo import linked_zoo

    return linked_zoo(out, say=say)


def _speakers(out: Path, say: Say, folder: Path | None = None) -> "Outcome":
    from genzoo.experiments.speakers import leave_speakers_out

    return leave_speakers_out(out, say=say)
