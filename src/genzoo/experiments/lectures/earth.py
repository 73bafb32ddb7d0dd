"""Mass that is moved: segments, stacks of earth, and critics that are to tell how far."""

import math
from typing import Any, NamedTuple

import torch
from torch import nn

from genzoo.core import Batch, Instant, Space, seeded
from genzoo.core.noise import Noise
from genzoo.distributions import (
    JENSEN_SHANNON,
    KL,
    TOTAL_VARIATION,
    Segment,
    Unknowable,
    Wasserstein,
    closed_form,
    distance,
    euclidean,
    optimal_plan,
    wasserstein_1d,
)
from genzoo.distributions.draws import draw
from genzoo.experiments.lectures import style
from genzoo.experiments.lectures.study import Study
from genzoo.models.adversarial import GAN, GradientPenalty, Rules
from genzoo.models.adversarial import Wasserstein as Expected
from genzoo.nn import MLP, Conditioned
from genzoo.zoo import recipe_named

__all__ = ["critics", "segments"]


def segments(s: Study) -> None:
    """P lies on the segment at 0, Q on the one at θ. However near they are they share no point, so what compares
    densities sees two strangers: total variation is 1, the Jensen–Shannon divergence log 2, both without a slope in
    θ, and KL is ∞. The earth mover's distance is |θ|, with slope sign θ: the one of the four that a gradient can
    follow. From rows alone KL must be refused, and is.

    Next: [two segments](../distances.md#two-segments), [critics](../families/adversarial.md).
    """
    thetas = torch.linspace(-1, 1, 81, dtype=torch.float64)
    measures = {"TV": TOTAL_VARIATION, "KL": KL, "JS": JENSEN_SHANNON, "W₁": Wasserstein(1)}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in measures}
    for theta in thetas:
        moved = theta.clone().requires_grad_()
        for name, measure in measures.items():
            value = closed_form(measure, Segment(torch.zeros((), dtype=torch.float64)), Segment(moved))
            slope = torch.autograd.grad(value, moved, allow_unused=True)[0] if value.requires_grad else None
            found[name].append((value.item(), 0.0 if slope is None else slope.item()))
    values = {name: torch.tensor(pairs, dtype=torch.float64).T for name, pairs in found.items()}
    apart = thetas.abs() > 1e-9
    s.near("TV apart, and its slope", values["TV"][:, apart].mean(1), [1.0, 0.0], within=1e-12)
    s.near("JS apart, and its slope", values["JS"][:, apart].mean(1), [math.log(2), 0.0], within=1e-12)
    s.equal("KL apart is infinite", bool(values["KL"][0, apart].isinf().all()), True)
    s.near("W₁ = |θ|", values["W₁"][0], thetas.abs(), within=1e-12)
    s.near("its slope is sign θ", values["W₁"][1, apart], thetas[apart].sign(), within=1e-12)
    x, y = (draw(Segment(torch.tensor(t).double()), s.noise(name), rows=300) for name, t in (("P", 0.0), ("Q", 0.5)))
    s.near("W₁ from 300 rows at θ = 0.5", distance(Wasserstein(1), x, y).value, 0.5, within=0.02)
    try:
        said = f"the number {distance('KL', x, y).value}"
    except Unknowable:
        said = "refused"
    s.equal("KL from rows", said, "refused")
    _, axes = s.figure(alt="Total variation, Jensen–Shannon and W₁ of two segments over θ: only W₁ has a slope.")
    for name in ("TV", "JS", "W₁"):
        axes.plot(thetas, values[name][0], label=name)
    axes.set(xlabel="θ", title="KL is ∞ but at θ = 0")
    axes.legend(loc="center right")


