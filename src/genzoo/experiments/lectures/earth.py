"""Mass that is moved: segments, stacks of earth, and critics that are to tell how far."""

import math

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
from genzoo.models.adversarial import Wasserstein as Critic
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
    turn: it would have to pass slope 0.)

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
    gained, slope = critic(s.noise("critic"), rounds, penalty=10.0)
    s.most("slope with the penalty", slope, 1.6)
    s.near("gain over slope with the penalty, as a share of W₁", gained / slope / truth, 1.0, within=0.1)
    gains = [pair[0] for pair in found.values()]
    s.least("from c = 0.001 to c = 1 the gain grows by", gains[-1] / max(gains[0], 1e-12), 1e3)
    _, (left, right) = s.figure(1, 2, alt="The cheapest plan between ten stacks of earth; and what critics take the "
                                "distance for, by the c that their weights are cut to.")  # fmt: skip
    left.imshow(plan.coupling.numpy(), origin="lower")
    left.set(xlabel="to", ylabel="from", xticks=[0, 3, 6, 9], yticks=[0, 3, 6, 9])
    right.loglog(list(found), gains, "o-", label="weights cut")
    right.axhline(truth, color=style.INK, linewidth=1, label="W₁")
    right.axhline(gained, color=style.COLORS[2], linestyle="--", label="slopes punished")
    right.set(xlabel="c", title="E f(x) − E f(G(z))")
    right.legend()


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


def critic(noise: Noise, rounds: int, clip: float | None = None, penalty: float | None = None) -> tuple[float, float]:
    """What a trained critic gains, E f(x) − E f(G(z)), and its largest slope."""
    penalties = [] if penalty is None else [GradientPenalty(penalty, one_sided=True)]
    rules = Rules(Critic(), penalties, clip=clip, critic_lr=1e-3)
    with seeded(0):
        net = Conditioned(MLP(1, [64, 64, 64], 1, activation=nn.ReLU))
        model = GAN(Space((1,)), None, Conditioned(Fixed()), net, rules, latent=1)
    player = next(player for player in model.train().players() if player.name == "critic")
    optimizer = torch.optim.Adam(player.parameters(), **player.optimizer)
    for step in range(rounds):
        of_step = noise.tick(step)
        optimizer.zero_grad()
        player.loss(Batch(data(128, of_step.at("data")), noise=of_step))["loss"].backward()
        optimizer.step()
        if player.after is not None:
            player.after(Instant(step))
    grid = torch.linspace(-5, 5, 401)[:, None].requires_grad_()
    (slope,) = torch.autograd.grad(model.critic(grid).sum(), grid)
    with torch.no_grad():
        x, y = data(20_000, noise.at("x")), 0.5 + 0.8 * noise.at("y").normal(20_000, 1)
        return (model.critic(x).mean() - model.critic(y).mean()).item(), slope.abs().max().item()
