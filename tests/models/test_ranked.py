"""Numbers by their rank: there and back, a normal law of each column, and a likelihood that is that of the column."""

import pytest
import torch
from scipy import stats
from torch import Tensor

from genzoo.core import Batch, Column, GenerativeModel, Given, Likelihood, Noise, Space
from genzoo.models import Ranked
from genzoo.models.abilities import Imputation
from genzoo.models.ranked import ranked_space
from genzoo.zoo import recipe_named
from tests.models.test_bins import KINDS, column, fitted

SPACE = Space((4,), columns=(Column("real"), Column("integer"), Column("categorical", 3), Column("integer")))


class Normal(GenerativeModel):
    """Standard normal numbers, and level 1."""

    by_column = True
    likelihood = Likelihood.EXACT

    def draw(self, n: int, given: Given, noise: Noise) -> Tensor:
        z = noise.normal(n, self.space.dims, dtype=torch.float64)
        z[:, 2] = 1
        return z

    def log_density(self, x: Tensor, given: Given, noise: Noise) -> Tensor:
        return torch.distributions.Normal(0.0, 1.0).log_prob(x[:, [0, 1, 3]]).sum(1)


def table() -> Tensor:
    levels = torch.arange(600).double() % 3
    return torch.stack([column("real with a spike"), column("integer"), levels, column("integer with a spike")], dim=1)


def ranked() -> Ranked:
    model = Ranked(Normal(ranked_space(SPACE)), SPACE, bins=20)
    model.prepare([Batch(table())])
    return model.eval()


@pytest.mark.parametrize("kind", KINDS)
def test_a_rank_leads_back_to_its_value_and_its_law_is_that_of_the_tokens(kind: str) -> None:
    bins, x, _ = fitted(kind)
    for u in (0.001, 0.5, 0.999):
        share, log_p = bins.rank(x, torch.full_like(x, u))
        assert bool(((share > 0) & (share < 1)).all())
        assert torch.allclose(bins.at_rank(share), x, atol=1e-9)
    own = (bins.rows[: bins.used] / bins.rows.sum()).log()[None].expand(len(x), -1)
    assert torch.allclose(log_p, bins.log_prob(x, bins.of(x), own), atol=1e-9)


def test_every_column_is_normal_and_comes_back_with_spikes_and_bounds() -> None:
    model, x = ranked(), table()
    z = model.inward(x, Noise(3))
    for entry in (0, 1, 3):
        assert stats.kstest(z[:, entry].numpy(), "norm").pvalue > 1e-3
    assert torch.equal(z[:, 2], x[:, 2])
    assert torch.allclose(model.outward(z), x, atol=1e-9)
    y = model.sample(3000, seed=0)
    assert abs((y[:, 0] == 0).double().mean() - (x[:, 0] == 0).double().mean()) < 0.04
    assert torch.equal(y[:, [1, 3]], y[:, [1, 3]].round())
    assert bool(((y.amin(0) >= x.amin(0)) & (y.amax(0) <= x.amax(0)) | (torch.arange(4) == 2)).all())


def test_under_independent_normals_a_row_is_as_likely_as_its_columns_are() -> None:
    model, x = ranked(), table()
    found = model.log_prob(x, seed=1)
    assert model.likelihood is Likelihood.BOUND
    parts = [
        bins.rank(x[:, entry], torch.zeros(len(x), dtype=torch.float64))[1]
        for entry, bins in zip(model.numbers, model.bins, strict=True)
    ]
    assert torch.allclose(found, torch.stack(parts).sum(0), atol=1e-9)
    loss_of = model.ladj(x, model.inward(x, Noise(0)))
    assert loss_of.isfinite().all()
    far = x[:1].clone()
    far[0, :2] = torch.tensor([1e6, -(10.0**7)])
    assert model.log_prob(far).isfinite().all()


def test_a_model_of_another_space_is_refused() -> None:
    with pytest.raises(ValueError, match="Ranked needs a model over"):
        Ranked(Normal(Space((2,))), SPACE)


def test_a_copula_of_reals_integrates_over_what_is_missing_and_imputes_by_its_conditional() -> None:
    noise = Noise(9)
    a = noise.normal(1000, dtype=torch.float64)
    x = torch.stack([a.exp(), (a + 0.5 * noise.normal(1000, dtype=torch.float64)).sinh()], 1)
    space = Space((2,), columns=(Column("real"), Column("real", missing=True)))
    model = recipe_named("gaussian_copula")(space).model
    model.prepare([Batch(x)])
    model.begin()
    model.accumulate(Batch(x, noise=Noise(1)))
    model.finish()
    edges = torch.linspace(x[:, 1].min().item() - 1, x[:, 1].max().item() + 1, 100_001, dtype=torch.float64)
    grid = torch.stack([torch.full((100_000,), 1.3), (edges[1:] + edges[:-1]) / 2], 1).double()
    marginal = model.log_prob(torch.tensor([[1.3, torch.nan]], dtype=torch.float64)).exp().item()
    density = model.log_prob(grid).exp()
    assert (density * edges.diff()).sum().item() == pytest.approx(marginal, rel=1e-2)
    imputation = model.ability(Imputation)
    drawn = imputation.impute(torch.tensor([[1.3, torch.nan]], dtype=torch.float64).expand(4000, -1), {}, Noise(2))
    assert imputation.exact
    mean = (density * grid[:, 1]).sum() / density.sum()
    assert drawn[:, 1].mean().item() == pytest.approx(mean.item(), abs=5 * drawn[:, 1].std().item() / 4000**0.5)
