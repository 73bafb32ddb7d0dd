"""Quantizers: codes are what they say, gradients pass, and codes are kept in use."""

import pytest
import torch

from genzoo.core import Noise
from genzoo.core.game import Instant
from genzoo.models.autoencoders import Codebook, LookupFree, Quantizer, ScalarGrid

MAKERS = {
    "averaged": lambda: Codebook(6, 3),
    "learned": lambda: Codebook(6, 3, averaged=False),
    "scalar": lambda: ScalarGrid([4, 3, 2]),
    "signs": lambda: LookupFree(3),
}


@pytest.mark.parametrize("name", MAKERS)
def test_codes_stand_for_what_comes_out_and_the_gradient_passes(name: str) -> None:
    quantizer: Quantizer = MAKERS[name]()
    e = torch.randn(5, 3, 4, requires_grad=True)
    found = quantizer(e)
    assert found.codes.shape == (5, 4)
    assert 0 <= found.codes.min() <= found.codes.max() < quantizer.levels
    assert torch.allclose(found.z, quantizer.embed(found.codes))
    (back,) = torch.autograd.grad((found.z * torch.arange(3.0)[:, None]).sum(), e)
    slope = (1 - e.tanh().square()) if name == "scalar" else torch.ones_like(e)
    assert torch.allclose(back, slope * torch.arange(3.0)[:, None], atol=1e-5)


@pytest.mark.parametrize("name", ["scalar", "signs"])
def test_without_a_codebook_every_code_has_a_place_of_its_own(name: str) -> None:
    quantizer = MAKERS[name]()
    codes = torch.arange(quantizer.levels)[None]
    z = quantizer.embed(codes)
    assert len(z[0].T.unique(dim=0)) == quantizer.levels
    assert torch.equal(quantizer(2 * z).codes, codes)


@pytest.mark.parametrize("name", MAKERS)
def test_what_a_code_stands_for_gets_that_code_again(name: str) -> None:
    """Exactly, however close codes lie; of a grid the places are those within the curve that leads to them."""
    quantizer: Quantizer = MAKERS[name]().eval()
    codes = torch.arange(quantizer.levels)[None]
    z = quantizer.embed(codes)
    assert torch.equal(quantizer(z.atanh() if name == "scalar" else z).codes, codes)


def test_the_nearest_code_is_taken_and_costs_its_distance() -> None:
    book = Codebook(2, 1, beta=0.5, averaged=False)
    with torch.no_grad():
        book.vectors.copy_(torch.tensor([[0.0], [10.0]]))
    found = book(torch.tensor([[[1.0, 7.0]]]))
    assert found.codes.tolist() == [[0, 1]]
    assert found.z.tolist() == [[[0.0, 10.0]]]
    assert found.price.item() == pytest.approx(1.5 * (1 + 9))


def test_averaged_codes_come_to_the_means_of_what_is_near_them() -> None:
    book, noise = Codebook(2, 1, decay=0.5, least=0.0), Noise(0)
    with torch.no_grad():
        book.vectors.copy_(torch.tensor([[-1.0], [1.0]]))
        book.total.copy_(book.vectors)
    for step in range(40):
        e = torch.cat([-3 + noise.at(step).normal(1, 1, 50) / 10, 5 + noise.at(step, "b").normal(1, 1, 150) / 10], 2)
        book(e)
        book.follow(Instant(step))
    assert torch.allclose(book.vectors.flatten(), torch.tensor([-3.0, 5.0]), atol=0.1)
    assert torch.allclose(book.size, torch.tensor([0.5, 1.5]), atol=0.05)


def test_codes_begin_where_vectors_are_even_if_these_are_few() -> None:
    book = Codebook(4, 2)
    corners = torch.tensor([[0.0, 0.0], [0.0, 9.0], [9.0, 0.0], [9.0, 9.0]]).repeat(25, 1)
    book.start(corners + Noise(0).normal(100, 2) / 10, Noise(1))
    assert torch.cdist(corners[:4], book.vectors).min(1).values.max() < 0.2
    few = Codebook(8, 2)
    few.start(corners[:2], Noise(1))
    assert few.vectors.isfinite().all()
    assert len(few.vectors.unique(dim=0)) == 8


@pytest.mark.parametrize("least", [0.1, 0.0])
def test_a_code_that_nobody_is_near_is_revived_unless_the_dead_are_left_alone(least: float) -> None:
    book = Codebook(4, 1, decay=0.5, least=least)
    with torch.no_grad():
        book.vectors.copy_(torch.tensor([[0.0], [100.0], [200.0], [300.0]]))
        book.total.copy_(book.vectors)
    for step in range(30):
        book(Noise(step).normal(1, 1, 200))
        book.follow(Instant(step, noise=Noise(step, "follow")))
    used = len(book(Noise(99).normal(1, 1, 200)).codes.unique())
    assert used == (4 if least else 1)


def test_codes_are_in_use_where_vectors_move_far_in_the_first_steps() -> None:
    book = Codebook(64, 2)
    book.start(Noise(0).normal(500, 2), Noise(1))
    for step in range(80):
        e = min(1.0, step / 40) * torch.tensor([[8.0], [-8.0]]) + (1 + step / 20) * Noise(step).normal(1, 2, 600)
        book(e)
        book.follow(Instant(step, noise=Noise(step, "follow")))
    assert len(book(e).codes.unique()) > 57  # of 64


def test_a_dead_code_goes_to_where_vectors_are_unlike_not_to_where_there_are_most() -> None:
    """Nine in ten vectors are one and the same, as the black of a background is."""
    book = Codebook(8, 1, decay=0.8)
    with torch.no_grad():
        book.vectors.copy_(torch.tensor([[0.0], [5.0], *([[1000.0]] * 6)]))
        book.total.copy_(book.vectors)
    for step in range(60):
        e = torch.cat([torch.zeros(1, 1, 900), 5 + Noise(step).normal(1, 1, 100)], dim=2)
        book(e)
        book.follow(Instant(step, noise=Noise(step, "follow")))
    assert len(book(e).codes.unique()) == 8
    assert (book.vectors > 2).sum() == 7


def test_signs_pay_for_being_unsure_and_for_being_alike() -> None:
    free = LookupFree(1, beta=0.0, weight=1.0)
    even = torch.tensor([[[3.0, -3.0]]])
    assert free(even).price < free(torch.tensor([[[3.0, 3.0]]])).price
    assert free(even).price < free(torch.tensor([[[0.1, -0.1]]])).price


def test_impossible_quantizers_are_refused() -> None:
    for make in (lambda: Codebook(0, 2), lambda: Codebook(2, 2, decay=1.0), lambda: ScalarGrid([3, 1]),
                 lambda: LookupFree(0)):  # fmt: skip
        with pytest.raises(ValueError, match=r"must (have|be of)"):
            make()
