"""Small steps beside packages that do the same: training steps and draws that take fractions of a millisecond.

Both sides train the same networks on batches of one size, in turns, in one process, on one thread; genzoo by fused
AdamW, the others by Adam, as their examples do. A ratio is the peer's processor time over genzoo's: more than 1 means
that genzoo is faster. A peer that is not installed is left out; none but scikit-learn is among the tools of this
package: pip install --no-deps torchcfm torchdiffeq; pip install POT.

Usage: OMP_NUM_THREADS=1 python -m benchmarks.small_steps [--rounds N] [--only NAME]
"""

import argparse
import copy
import json
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks import record
from benchmarks.tables import compared
from genzoo.core import Batch, GenerativeModel, Noise, Space
from genzoo.core.noise import seeded

Figures = dict[str, dict[str, float]]
STEPS = 100  # of a turn


def fused(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)


def steps(loss: Callable[[int], Tensor], optimizer: torch.optim.Optimizer, count: int = STEPS) -> Callable[[], None]:
    """So many steps of training; the loss is told their number."""

    def run() -> None:
        for step in range(count):
            optimizer.zero_grad(set_to_none=True)
            loss(step).backward()
            optimizer.step()

    return run


def own(model: GenerativeModel, x: Tensor, count: int = STEPS) -> Callable[[], None]:
    noise = Noise(0, "steps")
    return steps(lambda step: model.loss(Batch(x, None, noise.tick(step))), fused(model), count)


def flow_matching(rounds: int) -> Figures:
    """Two dimensions, a perceptron of 3 × 64, 256 rows; and 100 of Euler's steps for 4,096 rows."""
    from torchcfm.conditional_flow_matching import ConditionalFlowMatcher
    from torchdiffeq import odeint

    from genzoo.models.diffusion import Diffusion, Euler, Predicts, Straight
    from genzoo.nn import MLP, Timed

    x = Noise(0).normal(256, 2)
    with seeded(0):
        net = Timed(MLP(2, [64, 64, 64], 2, given=32), 32)
    model = Diffusion(Space((2,)), None, net, schedule=Straight(), predicts=Predicts.VELOCITY, sampler=Euler(100))
    peer, matcher = copy.deepcopy(net), ConditionalFlowMatcher(sigma=0.0)

    def loss(step: int) -> Tensor:
        t, x_t, velocity = matcher.sample_location_and_conditional_flow(torch.randn_like(x), x)
        return ((peer(x_t, t) - velocity) ** 2).mean()

    trained = compared(own(model, x), steps(loss, torch.optim.Adam(peer.parameters())), rounds)
    times, start = torch.linspace(0, 1, 101), torch.randn(4096, 2)

    def sampled() -> Tensor:
        with torch.no_grad():
            return odeint(lambda t, y: peer(y, t.expand(len(y))), start, times, method="euler")[-1]

    return {
        "flow matching, 2-D: step, torchcfm": trained,
        "flow matching, 2-D: Euler, torchdiffeq": compared(lambda: model.sample(4096, seed=0), sampled, rounds),
    }


def ot_flow_matching(rounds: int) -> Figures:
    """The same step where noise goes with the rows of the batch that lie nearest to it."""
    from torchcfm.conditional_flow_matching import ExactOptimalTransportConditionalFlowMatcher

    from genzoo.models.diffusion import Diffusion, Emphasis, MinibatchOT, Predicts, Straight
    from genzoo.nn import MLP, Timed

    x = Noise(0).normal(256, 2)
    with seeded(0):
        net = Timed(MLP(2, [64, 64, 64], 2, given=32), 32)
    pairs, velocity = Emphasis(coupling=MinibatchOT()), Predicts.VELOCITY
    model = Diffusion(Space((2,)), None, net, schedule=Straight(), predicts=velocity, emphasis=pairs)
    peer, matcher = copy.deepcopy(net), ExactOptimalTransportConditionalFlowMatcher(sigma=0.0)

    def loss(step: int) -> Tensor:
        t, x_t, velocity = matcher.sample_location_and_conditional_flow(torch.randn_like(x), x)
        return ((peer(x_t, t) - velocity) ** 2).mean()

    trained = compared(own(model, x), steps(loss, torch.optim.Adam(peer.parameters())), rounds)
    return {"OT flow matching, 2-D: step, torchcfm": trained}


def rbm(rounds: int) -> Figures:
    """784 × 256 units, batches of 10 and of 100, beside scikit-learn's persistent contrastive divergence."""
    from sklearn.neural_network import BernoulliRBM

    from genzoo.models.graphical import RBM

    figures = {}
    for size in (10, 100):
        x = (Noise(0).uniform(2000, 784) < 0.3).to(torch.uint8)
        with seeded(0):
            model = RBM(Space((784,), levels=2), hidden=256, chains=size)
        peer = BernoulliRBM(256, learning_rate=0.1, batch_size=size, n_iter=1)
        ours, rows = persistent(model, x, size), x.numpy().astype("float64")
        figures[f"RBM 784 × 256, an epoch, batch {size}: scikit-learn"] = compared(
            ours, lambda peer=peer, rows=rows: peer.fit(rows), rounds
        )
    return figures


def persistent(model: GenerativeModel, x: Tensor, size: int) -> Callable[[], None]:
    """An epoch of a model whose player does something after each step, as an RBM moves its chains."""
    (player,), noise = model.players(), Noise(0, "steps")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def run() -> None:
        for step, rows in enumerate(x.split(size)):
            batch = Batch(rows, None, noise.tick(step))
            optimizer.zero_grad(set_to_none=True)
            found = player.loss(batch)
            (found["loss"] if isinstance(found, dict) else found).backward()
            optimizer.step()
            if player.after is not None:
                player.after(batch)

    return run


CASES: dict[str, Callable[[int], Figures]] = {
    "flow_matching": flow_matching,
    "ot_flow_matching": ot_flow_matching,
    "rbm": rbm,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how many turns")
    parser.add_argument("--only", choices=sorted(CASES), help="one case alone, beside what is kept of the others")
    said = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    figures: Figures = {}
    for name, case in CASES.items():
        try:
            figures |= case(said.rounds) if said.only in (None, name) else {}
        except ImportError as problem:
            print(f"{name} is left out: {problem}")
    for name, values in figures.items():
        print(f"{name:52}", *(f"{what} {value:.4g}" for what, value in values.items()))
    kept = {} if said.only is None else json.loads((record.FOLDER / "small_steps.json").read_text())["figures"]
    print("written to", record.write("small_steps", {"steps": STEPS, "figures": kept | figures}))


if __name__ == "__main__":
    main()
