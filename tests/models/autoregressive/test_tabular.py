"""Any-order autoregression over a table: sums over all rows, marginals, imputation, regions, columns that survive."""

import pytest
import torch
from torch import Tensor

from genzoo.core import Batch, Column, GenerativeModel, Noise, Space, Unsupported
from genzoo.distributions import Range, inside
from genzoo.models.abilities import Events, Imputation
from genzoo.models.autoregressive import TabularAR
from genzoo.testing.density import every
from tests.zoo.autoregressive import FEW, MIXED, tabular
from tests.zoo.entry import LABEL

CLASS = torch.tensor([1])


def few(*missing: int, **options: object) -> TabularAR:
    """A model of three columns of levels, some of which may be missing."""
    columns = tuple(Column(c.kind, c.levels, i in missing) for i, c in enumerate(FEW.columns or ()))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return tabular(Space((3,), columns=columns), LABEL, **options).double().eval()


def rows_and_masses(model: GenerativeModel, **options: int) -> tuple[Tensor, Tensor]:
    x = every(FEW).to(getattr(torch, model.space.dtype))
    with torch.no_grad():
        return x, model.log_prob(x, CLASS.expand(len(x)), **options).exp()


def test_a_mixture_of_orders_is_normalized_and_drawn_from() -> None:
    model = few()
    x, mass = rows_and_masses(model, orders=3)
    one = rows_and_masses(model)[1]
    assert mass.sum().item() == pytest.approx(1, abs=1e-9)
    assert not torch.allclose(mass, one, rtol=0.01)
    drawn = model.sample(20_000, CLASS.expand(20_000), seed=0, orders=3)
    found = torch.stack([(drawn == row).all(1).double().mean() for row in x])
    assert ((found - mass).abs() < 5 * (mass / 20_000).sqrt()).all()


def test_missing_entries_are_left_out_and_drawn_after_what_is_known() -> None:
    model = few(2)
    x, mass = rows_and_masses(model)
    known = x[3:4].clone()
    known[0, 2] = torch.nan  # the last of the order: the conditional is Bayes' own
    alike = (x[:, :2] == known[:, :2]).all(1)
    with torch.no_grad():
        assert model.log_prob(known, CLASS).exp().item() == pytest.approx(mass[alike].sum().item(), abs=1e-9)
    n = 6000
    found = model.ability(Imputation)
    assert found is not None
    assert not found.consistent  # of other orders than the table's
    full = found.impute(known.expand(n, -1), {"given": CLASS.expand(n)}, Noise(0))
    assert torch.equal(full[:, :2], known[:, :2].expand(n, -1))
    share = full[:, 2].long().bincount(minlength=3) / n
    wanted = mass[alike] / mass[alike].sum()
    assert ((share - wanted).abs() < 5 * (wanted / n).sqrt()).all()


def test_regions_of_the_first_columns_have_the_mass_of_their_rows_and_draws_stay_within() -> None:
    model = few()
    x, mass = rows_and_masses(model)
    events = model.ability(Events)
    assert events is not None
    for region in ({0: frozenset([1])}, {0: frozenset([0, 1]), 1: Range(1, 3, above=True)}, {}):
        within = inside(x, region)
        told = events.log_mass(2, region, {"given": CLASS.expand(2)}).exp()
        assert told.tolist() == pytest.approx([mass[within].sum().item()] * 2, abs=1e-9)
        drawn = events.draw_within(4000, region, {"given": CLASS.expand(4000)}, Noise(1))
        assert bool(inside(drawn, region).all())
        found = torch.stack([(drawn == row).all(1).double().mean() for row in x])
        wanted = mass * within / mass[within].sum()
        assert ((found - wanted).abs() < 5 * (wanted / 4000).sqrt() + 1e-3).all()
    assert events.log_mass(1, {0: frozenset()}, {"given": CLASS}).item() == -torch.inf


def test_regions_of_numbers_and_words() -> None:
    model = tabular(MIXED).double().eval()
    model.prepare([Batch(torch.randn(200, 4, dtype=torch.float64).abs().mul(20).floor().clamp_max(2))])
    events = model.ability(Events)
    assert events is not None
    region = {1: Range(1, 2), 0: Range(0.5), 3: frozenset([0, 1])}
    told = events.log_mass(1, region, {}).exp().item()
    parts = [events.log_mass(1, region | {1: Range(k, k)}, {}).exp().item() for k in (1, 2)]
    assert told == pytest.approx(sum(parts), abs=1e-9)
    assert bool(inside(events.draw_within(300, region, {}, Noise(0)), region).all())
    many = TabularAR(Space((9,)), width=4, features=2, bins=20).eval()
    many.prepare([Batch(torch.randn(300, 9))])
    asked = many.ability(Events)
    assert asked is not None
    with pytest.raises(Unsupported, match="few tokens"):
        asked.log_mass(1, {column: Range(0) for column in range(9)}, {})


def test_spikes_bounds_whole_numbers_and_tails_survive() -> None:
    noise, n = Noise(5), 4000
    normal = noise.normal(n, 3, dtype=torch.float64)
    side = noise.uniform(n, 2) < torch.tensor([0.5, 0.9])
    gains = torch.where(side[:, 0], 0.0, normal[:, 0].exp())
    ages = (40 + 12 * normal[:, 1]).round().clamp(17, 90)
    tail = (10 * (2.5 * normal[:, 2]).exp()).round()
    rare = torch.where(side[:, 1], 0.0, 1.0)
    space = Space((4,), columns=(Column("real"), Column("integer"), Column("integer"), Column("categorical", 3)))
    model = TabularAR(space, width=8).eval()
    x = torch.stack([gains, ages, tail, rare], 1)
    x[::7, 1] = torch.nan
    model.prepare([Batch(x)])
    y = model.sample(n, seed=0)
    assert abs((y[:, 0] == 0).double().mean() - 0.5) < 0.03
    assert y[:, 0].min() >= 0
    assert torch.equal(y[:, 1:], y[:, 1:].round())
    for column in range(3):
        known = x[:, column][~x[:, column].isnan()]
        assert known.min() <= y[:, column].min()
        assert y[:, column].max() <= known.max()
        at = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95], dtype=torch.float64)
        below = torch.stack([(y[:, column] <= edge).double().mean() for edge in known.quantile(at)])
        above = torch.stack([(known <= edge).double().mean() for edge in known.quantile(at)])
        assert (below - above).abs().max() < 0.04, f"column {column}"
    assert abs((y[:, 3] == 1).double().mean() - 0.1) < 0.03
    assert model.log_prob(torch.tensor([[50.0, 120.0, 1e7, 2.0]], dtype=torch.float64)).isfinite()


def test_rows_that_are_not_flat_are_refused() -> None:
    with pytest.raises(ValueError, match="flat rows"):
        TabularAR(Space((2, 2)))
