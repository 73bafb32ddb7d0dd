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


def test_products_and_logarithms_filter_alike_and_what_is_too_unlikely_is_not_lost() -> None:
    noise, ends = Noise(5), torch.tensor([9, 4, 0])
    emission = 3 * noise.normal(9, 3, 4, dtype=torch.float64)
    initial, transition = (noise.uniform(n, 4, dtype=torch.float64) for n in (3, 4))
    arguments = initial / initial.sum(1, True), 0.9 * transition / transition.sum(1, True), emission, ends
    found, expected = chain._filtered_by_products(*arguments), chain._filtered_by_logarithms(*arguments)
    assert found is not None
    for part, other in zip(found, expected, strict=True):
        assert torch.allclose(part, other, rtol=1e-12)
    far = emission.clone()
    far[2, :, 0] += 2000
    arguments = torch.eye(4)[[1, 2, 3]].double(), torch.eye(4).double(), far, ends
    assert chain._filtered_by_products(*arguments) is None
    assert chain.filtered(*arguments).log_prob[0] == pytest.approx(float(far[:, 0, 1].sum()))


def test_compiled_and_plain_paths_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    noise, ends = Noise(6), torch.tensor([12, 5, 1, 0])
    emission = noise.integers(3, 12, 4, 3).double()  # with ties
    initial, transition, ending = (torch.ones(n, 3).double() / 3 for n in (4, 3, 4))
    plain = chain.likeliest_paths(initial, transition, emission, ends, ending)
    monkeypatch.setattr(chain, "once_it_pays", lambda kernel, work: kernel)
    assert chain.likeliest_paths(initial, transition, emission, ends, ending).equal(plain)
    transition = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0]]).double()
    found = chain.likeliest_paths(initial, transition, emission.log(), ends, ending)
    monkeypatch.undo()
    assert found.equal(chain.likeliest_paths(initial, transition, emission.log(), ends, ending))
