"""p(z | x) of symbols: components, paths of states and hidden units, against sums over all that they may be."""

import itertools

import pytest
import torch
from torch import Tensor

from genzoo.core import Batch, GenerativeModel, Noise, Space
from genzoo.models import Dequantized, Standardized
from genzoo.models.causes import Causes
from genzoo.models.classical import HMM, Gaussian, GaussianMixture, LatentTree, MixtureDensity, ProductMixture
from genzoo.models.graphical import RBM, BoltzmannMachine
from genzoo.tasks import expectation, posterior
from genzoo.tasks.inverse import Exactness

N = 4000
LABEL = Space((), levels=2)


def told(model: GenerativeModel, x: Tensor, n: int = N, **asked: object) -> Tensor:
    """Draws of p(z | x)."""
    found = posterior(model, x, n=n, seed=0, **asked)
    assert found.method == "closed"
    return found.x


def near(share: Tensor, chance: Tensor) -> bool:
    """Whether shares among N draws are those of chances, at five standard errors."""
    return bool(((share - chance).abs() <= 5 * (chance * (1 - chance) / N).sqrt() + 1e-6).all())


def mixture(given: Space | None = None) -> GaussianMixture:
    model = GaussianMixture(Space((2,)), given, components=2, covariance="diag")
    parts = torch.arange(2.0 * len(model.weights), dtype=torch.float64)
    model.gaussians.means.copy_(torch.stack([parts, -parts], 1))
    model.weights.copy_(torch.tensor([0.7, 0.3]).expand_as(model.weights))
    return model


def chain(ragged: bool = False, given: Space | None = None) -> HMM:
    """Two states (of each class) that say two of three symbols each."""
    model = HMM(Space((4,), levels=3, ragged=ragged), given, states=2)
    noise = Noise(3)
    for name in ("initial", "transition"):
        table = getattr(model, name)
        odds = table * (0.2 + noise.at(name).uniform(*table.shape, dtype=torch.float64))
        table.copy_(odds / odds.sum(1, keepdim=True))
    shape = model.emissions.tables().shape
    model.emissions.log_probs.copy_(noise.at("b").uniform(*shape, dtype=torch.float64).add(0.1).log().log_softmax(1))
    return model


def test_a_component_is_drawn_by_its_share() -> None:
    x = torch.tensor([[0.4, -0.3], [2.0, -2.0], [torch.nan, -1.4]])
    for model in (mixture(), Standardized(mixture())):
        inner = mixture()
        found = posterior(model, x, n=N, seed=0)
        share = torch.nn.functional.one_hot(found.x, 2).double().mean(0)
        assert near(share, inner.responsibilities(x).double())
        assert torch.allclose(found.log_evidence, inner.log_prob(x))
        assert found.exactness is Exactness.EXACT
    of_class = mixture(LABEL)
    label = torch.tensor([1, -1, 0])
    share = torch.nn.functional.one_hot(told(of_class, x, given=label), 4).double().mean(0)
    assert near(share, of_class.responsibilities(x, label).double())
    (first, *_) = expectation(found, lambda z: z == 1)
    assert inner.responsibilities(x)[0, 1].item() in first


def test_a_network_of_mixtures_has_components_too() -> None:
    torch.manual_seed(0)
    model = MixtureDensity(Space((2,)), Space((1,)), components=3, width=8)
    x, given = torch.randn(4, 2), torch.randn(4, 1)
    log_weight, mean, log_scale = model.mixture(4, {"given": given})
    each = torch.distributions.Normal(mean, log_scale.exp()).log_prob(x[:, None]).sum(2) + log_weight
    assert torch.allclose(each.logsumexp(1), model.log_prob(x, given), atol=1e-5)
    share = torch.nn.functional.one_hot(told(model, x, given=given), 3).double().mean(0)
    assert near(share, each.softmax(1).double())
    assert MixtureDensity(Space((2,)), components=1, width=8).ability(Causes) is None


def test_the_path_of_a_chain_is_drawn_as_a_whole() -> None:
    """Pairs of states that stand beside each other, as summed over all paths."""
    model = chain()
    x = torch.tensor([[0, 1, 2, 0], [2, 2, 1, 0]], dtype=torch.uint8)
    paths = torch.tensor(list(itertools.product(range(2), repeat=4)))
    log_b = model.emissions.tables()[0]  # (levels, N)
    log_a, log_first = model.transition.log(), model.initial[0].log()
    moves = log_first[paths[:, 0]] + log_a[paths[:, :-1], paths[:, 1:]].sum(1)
    joint = torch.stack([moves + log_b[row.long()][torch.arange(4), paths].sum(1) for row in x])
    z = told(model, x)
    places = (z * 2 ** torch.arange(3, -1, -1)).sum(2)
    share = torch.nn.functional.one_hot(places, 16).double().mean(0)
    assert near(share, joint.softmax(1))
    assert torch.allclose(posterior(model, x, n=1, seed=0).log_evidence, joint.logsumexp(1))


