"""Code lengths of distributions whose entropy is known."""

import math

import pytest
import torch

from genzoo.core.game import Batch
from genzoo.core.given import Given
from genzoo.core.model import GenerativeModel, Likelihood, Unsupported
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.data import read
from genzoo.data.data import Rows as DataRows
from genzoo.evaluation import Kind, Measurement, Protocol, check_comparable, code_length, evaluate, score
from genzoo.models.classical import Gaussian


class Uniform(GenerativeModel):
    likelihood = Likelihood.EXACT

    def draw(self, n, given, noise):
        return noise.integers(self.space.levels, n, *self.space.shape).to(torch.uint8)

    def log_density(self, x, given, noise):
        return torch.full((len(x),), -self.space.dims * math.log(self.space.levels), dtype=torch.float64)


class Gauss(GenerativeModel):
    likelihood = Likelihood.BOUND

    def draw(self, n, given, noise):
        return noise.normal(n, *self.space.shape)

    def log_density(self, x, given, noise, *, samples: int = 1):
        jitter = 1e-3 * noise.normal(len(x), samples).mean(1)
        return -0.5 * (x.square() + math.log(2 * math.pi)).flatten(1).sum(1) + jitter


class Silent(GenerativeModel):
    def draw(self, n, given, noise):
        return noise.normal(n, *self.space.shape)


class Rows:
    fingerprint = "f00d"

    def __init__(self, x: torch.Tensor, given: Given = None) -> None:
        self.x, self.given = x, given

    def __len__(self) -> int:
        return len(self.x)

    def gather(self, index, *, seed=0, epoch=0):
        return self.x[index], None if self.given is None else self.given[index]


def test_uniform_bytes_cost_eight_bits_exactly():
    model = Uniform(Space((2, 2), levels=256))
    got = code_length(model, Rows(model.sample(700, seed=1)))
    assert (got.value, got.error, got.kind, got.n) == (8.0, 0.0, Kind.EXACT, 700)


def test_real_data_is_measured_in_nats():
    got = code_length(Gauss(Space((3,))), Rows(Noise(0).normal(2000, 3)))
    assert got.unit == "nats/row"
    assert got.value == pytest.approx(1.5 * math.log(2 * math.pi * math.e), abs=4 * got.error)


def test_scores_do_not_depend_on_the_chunk():
    model, x = Gauss(Space((3,))), Noise(0).normal(50, 3)
    assert torch.equal(score(model, x, chunk=7, seed=3), score(model, x, chunk=50, seed=3))


def test_a_model_without_likelihood_says_so():
    with pytest.raises(Unsupported, match="cannot log_prob"):
        score(Silent(Space((2,))), torch.zeros(3, 2))


def test_protocol_measures_what_the_model_can():
    data, protocol = read(Noise(0).normal(600, 2)), Protocol(samples=300, importance=8)
    found = evaluate(Gauss(data.space), data, protocol)
    assert [m.name for m in found[:3]] == ["−log p", "−log p", "sliced Wasserstein"]
    assert found[1].protocol["samples"] == 8
    silent = {m.name: m for m in evaluate(Silent(data.space), data, protocol)}
    assert "−log p" not in silent
    assert silent["Fréchet"].value < 0.3


def test_unlike_numbers_refuse_to_be_compared():
    one = Measurement("bits/dim", 2.0, 0.1, Kind.EXACT, "bits/dim", 10, "aa")
    bound = Measurement("bits/dim", 2.1, 0.1, Kind.BOUND, "bits/dim", 10, "aa")
    check_comparable([one, bound])
    with pytest.raises(ValueError, match="data differs"):
        check_comparable([one, Measurement("bits/dim", 2.0, 0.1, Kind.EXACT, "bits/dim", 10, "bb")])
    assert (str(one), str(bound)) == ("2.00 ± 0.10", "≤ 2.10 ± 0.10")


def test_a_density_of_spikes_is_not_called_exact() -> None:
    noise = Noise(7)
    x = noise.normal(400, 3)
    model = Gaussian(Space((3,)), floor=1e-3)
    model.begin()
    model.accumulate(Batch(x))
    model.finish()
    assert code_length(model, DataRows(x, None, torch.arange(400), Space((3,)))).kind is Kind.EXACT
    x[:, 1] = torch.where(torch.arange(400) % 3 > 0, x[:, 1], 0.25)
    spiked = code_length(model, DataRows(x, None, torch.arange(400), Space((3,))))
    assert spiked.kind is Kind.SPIKED
    assert str(spiked).startswith("∝")


def test_a_density_of_a_grid_is_not_called_exact() -> None:
    x = (2 * Noise(7).normal(400, 1)).round() / 2
    model = Gaussian(Space((1,)), floor=1e-3)
    model.begin()
    model.accumulate(Batch(x))
    model.finish()
    assert code_length(model, DataRows(x, None, torch.arange(400), Space((1,)))).kind is Kind.SPIKED
