"""Codes at several levels, and a critic beside them."""

import pytest
import torch

from genzoo.core import Batch, Instant, Noise, Space
from genzoo.models.adversarial import Hinge
from genzoo.models.autoencoders import Adversary, Codebook, CodePyramid, LookupFree
from genzoo.nn import PatchCritic
from genzoo.testing import rows
from tests.zoo.autoencoders import code_pyramid, vq_gan
from tests.zoo.entry import BYTES, batch


def test_coarse_codes_come_first_and_finer_ones_depend_on_them() -> None:
    model, x = code_pyramid(BYTES), rows(BYTES, 24)
    model.prepare([batch(model, 24)])
    both = model.eval().autoencoder
    levels = both.levels()
    assert levels == {"level-1": slice(2, 8), "level-2": slice(0, 2)}
    z = model.encode(x)
    with torch.no_grad():
        before = both._first_said(0, x)
        both.quantizers[1].vectors.add_(1.0)
        after = both._first_said(0, x)
    assert not torch.allclose(before, after)
    assert z.shape == (24, 8)


def test_what_is_encoded_and_decoded_is_what_the_loss_sees() -> None:
    model, x = code_pyramid(BYTES).eval(), rows(BYTES, 6)
    losses = model.losses(Batch(x, noise=Noise(0)))
    truth = -model.autoencoder.likelihood(model.encode(x)).log_prob(x).mean()
    assert torch.allclose(losses["distortion"], truth, rtol=1e-5)
    assert {"level-1/perplexity", "level-2/perplexity"} <= set(losses)


def test_every_codebook_begins_at_data_and_follows_them() -> None:
    model = code_pyramid(BYTES)
    for book in model.autoencoder.quantizers:
        book.vectors.fill_(100.0)
    model.prepare([batch(model, 24)])
    assert all(book.vectors.abs().max() < 50 for book in model.autoencoder.quantizers)
    before = [book.vectors.clone() for book in model.autoencoder.quantizers]
    model.train()
    model.loss(batch(model, 5)).backward()
    model.autoencoder.follow(Instant(0))
    assert all(
        not torch.equal(old, book.vectors) for old, book in zip(before, model.autoencoder.quantizers, strict=True)
    )


def test_levels_of_unlike_alphabets_are_refused() -> None:
    space = Space((1, 8, 8), levels=4)
    for quantizers in ([Codebook(5, 2)], [Codebook(5, 2), LookupFree(3)]):
        with pytest.raises(ValueError, match="at least two maps of one number of codes"):
            CodePyramid(space, quantizers, width=4, halvings=1)


def test_what_a_critic_adds_counts_as_much_as_asked() -> None:
    """The gradient of what it adds, where the decoder speaks, is the weight times that of the reconstruction."""
    model = vq_gan(BYTES)
    found = model.autoencoder.coding(rows(BYTES, 8))
    distortion = -found.law.log_prob(rows(BYTES, 8)).mean()
    numbers = model._numbers(rows(BYTES, 8))
    added = model.adversary.toward(numbers, model._made(found), distortion, found.said)
    own, of_critic = (
        torch.autograd.grad(each, found.said, retain_graph=True)[0].norm() for each in (distortion, added["loss"])
    )
    assert torch.allclose(of_critic, 0.5 * own, rtol=1e-3)
    assert added["features"] > 0


def test_two_play_and_neither_moves_the_other() -> None:
    model, rows_ = vq_gan(BYTES), batch(vq_gan(BYTES), 8)
    ours, critic = model.players()
    assert not {*ours.parameters()} & {*critic.parameters()}
    assert {*ours.parameters(), *critic.parameters()} == {*model.parameters()}
    critic.loss(rows_)["loss"].backward()
    assert all(p.grad is None for p in ours.parameters())


def test_a_critic_is_silent_before_it_begins_and_where_nothing_is_trained() -> None:
    model = vq_gan(BYTES)
    model.adversary.begins = 0.5
    early, late = (model.losses(Batch(rows(BYTES, 8), noise=Noise(0), progress=at)) for at in (0.4, 0.6))
    assert "features" not in early
    assert late["features"] > 0
    with torch.no_grad():
        assert "features" not in model.losses(Batch(rows(BYTES, 8), noise=Noise(0), progress=0.6))
    with pytest.raises(ValueError, match="begin within the training"):
        Adversary(PatchCritic(1, (8, 8), width=4), Hinge(), begins=1.0)