@pytest.mark.parametrize("given", [None, LABEL])
def test_a_path_ends_where_its_row_does(given: Space | None) -> None:
    model = chain(ragged=True, given=given)
    x = torch.tensor([[0, 1, 2, 0], [2, 3, 3, 3], [0, 1, 3, 3], [3, 3, 3, 3]], dtype=torch.uint8)
    asked = {} if given is None else {"given": torch.tensor([0, 1, -1, 0])}
    z, size = told(model, x, **asked), len(model.transition)
    assert ((z == size) == (x == 3)).all()
    share = torch.nn.functional.one_hot(z, size + 1).double().mean(0)[..., :-1]
    assert near(share, model.posterior(x, **asked))
    if given is not None:
        assert (z[:, 1][z[:, 1] < size] >= 2).all()  # states of its class alone


def test_steps_of_reals_have_paths() -> None:
    torch.manual_seed(0)
    model = HMM(Space((5, 2)), states=3)
    rows = torch.randn(40, 5, 2).cumsum(1)
    model.prepare([Batch(rows)])
    share = torch.nn.functional.one_hot(told(model, rows[:3]), 3).double().mean(0)
    assert near(share, model.posterior(rows[:3]))


def test_hidden_units_of_a_restricted_machine_are_drawn_at_once() -> None:
    torch.manual_seed(0)
    model, v = RBM(Space((5,), levels=2), hidden=3), torch.tensor([[1, 0, 1, 1, 0], [0, 0, 0, 1, 1]])
    model.weight.data.normal_()
    found = posterior(model, v.to(torch.uint8), n=N, seed=0)
    assert near(found.mean().double(), model.encode(v.to(torch.uint8)).double())
    assert torch.allclose(found.log_evidence, model.log_prob(v.to(torch.uint8)))
    assert RBM(Space((5, 5), levels=2), hidden=30).ability(Causes) is not None
    wide = RBM(Space((25,), levels=2), hidden=25)
    assert posterior(wide, torch.zeros(1, 25, dtype=torch.uint8)).log_evidence is None  # an estimate is none


def test_a_label_that_is_not_known_is_drawn_with_the_units() -> None:
    """Two units that follow the label both are on together, or neither."""
    model, v = RBM(Space((4,), levels=2), LABEL, hidden=2), torch.zeros(1, 4, dtype=torch.uint8)
    model.weight.data.zero_()
    model.label_weight.data.copy_(torch.tensor([[9.0, -9.0], [9.0, -9.0]]))
    model.label_bias.data.copy_(torch.tensor([-18.0, 0.0]))  # the first would be likelier by its units
    both = told(model, v)[:, 0].float()
    assert (both[:, 0] == both[:, 1]).float().mean() > 0.99
    assert 0.4 < both.mean() < 0.6
    assert told(model, v, given=torch.tensor([1])).float().mean() < 0.01


def test_hidden_units_that_are_coupled_follow_the_masses_of_their_states() -> None:
    torch.manual_seed(0)
    model, v = BoltzmannMachine(Space((3,), levels=2), hidden=3), torch.tensor([[1, 0, 1], [0, 1, 1]])
    model.couplings.data.normal_(std=2)
    states = torch.tensor(list(itertools.product([0.0, 1.0], repeat=3)))
    masses = torch.stack([-model.energy(torch.cat([row.expand(8, 3), states], 1)) for row in v])
    places = (told(model, v.to(torch.uint8)).long() * torch.tensor([4, 2, 1])).sum(2)
    share = torch.nn.functional.one_hot(places, 8).double().mean(0)
    assert near(share, masses.softmax(1).double())
    assert BoltzmannMachine(Space((3,), levels=2), hidden=0).ability(Causes) is None


@pytest.mark.parametrize("kind", [ProductMixture, LatentTree])
def test_rows_of_columns_have_states(kind: type) -> None:
    """What states say of a row that is drawn by them is what the row says of states: p(z) on average."""
    model = kind(Space((2,), levels=3), **({"components": 3} if kind is ProductMixture else {"states": 3}), each=1)
    data = Batch(torch.tensor([[0, 0], [0, 1], [1, 1], [2, 2], [2, 2], [1, 0]]))
    model.prepare([data])
    for _ in range(3):
        model.begin(), model.accumulate(data), model.finish()
    x = torch.tensor([[0, 0], [2, 2], [1, 2]])
    z = told(model, x)
    if kind is ProductMixture:
        from genzoo.models.pieced import Evidence

        joint = model._joint(Evidence(model.pieces.codes(model.joined(x, {})), {}))
        assert near(torch.nn.functional.one_hot(z, 3).double().mean(0), joint.softmax(1))
    else:
        assert z.shape == (N, 3, 2)
        assert len({tuple(pair) for pair in z[:, 1].tolist()}) > 1


def test_levels_are_given_their_place_in_a_cell_and_one_part_is_no_cause() -> None:
    model = Dequantized(mixture(), levels=4)
    found = posterior(model, torch.tensor([[0, 0], [3, 3]], dtype=torch.uint8), n=3, seed=0)
    assert (found.exactness, found.log_evidence) == (Exactness.APPROXIMATE, None)
    assert Gaussian(Space((2,))).ability(Causes) is None


def test_draws_of_a_row_are_those_that_it_has_alone() -> None:
    x = torch.tensor([[0, 1, 2, 0], [2, 2, 1, 0], [1, 1, 1, 1]], dtype=torch.uint8)
    model = chain()
    model_alone = posterior(model, x[:2], n=5, seed=4).x
    assert torch.equal(posterior(model, x, n=5, seed=4).x[:, :2], model_alone)
    assert posterior(model, x[:0], n=2, seed=0).x.shape == (2, 0, 4)
