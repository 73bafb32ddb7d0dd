"""Graphical models and energies: their tiny instances."""

import torch

from genzoo.core import Batch, GivenSpaceLike, Space
from genzoo.models import Standardized
from genzoo.models.graphical import (
    RBM,
    BayesNet,
    BoltzmannMachine,
    ChowLiu,
    DeepEnergy,
    Graph,
    Ising,
    LinearGaussianNet,
    Potts,
    Replay,
    Walk,
)
from genzoo.nn import MLP, Conditioned
from genzoo.testing import rows
from tests.zoo.entry import BITS, BOTH, BYTES, ESTIMATE, EXACT, LABEL, REALS, UNNORMALIZED, Entry, stirred


def large_ising(space: Space) -> Ising:
    return Ising(space, Graph.grid(space.shape), sweeps=5, temperatures=30)


def tabled(net: BayesNet) -> BayesNet:
    for i in range(net.space.dims):
        net.set_table(i, torch.rand_like(net.table(i)).softmax(-1))
    return net


def counted(model: ChowLiu) -> ChowLiu:
    model.begin()
    model.accumulate(Batch(rows(model.space, 50, "counted")))
    model.finish()
    return model


def rbm(space: Space, given: GivenSpaceLike = None, hidden: int = 6, **options: object) -> RBM:
    return stirred(RBM(space, given, hidden=hidden, **{"sweeps": 30, "temperatures": 60} | options))


def energy(space: Space, given: GivenSpaceLike = None, **options: object) -> DeepEnergy:
    potential = Conditioned(MLP(space.dims, [16], 1, given=0 if given is None else 4), given, 4)
    return DeepEnergy(space, given, potential, walk=Walk(0.02, steps=12), **options)


GRAPHICAL: dict[str, Entry] = {
    "ising": Entry(lambda: stirred(Ising(Space((1, 3, 4), levels=2), Graph.complete(12))), EXACT, rounds=15),
    "ising/large": Entry(lambda: stirred(large_ising(Space((1, 5, 5), levels=2))), ESTIMATE),
    "potts": Entry(lambda: stirred(Potts(Space((2, 3), levels=4), Graph.grid((2, 3)))), EXACT, rounds=15),
    "bayes_net": Entry(
        lambda: tabled(BayesNet(Space((2, 3), levels=3), {1: [0], 2: [0, 1], 4: [3], 5: [2]})), EXACT, "direct_fit"
    ),
    "bayes_net/tree": Entry(lambda: counted(ChowLiu(Space((2, 3), levels=3))), EXACT, "direct_fit"),
    "bayes_net/reals": Entry(lambda: LinearGaussianNet(REALS, {0: [2], 1: [0, 2]}), EXACT, "score direct_fit"),
    "rbm": Entry(lambda: rbm(Space((2, 3), levels=2)), EXACT, "encode decode", rounds=15),
    "rbm/many": Entry(lambda: rbm(Space((1, 5, 5), levels=2), hidden=24), ESTIMATE, "encode decode"),
    "rbm/cd": Entry(lambda: rbm(BITS, chains=0, steps=2), EXACT, "encode decode", rounds=15),
    "rbm/given": Entry(lambda: rbm(Space((5,), levels=2), LABEL), EXACT, "encode decode condition"),
    "rbm/given/many": Entry(
        lambda: rbm(Space((1, 5, 5), levels=2), LABEL, hidden=24), ESTIMATE, "encode decode condition"
    ),
    "boltzmann": Entry(lambda: BoltzmannMachine(Space((2, 2), levels=2), hidden=3), EXACT, rounds=15),
    "energy": Entry(lambda: energy(REALS, replay=Replay(64, 16, steps=3)), UNNORMALIZED, "score", rounds=15),
    "energy/bytes": Entry(lambda: energy(BYTES, replay=Replay(64, 16, steps=3)), UNNORMALIZED),
    "energy/score": Entry(lambda: energy(REALS), UNNORMALIZED, "score", rounds=100),
    "energy/given": Entry(lambda: energy(REALS, BOTH, drop_given=0.2), UNNORMALIZED, "score condition", rounds=100),
    "energy/given/bits": Entry(lambda: energy(BITS, LABEL), UNNORMALIZED, "condition"),
    "standardized/energy": Entry(
        lambda: Standardized(energy(REALS, replay=Replay(64, 16, steps=3))), UNNORMALIZED, "score"
    ),
}
