"""Items about all models at once, read from the registry of recipes."""

from collections.abc import Iterator
from typing import Any

from genzoo.core import Space
from genzoo.experiments.lectures.study import Study
from genzoo.zoo.recipe import Recipe, RecipeInfo, recipes

__all__ = ["zoo"]

LEFT = {
    "exact": "exact density",
    "estimate": "an estimate of it",
    "unnormalized": "known but for a constant",
}
KINDS = LEFT | {"bound": "a bound on it", "implicit": "implicit: draws alone", "codes": "codes: draws with a prior"}
LABEL, PAIR, IMAGE = Space((), levels=3), Space((2,)), Space((1, 8, 8), levels=2)
DATA = ((Space((3,), levels=2), None), (PAIR, None), (PAIR, LABEL), (PAIR, PAIR), (IMAGE, None), (IMAGE, LABEL),
        (IMAGE, IMAGE), (LABEL, PAIR))  # fmt: skip


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
    _, axis = s.figure(size=(6.2, 9.2), alt="A tree of all recipes by what they know of their density: exact, an "
                       "estimate, up to a constant, a bound, none; with marks for density and for draws.")  # fmt: skip
    down = [0, 0]
    for color, (kind, title) in enumerate(KINDS.items()):
        x = int(kind not in LEFT)
        axis.text(x, down[x], title, color=f"C{color}", fontsize=11, va="center", weight="bold")
        for y, info in enumerate(of_kind[kind], down[x] + 1):
            axis.text(x + 0.15, y, info.name, fontsize=10, va="center")
            for place, what in zip((0.03, 0.08), asked, strict=True):
                filled = "full" if what in info.can else "none"
                axis.plot(x + place, y, "o", color=f"C{color}", markersize=6, fillstyle=filled)
        down[x] += len(of_kind[kind]) + 2
    axis.text(0, max(down), "first mark: density evaluation; second: generation", fontsize=10, va="center")
    axis.set(xlim=(-0.02, 2), ylim=(max(down) + 1, -1))
    axis.axis("off")
