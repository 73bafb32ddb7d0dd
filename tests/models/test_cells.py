"""Rows with a kind by column: cells that fill the line, masses that sum to one, digits that stay."""

import itertools
import math

import pytest
import torch

from genzoo.core import Batch, Column, Likelihood, Noise, Space
from genzoo.models import Dequantized, Joint, Standardized
from genzoo.models.autoregressive import GPT, MADE
from genzoo.models.cells import Cells
from genzoo.models.classical import Gaussian, GaussianMixture, Histogram
from genzoo.models.graphical import BayesNet, ChowLiu
from genzoo.models.graphical.inference import gibbs_marginals, mean_field
from tests.zoo.autoencoders import vae

MIXED = (Column("real"), Column("integer"), Column("categorical", 3), Column("ordered", 2))
CODES = Space((3,), columns=(Column("categorical", 3), Column("categorical", 2), Column("ordered", 4)))
EVERY = torch.tensor(list(itertools.product(range(3), range(2), range(4))), dtype=torch.uint8)


def mixed(n: int) -> torch.Tensor:
    noise = Noise(0, "rows")
    return torch.stack(
        [
            noise.normal(n, dtype=torch.float64),
            10**9 + noise.integers(5, n).double(),
            noise.integers(3, n).double(),
            noise.integers(2, n).double(),
        ],
        dim=1,
    )


def fitted(model: Dequantized, x: torch.Tensor) -> Dequantized:
    model.prepare([Batch(x)])
    while True:
        model.begin()
        model.accumulate(Batch(x, noise=Noise(1)))
        if type(model.finish()).__name__ == "Done":
            return model.eval()


def test_cells_lead_back_to_their_values() -> None:
    cells, x = Cells(MIXED), mixed(500)
    cells.fit(x)
    y = cells(x, Noise(2).uniform(500, 4, dtype=torch.float64))
    assert torch.equal(y[:, 0], x[:, 0])
    assert torch.equal(cells.inverse(y), x)
    wild = cells.inverse(torch.full((1, 4), 40.0, dtype=torch.float64))
    assert wild.tolist() == [[40, 10**9 + 4, 2, 1]], "the last level, the end of the range, and none beyond"
    assert cells.inverse(-torch.full((1, 4), 40.5, dtype=torch.float64)).tolist() == [[-40.5, 10**9, 0, 0]]


def test_missing_entries_stay_missing() -> None:
    cells, x = Cells(MIXED), mixed(4)
    x[0, 1:] = torch.nan
    y = cells(x, torch.full_like(x, 0.5))
    assert y.isnan().tolist() == x.isnan().tolist()
    assert cells.log_slope(x, y).isfinite().all()
    space = tuple(Column(c.kind, c.levels, missing=True) for c in MIXED)
    model = fitted(Dequantized(Standardized(Gaussian(Space((4,))), precise=True), space), mixed(300))
    assert model.can("missing")
    assert model.log_prob(x).isfinite().all()


def test_a_normal_column_of_levels_is_its_frequencies() -> None:
    x = torch.tensor([0, 0, 0, 1, 2, 2]).repeat(100)[:, None]
    model = Dequantized(Gaussian(Space((1,))), (Column("categorical", 3),))
    model.prepare([Batch(x)])
    found = model.cells.shares[0]
    assert found.tolist() == pytest.approx([301 / 603, 101 / 603, 201 / 603])
    y = model.inward(x, Noise(0))
    normal = -0.5 * y.square().sum(1) - 0.5 * math.log(2 * math.pi) + model.cells.log_slope(x, y)
    assert torch.allclose(normal, found.log()[x[:, 0]]), "without a gap, at every place of the cell"


