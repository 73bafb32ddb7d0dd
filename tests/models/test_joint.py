import itertools

import pytest
import torch

from genzoo.core import Likelihood, Space
from genzoo.models import Joint
from genzoo.models.autoencoders import VAE, GaussianAutoencoder
from genzoo.models.autoregressive import GPT
from genzoo.models.classical import GaussianMixture
from tests.zoo import ready
from tests.zoo.composites import joint


def test_the_log_density_is_the_sum_of_the_parts():
    model, x = ready("joint"), torch.randn(6, 3)
    a, b = model.parts(x)
    with torch.no_grad():
        first = model.first.log_prob(a, seed=1)
        second = model.second.log_prob(b, {"a": a}, seed=1)
        both = torch.stack([model.log_prob(x, seed=s) for s in range(100)])
        parts = torch.stack(
            [model.first.log_prob(a, seed=s) + model.second.log_prob(b, {"a": a}, seed=s) for s in range(100)]
        )
    assert (first + second).shape == (6,)
    torch.testing.assert_close(both.mean(0), parts.mean(0), atol=0.5, rtol=0)


def test_named_entries_are_the_first_part_and_come_back_in_their_places():
    a, b = Space((1,)), Space((2,), levels=4)
    second = VAE(b, {"a": a}, GaussianAutoencoder.mlp(b, {"a": a}, latent=1, hidden=[8]))
    first = VAE(a, None, GaussianAutoencoder.mlp(a, latent=1, hidden=[8]))
    model = Joint(Space((3,)), first, second, [1])
    x = torch.tensor([[3.0, -0.5, 2.0]])
    found = model.parts(x)
    assert found[0].tolist() == [[-0.5]]
    assert found[1].tolist() == [[3, 2]]
    assert found[1].dtype == torch.uint8
    drawn = model.sample(50, seed=0)
    assert torch.equal(drawn[:, [0, 2]], drawn[:, [0, 2]].round().clamp(0, 3))
    assert not torch.equal(drawn[:, 1], drawn[:, 1].round())


def test_a_joint_of_masses_is_a_mass():
    model = joint(Space((4,), levels=2), Space((2,), levels=2), Space((2,), levels=2), None)
    x = torch.tensor(list(itertools.product([0, 1], repeat=4)), dtype=torch.uint8)
    with torch.no_grad():
        bound = torch.stack([model.log_prob(x, seed=s) for s in range(50)]).mean(0).exp().sum()
    assert 0.1 < bound <= 1.01, "bounds of all probabilities sum to at most one"


def test_likelihoods_compose_to_the_weakest():
    assert ready("joint").likelihood is Likelihood.BOUND
    assert Likelihood.weakest(Likelihood.EXACT, Likelihood.ESTIMATE) is Likelihood.ESTIMATE


@pytest.mark.parametrize(
    ("space", "first", "entries", "message"),
    [
        (Space((4,)), Space((2,)), [0, 1], "make up 4 entries"),
        (Space((3,)), Space((2,)), [0, 0], "make up 3 entries"),
        (Space((3,), levels=2), Space((2,)), [0, 1], "must be real"),
        (Space((3,)), Space((2,), levels=3), [0, 1], "must be conditioned"),
    ],
)
def test_parts_must_fit(space, first, entries, message):
    rule = {"a": Space((2,))}
    second = VAE(Space((1,)), rule, GaussianAutoencoder.mlp(Space((1,)), rule, latent=1, hidden=[8]))
    with pytest.raises(ValueError, match=message):
        Joint(space, VAE(first, None, GaussianAutoencoder.mlp(first, latent=1, hidden=[8])), second, entries)


def test_a_direct_fit_and_a_player_do_not_train_together():
    rule = {"a": Space((2,))}
    second = VAE(Space((1,)), rule, GaussianAutoencoder.mlp(Space((1,)), rule, latent=1, hidden=[8]))
    with pytest.raises(ValueError, match="in the same way"):
        Joint(Space((3,)), GaussianMixture(Space((2,))), second, [0, 1])


def test_parts_that_start_from_no_data_are_not_shown_any():
    first, second = Space((2,), levels=3), Space((4,), levels=3)
    model = Joint(
        Space((6,), levels=3),
        GPT(first, width=8, depth=1, heads=2),
        GPT(second, {"a": first}, width=8, depth=1, heads=2),
        [0, 1],
    )

    def dear():
        raise AssertionError("a look at the data is dear")
        yield

    model.prepare(dear())
