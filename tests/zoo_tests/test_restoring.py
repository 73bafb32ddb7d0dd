"""Rows that were measured and solved for, beside what they were."""

import dataclasses

import pytest
import torch

from genzoo.core import Column, Noise, Space
from genzoo.models.classical import GaussianMixture
from genzoo.tasks.inverse import Exact, Mask
from genzoo.zoo.restoring import restored


def test_coverage_is_that_of_the_entries_that_were_not_told() -> None:
    model = GaussianMixture(Space((12,)), components=1)
    x, known = model.sample(60, seed=0), torch.arange(12) > 0
    found = restored(model, x, (Mask(known), Exact()), draws=19)
    assert found.figures["coverage of 90 %"].value == pytest.approx(0.9, abs=0.12)
    middle = found.draws.mean(0)
    sure = dataclasses.replace(found, draws=middle + (found.draws - middle) / 20)
    assert sure.figures["coverage of 90 %"].value < 0.3


def test_columns_of_a_table_are_told_in_units_of_their_own() -> None:
    """One column in dollars says nothing of how sure draws of another are."""
    columns = (Column("real"), Column("real"))
    truth, draws = Noise(0).normal(400, 2, dtype=torch.float64), Noise(1).normal(9, 400, 2, dtype=torch.float64)
    model = GaussianMixture(Space((2,)), components=1)
    found = restored(model, truth.float(), (Mask(torch.zeros(2)), Exact()), draws=9)
    unlike = torch.tensor([1e4, 1.0])
    draws[..., 0] /= 10  # too sure of the dollars
    table = dataclasses.replace(found, space=Space((2,), columns=columns), truth=truth * unlike, draws=draws * unlike)
    spread = table.figures["spread over error"].value
    assert spread == pytest.approx((0.01 + 1) * (1 + 1 / 9) / ((1 + 0.01 / 9) + (1 + 1 / 9)), rel=0.15)
