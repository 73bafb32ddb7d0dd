"""Passes by blocks are the plain passes, to rounding, whatever ends where and whatever is impossible."""

import pytest
import torch

from genzoo.core import Batch, Noise, Space
from genzoo.models.classical import HMM, chain, long_chain


def chances(noise: Noise, *shape: int) -> torch.Tensor:
    odds = noise.uniform(*shape, dtype=torch.float64) + 0.05
    return odds / odds.sum(-1, keepdim=True)


def pair(steps: int, lengths: list[int], states: int = 3, spread: float = 2.0, blocks: bool = False):
    noise, rows = Noise(0, steps), len(lengths)
    transition = chances(noise.at("a"), states, states) * 0.98
    if blocks:  # two classes that never meet
        transition[:1, 1:] = transition[1:, :1] = 0
    emission = spread * noise.at("b").normal(steps, rows, states, dtype=torch.float64)
    ends = torch.tensor(lengths)
    emission = emission.masked_fill((torch.arange(steps)[:, None] >= ends)[..., None], 0)
    initial, ending = chances(noise.at("c"), rows, states), chances(noise.at("d"), rows, states)
    return (initial, transition, emission, ends), ending


@pytest.mark.parametrize("steps", [1, 2, 7, 64, 65, 600])
@pytest.mark.parametrize("spread", [2.0, 400.0])
def test_both_passes_agree(steps: int, spread: float) -> None:
    lengths = [steps, max(1, steps // 2), max(0, steps - 1), 0]
    arguments, ending = pair(steps, lengths, spread=spread)
    expected, found = chain.filtered(*arguments), long_chain.filtered(*arguments)
    _, transition, _, ends = arguments
    there = (torch.arange(steps)[:, None] < ends)[..., None]
    assert torch.allclose(expected.states, found.states, atol=1e-10, rtol=1e-9)
    assert torch.allclose(expected.predicted * there, found.predicted * there, atol=1e-10, rtol=1e-9)
    assert torch.allclose(expected.log_prob, found.log_prob, rtol=1e-10)
    expected, found = (part.smoothed(expected, transition, ends, ending) for part in (chain, long_chain))
    for one, other in zip(expected, found, strict=True):
        assert torch.allclose(one, other, atol=1e-9, rtol=1e-8)


def test_a_class_that_is_far_less_likely_is_not_lost() -> None:
    """Two chains that never meet, the second e⁻³⁰⁰⁰ times as likely: a row that begins there stays there."""
    (_, transition, emission, ends), ending = pair(900, [900, 900], blocks=True)
    emission[..., 0] += 30
    initial = torch.tensor([[1.0, 0, 0], [0, 0.5, 0.5]], dtype=torch.float64)
    found, expected = (part.filtered(initial, transition, emission, ends) for part in (long_chain, chain))
    assert torch.allclose(found.log_prob, expected.log_prob, rtol=1e-10)
    assert found.states[-1, 1, 0] == 0
    seen = long_chain.smoothed(found, transition, ends, ending).states
    assert torch.allclose(seen, chain.smoothed(expected, transition, ends, ending).states, atol=1e-9)


def test_what_is_impossible_has_no_probability() -> None:
    (initial, transition, emission, ends), _ = pair(600, [600])
    emission[300] = -torch.inf
    found = long_chain.filtered(initial, transition, emission, ends)
    assert found.log_prob.tolist() == [-torch.inf]
    assert not found.states.isnan().any()


def test_a_model_of_one_long_sequence_is_the_same_model(monkeypatch: pytest.MonkeyPatch) -> None:
    x = Noise(1).normal(1, 1000, 1)
    fits = []
    for long in (long_chain.LONG, 10**9):
        monkeypatch.setattr(long_chain, "LONG", long)
        model = HMM(Space((1000, 1)), states=3)
        model.prepare([Batch(x)])
        for _ in range(3):
            model.begin()
            model.accumulate(Batch(x))
            model.finish()
        fits.append((model.transition.clone(), model.log_prob(x), model.posterior(x)))
    for one, other in zip(*fits, strict=True):
        assert torch.allclose(one, other, atol=1e-8)
