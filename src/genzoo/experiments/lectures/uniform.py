"""Random numbers: a generator, whether its words look random, and normal numbers made of them."""

import math

import numpy as np
import torch
from scipy import stats

from genzoo.experiments.lectures.study import Study
from genzoo.randomness import LinearCongruential, NumpyWords, ansi_c, box_muller, examine, minstd, randu
from genzoo.randomness.battery import bit_period

__all__ = ["battery", "normal_numbers", "words"]


def words(s: Study) -> None:
    """Multiply, add, keep the remainder: X ← (a X + c) mod m, and U = X / m looks uniform. Hull and Dobell's three
    conditions on a, c and m can be checked by hand, and say that every one of the m states is visited before the
    first comes again. A step is an affine map, and so are k steps, hence a jump over all 2³¹ of them costs 31
    squarings. But the pairs (U, next U) lie on a lattice, seen in a corner of the square, and modulo a power of two
    the low bits are small generators of their own: bit j repeats after 2ʲ⁺¹ words.

    The multiplier is usually paired with m = 2³²; the slide takes 2³¹, and the period is full with both.

    Next: [Random numbers](../randomness.md).
    """
    a, c, m = 22_695_477, 1, 2**31
    X = LinearCongruential(a, c, m, seed=1)
    s.equal("X₁ … X₅ from X₀ = 1", X.words(5).tolist(), [22695478, 8561967, 719750332, 71484141, 763924754])
    s.equal("c and m have no common divisor", math.gcd(c, m), 1)
    s.equal("a − 1 is divisible by 2, and by 4 as m is", [(a - 1) % 2, (a - 1) % 4, m % 4], [0, 0, 0])
    s.equal("so the period is full, for 2³¹ and for 2³²", [LinearCongruential(a, c, m << b).has_full_period
                                                           for b in (0, 1)], [True, True])  # fmt: skip
    s.equal("back at X₀ after 2³¹ steps", LinearCongruential(a, c, m, seed=1).jump(m).state, 1)
    s.equal("and not after 2³⁰", LinearCongruential(a, c, m, seed=1).jump(m // 2).state == 1, False)
    far = [LinearCongruential(a, c, m, seed=7).jump(k).state for k in (1, 10, 12_345, 10**6)]
    single = LinearCongruential(a, c, m, seed=7).words(10**6)
    s.equal("a jump over k words is k steps", far, [int(single[k - 1]) for k in (1, 10, 12_345, 10**6)])
    s.equal("period of bit 0 and of bit 8", [bit_period(X, bit).seen for bit in (0, 8)], [2, 512])
    _, (left, right) = s.figure(
        1, 2, size=(6, 3.4), alt="Left: pairs of successive numbers in a corner of the unit square lie on slanted "
        "lines. Right: strips of bits 0, 8 and 30 over a thousand words; the first two repeat, the last does not."
    )  # fmt: skip
    corner = m >> 12
    here = np.arange(corner)
    after = (a * here + c) % m
    here, after = here[after < corner], after[after < corner]  # every state comes, so all pairs are these
    left.scatter(here / m, after / m, s=9)
    left.set(xlabel="$U_n$", ylabel="$U_{n+1}$", xticks=[0, 2**-12], yticks=[0, 2**-12], aspect="equal")
    for axis in (left.xaxis, left.yaxis):
        axis.set_ticklabels(["0", "2⁻¹²"])
    bits = X.words(1024)[None] >> np.array([[0], [8], [30]]) & 1
    right.imshow(np.repeat(bits, 24, axis=0).reshape(3 * 24, 1024), aspect="auto", interpolation="nearest")
    right.set(yticks=[12, 36, 60], yticklabels=["bit 0", "bit 8", "bit 30"], xticks=[0, 512, 1023], xlabel="word n")


def battery(s: Study) -> None:
    """Under tests that count few numbers coarsely every generator here appears random; what counts coincidences, or
    looks at low bits, tells them apart. Here each takes the same eleven tests, and fails one if chance would show what
    it shows less than once in a million times. RANDU's triples all satisfy 9 x − 6 y + z = a whole number: they lie
    in fifteen planes, seen edge-on on the right.

    Next: [Random numbers](../randomness.md).
    """
    sources = {"slide": LinearCongruential(), "ANSI C": ansi_c(), "RANDU": randu(), "minstd": minstd(),
               "PCG64": NumpyWords(np.random.PCG64(s.seed))}  # fmt: skip
    found = {name: examine(source, 200_000 if s.quick else 20_000_000) for name, source in sources.items()}
    failed = {name: [each.test for each in outcomes if each.failed] for name, outcomes in found.items()}
    coarse = {"mean", "Kolmogorov-Smirnov", "1024 cells", "lag-1 correlation"}
    s.equal(
        "coarse tests that fail, of all generators", [t for each in failed.values() for t in each if t in coarse], []
    )
    for name in ("slide", "ANSI C"):
        s.equal(f"{name}: low bits fail", failed[name][-2:], ["period of bit 0", "period of bit 8"])
    for name in ("slide", "ANSI C", "RANDU", "minstd"):
        spacings = found[name][6]
        s.least(f"{name}: birthday spacings over those expected", spacings.seen / spacings.expected, 100)
    s.equal("RANDU: distinct values of 9x − 6y + z modulo m", found["RANDU"][-1].seen, 1)
    s.equal("PCG64 fails", failed["PCG64"], [])
    _, (left, right) = s.figure(
        1, 2, size=(6.4, 4.4), alt="Left: a table of eleven tests by five generators. All pass the coarse tests, the "
        "four congruential ones fail tests of coincidences and most of low bits, PCG64 passes all. Right: triples of "
        "RANDU, seen edge-on, lie in planes.", width_ratios=[1, 1.1],
    )  # fmt: skip
    tests = [each.test.replace("Kolmogorov-Smirnov", "Kolmogorov").replace("birthday spacings", "birthdays")
             for each in found["slide"]]  # fmt: skip
    for column, outcomes in enumerate(found.values()):
        for mark, color, wrong in (("o", "C0", False), ("X", "C1", True)):
            rows = [row for row, each in enumerate(outcomes) if each.failed is wrong]
            left.scatter([column] * len(rows), rows, marker=mark, color=color, s=50)
    left.set(xticks=range(len(found)), yticks=range(len(tests)), xlim=(-0.5, 4.5), title="● passes, ✖ fails")
    left.set_yticklabels(tests, fontsize=10)
    left.set_xticklabels(found, rotation=60, fontsize=10)
    left.invert_yaxis()
    x, y, z = (randu().words(3 * 1500) / 2**31).reshape(-1, 3).T
    right.scatter(3 * x - 2 * y, z, s=2, rasterized=True)
    right.set(xlabel="$3U_n − 2U_{n+1}$", ylabel="$U_{n+2}$", title="RANDU")


def normal_numbers(s: Study) -> None:
    """Two uniform numbers are a point of a square; Box and Muller make of the first a radius, √(−2 ln U₁), and of the
    second an angle, 2π U₂, and the point that these name is a draw of two independent normal numbers. With 31 bits no
    radius is above √(62 ln 2). If U₁ and U₂ are successive words of the slide's generator, a large radius fixes the
    angle, and over the whole period the two tails of Z₀ are not even. As U₁ = X / m may be 0, whose logarithm is no
    number, 1 − U₁ is taken, which is as uniform and never 0.

    Next: [From uniform to anything](../randomness.md).
    """
    n = 100_000
    u1, u2 = s.noise("square").uniform(n, 2, dtype=torch.float64).numpy().T
    z = np.stack(box_muller(u1, u2))
    for name, each in (("Z₀", z[0]), ("Z₁", z[1])):
        s.least(f"{name}: Kolmogorov and Smirnov's p", stats.kstest(each, "norm").pvalue, 1e-3)
        s.least(f"{name}: Cramér and von Mises's p", stats.cramervonmises(each, "norm").pvalue, 1e-3)
    s.near("correlation of Z₀ and Z₁", np.corrcoef(z)[0, 1], 0.0, within=4 / math.sqrt(n))
    s.near("correlation of their squares", np.corrcoef(z**2)[0, 1], 0.0, within=4 / math.sqrt(n))
    s.equal("U₁ = 0 gives", [float(each[0]) for each in box_muller(np.zeros(1), np.zeros(1))], [0.0, 0.0])
    m = 2**31
    most = box_muller(np.array([(m - 1) / m]), np.zeros(1))[0]
    s.near("largest |Z| of 31 bits, 6.5555", most[0], 6.5555, within=5e-5)
    s.near("which is √(62 ln 2)", most[0], math.sqrt(62 * math.log(2)), within=1e-12)
    first = m - np.arange(1, 61, dtype=np.int64)  # a radius above 5.9 needs one of the 60 words nearest to m
    z0, _ = box_muller(first / m, (22_695_477 * first + 1) % m / m)
    s.most("radius of the 60th word, and so of all others", box_muller(first[-1:] / m, np.zeros(1))[0][0], 5.93)
    s.near("extremes of Z₀ over the period, successive words", [z0.max(), z0.min()], [6.541, -5.938], within=5e-4)
    _, axes = s.figure(
        1, 2, size=(6, 3.4), alt="Points of the unit square, in four colors by the quarter that U₂ lies in, and their "
        "images: a round cloud, densest in the middle, with one color in each quadrant."
    )  # fmt: skip
    quarter = (4 * u2[:3000]).astype(int)
    for axis, (x, y) in zip(axes, (np.stack([u1, u2])[:, :3000], z[:, :3000]), strict=True):
        for k in range(4):
            axis.scatter(x[quarter == k], y[quarter == k], s=3, linewidths=0, rasterized=True)
        axis.set_aspect("equal")
    axes[0].set(xlabel="$U_1$", ylabel="$U_2$")
    axes[1].set(xlabel="$Z_0$", ylabel="$Z_1$")
