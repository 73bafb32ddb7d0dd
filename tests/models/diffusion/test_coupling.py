"""Which noise goes with which row."""

import itertools

import pytest
import torch

from genzoo.core import Batch, Likelihood, Noise, Space
from genzoo.models.diffusion import (
    DDIM,
    Coupling,
    Diffusion,
    Emphasis,
    Independent,
    MinibatchOT,
    Predicts,
    Reflow,
    Straight,
    flow_log_prob,
)
from genzoo.models.diffusion.coupling import alike
from genzoo.nn import MLP, Timed

X, Z = Noise(0).normal(5, 3), Noise(1).normal(5, 3)


def test_transport_is_the_best_permutation() -> None:
    x, z = MinibatchOT().pair(X, Z, {}, Noise(5))
    costs = [(X - Z[list(order)]).square().sum() for order in itertools.permutations(range(5))]
    assert torch.isclose((x - z).square().sum(), min(costs))
    assert torch.equal(z.sort(0).values, Z.sort(0).values)


def test_noise_never_crosses_conditions() -> None:
    label = torch.tensor([0, 1, 0, -1, 1])
    _, z = MinibatchOT().pair(X, Z, {"label": label}, Noise(5))
    for kind in (-1, 0, 1):
        assert torch.equal(z[label == kind].sort(0).values, Z[label == kind].sort(0).values)
    own = Noise(3).normal(5, 2)
    assert torch.equal(MinibatchOT().pair(X, Z, {"own": own}, Noise(5))[1], Z)
    missing = own.clone()
    missing[1:3] = torch.nan
    assert sorted(map(len, alike({"own": missing}, 5))) == [1, 1, 1, 2]


def flow(coupling: Coupling) -> Diffusion:
    torch.manual_seed(0)
    net = Timed(MLP(2, [16], 2, given=8), 8)
    emphasis = Emphasis(coupling=coupling)
    return Diffusion(Space((2,)), None, net, schedule=Straight(), predicts=Predicts.VELOCITY, emphasis=emphasis)


def test_a_loss_of_pairs_that_lie_near_varies_less() -> None:
    batch = Batch(Noise(2).normal(256, 2) + 3, noise=Noise(4))
    assert flow(MinibatchOT()).loss(batch) < flow(Independent()).loss(batch) - 0.2


def test_what_a_flow_made_is_paired_with_its_noise() -> None:
    from genzoo.core.abilities import Latent

    teacher = flow(Independent()).eval()
    x, z = Reflow(teacher.able(Latent)).pair(X[:, :2], Z[:, :2], {}, Noise(5))
    assert torch.equal(z, Z[:, :2])
    assert torch.allclose(x, teacher.decode(z), atol=1e-6)
    assert not x.requires_grad


def test_what_pairs_learned_has_the_density_of_its_flow() -> None:
    model, x = flow(MinibatchOT()).double().eval(), X[:, :2].double()
    assert torch.allclose(model.log_prob(x), flow_log_prob(model, x, steps=50).value)
    assert model.likelihood is Likelihood.ESTIMATE
    assert not model.can("score")
    assert not model.can("denoise")
    for sampler in ("ancestral", "churn", "predictor_corrector", "dpm_sde", DDIM(eta=0.5)):
        with pytest.raises(ValueError, match="without fresh noise"):
            model.sample(2, seed=0, sampler=sampler)
        assert flow(Independent()).sample(2, seed=0, sampler=sampler, steps=2).shape == (2, 2)
    assert model.sample(2, seed=0, sampler="unipc", steps=2).shape == (2, 2)
