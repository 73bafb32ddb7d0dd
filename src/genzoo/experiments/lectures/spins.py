"""Models on graphs: spins that pull at each other, a film of their sweeps, and a net of causes."""

from typing import Any

import numpy as np
import torch
from scipy import stats

from genzoo.core import Space
from genzoo.distributions.estimate import mean_of
from genzoo.experiments.lectures.study import Study
from genzoo.experiments.lectures.style import GRID, INK
from genzoo.mcmc import autocorrelation_time, bits, gibbs, run, singles
from genzoo.models.graphical import BETA_CRITICAL, BayesNet, Graph, Ising, SquareLattice, kaufman_energy
from genzoo.models.graphical.onsager import onsager_energy, yang_magnetization

__all__ = ["film", "net", "sampler"]


def sampler(s: Study) -> None:
    """Spins s = ±1 on a torus have the energy E(s) = −Σ J s s′ over neighbors, and P(s) = exp(−β E) / Z. Of nine
    spins all 512 states can be summed, so that Z and every mean are known. Gibbs's sampler needs none of that: it
    draws one spin at a time given its neighbors, p = 1 / (1 + exp(−2 β H)) with H the sum over them, and whether it
    goes around in order or picks spins at random, its means come to the exact ones.

    Next: [Graphical models](../families/graphical.md), [Markov chains](../mcmc.md).
    """
    beta, n = 0.4, 9
    model = Ising(Space((n,), levels=2), Graph.torus((3, 3)), beta=beta).double()
    x, P = model.enumerate()
    exact = [float(each.detach()) for each in ((P * model.energy(x)).sum() / n, P @ model.magnetization(x).abs())]
    s.near("E/N", exact[0], -1.462122, within=1e-6)
    s.near("mean |m|", exact[1], 0.816861, within=1e-6)
    s.near("ln Z", model.log_partition().value, 8.456456, within=1e-6)
    J, spins = model.matrix().detach(), 2 * x.double() - 1
    H = spins @ J
    p = 1 / (1 + (-2 * beta * H).exp())  # of s_i = 1 given the others, for every state and spin
    flipped = (x[:, None] ^ torch.eye(n, dtype=torch.uint8)).flatten(0, 1)
    here, there = model.log_prob(x)[:, None].expand(-1, n), model.log_prob(flipped).reshape(-1, n)
    up = torch.where(x == 1, here, there) - torch.logaddexp(here, there)
    s.most("largest |p_i − ratio of joint probabilities|, 512 states × 9 spins", (p - up.exp()).abs().max(), 1e-12)
    draw = bits(lambda sites, now: 2 * beta * now @ J[:, sites], values=(-1, 1))
    _, axes = s.figure(
        alt="The mean size of the magnetization over sweeps from all spins up, for both orders of Gibbs's sampler: "
        "both fall from one to the exact value."
    )
    chains, sweeps, warm = 1000, 60 if s.quick else 600, 20
    for scan in ("sequential", "random"):
        trace = run(gibbs(draw, singles(n), scan=scan), torch.ones(chains, n).double(), s.noise(scan), sweeps).x
        m, E = trace.mean(2).abs(), -(trace @ J * trace).sum(2) / (2 * n)
        s.expect(f"E/N by Gibbs, {scan} order", mean_of(E[warm:].mean(0)), exact[0], errors=3)
        s.expect(f"mean |m| by Gibbs, {scan} order", mean_of(m[warm:].mean(0)), exact[1], errors=3)
        axes.plot(range(21), torch.cat([torch.ones(1), m[:20].mean(1)]), "o-", label=f"{scan} order")
    axes.axhline(exact[1], color=INK, linestyle=":", linewidth=1.5, label="exact")
    axes.set(xlabel="sweeps", ylabel="mean |m|", xticks=range(0, 21, 5))
    axes.legend()


