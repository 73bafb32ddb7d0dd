"""The Markov chain against counting by hand."""

import pytest
import torch

from genzoo.core import Batch, Done, Space
from genzoo.models.autoregressive import Bigram

WORDS = Space((4,), levels=2, ragged=True)


def fitted(x: torch.Tensor) -> Bigram:
    model = Bigram(WORDS, smoothing=1e-9)
    model.begin()
    for row in x:
        model.accumulate(Batch(row[None]))
    assert isinstance(model.finish(), Done)
    return model


def test_it_counts_pairs_starts_and_ends() -> None:
    model = fitted(torch.tensor([[0, 1, 2, 2], [0, 0, 1, 0], [2, 2, 2, 2]]))
    assert model.counts.tolist() == [[1, 2, 0], [1, 0, 1], [2, 0, 1]]
    exact = torch.tensor([2 / 3 * 2 / 3 * 1 / 2, 2 / 3 * 1 / 3 * 2 / 3 * 1 / 2, 1 / 3], dtype=torch.float64)
    x = torch.tensor([[0, 1, 2, 2], [0, 0, 1, 0], [2, 2, 2, 2]])
    assert torch.allclose(model.log_prob(x).exp(), exact)


def test_what_follows_what_in_samples() -> None:
    model = fitted(torch.tensor([[0, 1, 0, 1], [0, 1, 0, 1]]))
    assert model.sample(20, seed=0).unique(dim=0).tolist() == [[0, 1, 0, 1]]


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="smoothing"):
        Bigram(WORDS, smoothing=0.0)
    with pytest.raises(ValueError, match=r"4,096"):
        Bigram(Space((2,), levels=5000))