def critics(s: Study) -> None:
    """The least cost of a plan is the steepest potential's gain, so W₁ may be learned by a critic of slope at most 1.
    Ten stacks of earth on a line show the equality. To hold a critic, weights are cut to [−c, c], and all depends on
    c: too small and it is flat, too large and it is steep. Or slopes above 1 between data and samples are punished,
    and what it gains is nearly the distance. (Pushed to 1 from both sides, as published, a critic on a line cannot
    turn: it would have to pass slope 0. Beside it the slide restates the GAN's objective as − E − log[1 − D],
    a minus too many.)

    Next: [the critic's distance](../families/adversarial.md), [transport](../distances.md#transport).
    """
    places = torch.arange(10, dtype=torch.float64)
    p, q = (s.noise("stacks", k).integers(6, 10).double() + 0.1 for k in range(2))
    p, q = p / p.sum(), q / q.sum()
    plan = optimal_plan(euclidean(places[:, None], places[:, None]), p, q)
    line = wasserstein_1d(places, places, weights=(p, q))
    s.near("plan, potentials and the formula of the line", [plan.cost, plan.dual], [line, line], within=1e-9)
    defaults = recipe_named("wgan_gp")(Space((2,)), None, size="paper").model.model.rules
    algorithm = [defaults.penalties[0].scale, defaults.critic_steps, defaults.lr, *defaults.betas]
    s.near("Algorithm 1: λ, n, α, β", algorithm, [10, 5, 1e-4, 0.0, 0.9], within=1e-12)
    rounds, cuts = (200, (0.001, 1.0)) if s.quick else (2000, (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0))
    truth = distance(Wasserstein(1), data(20_000, s.noise("x"))[:, 0], 0.5 + 0.8 * s.noise("y").normal(20_000)).value
    found = {c: critic(s.noise("critic"), rounds, clip=c) for c in cuts}
    held = critic(s.noise("critic"), rounds, penalty=10.0)
    s.most("slope with the penalty", held.slope, 1.6)
    s.near("slope at points between data and samples, root mean square", held.between, 1.0, within=0.25)
    s.near("gain over slope with the penalty, as a share of W₁", held.gain / held.slope / truth, 1.0, within=0.1)
    gains = [each.gain for each in found.values()]
    s.least("from c = 0.001 to c = 1 the gain grows by", gains[-1] / max(gains[0], 1e-12), 1e3)
    s.least("share of weights at ±c, c = 0.001", found[0.001].edge, 0.9)
    steep = [(each.layers.max() / held.layers.max()).item() for each in (found[0.001], found[1.0])]
    s.most("largest norm of a layer's gradient, c = 0.001, over that with the penalty", steep[0], 0.01)
    s.least("the same, c = 1", steep[1], 10)
    s.note("share of weights at ±c", [[c, each.edge] for c, each in found.items()])
    _, ((left, right), below) = s.figure(2, 2, size=(6.2, 6), alt="The cheapest plan between ten stacks; what critics "
        "take the distance for, by the c that their weights are cut to; the gain of a critic with punished slopes, "
        "which comes to W₁ while it is trained; and norms of gradients by layer.")  # fmt: skip
    left.imshow(plan.coupling.numpy(), origin="lower")
    left.set(xlabel="to", ylabel="from", xticks=[0, 3, 6, 9], yticks=[0, 3, 6, 9], title="plan")
    right.loglog(list(found), gains, "o-", label="weights cut")
    right.axhline(truth, color=style.INK, linewidth=1, label="W₁")
    right.set(xlabel="c", title="E f(x) − E f(G(z))", yticks=[1e-8, 1e-4, 1, 1e4])
    right.legend(fontsize=10)
    inside(below, {f"c = {c:g}": found[c] for c in cuts[:: len(cuts) // 2]}, held, truth)


def inside(axes: Any, cut: dict[str, "Critic"], held: "Critic", truth: float) -> None:
    """The gain of a critic while it is trained, and how steep the loss is in the weights of each layer."""
    way, slopes = axes
    way.axhline(truth, color=style.INK, linewidth=1, label="W₁")
    way.plot(*zip(*held.way, strict=True), color="C2", label="slopes punished")
    way.set(xlabel="step of the critic", title="E f(x) − E f(G(z))", ylim=(0, 2))
    for (name, each), mark in zip(cut.items(), "osD", strict=False):
        slopes.semilogy(range(1, 5), each.layers, f"{mark}-", label=name)
    slopes.semilogy(range(1, 5), held.layers, "^--", color="C4", label="punished")
    slopes.set(xlabel="layer", title="norm of its gradient", xticks=range(1, 5), ylim=(1e-14, 1e6))
    slopes.set_yticks([1e-6, 1e-3, 1, 1e3])
    way.legend(fontsize=10, loc="lower left")
    slopes.legend(fontsize=10, loc="lower left", ncols=2, columnspacing=0.8, handlelength=1.2)


class Critic(NamedTuple):
    """What came of a critic's training.

    Attributes:
        gain: E f(x) − E f(G(z)).
        slope: Its largest slope.
        between: Root mean square of its slopes at points between data and samples.
        edge: The share of weights at ±c.
        layers: Norms of the loss's gradient in the matrices, from the first layer on.
        way: Steps, and the gain after each.
    """

    gain: float
    slope: float
    between: float
    edge: float
    layers: torch.Tensor
    way: list[tuple[int, float]]


def data(n: int, noise: Noise) -> torch.Tensor:
    """Half N(−2, 0.3²), half N(2, 0.6²)."""
    z, left = noise.normal(n, 1), noise.uniform(n, 1) < 0.5
    return torch.where(left, -2 + 0.3 * z, 2 + 0.6 * z)


class Fixed(nn.Module):
    """A generator of N(0.5, 0.8²) that does not move."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.8))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """0.5 + 0.8 z."""
        return 0.5 + self.scale * z


def critic(noise: Noise, rounds: int, clip: float | None = None, penalty: float | None = None) -> Critic:
    """A critic of three layers, trained between both, its weights cut or its slopes above one punished."""
    penalties = [] if penalty is None else [GradientPenalty(penalty, one_sided=True)]
    rules = Rules(Expected(), penalties, clip=clip, critic_lr=1e-3)
    with seeded(0):
        net = Conditioned(MLP(1, [64, 64, 64], 1, activation=nn.ReLU))
        model = GAN(Space((1,)), None, Conditioned(Fixed()), net, rules, latent=1)
    player = next(player for player in model.train().players() if player.name == "critic")
    optimizer = torch.optim.Adam(player.parameters(), **player.optimizer)
    x, y, way = data(5000, noise.at("x")), 0.5 + 0.8 * noise.at("y").normal(5000, 1), []
    for step in range(rounds):
        of_step = noise.tick(step)
        optimizer.zero_grad()
        player.loss(Batch(data(128, of_step.at("data")), noise=of_step))["loss"].backward()
        optimizer.step()
        if player.after is not None:
            player.after(Instant(step))
        if (step + 1) % (rounds // 40) == 0:
            with torch.no_grad():
                way.append((step + 1, (model.critic(x).mean() - model.critic(y).mean()).item()))
    grid, u = torch.linspace(-5, 5, 401)[:, None], noise.at("u").uniform(5000, 1)
    steep, between = (slope_of(model.critic, at) for at in (grid, y + u * (x - y)))
    weights = [each for each in player.parameters() if each.ndim == 2]
    layers = torch.autograd.grad(model.critic(y).mean() - model.critic(x).mean(), weights)
    edge = torch.cat([each.detach().abs().flatten() for each in player.parameters()]) >= 0.99 * (clip or math.inf)
    return Critic(way[-1][1], steep.abs().max().item(), between.square().mean().sqrt().item(),
                  edge.double().mean().item(), torch.stack([each.norm() for each in layers]), way)  # fmt: skip


def slope_of(f: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """f′ at some numbers."""
    (slope,) = torch.autograd.grad(f(x.requires_grad_()).sum(), x)
    return slope
