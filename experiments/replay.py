"""Recorded actions of Push-T, replayed: how far the block strays from its recorded track, episode by episode.

    python -m experiments.replay [FILE]

The recorded angle is set before the recorded position; the other order is told beside it.
"""

import math
import os
import sys
from pathlib import Path

import numpy as np

from genzoo.environments.pusht import Table

USUAL = Path(os.environ.get("GENZOO_DATA", ".")) / "pusht" / "pusht_cchi_v7_state.npz"


def strayed(table: Table, state: np.ndarray, action: np.ndarray, *, turned_last: bool) -> float:
    """The largest distance of the block from its track, in pixels.

    Args:
        table: A copy at rest.
        state: The recorded states of an episode.
        action: Its actions.
        turned_last: Whether the angle is set after the position.
    """
    table.place(state[0].tolist(), turned_last=turned_last)
    worst = 0.0
    for aim, told in zip(action[:-1].tolist(), state[1:].tolist(), strict=True):
        table.push((aim[0], aim[1]))
        worst = max(worst, math.dist(table.seen()[2:4], told[2:4]))
    return worst


def main() -> None:
    """Prints the table."""
    import pymunk

    with np.load(sys.argv[1] if len(sys.argv) > 1 else USUAL) as arrays:
        state, action, ends = arrays["state"].astype(float), arrays["action"].astype(float), arrays["episode_ends"]
    parts = [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    for last in (False, True):
        far = [strayed(Table(pymunk), state[part], action[part], turned_last=last) for part in parts]
        order = "position, then angle" if last else "angle, then position"
        off = sum(value > 0.01 for value in far)
        print(
            f"pymunk {pymunk.version}, {order}: median {np.median(far):.5f} px, 90 % below "
            f"{np.quantile(far, 0.9):.5f}, largest {max(far):.2f}; {off} of {len(far)} above 0.01"
        )


if __name__ == "__main__":
    main()
