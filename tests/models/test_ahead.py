import itertools

import pytest
import torch

from genzoo.core import Space, seeded
from genzoo.models.autoregressive import GPT, Bigram
from genzoo.models.choice import Choice

RAGGED, FIXED = Space((12,), levels=5, ragged=True), Space((12,), levels=5)
LABEL = Space((), levels=3)


def gpt(space, seed=0, given=None, width=8):
    with seeded(seed):
        model = GPT(space, given, width=width, depth=1, heads=2)
        torch.nn.init.normal_(model.head.weight, std=2.0)
        for block in model.transformer.blocks:
            torch.nn.init.normal_(block.attention.out.weight)
    return model.double().eval()


@pytest.mark.parametrize("space", [RAGGED, FIXED], ids=["ragged", "fixed"])
def test_samples_drawn_ahead_are_those_drawn_one_by_one(space):
    model, small = gpt(space, given=LABEL), gpt(space, seed=1, given=LABEL)
    given, each = torch.arange(2), torch.tensor([[0], [4]])
    for options, begun in (({}, each), ({"temperature": 0.5, "top_k": 3}, None), ({"repetition": 3.0}, each[0])):
        plain = model.sample(2, given, seed=3, prefix=begun, **options)
        for window, draft in ((1, None), (4, None), (30, None), (3, small), (None, small)):
            ahead = model.sample(2, given, seed=3, prefix=begun, ahead=window, draft=draft, **options)
            assert torch.equal(plain, ahead), (options, begun, window, draft is None)


def test_a_draft_that_is_the_model_itself_is_always_right():
    model, asked = gpt(FIXED), []
    forward = model.logits
    model.logits = lambda *parts, **named: asked.append(parts[0].shape[1]) or forward(*parts, **named)
    model.sample(1, seed=0, ahead=5, draft=model)
    assert sum(count > 2 for count in asked) == 2, "twice six symbols, each checked in one pass"


def test_the_likeliest_sequence_is_found_by_as_many_beams_as_there_are_beginnings():
    for space in (Space((4,), levels=3, ragged=True), Space((4,), levels=3)):
        model = gpt(space, given=LABEL)
        given = torch.arange(3)
        levels = range(3 + space.ragged)
        every = torch.tensor([x for x in itertools.product(levels, repeat=4) if _is_padded(x)])
        for i in given:
            best = every[model.log_prob(every, i.expand(len(every))).argmax()]
            found = model.sample(3, given, seed=0, beams=64)[i]
            assert torch.equal(found, best)
        narrow, greedy = model.sample(3, given, seed=0, beams=1), model.sample(3, given, seed=0, temperature=0.0)
        assert torch.equal(narrow, greedy)
        begun = model.sample(3, given, seed=0, beams=64, prefix=torch.tensor([2, 0]))
        assert begun[:, :2].tolist() == [[2, 0]] * 3


def _is_padded(x):
    return all(b == 3 for a, b in itertools.pairwise(x) if a == 3)


def test_options_that_do_not_go_together_are_refused():
    model = gpt(FIXED)
    for options, said in (
        ({"ahead": 0}, "`ahead` must be at least 1"),
        ({"beams": 0}, "`beams` must be at least 1"),
        ({"beams": 2, "temperature": 0.5}, "`beams` must stand alone"),
        ({"draft": Bigram(FIXED)}, "`draft` must be a gpt, got Bigram"),
        ({"draft": gpt(RAGGED)}, "`draft` must be a model of"),
        ({"ahead": 2, "top_k": 0}, "`top_k` must"),
    ):
        with pytest.raises(ValueError, match=said):
            model.sample(2, seed=0, **options)
    assert Choice().check() == Choice()
