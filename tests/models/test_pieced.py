"""Models of pieces: they sum to one, and marginals, imputed entries and masses of regions are what sums say."""

import itertools

import pytest
import torch

from genzoo.core import Batch, Column, Done, GenerativeModel, Noise, Space
from genzoo.core.errors import ColumnError
from genzoo.distributions.region import Range, inside
from genzoo.models.abilities import Events, Imputation
from genzoo.models.classical import Forest, LatentTree, ProductMixture
from genzoo.models.pieces import Pieces, Smoothing

CODES = Space(
    (4,), columns=(Column("categorical", 3), Column("ordered", 2), Column("categorical", 4), Column("ordered", 3))
)
EVERY = torch.tensor(list(itertools.product(range(3), range(2), range(4), range(3))), dtype=torch.uint8)
MIXED = Space(
    (4,), columns=(Column("real"), Column("integer"), Column("categorical", 3), Column("real", missing=True))
)
DRAWS = 20_000


def codes(n: int) -> torch.Tensor:
    noise = Noise(0, "codes")
    a, b, c = noise.integers(3, n), noise.integers(2, n), noise.integers(2, n)
    return torch.stack([a, b, a + c * b, (a + b + noise.integers(2, n)) % 3], 1).to(torch.uint8)


def mixed(n: int) -> torch.Tensor:
    """A spike at 0 in half of the rows, ages, words that go with both, and a column with gaps."""
    noise = Noise(1, "mixed")
    word = noise.integers(3, n).double()
    gain = torch.where(noise.uniform(n) < 0.5, 0.0, noise.normal(n, dtype=torch.float64).exp() * (1 + word))
    age = 20 + noise.integers(50, n) + 10 * word
    last = noise.normal(n, dtype=torch.float64) + word
    return torch.stack([gain, age, word, last.masked_fill(noise.uniform(n) < 0.2, torch.nan)], 1)


def fitted(model: GenerativeModel, x: torch.Tensor, given: torch.Tensor | None = None) -> GenerativeModel:
    batch = Batch(x, given, Noise(2))
    model.prepare([batch])
    for _ in range(10):
        model.begin()
        model.accumulate(batch)
        if isinstance(model.finish(), Done):
            break
    return model.eval()


@pytest.fixture(scope="module", params=["mixture", "tree", "forest"])
def levels(request) -> GenerativeModel:
    if request.param == "forest":
        return fitted(Forest([LatentTree(CODES, states=states, each=10) for states in (2, 4, 5)]), codes(300))
    if request.param == "tree":
        return fitted(LatentTree(CODES, states=4, each=10), codes(300))
    return fitted(ProductMixture(CODES, components=5, each=10), codes(300))


@pytest.fixture(scope="module", params=["mixture", "tree", "forest"])
def rows(request) -> GenerativeModel:
    if request.param == "forest":
        return fitted(Forest([LatentTree(MIXED, states=8, each=10, bins=bins) for bins in (16, 23)]), mixed(800))
    if request.param == "tree":
        return fitted(LatentTree(MIXED, states=8, each=10, bins=16), mixed(800))
    return fitted(ProductMixture(MIXED, components=8, each=10, bins=16), mixed(800))


def missing(x: torch.Tensor, *entries: int) -> torch.Tensor:
    x = x.double().clone()
    x[:, list(entries)] = torch.nan
    return x


def test_masses_sum_to_one_and_marginals_are_their_sums(levels: GenerativeModel) -> None:
    mass = levels.log_prob(EVERY).exp()
    assert mass.sum().item() == pytest.approx(1, abs=1e-10)
    marginal = levels.log_density(missing(EVERY, 1, 3), {}, Noise(0)).exp()
    for a, c in itertools.product(range(3), range(4)):
        those = (EVERY[:, 0] == a) & (EVERY[:, 2] == c)
        assert marginal[those].tolist() == pytest.approx([mass[those].sum().item()] * 6, abs=1e-10)


def test_masses_of_regions_are_sums(levels: GenerativeModel) -> None:
    mass, events = levels.log_prob(EVERY).exp(), levels.ability(Events)
    for region in ({0: frozenset([0, 2])}, {1: Range(low=1), 3: Range(0, 2, above=True, below=True)}, {}):
        found = events.log_mass(2, region, {}).exp()
        assert found.tolist() == pytest.approx([mass[inside(EVERY, region)].sum().item()] * 2, abs=1e-10)
    assert events.log_mass(1, {0: frozenset[int]()}, {}).item() == -torch.inf


