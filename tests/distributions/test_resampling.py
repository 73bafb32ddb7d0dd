"""Errors by resampling against known ones, and the refusal of too few rows."""

import pytest
import torch

from genzoo.core.noise import Noise
from genzoo.distributions import TooFew, bootstrap_error, require_rows, share_of, subsample_error

X = Noise(0).normal(400, 2, dtype=torch.float64) * torch.tensor([1.0, 3.0])


@pytest.mark.parametrize("error", [bootstrap_error, subsample_error])
def test_of_means_is_the_known_error(error):
    """Two samples, a vector of statistics: the error of a difference of means is that of both together."""
    found = error(lambda i, j: X[i].mean(0) - X[j].mean(0), 400, 100, noise=Noise(1), rounds=400)
    expected = (X.var(0) / 400 + X[:100].var(0) / 100).sqrt()
    torch.testing.assert_close(found, expected, rtol=0.12, atol=0)


@pytest.mark.parametrize("error", [bootstrap_error, subsample_error])
def test_depends_on_the_noise_alone(error):
    def of(seed: int) -> float:
        return error(lambda i: X[i, 0].median(), 400, noise=Noise(seed), rounds=10).item()

    assert of(1) == of(1) != of(2)


def test_other_shares_of_subsamples_agree():
    errors = [
        subsample_error(lambda i: X[i, 0].mean(), 400, noise=Noise(1), rounds=400, share=share).item()
        for share in (0.1, 0.5, 0.8)
    ]
    assert errors == pytest.approx([X[:, 0].std().item() / 20] * 3, rel=0.12)


def test_a_share_without_exceptions_still_has_an_error():
    assert share_of(torch.tensor([True, False])).value == 0.5
    assert 0 < share_of(torch.ones(10, dtype=torch.bool)).error < 0.1


def test_refuses_too_few_rows_and_says_how_many_it_takes():
    require_rows(5, 5, "A thing")
    with pytest.raises(TooFew, match="A thing needs at least 2,049 rows, got 1,000. Draw more."):
        require_rows(1000, 2049, "A thing")
