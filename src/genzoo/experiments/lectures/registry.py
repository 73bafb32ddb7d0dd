"""Items about all models at once, read from the registry of recipes."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch import distributions as td

from genzoo.core import Batch, Noise, Space
from genzoo.distributions.estimate import Estimate, mean_of
from genzoo.distributions.quadrature import line_nodes
from genzoo.experiments.lectures.study import Study
from genzoo.testing.density import every
from genzoo.zoo.recipe import Recipe, RecipeInfo, recipes

__all__ = ["budget", "zoo"]

LEFT = {
    "exact": "exact density",
    "estimate": "an estimate of it",
    "unnormalized": "up to a constant",
}
KINDS = LEFT | {"bound": "a bound on it", "implicit": "implicit: draws alone", "codes": "codes: draws with a prior"}
LABEL, PAIR, IMAGE = Space((), levels=3), Space((2,)), Space((1, 8, 8), levels=2)
SMALL = 20_000  # entries of weights that are stirred; others are drawn at random as it is
BITS, BACKBONE = Space((3,), levels=2), Space((4, 3, 3))
DATA = ((BITS, None), (PAIR, None), (PAIR, LABEL), (PAIR, PAIR), (IMAGE, None), (IMAGE, LABEL),
        (IMAGE, IMAGE), (LABEL, PAIR), (LABEL, IMAGE), (BACKBONE, None))  # fmt: skip


def built(info: RecipeInfo[Any]) -> Iterator[tuple[Space, Recipe]]:
    """A recipe over each of some small spaces that suit it."""
    for space, given in DATA:
        try:
            yield space, info(space, given)
        except ValueError:  # it wants other data
            continue


def zoo(s: Study) -> None:
    """What sorts generative models is what they know of their own density: it exactly, a bound on it, an estimate, it
    up to a constant, or nothing, so that all they can do is draw. The tree is drawn from the registry itself, a leaf
    for each recipe; and every model that is one piece is built and asked whether it can do what its recipe says.

    Next: [six ideas](../concepts.md), [all recipes](../cli.md).
    """
    found, asked = recipes(), ("log_prob", "sample")
    of_kind: dict[str, list[RecipeInfo[Any]]] = {kind: [] for kind in KINDS}
    for info in found.values():
        without = "implicit" if "sample" in info.can else "codes"
        of_kind[info.likelihood if info.likelihood in KINDS else without].append(info)
    s.equal("leaves of all branches", sum(map(len, of_kind.values())), len(found))
    claims = {kind: sum("log_prob" in info.can for info in leaves) for kind, leaves in of_kind.items()}
    s.equal("of implicit ones and of codes, those with a density", [claims["implicit"], claims["codes"]], [0, 0])
    s.equal(
        "of the others, those with one", sum(claims.values()), len(found) - len(of_kind["implicit"] + of_kind["codes"])
    )
    wrong, pieces = [], 0
    for info in found.values():
        _, recipe = next(built(info))
        if recipe.then is None:  # of several stages only the last can all
            pieces += 1
            model: Any = recipe.model
            wrong += [info.name for what in asked if model.can(what) != (what in info.can)]
    s.equal("models that do not answer as their recipe says", wrong, [])
    s.note("models built", pieces)
    _, axis = s.figure(size=(5, 9.6), alt="A tree of all recipes by what they know of their density: exact, an "
                       "estimate, up to a constant, a bound, none; with marks for density and for draws.")  # fmt: skip
    down = [0, 0]
    for color, (kind, title) in enumerate(KINDS.items()):
        x = int(kind not in LEFT)
        axis.text(x, down[x], title, color=f"C{color}", fontsize=11, va="center", weight="bold")
        for y, info in enumerate(of_kind[kind], down[x] + 1):
            axis.text(x + 0.17, y, info.name, fontsize=10, va="center")
            for place, what in zip((0.03, 0.1), asked, strict=True):
                filled = "full" if what in info.can else "none"
                axis.plot(x + place, y, "o", color=f"C{color}", markersize=6, fillstyle=filled)
        down[x] += len(of_kind[kind]) + 2
    axis.text(0, max(down), "first mark: density evaluation; second: generation", fontsize=10, va="center")
    axis.set(xlim=(-0.02, 2), ylim=(max(down) + 1, -1))
    axis.axis("off")


def ready(model: Any, x: Tensor, noise: Noise) -> Any:
    """A model that has seen some rows, its weights stirred a little."""
    model.prepare([Batch(x)])
    for _ in range(3 if model.can("direct_fit") else 0):
        model.begin()
        model.accumulate(Batch(x))
        model.finish()
    with torch.no_grad():
        for k, weight in enumerate(model.parameters()):
            if weight.numel() > SMALL:
                continue
            weight += 0.02 * noise.at(k).normal(*(weight.shape or (1,))).reshape(weight.shape)
    return model.eval()


def summed(model: Any, noise: Noise, draws: int) -> Estimate:
    """The sum of the masses of all rows of a small space; of bounds, of what a few draws say."""
    x = every(model.space)
    log_p = torch.stack([model.log_prob(x, seed=int(noise.tick(k).words(1))).double() for k in range(draws)])
    p = log_p.mean(0).exp()
    spread = log_p.std(0) / math.sqrt(draws) if draws > 1 else torch.zeros(len(x))
    return Estimate(p.sum().item(), float((p * spread).norm()))


def integral(model: Any, noise: Noise, n: int) -> Estimate:
    """∫ p(x) dx by draws from Student's t around samples of the model, each weighed by p over their density."""
    centers = model.sample(100, seed=int(noise.words(1))).double()
    law = td.StudentT(5.0, centers, centers.std(0))  # entry by entry
    z = noise.at("z").normal(n, 2, dtype=torch.float64)
    chi = noise.at("chi").normal(n, 2, 5, dtype=torch.float64).square().mean(2).sqrt()
    x = centers[torch.arange(n) % 100] + centers.std(0) * z / chi
    log_r = law.log_prob(x[:, None]).sum(2).logsumexp(1) - math.log(100)
    return mean_of((model.log_prob(x.float()).double() - log_r).exp())