def test_the_bound_of_levels_sums_to_at_most_one() -> None:
    x = torch.stack([Noise(0, k).integers(k, 400) for k in (3, 2, 4)], dim=1)
    model = fitted(Dequantized(Standardized(Gaussian(Space((3,))), precise=True), CODES.columns), x)
    assert model.space == CODES
    total = torch.stack([model.log_prob(EVERY, seed=s) for s in range(30)]).mean(0).exp().sum()
    assert 0.9 < total <= 1.01
    assert model.checked(model.sample(200, seed=0)).dtype == torch.uint8


def test_large_whole_numbers_keep_their_digits() -> None:
    x = mixed(400)
    model = fitted(Dequantized(Standardized(GaussianMixture(Space((4,)), components=2), precise=True), MIXED), x)
    drawn = model.checked(model.sample(300, seed=0))
    assert drawn.dtype == torch.float64
    near = drawn[:, 1] - 10**9
    assert len(near.unique()) >= 5
    assert near.abs().max() < 20
    assert model.likelihood is Likelihood.BOUND
    assert not model.can("score")
    # 10⁹ and its neighbours are told apart: far from the data the mass is small
    far = x.clone()
    far[:, 1] += 40
    assert (model.log_prob(far) < model.log_prob(x) - 5).all()


def test_whole_numbers_stay_within_those_of_training() -> None:
    x = torch.tensor([[0.0, 17.0], [3.0, 90.0], [1.0, torch.nan]], dtype=torch.float64)
    cells = Cells((Column("integer"), Column("integer", missing=True)))
    assert cells.inverse(x - 500.5)[0].tolist() == [-501.0, -484.0], "untrained, it knows no range"
    cells.fit(x[:1])
    cells.widen(x[1:])
    y = torch.tensor([[-11.2, 3.5], [5.0, 99.0], [1.5, 40.2]], dtype=torch.float64)
    assert cells.inverse(y)[:, 1].tolist() == [17.0, 90.0, 40.0]
    assert cells.inverse(y)[:2, 0].tolist() == [0.0, 3.0], "a narrow range has stretches of N(0, 1)"
    beyond = torch.tensor([[-4.0, 99.0]], dtype=torch.float64)
    assert cells(beyond, torch.zeros(1, 2))[0, 1] == 99, "what is scored is not cut"
    assert cells.narrow.inverse(cells(beyond, torch.full((1, 2), 0.5)))[0, 0] == -4


def test_whole_numbers_of_a_narrow_range_have_their_frequencies() -> None:
    x = torch.tensor([0.0, 0, 0, 1, 3, 3, torch.nan]).double().repeat(100)[:, None]
    model = Dequantized(Gaussian(Space((1,))), (Column("integer", missing=True),))
    model.prepare([Batch(x)])
    every = torch.arange(-30.0, 40.0).double()[:, None]
    y = model.inward(every, Noise(0))
    normal = (-0.5 * y.square().sum(1) - 0.5 * math.log(2 * math.pi) + model.cells.log_slope(every, y)).exp()
    assert float(normal.sum()) == pytest.approx(1, abs=1e-6)
    assert normal[30:34].tolist() == pytest.approx([301 / 605, 101 / 605, 1 / 605, 201 / 605])
    assert normal[34:37].tolist() == pytest.approx([0.25 / 605, 0.125 / 605, 0.0625 / 605])
    assert torch.equal(model.cells.narrow.inverse(y), every)
    model.cells.widen(torch.tensor([[500.0]]).double())
    assert not model.cells.narrow.few.any(), "the range is wide after all"


def test_every_training_row_widens_the_range() -> None:
    ages = torch.cat([torch.full((60_000,), 40.0), torch.tensor([3.0, 99.0])]).double()[:, None]
    model = Dequantized(Standardized(GaussianMixture(Space((1,)), components=1), precise=True), (Column("integer"),))
    model.prepare([Batch(part) for part in ages.split(10_000)])
    assert model.cells.ends.flatten().tolist() == [3.0, 99.0]


