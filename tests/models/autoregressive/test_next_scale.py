"""Codes said a map at a time: exact sums, kept keys that say what a whole pass says, a coder that leaves a rest."""

import itertools

import pytest
import torch

from genzoo.core import Batch, Noise, Space
from genzoo.models.autoencoders import Codebook, CodeScales
from genzoo.models.autoregressive import VAR
from genzoo.models.autoregressive.next_scale import Maps, MapSteps, spreading
from genzoo.models.stepping import continued
from genzoo.testing import rows
from tests.zoo.autoencoders import code_scales
from tests.zoo.entry import BYTES, LABEL, stirred

MAPS = [(1, 1), (1, 2), (2, 2)]


@pytest.fixture(scope="module")
def model() -> VAR:
    torch.manual_seed(0)
    return stirred(VAR(Space((7,), levels=2), LABEL, maps=MAPS, width=8, depth=2, heads=2)).double().eval()


def test_log_p_is_the_sum_over_maps_and_adds_up_to_one(model: VAR) -> None:
    x = torch.tensor(list(itertools.product(range(2), repeat=7)))
    label = torch.zeros(len(x), dtype=torch.long)
    parts, whole = model.map_log_probs(x, {"given": label}), model.log_prob(x, label)
    assert parts.shape == (128, 3)
    assert torch.allclose(parts.sum(1), whole, atol=1e-12)
    assert whole.exp().sum().item() == pytest.approx(1, abs=1e-9)
    moved = x.clone()
    moved[:, 3:] = 1 - moved[:, 3:]  # the finest map
    assert torch.equal(model.map_log_probs(moved, {"given": label})[:, :2], parts[:, :2])


def test_kept_keys_say_what_a_whole_pass_says(model: VAR) -> None:
    x, label = torch.randint(0, 2, (5, 7)), torch.arange(5) % 3
    chain, given = model.steps(), {"given": label}
    state = chain.begin(5, given)
    with torch.no_grad():
        whole = model.logits(x, given)
        for t in range(7):
            assert torch.allclose(chain.logits(state), whole[:, t], atol=1e-10)
            state = chain.take(state, x[:, t])


def test_samples_are_those_of_a_sampler_without_a_cache(model: VAR) -> None:
    """Of whole passes, a code at a time, with the same uniform numbers."""

    class Naive(MapSteps):
        def logits(self, state: Maps) -> torch.Tensor:
            t = state.codes.shape[1]
            whole = torch.nn.functional.pad(state.codes, (0, 7 - t))
            return self.model.logits(whole, {"given": label})[:, t]

    label = torch.arange(64) % 3
    with torch.no_grad():
        naive = continued(Naive(model), 64, {"given": label}, noise=Noise(4, "sample"))
    assert torch.equal(model.sample(64, label, seed=4), naive)


def test_coarser_maps_are_brought_to_each_size() -> None:
    told = spreading(MAPS)
    assert torch.equal(told[0], torch.zeros(7))
    assert torch.allclose(told[1:].sum(1), torch.tensor([1.0, 1, 2, 2, 2, 2]))  # means of maps, added up
    assert torch.equal(told[3:, 3:], torch.zeros(4, 4))


def test_maps_that_are_not_the_space_are_refused() -> None:
    with pytest.raises(ValueError, match="are 7 in a row"):
        VAR(Space((8,), levels=2), maps=MAPS, width=8, depth=1, heads=2)
    with pytest.raises(ValueError, match="a quantizer for each of 3 maps"):
        CodeScales(Space((1, 8, 8), levels=4), [Codebook(5, 2)], width=4, halvings=1)


def test_what_is_encoded_and_decoded_is_what_the_loss_sees_and_each_map_codes_the_rest() -> None:
    model, x = code_scales(BYTES), rows(BYTES, 24)
    for book in model.autoencoder.quantizers:
        book.vectors.fill_(100.0)
    model.prepare([Batch(x, noise=Noise(0))])
    assert all(book.vectors.abs().max() < 50 for book in model.autoencoder.quantizers)
    both = model.eval().autoencoder
    losses = model.losses(Batch(x, noise=Noise(0)))
    assert torch.allclose(losses["distortion"], -both.likelihood(model.encode(x)).log_prob(x).mean(), rtol=1e-5)
    assert len(both.levels()) == len(both.maps) == 2
    with torch.no_grad():
        before = both._first_open(1, x)
        both.quantizers[0].vectors.add_(1.0)
        assert not torch.allclose(before, both._first_open(1, x))
