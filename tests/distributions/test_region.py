import math

import torch

from genzoo.distributions import Range, inside


def test_intervals_hold_their_ends_or_leave_them_out() -> None:
    x = torch.tensor([0.0, 1.0, 2.0, torch.nan])
    assert Range(0, 2).holds(x).tolist() == [True, True, True, False]
    assert Range(0, 2, above=True, below=True).holds(x).tolist() == [False, True, False, False]
    assert Range().holds(x).tolist() == [True, True, True, False]
    assert (Range().low, Range().high) == (-math.inf, math.inf)


def test_regions_bind_the_entries_that_they_name() -> None:
    x = torch.tensor([[61.0, 0.0, torch.nan], [61.0, 1.0, 5.0], [torch.nan, 0.0, 5.0]])
    assert inside(x, {0: Range(60), 1: frozenset([0])}).tolist() == [True, False, False]
    assert inside(x, {}).tolist() == [True, True, True]
    assert inside(x, {1: frozenset()}).tolist() == [False, False, False]
