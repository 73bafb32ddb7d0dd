"""Hidden Markov models beside hmmlearn's: few long sequences, and many short ones.

Both sides begin from the same numbers and make the same passes; they alternate in one process, on one thread, and the
ratio is the peer's processor time over genzoo's: more than 1 means that genzoo is faster. Not part of `make bench`, as
hmmlearn is not among the tools of this package: pip install --no-deps hmmlearn.

Usage: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.chains [--rounds N]
"""

import argparse
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import record
from benchmarks.tables import compared
from genzoo.core import Batch, Noise, Space
from genzoo.models.classical import HMM

STATES, DIMS, PASSES = 8, 4, 5
CASES = ((4, 5000), (2000, 20), (200, 100), (1, 20_000))  # sequences × steps


def sequences(rows: int, steps: int) -> Tensor:
    """Vectors around centers between which a chain moves."""
    noise = Noise(0, rows, steps)
    centers, state, path = 2 * noise.at("centers").normal(STATES, DIMS), noise.integers(STATES, rows), []
    for t in range(steps):
        stays = noise.at("stays").tick(t).uniform(rows) < 0.8
        state = torch.where(stays, state, noise.at("moves").tick(t).integers(STATES, rows))
        path.append(state)
    return centers[torch.stack(path, 1)] + noise.at("emission").normal(rows, steps, DIMS)


def begun(x: Tensor) -> tuple[HMM, Any]:
    """A model of genzoo and one of hmmlearn with the same numbers."""
    from hmmlearn.hmm import GaussianHMM

    model = HMM(Space(tuple(x.shape[1:])), states=STATES, tol=0.0)
    model.prepare([Batch(x)])
    model.begin()
    model.accumulate(Batch(x))
    model.finish()
    gaussians = model.emissions.gaussians
    peer = GaussianHMM(STATES, "diag", n_iter=PASSES, tol=-np.inf, init_params="", min_covar=1e-9)
    peer.startprob_, peer.transmat_ = model.initial[0, :-1].numpy().copy(), model.transition[:, :-1].numpy().copy()
    peer.means_ = gaussians.means.numpy().copy()
    peer.covars_ = gaussians.variances.numpy().copy()
    return model, peer


def fit(model: HMM, x: Tensor) -> None:
    for _ in range(PASSES):
        model.begin()
        model.accumulate(Batch(x))
        model.finish()


def case(rows: int, steps: int, rounds: int) -> dict[str, dict[str, float]]:
    x = sequences(rows, steps)
    flat, lengths = x.reshape(-1, DIMS).double().numpy(), [steps] * rows
    model, peer = begun(x)
    saved = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def again(run: Callable[[], object]) -> Callable[[], object]:
        def fitted() -> object:
            model.load_state_dict(saved)
            return run()

        return fitted

    starts = {name: getattr(peer, name).copy() for name in ("startprob_", "transmat_", "means_")}
    covars = peer._covars_.copy()

    def peer_fit() -> None:
        for name, value in starts.items():
            setattr(peer, name, value.copy())
        peer._covars_ = covars.copy()
        peer.fit(flat, lengths)

    ours = float(model.log_prob(x).sum())
    figures = {"log_prob": compared(lambda: model.log_prob(x), lambda: peer.score(flat, lengths), rounds)}
    figures["log_prob"]["relative_difference"] = abs(ours / peer.score(flat, lengths) - 1)
    figures["viterbi"] = compared(lambda: model.paths(x), lambda: peer.decode(flat, lengths), rounds)
    theirs = peer.decode(flat, lengths)[1].reshape(rows, steps)
    figures["viterbi"]["share_of_equal_steps"] = float((model.paths(x).numpy() == theirs).mean())
    figures["fit"] = compared(again(lambda: fit(model, x)), peer_fit, rounds)
    return {f"{rows:,} × {steps:,}: {what}": values for what, values in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how many turns")
    said = parser.parse_args()
    torch.set_num_threads(1)
    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    figures = {}
    for rows, steps in CASES:
        figures |= case(rows, steps, said.rounds)
    for name, values in figures.items():
        print(f"{name:24}", *(f"{what} {value:.4g}" for what, value in values.items()))
    print("written to", record.write("chains", {"states": STATES, "dims": DIMS, "passes": PASSES, "figures": figures}))


if __name__ == "__main__":
    main()