def budget(s: Study) -> None:
    """A density is a fixed budget: nowhere negative, and one in all. Who raises it somewhere lowers it elsewhere, as
    the curves show, and that is what makes likelihood a meaningful score: nobody can promise everything. So every
    recipe with a density is built, stirred, and its whole budget counted, over all rows of a small space or by an
    integral over the plane. Exact ones spend one; bounds spend less, since they promise too little; an energy,
    unnormalized, spends anything.

    Next: [densities of all families](../concepts.md), [distances](../distances.md).
    """
    spent: dict[str, tuple[str, Estimate]] = {}
    for name, info in recipes().items():
        for space, given in ((BITS, None), (PAIR, None)):
            try:
                built = info(space, given)
            except ValueError:  # it wants other data
                continue
            if "log_prob" not in info.can or built.then or info.likelihood == "estimate":
                continue
            noise, n = s.noise(name, str(space)), 64
            rows = noise.integers(2, n, 3).byte() if space is BITS else noise.normal(n, 2)
            model = ready(built.model, rows, noise.at("weights"))
            kind = model.likelihood.value
            with torch.no_grad():
                if space is BITS:
                    spent[f"{name}, masses"] = kind, summed(model, noise.at("sum"), 1 if kind == "exact" else 2)
                elif kind == "exact":
                    spent[name] = kind, integral(model, noise.at("integral"), 300 if s.quick else 8000)
    exact = {name: found for name, (kind, found) in spent.items() if kind == "exact"}
    bounds = {name: found for name, (kind, found) in spent.items() if kind == "bound"}
    off = {name: (found.value - 1) / max(found.error or 0, 1e-7) for name, found in (exact | bounds).items()}
    s.most(f"{len(exact)} exact ones: budget off one, in standard errors", [abs(off[name]) for name in exact], 5.0)
    s.most(f"{len(bounds)} bounds: budget above one, in standard errors", [off[name] for name in bounds], 4.0)
    s.note("budgets", [[name, kind, round(found.value, 4)] for name, (kind, found) in spent.items()])
    slider(s)
    _, axis = s.figure(size=(4.6, 0.19 * len(spent) + 0.8), alt="The whole budget of every recipe: exact masses and "
                       "densities lie at one, bounds below it.")  # fmt: skip
    ranked = sorted(spent.items(), key=lambda item: (item[1][0], -item[1][1].value))
    for y, (name, (kind, found)) in enumerate(ranked):
        color = {"exact": "C0", "bound": "C1"}.get(kind, "C6")
        axis.errorbar(found.value, y, xerr=2 * (found.error or 0), fmt="o", color=color, markersize=5, linewidth=1)
        axis.text(-0.03, y, name, ha="right", va="center", fontsize=10)
    axis.axvline(1, color="C6", linewidth=1)
    axis.set(xlim=(0, 2), ylim=(len(spent), -1), yticks=[], xlabel="all of the budget")


def slider(s: Study) -> None:
    """One place is raised ever more, and all others pay."""
    x, weights = line_nodes(-4, 4)
    raised = torch.exp(-(x - 1.5).square() / 0.1)
    _, axis = s.figure(alt="A density on a line raised at one place by four amounts: everywhere else it sinks.")
    curves = []
    for amount in (0.0, 1.0, 2.0, 3.0):
        p = torch.exp(-x.square() / 2 + amount * raised)
        curves.append(p / (weights @ p))
        axis.plot(x[::16], curves[-1][::16], label=f"raised by {amount:g}")
    totals = [weights @ p for p in curves]
    s.near("budgets of the four curves", totals, [1.0] * 4, within=1e-9)
    far = (x - 1.5).abs() > 1.5
    s.most("p away from the place over p before it was raised", [(p / curves[0])[far].max() for p in curves[1:]], 0.95)
    axis.set(xlabel="x", ylabel="p(x)")
    axis.legend()