def film(s: Study) -> None:
    """From noise, sweep after sweep, the lattice approaches P(s). Above the critical temperature, β < β_c = 0.4407,
    it is there at once and stays speckled; at β_c patches of all sizes grow; below, two phases divide the torus and
    one slowly wins. Means agree with Kaufman's exact energy of so small a torus, and away from
    β_c with Onsager's and Yang's of an endless plane. The number of sweeps
    worth one independent draw rises steeply at β_c, since a patch turns only at its rim; Wolff's move turns a
    whole patch over and hardly notices.

    Next: [The square lattice](../families/graphical.md).
    """
    betas, frames = (
        {"$β < β_c$": 0.35, "$β = β_c$": BETA_CRITICAL, "$β > β_c$": 0.55},
        (1, 10, 100, 150 if s.quick else 1000),
    )
    _, axes = s.figure(
        3, 4, size=(6, 5), alt="One lattice after 1, 10, 100 and more sweeps from noise at three temperatures: above "
        "the critical one it stays speckled, at it patches of all sizes grow, below it two phases divide the plane."
    )  # fmt: skip
    for row, (name, beta) in zip(axes, betas.items(), strict=True):
        lattice = SquareLattice(128, beta, replicas=1, seed=s.seed + 4)
        for axis, frame in zip(row, frames, strict=True):
            lattice.sweep(frame - lattice.sweeps)
            axis.imshow(lattice.spins()[0], interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.set_title(f"{frame} sweep{'s' * (frame > 1)}" if beta == 0.35 else "", fontsize=11)
        row[0].set_ylabel(name)
    T, sweeps = ((1.5, 2.0, 3.2), 100) if s.quick else ((1.5, 2.0, 2.2, 2.27, 2.4, 2.6, 3.2, 4.0), 20_000)
    found = [_lattice(1 / t, sweeps, s.seed + 1) for t in T]
    for t, (E, m) in zip(T, found, strict=True):
        s.expect(f"E/N of 32 × 32 at T = {t}, beside Kaufman's", E, kaufman_energy(1 / t, 32))
        if t <= 2.0:
            s.near(f"|m| at T = {t}, beside Yang's", m.value, yang_magnetization(1 / t), within=0.005)
    _, (left, right) = s.figure(1, 2, alt="Energy and magnetization over temperature: points of the sampler lie on "
                                "the exact curves, but at the corner that a finite lattice rounds off.")  # fmt: skip
    line = np.linspace(1.4, 4.1, 200)
    left.plot(line, [onsager_energy(1 / each) for each in line], label="exact")
    right.plot(line, [yang_magnetization(1 / each) for each in line])
    left.plot(T, [E.value for E, _ in found], "o", label="sweeps")
    right.plot(T, [m.value for _, m in found], "o")
    left.set(xlabel="temperature T = 1/β", ylabel="E/N")
    right.set(xlabel="temperature T", ylabel="|m|")
    left.legend()
    _slowing(s)


def _lattice(beta: float, sweeps: int, seed: int) -> Any:
    """Energy and size of the magnetization of 64 lattices."""
    lattice, seen = SquareLattice(32, beta, start="up" if beta > 0.4 else "random", seed=seed), []
    lattice.sweep(sweeps)
    for _ in range(sweeps // 5):
        lattice.sweep(5)
        seen.append([lattice.energies(), np.abs(lattice.magnetizations())])
    return [mean_of(torch.from_numpy(each)) for each in np.mean(seen, 0)]


def _slowing(s: Study) -> None:
    """How many moves are worth one draw of |m|, by Gibbs's sweeps and by Wolff's clusters."""
    betas, tau = (0.36, 0.40, BETA_CRITICAL), dict[str, list[float]](gibbs=[], wolff=[])
    for beta in betas:
        model = Ising(Space((256,), levels=2), Graph.torus((16, 16)), beta=beta)
        start = s.noise("start").integers(2, 8, 256)
        for method, steps in (("gibbs", 200), ("wolff", 60)):
            trace = run(model.kernel(method), start, s.noise(method), steps * (1 if s.quick else 75),
                        keep=lambda state, m=model: m.magnetization(state.x).abs())  # fmt: skip
            tau[method].append(float(autocorrelation_time(trace.x[len(trace.x) // 5 :])))
    s.note("sweeps worth a draw, Gibbs", tau["gibbs"])
    s.note("moves worth a draw, Wolff", tau["wolff"])
    s.least("Gibbs over Wolff at β_c, 16 × 16", tau["gibbs"][-1] / tau["wolff"][-1], 2 if s.quick else 3)
    s.most("Wolff's at β_c over that at 0.36", tau["wolff"][-1] / tau["wolff"][0], 6 if s.quick else 3)
    _, axes = s.figure(size=(6, 3), alt="Moves worth one draw over β: those of Gibbs's sampler rise steeply to the "
                       "critical point, those of Wolff's clusters stay low.")  # fmt: skip
    for method, each in tau.items():
        axes.semilogy(betas, each, "o-", label={"gibbs": "Gibbs", "wolff": "Wolff"}[method])
    axes.axvline(BETA_CRITICAL, color=GRID, zorder=0)
    axes.set(xlabel="β", ylabel="moves a draw of |m|", yticks=[3, 10, 30, 100], yticklabels=[3, 10, 30, 100])
    axes.minorticks_off()
    axes.legend()


def net(s: Study) -> None:
    """A joint distribution is a product of conditionals in any order; a graph says which of the earlier variables
    each one needs. Here clouds C decide on sprinkler S and rain R, these on wet grass W, and that on a slippery path
    P: 11 numbers where the joint table has 31. Drawing parents before children draws from the joint. The same chain
    rule with all earlier variables, which costs 31 numbers again, is what autoregressive models leave to a network;
    with only the last one it is a Markov chain, which has 9 and cannot say the same.

    Next: [Bayes nets](../families/graphical.md), [autoregressive models](../families/autoregressive.md).
    """
    space, names = Space((5,), levels=2), list("CSRWP")
    graph = BayesNet(space, {1: [0], 2: [0], 3: [1, 2], 4: [3]}, names=names)
    tables = {"C": 0.5, "S": [0.5, 0.1], "R": [0.2, 0.8], "W": [[0.05, 0.9], [0.9, 0.99]], "P": [0.1, 0.7]}
    for name, yes in tables.items():
        p = torch.tensor(yes, dtype=torch.float64)
        graph.set_table(name, torch.stack([1 - p, p], -1))
    joint = torch.einsum("c,cs,cr,srw,wp->csrwp", *(graph.table(name) for name in names)).flatten()
    x = torch.cartesian_prod(*[torch.arange(2)] * 5).byte()
    s.near("sum of the joint table", joint.sum(), 1.0, within=1e-12)
    s.near("joint table = product of conditionals", graph.log_prob(x).exp(), joint, within=1e-12)
    chain_rule = BayesNet(space, {i: range(i) for i in range(5)}, names=names)
    markov = BayesNet(space, {i: [i - 1] for i in range(1, 5)}, names=names)
    for i in range(5):  # exact conditionals of the graph, by elimination
        for model in (chain_rule, markov):
            table = graph.posterior([*model.parents[i], i])
            model.set_table(i, table / table.sum(-1, keepdim=True))
    s.near("the chain rule with all before, the same", chain_rule.log_prob(x).exp(), joint, within=1e-12)
    counts = [2**5 - 1, *(each.parameter_count for each in (chain_rule, graph, markov))]
    s.equal("parameters: joint table, chain rule, graph, Markov chain", counts, [31, 31, 11, 9])
    s.least("nats that the Markov chain misses", joint @ (joint.log() - markov.log_prob(x)), 0.05)
    n = 20_000
    drawn = (graph.sample(n, seed=s.seed).long() @ (2 ** torch.arange(4, -1, -1))).bincount(minlength=32)
    s.least("χ² of ancestral samples, p", stats.chisquare(drawn.numpy(), n * joint.numpy()).pvalue, 1e-3)
    _, (left, right) = s.figure(
        1, 2, width_ratios=[1, 1.6], alt="Left: the graph, arrows from C to S and R, from both to W, from W to P. "
        "Right: probabilities of all 32 states, exact and as shares of samples; they agree."
    )  # fmt: skip
    _arrows(left, graph)
    right.bar(range(32), joint.numpy(), label="exact")
    right.plot(range(32), drawn / n, "o", color="C1", markersize=4, label="samples")
    right.set(xlabel="state CSRWP, 00000 … 11111", ylabel="probability", xticks=[])
    right.legend()


def _arrows(axes: Any, graph: BayesNet) -> None:
    """A drawing of the net."""
    places = [(0.5, 3), (0, 2), (1, 2), (0.5, 1), (0.5, 0)]
    for child, above in enumerate(graph.parents):
        for parent in above:
            look = {"arrowstyle": "->", "color": INK, "shrinkA": 14, "shrinkB": 14}
            axes.annotate("", places[child], places[parent], arrowprops=look)
    for name, place in zip(graph.names, places, strict=True):
        axes.text(*place, name, ha="center", va="center", bbox={"boxstyle": "circle", "fc": "C0", "alpha": 0.4})
    axes.set(xlim=(-0.4, 1.4), ylim=(-0.4, 3.4))
    axes.axis("off")