def test_imputed_entries_follow_their_conditional(levels: GenerativeModel) -> None:
    mass = levels.log_prob(EVERY).exp()
    x = missing(EVERY[:1].expand(DRAWS, -1), 1, 2)
    found = levels.ability(Imputation).impute(x, {}, Noise(3))
    assert found.dtype == torch.uint8
    assert bool((found[:, [0, 3]] == EVERY[0, [0, 3]]).all())
    those = (EVERY[:, 0] == EVERY[0, 0]) & (EVERY[:, 3] == EVERY[0, 3])
    truth = (mass[those] / mass[those].sum()).reshape(2, 4)
    counts = (found[:, 1].long() * 4 + found[:, 2].long()).bincount(minlength=8).reshape(2, 4)
    assert (counts / DRAWS - truth).abs().max() < 5 * (0.25 / DRAWS) ** 0.5


def test_draws_within_a_region_follow_the_law_within(levels: GenerativeModel) -> None:
    region = {0: frozenset([1, 2]), 3: Range(high=1)}
    mass = levels.log_prob(EVERY).exp() * inside(EVERY, region)
    found = levels.ability(Events).draw_within(DRAWS, region, {}, Noise(4))
    assert bool(inside(found, region).all())
    places = (found.double() @ torch.tensor([24.0, 12.0, 3.0, 1.0]).double()).long()
    assert (places.bincount(minlength=72) / DRAWS - mass / mass.sum()).abs().max() < 5 * (0.25 / DRAWS) ** 0.5


@pytest.mark.parametrize("kind", ["mixture", "forest"])
def test_a_condition_is_one_more_column(kind: str) -> None:
    x, first = codes(300), Space((3,), columns=(CODES.columns or ())[:3])
    label = Space((), levels=3)
    model: GenerativeModel = ProductMixture(first, label, components=5)
    if kind == "forest":
        model = Forest([LatentTree(first, label, states=states, each=10) for states in (2, 4)])
    fitted(model, x[:, :3], x[:, 3].long())
    few = torch.unique(EVERY[:, :3], dim=0)
    by_class = torch.stack([model.log_prob(few, torch.full((24,), k)).exp() for k in range(3)])
    assert by_class.sum(1).tolist() == pytest.approx([1, 1, 1], abs=1e-10)
    shares = torch.linalg.lstsq(by_class.T, model.log_prob(few).exp()[:, None]).solution.flatten()
    assert (shares @ by_class).tolist() == pytest.approx(model.log_prob(few).exp().tolist(), abs=1e-10)
    assert shares.tolist() == pytest.approx((x[:, 3].long().bincount() / 300).tolist(), abs=0.02)


def test_columns_survive_a_round_trip(rows: GenerativeModel) -> None:
    x, made = mixed(4000), rows.sample(4000, seed=0)
    assert (made[:, 0] == 0).double().mean().item() == pytest.approx((x[:, 0] == 0).double().mean().item(), abs=0.05)
    assert bool((made[:, 0] >= 0).all()), "what several rows share at an end is a bound"
    assert bool((made[:, 1] == made[:, 1].round()).all())
    for column in (0, 3):
        q = torch.linspace(0.05, 0.95, 19, dtype=torch.float64)
        real = x[:, column][~x[:, column].isnan()]
        assert (made[:, column].quantile(q) - real.quantile(q)).abs().max() < 0.25 * real.std()


def test_densities_of_mixed_columns_integrate_to_the_masses_of_regions(rows: GenerativeModel) -> None:
    events = rows.ability(Events)
    age = torch.arange(-4000.0, 4000.0, dtype=torch.float64)
    x = torch.full((8000, 4), torch.nan, dtype=torch.float64)
    x[:, 1] = age
    mass = rows.log_prob(x).exp()
    assert mass.sum().item() == pytest.approx(1, abs=1e-6)
    for part in (Range(35, 60), Range(35, 60, above=True, below=True), Range(low=34.5), Range(high=20)):
        found = events.log_mass(1, {1: part}, {}).exp().item()
        assert found == pytest.approx(mass[part.holds(age)].sum().item(), abs=1e-10)
    edges = torch.linspace(-30, 60, 900_001, dtype=torch.float64)
    grid = torch.full((900_000, 4), torch.nan, dtype=torch.float64)
    grid[:, 3] = (edges[1:] + edges[:-1]) / 2
    density = rows.log_prob(grid).exp() * edges.diff()
    inner = Range(-0.7, 1.3)
    found = events.log_mass(1, {3: inner}, {}).exp().item()
    assert found == pytest.approx(density[inner.holds(grid[:, 3])].sum().item(), abs=1e-4)
    spike = torch.full((1, 4), torch.nan, dtype=torch.float64)
    spike[:, 0] = 0.0
    at_zero = events.log_mass(1, {0: Range(0, 0)}, {})
    pieces = rows.members[0].pieces if isinstance(rows, Forest) else rows.pieces
    log_density = rows.log_prob(spike) - pieces.read(spike)[1]  # which is over as far as the nearest value
    assert at_zero.item() == pytest.approx(log_density.item(), abs=1e-10)
    assert events.log_mass(1, {0: Range(0, 0, above=True)}, {}).item() == -torch.inf


