"""How hidden symbols are told: in a random order, the surest first, or with second thoughts.

A sampler sees what a network says of rows of which some entries are hidden, log p̂(x_d | what is there), and tells all
that is hidden; what was there from the beginning stays. One entry at a time, whichever comes next, is exact where
p̂ is: the order may depend on all that has been told. Several at a time are drawn as if they were independent given
what is there, and that is what fewer calls of the network cost.
"""

import abc
import math
from dataclasses import dataclass, field
from typing import TypedDict, Unpack

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from genzoo._random import choose
from genzoo.core.noise import Noise
from genzoo.models.diffusion.discrete_model import Say

__all__ = ["EntropyBounded", "RandomOrder", "Remasking", "Telling", "Unmasking", "ranked", "unmasking_named"]

CERTAIN = 1e-9  # nats that rounding leaves to what is certain


class Telling(TypedDict, total=False):
    """How hidden symbols are told, by name.

    Attributes:
        steps: In how many steps, of "random" and "remask"; by default one entry at a time, or 100.
        bound: γ of "entropy", in nats.
        fresh: By how many steps "remask" goes back before each.
        temperature: Below 1: likelier symbols.
    """

    steps: int | None
    bound: float
    fresh: float
    temperature: float


class Unmasking(abc.ABC):
    """How hidden symbols are told.

    Attributes:
        temperature: Below 1: likelier symbols; 1 is the model.
    """

    temperature: float

    @abc.abstractmethod
    def fill(self, tokens: Int[Tensor, "B D"], hidden: int, say: Say, noise: Noise) -> Int[Tensor, "B D"]:
        """Rows with nothing hidden.

        Args:
            tokens: Rows.
            hidden: The symbol that stands where something is hidden.
            say: What the network says of them.
            noise: Where the draws come from.
        """

    def drawn(self, log_p: Float[Tensor, "B D K"], u: Float[Tensor, "B D"]) -> Int[Tensor, "B D"]:
        """A symbol for every place."""
        return choose(log_p.double() / self.temperature, u)


@dataclass(frozen=True)
class RandomOrder(Unmasking):
    """In a random order, so many at a time that all are told after some steps; one at a time by default.

    Args:
        steps: How many steps, or None.
        temperature: As of `Unmasking`.

    References:
        Uria, Murray & Larochelle, 2014, "A deep and tractable density estimator", arXiv:1310.1757 (orders)
        Hoogeboom et al., 2022, "Autoregressive diffusion models", arXiv:2110.02037 (several at a time)
    """

    steps: int | None = None
    temperature: float = field(default=1.0, kw_only=True)

    def fill(self, tokens: Int[Tensor, "B D"], hidden: int, say: Say, noise: Noise) -> Int[Tensor, "B D"]:
        lacking = tokens == hidden
        count, u = lacking.sum(1, keepdim=True), noise.at("symbols").uniform(*tokens.shape, dtype=torch.float64)
        rank = ranked(lacking, noise.at("order"))
        last = int(count.max()) if len(tokens) else 0
        for step in range(1, (self.steps or last) + 1):
            until = count.clamp_max(step) if self.steps is None else (count * step / self.steps).round()
            now = lacking & (rank < until)
            if bool(now.any()):
                tokens = torch.where(now, self.drawn(say(tokens), u), tokens)
                lacking = lacking & ~now
        return tokens


@dataclass(frozen=True)
class EntropyBounded(Unmasking):
    """The surest first, and as many at a time as know little of each other: of the hidden entries in the order of
    their entropies H, the most of which

    $$ \\sum_i H_i - \\max_i H_i \\le \\gamma, $$

    which bounds what those drawn together can tell of one another, so that sure entries cost no calls.

    Args:
        bound: γ, in nats; 0 tells one at a time, but for those that are certain.
        temperature: As of `Unmasking`.

    References:
        Ben-Hamu et al., 2025, "Accelerated sampling from masked diffusion models via entropy bounded unmasking",
        arXiv:2505.24857
    """

    bound: float = 0.1
    temperature: float = field(default=1.0, kw_only=True)

    def fill(self, tokens: Int[Tensor, "B D"], hidden: int, say: Say, noise: Noise) -> Int[Tensor, "B D"]:
        u = noise.at("symbols").uniform(*tokens.shape, dtype=torch.float64)
        while bool((lacking := tokens == hidden).any()):
            rows = lacking.any(1)
            log_p = say(tokens)
            now = lacking & self.told(log_p, lacking)
            tokens = torch.where(now & rows[:, None], self.drawn(log_p, u), tokens)
        return tokens

    def told(self, log_p: Float[Tensor, "B D K"], lacking: Bool[Tensor, "B D"]) -> Bool[Tensor, "B D"]:
        """The entries of a step."""
        entropy = torch.special.entr(log_p.double().exp()).sum(2).masked_fill(~lacking, math.inf)
        entropy, order = entropy.sort(dim=1, stable=True)
        before = (entropy.cumsum(1) - entropy).nan_to_num(math.inf)  # of ∞ − ∞: nothing is left to be told there
        return torch.zeros_like(lacking).scatter(1, order, before <= self.bound + CERTAIN)


