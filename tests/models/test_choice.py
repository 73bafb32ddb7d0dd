import pytest
import torch

from genzoo.core import Noise
from genzoo.models.choice import Choice, chosen, limited, with_said

PROBS = torch.tensor([[0.5, 0.3, 0.15, 0.05]], dtype=torch.float64)


def shares(choice, said=None):
    many = 20_000
    drawn = chosen(
        PROBS.log().expand(many, -1), Noise(0), choice, None if said is None else torch.tensor([said]).expand(many, -1)
    )
    return drawn.bincount(minlength=4) / many


def test_only_what_is_likely_enough_is_drawn():
    for least, kept in ((0.0, 4), (0.1, 4), (0.29, 3), (0.31, 2), (1.0, 1)):
        expected = PROBS[0, :kept] / PROBS[0, :kept].sum()
        assert torch.allclose(shares(Choice(min_p=least))[:kept].double(), expected, atol=0.02), least
    warm = limited(PROBS.log(), Choice(temperature=2.0, min_p=0.5)).isfinite().sum()
    assert warm == 3, "what is likely is asked after the temperature: the roots are 0.71, 0.55, 0.39, 0.22"


def test_what_was_said_becomes_less_likely_by_a_power():
    said = [True, False, False, True]
    expected = torch.tensor([0.5**2, 0.3, 0.15, 0.05**2])
    assert torch.allclose(shares(Choice(repetition=2.0), said), expected / expected.sum(), atol=0.02)
    assert Choice(repetition=2.0).remembers
    assert not Choice(repetition=1.0).remembers
    known = torch.tensor([said])
    for moved in (0, 7):
        allowed = limited(PROBS.log() + moved, Choice(repetition=2.0), known).softmax(-1)
        assert torch.allclose(allowed[0], (expected / expected.sum()).double()), "whatever constant stands in logits"
    never = torch.tensor([[0.0, -torch.inf]])
    assert limited(never, Choice(repetition=2.0), torch.tensor([[False, True]])).tolist() == never.tolist()
    assert with_said(None, torch.tensor([[1]])) is None


def test_numbers_out_of_range_and_broken_logits_are_refused():
    for wrong in ({"temperature": -1.0}, {"top_k": 0}, {"top_p": 0.0}, {"min_p": 1.5}, {"repetition": 0.5}):
        with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` must"):
            Choice(**wrong).check()
    for cold in (0.0, 1.0):
        with pytest.raises(ValueError, match="Logits must be numbers, got NaN"):
            chosen(torch.tensor([[0.0, torch.nan]]), Noise(0), Choice(temperature=cold))
