"""Missing entries against closed forms, sums and draws that are thrown away."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from genzoo.core import Batch, Column, Noise, Space, Unsupported
from genzoo.distributions import Range, inside
from genzoo.models import Dequantized, Standardized
from genzoo.models.abilities import Events
from genzoo.models.classical import Gaussian, GaussianMixture, KernelDensity
from genzoo.models.classical.some_entries import log_normal_mass, normal_within
from genzoo.tasks import Expression, Never, boxed, impute, level_log_probs, rejected
from genzoo.tasks.expression import Column as Named
from genzoo.tasks.questions import boxes, spoken

SPACE = Space((3,))
MIXED = (Column("real"), Column("integer"), Column("categorical", 3))


def fitted(model: GaussianMixture | Standardized | Dequantized, x: Tensor, given: Tensor | None = None) -> object:
    data = Batch(x, given)
    model.prepare([data])
    for _ in range(3):
        model.begin()
        model.accumulate(data)
        model.finish()
    return model


def rows(n: int = 400) -> Tensor:
    z = Noise(1).normal(n, 3, dtype=torch.float64)
    return torch.stack([100 + 9 * z[:, 0], z[:, 0] + 0.3 * z[:, 1], z[:, 2] - z[:, 1]], 1)


def table(n: int = 600) -> Tensor:
    z = Noise(2).normal(n, 2, dtype=torch.float64)
    whole = (10 + 3 * z[:, 0] + z[:, 1]).round()
    return torch.stack([z[:, 0], whole, ((z[:, 0] > 0.3).double() + (z[:, 1] > 1).double())], 1)


@pytest.mark.parametrize("covariance", ["full", "tied", "diag", "spherical", "low_rank"])
def test_a_gaussians_entries_are_regressed_on_the_others(covariance: str) -> None:
    options = {"rank": 1} if covariance == "low_rank" else {}
    model = fitted(Standardized(Gaussian(SPACE, covariance=covariance, **options)), rows(), None)
    inner = model.model.gaussians
    sigma = inner.covariances(torch.tensor([0]))[0] * torch.outer(model.scale, model.scale)
    mean = model.shift + model.scale * inner.means[0]
    x = torch.tensor([103.0, torch.nan, torch.nan]).repeat(4000, 1)
    found = impute(model, x, seed=3)
    drawn = found.x[0].double()
    assert found.exact
    assert (drawn[:, 0] == 103).all()
    assert found.missing[0].tolist() == [False, True, True]
    slope = sigma[1:, 0] / sigma[0, 0]
    wanted = mean[1:] + slope * (103.0 - mean[0])
    left = sigma[1:, 1:] - torch.outer(slope, sigma[0, 1:])
    error = (left.diagonal() / 4000).sqrt()
    assert ((drawn[:, 1:].mean(0) - wanted).abs() < 5 * error).all()
    assert torch.allclose(drawn[:, 1:].T.cov(), left, atol=0.12 * left.diagonal().max().item())


def test_draws_are_named_by_seed_draw_and_row_alone() -> None:
    model = fitted(Standardized(GaussianMixture(SPACE, components=3)), rows().float())
    x = rows(9).float()
    x[::2, 1] = torch.nan
    x[3] = torch.nan
    whole, tail = impute(model, x, 3, seed=1).x, impute(model, x[5:], 2, seed=1, start=5).x
    assert torch.equal(whole[:2, 5:], tail)
    there = ~x.isnan()
    assert all(torch.equal(draw[there], x[there]) for draw in whole)
    assert whole.isfinite().all()
    assert not torch.equal(whole[0], whole[1])
    nothing = torch.full((2000, 3), torch.nan)
    assert torch.allclose(impute(model, nothing).x[0].mean(0), rows().float().mean(0), atol=1.0)


def test_a_label_says_which_mixture_fills() -> None:
    x = torch.cat([torch.zeros(50, 2), torch.full((50, 2), 9.0)]) + 0.1 * Noise(0).normal(100, 2)
    labels = (torch.arange(100) >= 50).long()
    model = fitted(GaussianMixture(Space((2,)), Space((), levels=2), components=1), x, labels)
    holes = torch.full((4, 2), torch.nan)
    filled = impute(model, holes, given=torch.tensor([0, 1, 1, 0])).x[0]
    assert (filled.round() == torch.tensor([0.0, 9, 9, 0])[:, None]).all()


def test_levels_and_whole_numbers_are_filled_as_such() -> None:
    x = table()
    model = fitted(Dequantized(Standardized(GaussianMixture(SPACE, components=4), precise=True), MIXED), x)
    holes = model.sample(3000, seed=5)
    kept = holes.clone()
    holes[:, 2] = torch.nan
    found = impute(model, holes)
    assert not found.exact  # places in the cells of whole numbers
    again = found.x[0]
    assert torch.equal(again[:, :2], kept[:, :2])
    assert set(again[:, 2].tolist()) <= {0.0, 1, 2}
    for low in (-3.0, 0.0):  # the law of all three entries is as before
        part = [(rows_[:, 0] > low) & (rows_[:, 1] > 10) & (rows_[:, 2] == 1) for rows_ in (kept, again)]
        assert abs(part[0].double().mean() - part[1].double().mean()) < 0.035
    levels = Dequantized(GaussianMixture(Space((2,)), components=2), 4)
    filled = impute(levels, torch.tensor([[3.0, torch.nan], [torch.nan, 0.0]])).x[0]
    assert filled[0, 0] == 3
    assert filled[1, 1] == 0
    assert ((filled >= 0) & (filled < 4)).all()


def test_what_cannot_be_filled_is_refused() -> None:
    with pytest.raises(Unsupported, match="gaussian_mixture"):
        impute(KernelDensity(SPACE), torch.zeros(1, 3))
    model = Dequantized(GaussianMixture(SPACE, components=1), MIXED)
    for row, why in (([0.0, 0.5, 0], "integer"), ([0.0, 1, 3], "categorical of 3"), ([math.inf, 1, 1], "finite")):
        with pytest.raises(ValueError, match=why):
            impute(model, torch.tensor([row], dtype=torch.float64))
    with pytest.raises(ValueError, match="shape"):
        impute(model, torch.zeros(1, 2))


def test_levels_are_told_by_bayes_rule() -> None:
    """Against the masses of all pairs, of which there are sixteen."""
    model = fitted(Dequantized(GaussianMixture(Space((2,)), components=2, covariance="diag"), 4), pairs_of_levels())
    events = model.ability(Events)
    found = level_log_probs(model, torch.tensor([[1.0, 0.0], [3.0, 2.0]]), 1, seed=0)
    for row, first in zip(found, (1, 3), strict=True):
        joint = torch.cat([events.log_mass(1, {0: frozenset([first]), 1: frozenset([k])}, {}) for k in range(4)])
        assert torch.allclose(row.exp(), joint.softmax(0).float(), atol=0.12)  # the bound's places are random
    assert torch.allclose(found.exp().sum(1), torch.ones(2))
    with pytest.raises(ValueError, match="must have levels"):
        level_log_probs(GaussianMixture(SPACE, components=1), torch.zeros(1, 3), 0)


def pairs_of_levels() -> Tensor:
    a = Noise(4).integers(4, 500)
    return torch.stack([a, (a + Noise(5).integers(2, 500)).clamp_max(3)], 1).byte()


# --- regions


def test_masses_of_intervals_hold_far_out() -> None:
    low, high = torch.tensor([-1.0, 20.0, -torch.inf, -21.0, 40.0]).double(), torch.tensor([1.0, 21, 0, -20, 41])
    found = log_normal_mass(low, high.double())
    assert found[1] == pytest.approx(found[3].item(), rel=1e-12)
    assert found[0].exp().item() == pytest.approx(0.6826894921370859, rel=1e-12)
    assert found[2].item() == pytest.approx(math.log(0.5), rel=1e-12)
    assert found[4].item() == pytest.approx(-804.608442, abs=1e-5)  # mpmath: log(ncdf(-40) - ncdf(-41))
    assert log_normal_mass(torch.tensor(1.0), torch.tensor(1.0)) == -torch.inf
    u = Noise(0).uniform(4000, 1, dtype=torch.float64)
    z = normal_within(low, high.double(), u)
    assert ((z >= low) & (z <= high)).all()
    assert abs(z[:, 4].mean() - (40 + 1 / 40)) < 0.003
    assert abs(z[:, 1].mean() - 20.0497) < 0.003  # φ(20) / Φ(−20)


@pytest.mark.parametrize("wrapped", [False, True])
def test_masses_and_draws_are_those_that_rejection_finds(wrapped: bool) -> None:
    if wrapped:
        part = Standardized(GaussianMixture(SPACE, components=3, covariance="diag"), precise=True)
        model = fitted(Dequantized(part, MIXED), table())
        region = {0: Range(low=0.2, above=True), 1: Range(9, 11.5), 2: frozenset([0, 2])}
    else:
        model = fitted(Standardized(GaussianMixture(SPACE, components=3, covariance="diag")), rows().float())
        region = {0: Range(101, 107), 1: Range(high=0.5, below=True)}
    events, drawn = model.ability(Events), model.sample(40_000, seed=1)
    within = inside(drawn, region)
    share, mass = within.double().mean().item(), events.log_mass(1, region, {}).exp().item()
    assert abs(share - mass) < 5 * math.sqrt(mass * (1 - mass) / 40_000)
    exact = events.draw_within(4000, region, {}, Noise(3))
    assert inside(exact, region).all()
    rest = drawn[within]
    error = 5 * (rest.var(0) * (1 / 4000 + 1 / len(rest))).sqrt()
    assert ((exact.mean(0) - rest.mean(0)).abs() <= error + 1e-9).all()
    whole = {entry: Range() if entry < 2 else frozenset(range(3)) for entry in range(3 if wrapped else 2)}
    assert events.log_mass(1, whole, {}).item() == pytest.approx(0.0, abs=1e-6)
    # Row i is of its own number alone.
    assert torch.equal(events.draw_within(9, region, {}, Noise(3)), exact[:9])


def test_entries_that_depend_on_each_other_have_masses_one_by_one() -> None:
    model = fitted(Standardized(GaussianMixture(SPACE, components=3)), rows().float())
    found = boxed(model, [{0: Range(low=120)}], 500, seed=0)
    share = (model.sample(100_000, seed=1)[:, 0] >= 120).double().mean()
    assert found is not None
    assert abs(found.chance - share) < 5 * (share / 100_000).sqrt()
    assert (found.x[:, 0] >= 120).all()
    assert found.x[:, 1].mean() > 1.5
    assert boxed(model, [{0: Range(low=120), 1: Range(low=0)}], 5) is None


def test_levels_of_a_row_are_summed() -> None:
    model = fitted(Dequantized(Gaussian(Space((2,)), covariance="diag"), 4), Noise(0).integers(4, 200, 2).byte())
    events = model.ability(Events)
    cells = [events.log_mass(1, {0: frozenset([i]), 1: frozenset([j])}, {}) for i in range(4) for j in range(4)]
    assert torch.cat(cells).exp().sum().item() == pytest.approx(1.0, abs=1e-6)
    some = events.log_mass(1, {0: frozenset([0, 1, 3])}, {}).exp().item()
    assert some == pytest.approx(sum(cells[i].exp().item() for i in range(16) if i // 4 != 2), abs=1e-6)
    assert events.draw_within(20, {0: Range(1, 2, above=True)}, {}, Noise(0))[:, 0].tolist() == [2] * 20


def test_rows_are_thrown_away_until_enough_are_left() -> None:
    labels = torch.arange(400) % 2
    model = fitted(GaussianMixture(Space((2,)), Space((), levels=2), components=1), rows()[:, 1:].float(), labels)
    found = rejected(model, lambda x: x[:, 0] > 1, 300, torch.arange(300) % 2, seed=0)
    assert len(found.x) == 300
    assert (found.x[:, 0] > 1).all()
    assert found.tried > 300
    assert abs(found.chance - 0.17) < 0.05
    with pytest.raises(Never, match="none of 8,000 draws"):
        rejected(model, lambda x: x[:, 0] > 90, 100, most=4001)
    with pytest.raises(Never, match="no probability"):
        boxed(model, [], 3)


# --- words

COLUMNS = {"age": Named(0, whole=True), "weight": Named(1), "sex": Named(2, ("M", "F", "X"))}
WHOLE = Space((3,), columns=(Column("integer"), Column("real"), Column("categorical", 3)))
GRID = torch.tensor(list(itertools.product(range(0, 5), [0.0, 0.5, 1.0], range(3))), dtype=torch.float64)


@pytest.mark.parametrize(
    "text",
    [
        "age > 2 and sex = 'F'",
        "not (age > 2 and sex == 'F' and weight < 1)",
        "age > 3 or sex != 'M' or weight = 0.5",
        "1 < age <= 3 AND NOT weight >= 1",
        "3 > age or x[2] > 1",
        "(age = 1 or age = 3) and not (sex = 'X' or sex = 'M')",
        "age != 2 and weight <> 0.5",
        "sex IN ('X', 'M') and not age in (1, 3)",
        "age < 2 and age > 3",
    ],
)
def test_a_statement_is_boxes_that_share_no_row(text: str) -> None:
    asked = Expression(spoken(text), COLUMNS)
    found = boxes(asked, WHOLE)
    assert found is not None
    held = torch.stack([inside(GRID, box) for box in found]).sum(0) if found else torch.zeros(len(GRID))
    assert torch.equal(held.bool(), asked(GRID))
    assert held.max() <= 1


def test_other_statements_are_no_boxes() -> None:
    for text in ("age > weight", "age + 1 > 2", "max(x) > 1", "abs(weight) < 1"):
        assert boxes(Expression(text, COLUMNS), WHOLE) is None


def test_statements_are_about_what_is_written() -> None:
    found = boxes(Expression("weight > 10", COLUMNS), WHOLE, {1: 0.01})
    assert found == [{1: Range(pytest.approx(10.005), math.inf, below=True)}]
    found = boxes(Expression("weight == 0.3", COLUMNS), WHOLE, {1: 0.1})
    assert found == [{1: Range(pytest.approx(0.25), pytest.approx(0.35), below=True)}]
