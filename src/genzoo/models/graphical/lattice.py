"""The square lattice of Ising spins, 64 spins a word: the fast path for the model that physics knows exactly.

The energy of spins s = ±1 on a torus, with coupling 1 and no field, is $E(s) = -\\sum_{\\langle ij \\rangle} s_i s_j$.
Colored like a checkerboard, no two sites of a color are neighbors, so all of one color are drawn at once given the
other: two half sweeps are a sweep. What a word's 64 bits are is a matter of layout: 64 lattices of their own, or 64
strips of one lattice, whose rows continue in the next strip.
"""

from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int8, UInt64

from genzoo.core.noise import Noise
from genzoo.models.graphical.bitplanes import (
    ALL,
    Lanes,
    Rule,
    acceptance,
    bit_counts,
    half_sweep,
    neighbors,
    threshold_masks,
)
from genzoo.models.graphical.bitplanes_compiled import compiled_sweeps, they_pay
from genzoo.models.graphical.onsager import check_beta

__all__ = ["SquareLattice"]

WORD = 64
CHUNK = 64  # sweeps between thresholds


class SquareLattice:
    """Ising spins on an L × L torus at inverse temperature β: one lattice, or 64, 128, … independent ones.

    The heat bath draws each spin from its conditional, $p(s_i = 1) = 1 / (1 + e^{-2 \\beta H_i})$ with
    $H_i = \\sum_j s_j$ over four neighbors; Metropolis flips it with probability $\\min(1, e^{-\\beta \\Delta E})$.
    Both leave $e^{-\\beta E} / Z$ as it is. A state depends on the seed and the number of sweeps alone: with Numba
    (extra `fast`) and without, the bits are the same.

    Args:
        size: L; even and at least 4, for one lattice a multiple of 128.
        beta: The inverse temperature.
        replicas: 1, or a multiple of 64.
        rule: Heat bath or Metropolis.
        start: Spins drawn by coin, or all up.
        seed: Names the noise.
        compiled: Whether Numba runs the sweeps; by default where it is installed and there are so many that it pays.

    Raises:
        ValueError: If β is negative or not finite, or size and replicas do not fill words.

    Example:
        >>> lattice = SquareLattice(16, beta=0.3, seed=1, compiled=False)
        >>> lattice.sweep(100)
        >>> lattice.energies().shape, bool(abs(lattice.energies().mean() + 0.70) < 0.05)
        ((64,), True)

    References:
        Metropolis, Rosenbluth, Rosenbluth, Teller & Teller, 1953, "Equation of state calculations by fast computing
            machines"
        Creutz, 1980, "Monte Carlo study of quantized SU(2) gauge theory" (heat bath)
    """

    def __init__(
        self,
        size: int,
        beta: float,
        *,
        replicas: int = 64,
        rule: Rule = "heat-bath",
        start: Literal["random", "up"] = "random",
        seed: int = 0,
        compiled: bool | None = None,
    ) -> None:
        check_beta(beta)
        _check_layout(size, replicas, rule)
        self.size, self.beta, self.replicas, self.rule, self.seed = size, beta, replicas, rule, seed
        self.compiled = compiled
        self.sweeps = 0
        self.twist = replicas == 1
        shape = (1, size // WORD, size // 2) if self.twist else (replicas // WORD, size, size // 2)
        count, noise = int(np.prod(shape)), Noise(seed, "lattice")
        words = noise.at("start").words(2 * count, 2).numpy().astype(np.uint64)
        coins = words[:, 0] << np.uint64(32) | words[:, 1]
        self.planes = (coins if start == "random" else np.full_like(coins, ALL)).reshape(2, *shape)
        self.lanes = (Lanes(count, noise.at("even")), Lanes(count, noise.at("odd")))

    def sweep(self, count: int = 1) -> None:
        """Updates every spin `count` times, one color after the other.

        Args:
            count: The number of sweeps.
        """
        for first in range(0, count, CHUNK):
            now = min(CHUNK, count - first)
            noise = Noise(self.seed, "lattice", "rounding", start=2 * self.sweeps)
            rounding = noise.uniform(2 * now, dtype=torch.float64)
            self._half_sweeps(threshold_masks(acceptance(self.rule, self.beta), rounding.numpy()))
            self.sweeps += now

    def energies(self) -> Float[np.ndarray, " replicas"]:
        """The energy per spin of each lattice, $-\\frac1N \\sum_{\\langle ij \\rangle} s_i s_j$."""
        even, odd = self.planes
        torn = np.concatenate([near ^ even for near in neighbors(odd, 0, self.twist)], axis=1)
        return 4 * self._shares(torn) - 2  # two bonds a spin, each −1, or 1 where torn

    def magnetizations(self) -> Float[np.ndarray, " replicas"]:
        """The magnetization per spin of each lattice, $\\frac1N \\sum_i s_i$."""
        return 2 * self._shares(np.concatenate(list(self.planes), axis=1)) - 1

    def spins(self) -> Int8[np.ndarray, "replicas L L"]:
        """All spins, as −1 and 1."""
        groups, rows, half = self.planes.shape[1:]
        bits = np.unpackbits(self.planes[..., None].view(np.uint8), axis=-1, bitorder="little")
        spins = np.empty((groups, WORD, rows, 2 * half), np.int8)
        for parity, plane in enumerate(bits.transpose(0, 1, 4, 2, 3)):
            for row in range(2):
                spins[:, :, row::2, (row + parity) % 2 :: 2] = plane[:, :, row::2]
        return (2 * spins - 1).reshape(self.replicas, self.size, self.size)

    def _half_sweeps(self, masks: UInt64[np.ndarray, "n 2 bits"]) -> None:
        if they_pay(self.planes, self.rule, masks) if self.compiled is None else self.compiled:
            compiled_sweeps(self.planes, self.twist, self.rule, self.lanes, masks)
            return
        for i, mask in enumerate(masks):
            own, other, lanes = self.planes[i % 2], self.planes[1 - i % 2], self.lanes[i % 2]
            half_sweep(own, other, i % 2, self.twist, self.rule, lanes.below(mask))

    def _shares(self, words: UInt64[np.ndarray, "G rows half"]) -> Float[np.ndarray, " replicas"]:
        """The share of ones among the bits of each lattice."""
        if self.twist:
            return np.array([np.bitwise_count(words).sum(dtype=np.int64) / (WORD * words.size)])
        counts = bit_counts(words.reshape(len(words), -1).T)
        return counts.reshape(-1) / words[0].size

    def __repr__(self) -> str:
        return (
            f"SquareLattice({self.size}, beta={self.beta}, replicas={self.replicas}, rule={self.rule!r}, "
            f"seed={self.seed}, sweeps={self.sweeps})"
        )


def _check_layout(size: int, replicas: int, rule: str) -> None:
    if rule not in get_args(Rule):
        raise ValueError(f"`rule` must be one of {', '.join(get_args(Rule))}, got {rule!r}.")
    if replicas < 1 or (replicas > 1 and replicas % WORD):
        raise ValueError(f"`replicas` must be 1 or a multiple of {WORD}, got {replicas}. Each fills a bit of a word.")
    if size < 4 or size % 2 or (replicas == 1 and size % (2 * WORD)):
        least = f"a multiple of {2 * WORD}" if replicas == 1 else "even and at least 4"
        raise ValueError(f"`size` must be {least} with replicas={replicas}, got {size}. Or take 64 replicas.")