def test_reals_in_double_precision_are_an_exact_density() -> None:
    x = 2459000.5 + Noise(0).uniform(200, 1, dtype=torch.float64) / 1440
    model = fitted(Dequantized(Standardized(Gaussian(Space((1,))), precise=True), (Column("real"),)), x)
    assert model.likelihood is Likelihood.EXACT
    assert model.can("score")
    assert len(model.sample(100, seed=0).unique()) == 100
    want = torch.distributions.Normal(x.mean(), x.std(correction=0)).log_prob(x).sum(1)
    assert torch.allclose(model.log_prob(x).double(), want, atol=1e-3)


@pytest.mark.parametrize(
    "make",
    [
        lambda: BayesNet(CODES, {1: [0], 2: [0, 1]}),
        lambda: ChowLiu(CODES),
        lambda: Histogram(CODES, factorization="independent"),
        lambda: Histogram(CODES, factorization="markov"),
        lambda: Histogram(CODES, factorization="joint"),
        lambda: MADE(CODES, width=16),
        lambda: MADE(Space((2,), columns=(Column("categorical", 2), Column("categorical", 1))), width=16),
    ],
)
def test_no_mass_lies_on_levels_that_a_column_lacks(make) -> None:
    model = make()
    every = EVERY if model.space == CODES else torch.tensor([[0, 0], [1, 0]])
    assert model.log_prob(every).exp().sum().item() == pytest.approx(1, abs=1e-6)
    x = every[Noise(3).integers(len(every), 200)]
    model.prepare([Batch(x)])
    if model.can("direct_fit"):
        model.begin()
        model.accumulate(Batch(x))
        loss = model.finish()["loss"]
        assert loss == pytest.approx(-model.log_prob(x).mean().item())
    else:
        model.loss(Batch(x, noise=Noise(0))).backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    assert model.log_prob(every).exp().sum().item() == pytest.approx(1, abs=1e-6)
    assert model.checked(model.sample(500, seed=0)).shape == (500, model.space.dims)


def test_parameters_of_unlike_levels_are_counted() -> None:
    assert BayesNet(CODES, {1: [0], 2: [0, 1]}).parameter_count == 2 + 3 * 1 + 6 * 3
    assert Histogram(CODES, factorization="joint").parameter_count == 23
    assert Histogram(CODES, factorization="markov").parameter_count == 2 + 3 * 1 + 2 * 3
    assert ChowLiu(CODES).parameter_count == 2 + 1 + 3


def test_approximate_inference_knows_unlike_levels() -> None:
    net, x = BayesNet(CODES, {1: [0], 2: [0, 1]}), EVERY[Noise(3).integers(24, 300)]
    net.accumulate(Batch(x))
    net.finish()
    exact = net.posterior([0], {2: 3})
    assert torch.allclose(mean_field(net, {2: 3}).marginals[0, :3], exact, atol=0.05)
    assert torch.allclose(gibbs_marginals(net, {2: 3})[0, :3], exact, atol=0.05)


def test_models_of_one_kind_refuse_columns() -> None:
    makes = (
        lambda: GPT(CODES, width=16, depth=1, heads=1),
        lambda: Histogram(Space((2,), columns=MIXED[:2])),
        lambda: vae(CODES),
    )
    for make in makes:
        with pytest.raises(ValueError, match="entries of one kind|levels of a fixed shape"):
            make()
    with pytest.raises(ValueError, match="categorical"):
        MADE(CODES, head="logistics")


def test_a_joint_model_has_columns() -> None:
    space = Space((2,), columns=(Column("real"), Column("categorical", 3)))
    kind = Space((1,), levels=3)
    model = Joint(space, vae(Space((1,))), vae(kind, {"a": Space((1,))}), [0])
    x = model.checked(model.sample(20, seed=0))
    assert x.dtype == torch.float64
    assert model.log_prob(x).isfinite().all()
    assert not model.can("score")
    with pytest.raises(ValueError, match="entry 1"):
        Joint(Space((2,), columns=(Column("real"), Column("categorical", 4))), model.first, model.second, [0])
