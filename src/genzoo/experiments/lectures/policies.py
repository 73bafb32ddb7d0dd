"""Policies: what to do, given what is seen, where more than one thing is right."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from genzoo.core.noise import Noise, seeded
from genzoo.data import read
from genzoo.distributions.estimate import Estimate, mean_of
from genzoo.experiments.lectures.chains import taught
from genzoo.experiments.lectures.study import Study
from genzoo.nn import MLP

__all__ = ["fork"]

WIDTH, SPAN = 0.06, 1.6  # how exactly an expert steers; the widest action that is thought of


def fork(s: Study) -> None:
    """A car comes to a fork, y says how wide the island ahead of it is, and experts pass it left as often as right: a
    is −(½ + y/2) or ½ + y/2, within a little. An explicit policy a = f(y) is fitted in squares, so it says the mean of
    both, straight onto the island, and always. An implicit one learns an energy E(a, y) by telling the expert's action
    from others (InfoNCE), a diffusion policy p(a | y) by denoising actions; both draw one of the two ways. An action
    counts as a success if it is within three of the experts' deviations of a way.

    Next: [diffusion](../families/diffusion.md), energies [in general](../families/graphical.md).
    """
    n, noise = 2000, s.noise("experts")
    y = noise.at("y").uniform(n)[:, None]
    side = 2.0 * noise.at("side").integers(2, n)[:, None] - 1
    a = side * (0.5 + 0.5 * y) + WIDTH * noise.at("hand").normal(n, 1)
    with seeded(s.seed):
        explicit, energy = MLP(1, [64, 64], 1), MLP(2, [96, 96], 1)
    steps = 300 if s.quick else 4000
    learn(explicit, steps, lambda k: mse_loss(explicit(y), a))
    learn(energy, steps, lambda k: telling(energy, y, a, s.noise("others", k)))
    diffusion = taught(s, "flow_matching", read((a, y)), steps=200 if s.quick else 8000, settings={"width": 64})
    asked = torch.linspace(0.02, 0.98, 500)[:, None]
    thought = torch.linspace(-SPAN, SPAN, 161)
    with torch.no_grad():
        mean = explicit(asked)
        log_p = -energies(energy, asked, thought.expand(500, -1))
    chosen = thought[s.noise("choice").categorical(log_p.double())][:, None]
    drawn = diffusion.sample(500, asked[:, 0], seed=s.seed).reshape(-1, 1)
    ways = {"explicit": mean, "implicit": chosen, "diffusion": drawn}
    won = {name: mean_of(success(action, asked)) for name, action in ways.items()}
    s.near("explicit policy: the mean of both ways, 0", mean.abs().mean(), 0.0, within=0.15 if s.quick else 0.08)
    s.most("its success", won["explicit"].value, 0.02)
    for name in ("implicit", "diffusion"):
        s.least(f"success of the {name} policy, its interval's lower end", lower(won[name]), 0.7)
        s.near(f"{name} policy: share of the left way", (ways[name] < 0).double().mean(), 0.5, within=0.12)
    s.note("success, and the lower ends of 95 %", [[name, each.value, lower(each)] for name, each in won.items()])
    _, axes = s.figure(
        1, 3, size=(6.4, 3), sharey=True, alt="Actions over the width of the island, experts on two branches: the "
        "explicit policy runs between them, implicit and diffusion policies on both."
    )  # fmt: skip
    for k, (axis, (name, action)) in enumerate(zip(axes, ways.items(), strict=True)):
        axis.scatter(y[:400, 0], a[:400, 0], s=4, color="C6", linewidths=0, rasterized=True)
        axis.scatter(asked[::3, 0], action[::3, 0], s=7, color=f"C{k}", linewidths=0)
        axis.set(title=f"{name}: {won[name].value:.0%}", xlabel="y", ylim=(-1.4, 1.4), xticks=[0, 1])
    axes[0].set_ylabel("action a")


def lower(estimate: Estimate) -> float:
    """The lower end of an interval of 95 %."""
    return estimate.value - 1.96 * float(estimate.error or 0.0)


def success(action: Tensor, y: Tensor) -> Tensor:
    """Whether an action goes along one of the two ways."""
    return ((action.abs() - (0.5 + 0.5 * y)).abs() < 3 * WIDTH).double().flatten()


def energies(energy: MLP, y: Tensor, actions: Tensor) -> Tensor:
    """E(a, y) of several actions for each y."""
    pairs = torch.stack([actions, y.expand_as(actions)], -1)
    return energy(pairs.reshape(-1, 2)).reshape(actions.shape)


def telling(energy: MLP, y: Tensor, a: Tensor, noise: Noise) -> Tensor:
    """InfoNCE: −log of the share that e^−E gives to the expert's action among thirty-two."""
    rows = noise.at("rows").integers(len(y), 128)
    others = SPAN * (2 * noise.at("actions").uniform(128, 31) - 1)
    log_p = -energies(energy, y[rows], torch.cat([a[rows], others], 1))
    return cross_entropy(log_p, torch.zeros(128, dtype=torch.long))


def learn(net: MLP, steps: int, loss: Callable[[int], Tensor]) -> None:
    """Plain steps of Adam, the last ones small."""
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for k in range(steps):
        optimizer.zero_grad()
        loss(k).backward()
        optimizer.step()
        schedule.step()
