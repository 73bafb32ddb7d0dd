"""The error of reconstructions, and an examination of what cannot sample."""

import pytest
import torch

import genzoo
from genzoo.core import Space, Unsupported
from genzoo.evaluation import Examiner, Protocol
from genzoo.evaluation.reconstruction import reconstruction_error
from genzoo.models.classical import Gaussian
from genzoo.models.representation import MatrixFactorization


def test_the_error_is_that_of_the_rows() -> None:
    data = genzoo.read("moons")
    whole, part = MatrixFactorization(Space((2,)), code=2), MatrixFactorization(Space((2,)), code=1)
    assert reconstruction_error(whole, data.test).value == pytest.approx(0, abs=1e-10)
    x, _ = data.test.gather(torch.arange(len(data.test)))
    error = reconstruction_error(part, data.test)
    assert error.value == pytest.approx(x[:, 1].square().mean().item() / 2, rel=1e-5)
    assert error.n == len(data.test)


def test_a_model_without_codes_has_no_error() -> None:
    with pytest.raises(Unsupported, match="encode"):
        reconstruction_error(Gaussian(Space((2,))), genzoo.read("moons").test)


def test_an_examiner_measures_what_cannot_sample() -> None:
    data = genzoo.read("moons")
    examiner = Examiner(data, Protocol(rows=200, samples=200))
    found = examiner(MatrixFactorization(Space((2,)), code=1))
    assert [m.name for m in found.measurements] == ["reconstruction error"]
    assert examiner.probe(MatrixFactorization(Space((2,)), code=1)) == (0.0, 0.0)
