"""Policies: what to do, given what is seen, where more than one thing is right."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Normal
from torch.nn.functional import cross_entropy, mse_loss

from genzoo.core.noise import Noise, seeded
from genzoo.data import read
from genzoo.distributions.estimate import Estimate, mean_of
from genzoo.experiments.lectures.chains import taught
from genzoo.experiments.lectures.study import Study
from genzoo.nn import MLP

__all__ = ["fork"]

SMALL: dict[str, Any] = {"width": 64, "depth": 2}
WIDTH, SPAN = 0.06, 1.6  # how exactly an expert steers; the widest action that is thought of


def fork(s: Study) -> None:
    """A car comes to a fork, y says how wide the island ahead of it is, and experts pass it left as often as right: a
    is −(½ + y/2) or ½ + y/2, within a little. An explicit policy a = f(y) is fitted in squares, so it says the mean of
    both, straight onto the island, and always; written by hand or as a density of one component, it is the same. An
    implicit one learns an energy E(a, y) by telling the expert's action from others (InfoNCE), a diffusion policy
    p(a | y) by denoising actions, and a mixture says both ways at once: these three draw one of the two. An action
    counts as a success if it is within three of the experts' deviations of a way.

    Next: [diffusion](../families/diffusion.md), energies [in general](../families/graphical.md).
    """
    n, noise = 2000, s.noise("experts")
    y = noise.at("y").uniform(n)[:, None]
    side = 2.0 * noise.at("side").integers(2, n)[:, None] - 1
    a = side * (0.5 + 0.5 * y) + WIDTH * noise.at("hand").normal(n, 1)
    with seeded(s.seed):
        explicit, energy = MLP(1, [64, 64], 1), MLP(2, [96, 96], 1)
    steps, data = 300 if s.quick else 4000, read((a, y))
    learn(explicit, steps, lambda k: mse_loss(explicit(y), a))
    learn(energy, steps, lambda k: telling(energy, y, a, s.noise("others", k)))
    diffusion = taught(s, "flow_matching", data, steps=200 if s.quick else 8000, settings={"width": 64})
    how: dict[str, Any] = {"steps": 150, "batch_size": 64} if s.quick else {"steps": 3000}
    squares = taught(s, "mixture_density", data, settings=SMALL | {"components": 1, "fixed": True}, **how)
    mixture = taught(s, "mixture_density", data, settings=SMALL | {"components": 4}, **how)
    thought = torch.linspace(-SPAN, SPAN, 161)

    def implicit(y: Tensor) -> Tensor:
        log_p = -energies(energy, y, thought.expand(len(y), -1)).double()
        return thought[s.noise("choice").categorical(log_p)][:, None]

    policies: dict[str, Callable[[Tensor], Tensor]] = {
        "explicit": explicit, "implicit": implicit,
        "diffusion": lambda y: diffusion.sample(len(y), y[:, 0], seed=s.seed).reshape(-1, 1),
        "mixture": lambda y: mixture.sample(len(y), y[:, 0], seed=s.seed).reshape(-1, 1),
    }  # fmt: skip
    asked = torch.linspace(0.02, 0.98, 500)[:, None]
    with torch.no_grad():
        ways = {name: policy(asked) for name, policy in policies.items()}
        least = squares.sample(500, asked[:, 0], seed=s.seed, temperature=0.0).reshape(-1, 1)
        half = {name: policy(torch.full((500, 1), 0.5)) for name, policy in policies.items()}
    means = [each.abs().mean() for each in (ways["explicit"], least)]
    s.near("explicit, by hand and of one component: the mean of both ways, 0", means, [0.0, 0.0],
           within=0.15 if s.quick else 0.08)  # fmt: skip
    drawn(s, (y, a), ways, half)


def judged(s: Study, ways: dict[str, Tensor]) -> dict[str, Estimate]:
    """How often each policy passes, and that it must."""
    asked = torch.linspace(0.02, 0.98, 500)[:, None]
    won = {name: mean_of(success(action, asked)) for name, action in ways.items()}
    s.most("success of the explicit policy", won["explicit"].value, 0.02)
    for name in ("implicit", "diffusion", "mixture"):
        s.least(f"success of the {name} policy, its interval's lower end", lower(won[name]), 0.7)
        s.near(f"{name} policy: share of the left way", (ways[name] < 0).double().mean(), 0.5, within=0.12)
    s.note("success, and the lower ends of 95 %", [[name, each.value, lower(each)] for name, each in won.items()])
    return won


def drawn(s: Study, experts: tuple[Tensor, Tensor], ways: dict[str, Tensor], half: dict[str, Tensor]) -> None:
    """Actions over y, and their law at y = ½ over that of the experts."""
    won = judged(s, ways)
    _, axes = s.figure(
        2, 4, size=(6.8, 5), sharex="row", sharey="row", height_ratios=[1.4, 1], alt="Actions over the width of the "
        "island, experts on two branches: the explicit policy runs between them, the others on both. Below, how often "
        "each action is taken at y = ½, beside the two true modes."
    )  # fmt: skip
    asked, line = torch.linspace(0.02, 0.98, 500), torch.linspace(-1.4, 1.4, 281)
    modes = [Normal(way, WIDTH).log_prob(line).exp() / 2 for way in (-0.75, 0.75)]
    for k, (above, below, (name, action)) in enumerate(zip(*axes, ways.items(), strict=True)):
        above.scatter(*(each[:400, 0] for each in experts), s=4, color="C6", linewidths=0, rasterized=True)
        above.scatter(asked[::3], action[::3, 0], s=7, color=f"C{k}", linewidths=0, rasterized=True)
        above.set(title=f"{name}\n{won[name].value:.0%}", xlabel="y", ylim=(-1.4, 1.4), xticks=[0, 1])
        below.hist(half[name][:, 0].numpy(), bins=57, range=(-1.4, 1.4), density=True, color=f"C{k}", alpha=0.6)
        below.plot(line, sum(modes), color="C6", linewidth=1.2)
        below.set(xlabel="a", ylim=(0, 5), xticks=[-1, 0, 1])
    axes[0, 0].set_ylabel("action a")
    axes[1, 0].set_ylabel("at y = ½")


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