@dataclass(frozen=True)
class Remasking(Unmasking):
    """In a random order with second thoughts: each step first hides anew some of what was told, then tells more.

    Time goes back by a part of a step and then on to the next; from x_t with a share t hidden, each entry that was
    told is hidden with probability (t′ − t)/(1 − t), which gives the law of x_{t′}. So errors of entries told together
    may be mended, and the law stays where it was right.

    Args:
        steps: How many steps.
        fresh: By how many steps time goes back before each.
        temperature: As of `Unmasking`.

    References:
        Wang, Schiff, Sahoo & Kuleshov, 2025, "Remasking discrete diffusion models with inference-time scaling",
        arXiv:2503.00307
    """

    steps: int = 100
    fresh: float = 1.0
    temperature: float = field(default=1.0, kw_only=True)

    def fill(self, tokens: Int[Tensor, "B D"], hidden: int, say: Say, noise: Noise) -> Int[Tensor, "B D"]:
        free = tokens == hidden
        for number in range(self.steps, 0, -1):
            u = noise.at("step", number).uniform(*tokens.shape, 3, dtype=torch.float64)
            now, then = number / self.steps, (number - 1) / self.steps
            back = min(1.0, (number + (self.fresh if number < self.steps else 0.0)) / self.steps)
            if now < 1:
                tokens = tokens.masked_fill(free & (u[..., 0] * (1 - now) < back - now), hidden)
            told = (tokens == hidden) & (u[..., 1] * back >= then)
            if bool(told.any()):
                tokens = torch.where(told, self.drawn(say(tokens), u[..., 2]), tokens)
        return tokens


def ranked(lacking: Bool[Tensor, "B D"], noise: Noise) -> Int[Tensor, "B D"]:
    """The place of each hidden entry in a random order of them; those that are not hidden come after.

    Args:
        lacking: Which are hidden.
        noise: Where the order comes from.

    Example:
        >>> ranked(torch.tensor([[True, False, True]]), Noise(0))[0, 1].item()
        2
    """
    u = noise.uniform(*lacking.shape, dtype=torch.float64) + (~lacking).double()
    return u.argsort(dim=1).argsort(dim=1)


def unmasking_named(name: str, **how: Unpack[Telling]) -> Unmasking:
    """A sampler by its name.

    Args:
        name: "random", "entropy" or "remask".
        how: As of `Telling`.

    Raises:
        ValueError: If there is no such name, or a number is out of range.

    Example:
        >>> unmasking_named("entropy", bound=0.5)
        EntropyBounded(bound=0.5, temperature=1.0)
    """
    steps, bound, fresh = how.get("steps"), how.get("bound", 0.1), how.get("fresh", 1.0)
    temperature = how.get("temperature", 1.0)
    if (steps is not None and steps < 1) or bound < 0 or fresh < 0 or temperature <= 0:
        raise ValueError(
            "`steps` must be at least 1, `bound` and `fresh` not negative and `temperature` positive, got "
            f"{steps}, {bound:g}, {fresh:g} and {temperature:g}."
        )
    match name:
        case "random":
            return RandomOrder(steps, temperature=temperature)
        case "entropy":
            return EntropyBounded(bound, temperature=temperature)
        case "remask":
            return Remasking(steps or 100, fresh, temperature=temperature)
        case other:
            raise ValueError(f"`sampler` must be random, entropy or remask, got {other!r}. Choose one.")
