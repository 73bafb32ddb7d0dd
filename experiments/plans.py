"""Plans in the maze: how many of new starts and goals are joined without touching a wall, and how many detours kept.

    python -m experiments.plans [--run runs/maze] [--core-minutes 20] [--policy-minutes 5] [--pairs 500]

A diffusion of whole ways is trained on experts' if it is not there, and a policy of the next actions beside it. Pairs
are new. Detours keep away from a disc that lies on a way which was drawn without it.
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import genzoo
from experiments.drawing import IMAGES
from genzoo.core import GenerativeModel, Noise
from genzoo.environments import Maze
from genzoo.environments.maze import is_apart
from genzoo.tasks import Away, Policy, plan, rollout

RECORD = Path(__file__).parent / "records" / "plans.json"
KEPT, FURTHER = 0.08, 0.11  # how far from a place ways must stay, and how far they are pushed
STEPS, TRIES = 50, 16


def main() -> None:
    """Trains what is not there, plans, and writes the record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", type=Path, default=Path("runs/maze"))
    parser.add_argument("--core-minutes", type=float, default=20.0)
    parser.add_argument("--policy-minutes", type=float, default=5.0)
    parser.add_argument("--pairs", type=int, default=500)
    asked = parser.parse_args()
    planner = trained(asked.run, "flow_matching", "trajectory:64", None, {"net": "line"}, asked.core_minutes)
    acting = asked.run.with_name(f"{asked.run.name}-policy")
    policy = trained(acting, "flow_matching", "action:16", "state:2", {}, asked.policy_minutes)
    joined, apart = pairs(asked.pairs, joined=True), pairs(asked.pairs // 2, joined=False)
    record: dict[str, Any] = {"trained core-seconds": seconds_of(planner), "steps": STEPS}
    record["samples that touch no wall"] = share(Maze().is_clear(planner.generative.sample(500, seed=1, steps=STEPS)))
    for name, ends in (("new pairs", joined), ("pairs that no demonstration joins", apart)):
        record[name] = told(planner.generative, ends)
        print(name, json.dumps(record[name]), flush=True)
    record["detours"] = detours(planner.generative, joined[: asked.pairs // 5])
    print("detours", json.dumps(record["detours"]), flush=True)
    found = rollout(Policy(policy.generative, Maze()), asked.pairs, seed=1)
    record["a policy of 16 actions"] = {"core-seconds": seconds_of(policy), "arrives": list(found.mean("success"))}
    print("policy", json.dumps(record["a policy of 16 actions"]), flush=True)
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    shown(planner.generative, apart)
    print(RECORD, IMAGES / "plans.png")


def trained(path: Path, recipe: str, x: str, given: str | None, settings: dict[str, Any], minutes: float) -> Any:
    """The run in a folder, trained if it is not there.

    Args:
        path: The folder.
        recipe: Which recipe.
        x: What is drawn.
        given: What it is drawn given.
        settings: Of the recipe.
        minutes: Of one core.
    """
    if (path / "model.safetensors").exists():
        return genzoo.load(path)
    data = genzoo.read("maze", x=x, given=given)
    return genzoo.train(recipe, data, out=path, settings=settings, core_minutes=minutes)


def seconds_of(run: Any) -> float:
    """Of one core, that training took."""
    return round(max(row.get("core_seconds", 0.0) for row in run.metrics), 1)


def pairs(n: int, *, joined: bool) -> Tensor:
    """New starts and goals.

    Args:
        n: How many.
        joined: Whether demonstrations go between such corners.
    """
    ends = Maze().reset(60 * n, Noise(12, "plans"))
    return ends[is_apart(ends[:, :2], ends[:, 2:]) != joined][:n].clone()


def share(good: Tensor) -> list[float]:
    """A share, and its standard error."""
    p = float(good.double().mean())
    return [p, math.sqrt(p * (1 - p) / len(good))]


def arrived(x: Tensor, ends: Tensor) -> Tensor:
    """Which ways, gone from their starts, reach their goals and touch no wall on the way."""
    ways = x.double().clone()
    ways[:, 0] = ends[:, :2]  # which they meet to rounding
    return Maze().walked(ways, ends[:, 2:]).reached


def told(model: GenerativeModel, ends: Tensor) -> dict[str, Any]:
    """One way for each pair: how many arrive, and how long a way took to be drawn.

    Args:
        model: The planner.
        ends: Starts and goals.
    """
    began = time.process_time()
    x = plan(model, ends[:, :2], ends[:, 2:], seed=2, steps=STEPS).x[0]
    seconds = time.process_time() - began
    return {
        "pairs": len(ends),
        "arrive": share(arrived(x, ends)),
        "core-milliseconds a way": 1000 * seconds / len(ends),
    }


def detours(model: GenerativeModel, ends: Tensor) -> dict[str, Any]:
    """Ways that are to keep away from a place in the middle of one that was drawn without; one each, and the one of
    least cost of some.

    Args:
        model: The planner.
        ends: Starts and goals.
    """
    free = plan(model, ends[:, :2], ends[:, 2:], seed=3, steps=STEPS).x[0].double()
    far = ((free[:, 0] - free[:, -1]).square().sum(1).sqrt() > 0.4) & arrived(free, ends)
    ends, free = ends[far], free[far]
    along = free.diff(dim=1).square().sum(2).sqrt().cumsum(1)
    middle = free[torch.arange(len(free)), (along < along[:, -1:] / 2).sum(1)]
    good: dict[str, list[bool]] = {"one way": [], f"the best of {TRIES}": []}
    for pair, place in zip(ends, middle, strict=True):
        away = Away((float(place[0]), float(place[1])), FURTHER)
        found = plan(model, pair[None, :2], pair[None, 2:], TRIES, cost=away, seed=4, steps=STEPS)
        for name, x in zip(good, (found.x[0], found.best()), strict=True):
            nearest = float((x[0].double() - place).square().sum(1).sqrt().min())
            good[name].append(bool(arrived(x, pair[None])[0]) and nearest >= KEPT)
    shares = {name: share(torch.tensor(each)) for name, each in good.items()}
    return {"pairs": len(ends), "kept away by": KEPT, "arrive and keep away": shares}


def shown(model: GenerativeModel, ends: Tensor) -> None:
    """Four pairs that no demonstration joins, and sixteen ways for each.

    Args:
        model: The planner.
        ends: Starts and goals.
    """
    from PIL import Image

    page = Image.new("RGB", (4 * 330 - 10, 320), "white")
    for k, pair in enumerate(ends[:4]):
        canvas = Maze().drawn(320)
        for way in plan(model, pair[None, :2], pair[None, 2:], TRIES, seed=5, steps=STEPS).x[:, 0]:
            good = bool(arrived(way[None], pair[None])[0])
            canvas.line([(a, b) for a, b in way.tolist()], (40, 70, 160) if good else (170, 170, 170), 1)
        for end in (pair[:2].tolist(), pair[2:].tolist()):
            canvas.disc((end[0], end[1]), 0.02, (160, 40, 40))
        page.paste(canvas.image, (330 * k, 0))
    page.save(IMAGES / "plans.png")


if __name__ == "__main__":
    main()