def test_draws_within_a_region_of_numbers_lie_there(rows: GenerativeModel) -> None:
    region = {0: Range(low=0, above=True), 1: Range(30, 33), 2: frozenset([1]), 3: Range(0.5, 0.6)}
    found = rows.ability(Events).draw_within(500, region, {}, Noise(5))
    assert bool(inside(found, region).all())
    low = rows.ability(Events).draw_within(DRAWS, {1: Range(high=33)}, {}, Noise(5))[:, 1]
    assert low.min() >= 20, "where any training row is, none is drawn below all of them"
    beyond = {1: Range(low=200), 3: Range(high=-20)}
    assert bool(inside(rows.ability(Events).draw_within(50, beyond, {}, Noise(6)), beyond).all()), "in the tails"


def test_pieces_keep_spikes_whole_numbers_and_ends() -> None:
    noise = Noise(7)
    values = noise.normal(2000, dtype=torch.float64)
    values[:600], values[600:650] = 0.0, 3.5
    pieces = Pieces((Column("real"), Column("integer")), bins=16)
    x = torch.stack([values, noise.integers(10**6, 2000).double()], 1)
    pieces.fit(x)
    found = pieces.codes(x)
    again = pieces.values(found, noise.uniform(2000, 2, dtype=torch.float64), {})
    assert torch.equal(pieces.codes(again), found)
    spiked = (values == 0) | (values == 3.5)
    assert torch.equal(again[spiked, 0], values[spiked])
    assert torch.equal(again[:, 1], again[:, 1].round())
    assert bool(pieces.read(x)[1].isfinite().all())


@pytest.mark.parametrize("model", [ProductMixture(MIXED, components=2), Forest([LatentTree(MIXED, states=2)])])
def test_they_are_fitted_in_a_double_world(model: GenerativeModel) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        assert bool(fitted(model, mixed(100)).log_prob(mixed(10)).isfinite().all())
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_forest_is_the_mean_of_its_members_and_likelier_than_they_are() -> None:
    forest = fitted(Forest([LatentTree(MIXED, states=8, each=10, bins=bins) for bins in (8, 12, 16)]), mixed(800))
    x = mixed(1000)[800:]
    each = torch.stack([member.log_prob(x) for member in forest.members])
    assert forest.log_prob(x).tolist() == pytest.approx(each.exp().mean(0).log().tolist(), abs=1e-10)
    assert forest.log_prob(x).mean() > each.mean() + 0.01


def test_a_forest_of_models_of_other_spaces_is_refused() -> None:
    with pytest.raises(ValueError, match="one space and condition"):
        Forest([LatentTree(MIXED), LatentTree(CODES)])


def test_laws_that_lean_much_are_fitted_to_the_end() -> None:
    """Against the start, whose laws lean less, the first passes lose."""
    noise = Noise(11)
    z = noise.normal(2000, 1, dtype=torch.float64)
    x = torch.cat([z, z.square() + 0.1 * noise.normal(2000, 1, dtype=torch.float64)], 1)
    model = LatentTree(Space((2,)), states=64, bins=32, smoothing=Smoothing(numbers=100, edges=8), tol=1e-3)
    batch, losses = Batch(x, noise=noise), list[float]()
    model.prepare([batch])
    for _ in range(100):
        model.begin()
        model.accumulate(batch)
        losses.append((metrics := model.finish())["loss"])
        if isinstance(metrics, Done):
            break
    assert losses[1] > losses[0]
    assert len(losses) > 5
    assert losses[-1] < losses[1] - 0.1


def test_a_column_without_a_value_is_named() -> None:
    with pytest.raises(ColumnError, match="must have some values"):
        ProductMixture(MIXED, components=2).prepare([Batch(missing(mixed(50), 1))])
