"""Push-T here and in gym-pusht, the outside simulator: recordings replayed, and one policy in both.

    python -m experiments.outside [EPISODES]

It needs gym-pusht 0.1.8, which pins pymunk below 7, so an environment of its own. The policy is the nearest neighbor
among all recorded episodes. Seeds are from 100,000 on; here it acts once from the first states that gym-pusht drew,
and once from our own.
"""

import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pymunk
import torch
from gym_pusht.envs.pusht import PushTEnv
from torch import Tensor

import genzoo
from genzoo.core import Noise
from genzoo.environments import PushT
from genzoo.environments.copies import Step
from genzoo.environments.pusht import ENOUGH
from genzoo.tasks import NearestNeighbor, Policy, rollout

RECORD = Path(__file__).parent / "records" / "outside.json"
FILE, FIRST = "pusht/pusht_cchi_v7_state.npz", 100_000


class Outside(PushT):
    """Copies of gym-pusht behind our interface; one that has ended stands still."""

    def reset(self, n: int, noise: Noise) -> Tensor:
        self.n, self.envs = n, [PushTEnv(obs_type="state") for _ in range(n)]
        seen = [env.reset(seed=FIRST + noise.start + k)[0] for k, env in enumerate(self.envs)]
        self.last = [(each, 0.0, False) for each in seen]
        return torch.from_numpy(np.stack(seen)).double()

    def step(self, action: Tensor) -> Step:
        for k, (env, aim) in enumerate(zip(self.envs, action.numpy(), strict=True)):
            if not self.last[k][2]:
                seen, _, done, _, told = env.step(aim)
                self.last[k] = seen, min(1.0, told["coverage"] / ENOUGH), bool(done)
        seen, reward, done = zip(*self.last, strict=True)
        ended = torch.tensor(done)
        return Step(torch.from_numpy(np.stack(seen)).double(), torch.tensor(reward).double(), ended, ended)


class Paired(PushT):
    """Ours, from the first states that gym-pusht draws."""

    def reset(self, n: int, noise: Noise) -> Tensor:
        return self.placed(Outside().reset(n, noise))


def strayed(state: np.ndarray, action: np.ndarray, *, by_reset: bool) -> float:
    """How far the block of gym-pusht strays from a recorded track, in pixels.

    Args:
        state: The recorded states of an episode.
        action: Its actions.
        by_reset: Whether it is placed by the option reset_to_state, or else with its angle before its position.
    """
    env = PushTEnv(obs_type="state")
    env.reset(seed=0, options={"reset_to_state": state[0].tolist()} if by_reset else None)
    if not by_reset:
        env._setup()
        env.agent.position, env.block.angle = state[0, :2].tolist(), state[0, 4]
        env.block.position = state[0, 2:4].tolist()
        env.space.step(env.dt)
    tracks = zip(action[:-1], state[1:], strict=True)
    return max(math.dist(env.step(aim)[0][2:4], told[2:4]) for aim, told in tracks)


def main() -> None:
    """Replays, acts, and writes the record."""
    episodes = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with np.load(Path(os.environ["GENZOO_DATA"]) / FILE) as arrays:
        state, action, ends = (arrays[name].astype(float) for name in ("state", "action", "episode_ends"))
    parts = [slice(int(a), int(b)) for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    record: dict[str, Any] = {"pymunk": pymunk.version, "episodes": episodes}
    for name, by_reset in (("angle before position", False), ("reset_to_state", True)):
        far = [strayed(state[part], action[part], by_reset=by_reset) for part in parts]
        record[f"replayed, {name}"] = {
            "median": float(np.median(far)), "largest": max(far), "above 0.01": sum(value > 0.01 for value in far)
        }  # fmt: skip
    rows = genzoo.read(FILE, x="action:16", given="state:2").rows()
    nearest, best = NearestNeighbor(rows.x, rows.given), {}
    for name, where in (("gym-pusht", Outside()), ("ours from its first states", Paired()), ("ours", PushT())):
        found = rollout(Policy(nearest, where, execute=8), episodes, seed=FIRST)
        best[name] = found.best
        record[name] = {"largest reward": found.mean("best"), "success": found.mean("success")}
    apart = (best["gym-pusht"] - best["ours from its first states"]).abs()
    record["largest difference of an episode from the same first state"] = float(apart.max())
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
