"""Averages of weights by powers of time, from a few of which one of any length is made after training.

The average of exponent γ gives the weights of step s a share that grows as s^γ, so it forgets the beginning at the
same rate whatever the length of the run,

$$ \\hat\\theta_\\gamma(t) = \\int_0^t p_{\\gamma, t}(s)\\,\\theta(s)\\,ds, \\qquad
   p_{\\gamma, t}(s) = \\frac{\\gamma + 1}{t^{\\gamma + 1}} s^\\gamma. $$

Its length is the standard deviation of p over t, σ² = (γ + 1) / (γ + 2)² (γ + 3). Two averages are kept while the
model trains, and now and then both are saved. Any other profile is close to a sum of the saved ones: the shares in
that sum, which add up to one, solve the normal equations of least squares, whose inner products are in closed form,
for s ≤ t

$$ \\int p_{\\gamma, s}\\,p_{\\delta, t} = \\frac{(\\gamma + 1)(\\delta + 1)}{\\gamma + \\delta + 1}
   \\cdot \\frac{s^\\delta}{t^{\\delta + 1}}. $$

References:
    Karras et al., 2024, "Analyzing and improving the training dynamics of diffusion models", arXiv:2312.02696
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from genzoo._weights import read_tensors
from genzoo.training.checkpoint import write_tensors

__all__ = ["LENGTHS", "LONGEST", "Powers", "Profile", "exponent", "rebuilt", "shares"]

LENGTHS, LONGEST = (0.05, 0.1), 0.28  # those kept, and the longest there may be: that of γ near 0
UPDATES, SAVES = 2000, 12  # in a run


class Profile(NamedTuple):
    """How much the weights of each step count: the exponent, and the step at which it ends."""

    exponent: float
    step: int


def exponent(length: float) -> float:
    """γ of an average whose length is a share of the run.

    Args:
        length: σ, the standard deviation of its profile as a share of the steps.

    Raises:
        ValueError: If no average is so long, or it is not positive.

    Example:
        >>> round(exponent(0.1), 2), round(exponent(0.05), 2)
        (6.94, 16.97)
    """
    if not 0 < length <= LONGEST:
        raise ValueError(f"The length of an average must be above 0 and at most {LONGEST} of the run, got {length}.")
    u = length**-2
    return float(max(np.roots([1, 7, 16 - u, 12 - u]).real))


def shares(kept: Sequence[Profile], wanted: Profile) -> list[float]:
    """How much of each saved average there is in the one that is wanted.

    Args:
        kept: The profiles of those that are saved.
        wanted: The profile to come near to.

    Example:
        >>> shares([Profile(7.0, 100), Profile(17.0, 100)], Profile(17.0, 100))
        [0.0, 1.0]
    """
    one = np.ones((len(kept), 1))
    within = np.block([[_products(kept, kept), one], [one.T, np.zeros((1, 1))]])
    found = np.linalg.lstsq(within, np.append(_products(kept, [wanted])[:, 0], 1.0), rcond=1e-13)[0][:-1]
    return [float(share) for share in found.round(12) + 0.0]


def _products(some: Sequence[Profile], others: Sequence[Profile]) -> np.ndarray:
    """∫ p q of each pair, in units of the last step."""
    last = max(profile.step for profile in (*some, *others))
    (a, s), (b, t) = (
        [np.array(part, dtype=np.float64) for part in zip(*each, strict=True)] for each in (some, others)
    )
    a, s, b, t = a[:, None], s[:, None] / last, b[None], t[None] / last
    earlier, later = np.minimum(s, t), np.maximum(s, t)
    power = np.where(s <= t, b, a)  # of the one that ends later
    return (a + 1) * (b + 1) / (a + b + 1) * (earlier / later) ** power / later


class Powers:
    """The averages of a model's parameters that are kept in training.

    Args:
        model: What is followed.
        total: The steps that the run is planned for.
        lengths: Their lengths.

    Example:
        >>> line = nn.Linear(1, 1)
        >>> powers = Powers(line, total=100)
        >>> powers.follow(1)
        >>> bool((powers.means[0]["weight"] == line.weight).all())
        True
    """

    def __init__(self, model: nn.Module, total: float, lengths: Sequence[float] = LENGTHS) -> None:
        self.source, self.exponents = model, [exponent(length) for length in lengths]
        self.every, self.step = max(1, int(total / UPDATES)), 0
        self.means = [{name: p.detach().clone() for name, p in model.named_parameters()} for _ in lengths]

    def follow(self, step: int, *, last: bool = False) -> None:
        """Takes in the model's weights after a step, if an update is due or it is the last.

        Between two updates the weights count as those of the later one.
        """
        if step <= self.step or (step % self.every and not last):
            return
        values = [parameter.detach() for parameter in self.source.parameters()]
        for power, mean in zip(self.exponents, self.means, strict=True):
            torch._foreach_lerp_(list(mean.values()), values, 1 - (self.step / step) ** (power + 1))
        self.step = step

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint holds of them."""
        named = {f"{k}.{name}": tensor for k, mean in enumerate(self.means) for name, tensor in mean.items()}
        return named | {"step": torch.tensor(self.step)}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Takes up what a checkpoint held."""
        self.step = int(state["step"])
        for k, mean in enumerate(self.means):
            for name, tensor in mean.items():
                tensor.copy_(state[f"{k}.{name}"])

    def save(self, folder: Path) -> None:
        """Writes them as they are now, beside those of earlier steps."""
        folder.mkdir(exist_ok=True)
        write_tensors(folder / f"step-{self.step:08d}.safetensors", self.state())


def rebuilt(folder: Path, length: float) -> dict[str, Tensor]:
    """The average of a length at the end of a training, from the averages that it saved.

    Args:
        folder: Where they lie.
        length: As a share of the run.

    Raises:
        ValueError: If there are none, they are not of one model, or no average is so long.
    """
    files = sorted(folder.glob(f"step-{8 * '[0-9]'}.safetensors"))
    if not files:
        raise ValueError(f"Averages must lie in {folder}, got none. Train with averages=true.")
    powers = [exponent(kept) for kept in LENGTHS]
    profiles = [Profile(power, int(path.stem.removeprefix("step-"))) for path in files for power in powers]
    parts = iter(shares(profiles, Profile(exponent(length), profiles[-1].step)))
    sums, shapes = dict[str, Tensor](), dict[str, torch.Size]()
    for path in files:
        saved = read_tensors(path)
        shapes = shapes or {name: tensor.shape for name, tensor in saved.items()}
        if shapes != {name: tensor.shape for name, tensor in saved.items()}:
            raise ValueError(f"Averages in {folder} must be of one model, got another in {path.name}. Train it again.")
        for k in range(len(powers)):
            share, mark = next(parts), f"{k}."
            for name, tensor in saved.items():
                if name.startswith(mark):
                    name = name.removeprefix(mark)
                    sums[name] = sums.get(name, 0) + share * tensor.double()
    return sums
