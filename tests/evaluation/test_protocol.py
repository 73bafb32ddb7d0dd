"""The examiner: what it measures, how much of it, and beside what."""

import dataclasses

import pytest
import torch

import genzoo
from genzoo.core.model import GenerativeModel
from genzoo.evaluation import Examiner, Protocol, check_comparable, pooled, protocol
from genzoo.evaluation.protocol import draw
from genzoo.evaluation.rows import spread
from genzoo.evaluation.suites import on_molecules, on_table, on_texts, on_vectors, suite_of
from genzoo.models.classical import Gaussian


class Memory(GenerativeModel):
    """Gives back training rows, in order: what no honest model does."""

    def __init__(self, data, given=None):
        super().__init__(data.space, given)
        self.rows, self.asked = data.train.x, []

    def draw(self, n, given, noise, *, steps: int = 100):
        self.asked.append((n, steps, given))
        return self.rows[(noise.start + torch.arange(n)) % len(self.rows)]


@pytest.fixture(scope="module")
def digits():
    return genzoo.read("digits", given="label")


@pytest.fixture(scope="module")
def findings(digits):
    return Examiner(digits, Protocol(samples=500))(Memory(digits))


def test_copies_are_seen_and_everything_else_is_as_good_as_real(findings):
    found = {m.name: m for m in findings.measurements}
    assert found["copies"].value == 1
    assert found["copies"].floor < 0.1
    assert found["Fréchet"].value < 2 * found["Fréchet"].floor
    assert found["precision"].better == "higher"
    assert "judge-digits" in found["Fréchet"].protocol["extractor"]
    assert "bits/dim" not in found  # it has no likelihood


def test_nearest_training_rows_stand_beside_the_samples(findings):
    assert torch.equal(findings.neighbors, findings.samples[: len(findings.neighbors)])


def test_conditions_are_those_of_held_out_rows(digits):
    model = Memory(digits, given=digits.given_space)
    found = Examiner(digits, Protocol(samples=500))(model)
    assert torch.equal(found.given[: len(digits.test)], digits.test.given)
    assert set(found.by_class) == set("0123456789")


def test_options_of_sampling_are_for_those_that_know_them_all():
    ring = genzoo.read("ring")
    for options, expected in (({"steps": 7}, 7), ({"steps": 7, "sampler": "heun"}, 100)):
        model = Memory(ring)
        Examiner(ring, Protocol(rows=50, samples=100, sampling=options))(model)
        assert {steps for _, steps, _ in model.asked} == {expected}


def test_samples_do_not_depend_on_chunks(digits):
    model = Memory(digits)
    assert torch.equal(draw(model, 30, None, seed=0, chunk=7), draw(model, 30, None, seed=0))


def test_what_is_measured_of_a_table_is_what_is_written(tmp_path):
    data = genzoo.read((torch.arange(240.0).double() * 0.37).view(-1, 3).numpy().round(2))
    model = Memory(data)
    model.rows = model.rows + 0.004
    found = Examiner(data, Protocol(samples=10))(model).samples
    assert torch.equal(found, data.train.x[:10])
    assert torch.equal(found, data.codec.load(data.codec.save(model.sample(10, seed=0), tmp_path / "x.csv")))


def test_a_grid_shows_in_the_rows_that_were_learned_from():
    x = (4 * genzoo.Noise(0).normal(3000, 2)).mul(10).round() / 10
    data = genzoo.read(x.double().numpy())
    model = Gaussian(data.space)
    found = {m.name: m for m in Examiner(data, Protocol(rows=100, samples=50))(model).measurements}
    assert found["−log p"].kind.value == "spiked"


def test_little_time_means_fewer_rows_but_no_fewer_than_numbers_need(digits, findings):
    examiner = Examiner(digits, Protocol(samples=2000))
    assert examiner.within(1e6, [Memory(digits)]) is examiner
    short = examiner.within(1e-9, [Memory(digits)])
    assert (short.protocol.samples, short.protocol.rows) == (200, 100)
    other = Examiner(digits, Protocol(samples=520))(Memory(digits))
    measured = (each.measurements[0] for each in (findings, other))
    with pytest.raises(ValueError, match="share one protocol; n differs"):
        check_comparable(list(measured))


def test_trees_get_as_many_rows_of_a_table_as_they_need(monkeypatch, tmp_path):
    """However short the time: on 220 samples they took the worst model's samples for real ones."""
    assert protocol.LEAST_OF_TABLES == (1000, 500)
    monkeypatch.setattr(protocol, "LEAST_OF_TABLES", (120, 60))
    lines = [",".join(f"{cell:.3f}" for cell in row) for row in genzoo.Noise(0).normal(900, 3).tolist()]
    (tmp_path / "three.csv").write_text("\n".join(["a,b,c", *lines]))
    data = genzoo.read(tmp_path / "three.csv")
    for samples, looked_at in ((2000, (120, 60)), (50, (50, 60))):
        short = Examiner(data, Protocol(samples=samples)).within(1e-9, [Gaussian(data.space)])
        assert (short.protocol.samples, short.protocol.rows) == looked_at


def test_a_split_must_be_one_and_have_rows(digits):
    with pytest.raises(ValueError, match="train, valid or test"):
        Protocol(split="tests")
    with pytest.raises(ValueError, match="must have rows"):
        Examiner(dataclasses.replace(digits, splits={**digits.splits, "valid": digits.splits["valid"][:0]}),
                 Protocol(split="valid"))  # fmt: skip


def test_some_rows_are_spread_evenly():
    rows = genzoo.read("ring").test
    assert torch.equal(spread(rows, 4).numbers, rows.numbers[[0, 500, 1000, 1500]])
    assert spread(rows, 10**9) is rows


@pytest.mark.parametrize(
    ("data", "suite"),
    [("digits", on_vectors), ("moons", on_vectors), ("verse", on_texts), (torch.zeros(50, 3), on_table)],
)
def test_data_say_what_is_measured(data, suite):
    assert suite_of(genzoo.read(data)) is suite


def test_molecules_are_measured_as_such(tmp_path):
    smiles = ["C" * k + "O" for k in range(1, 40)] + ["c1ccccc1" + "C" * k for k in range(1, 40)]
    (tmp_path / "alcohols.smi").write_text("\n".join(smiles) + "\n")
    data = genzoo.read(tmp_path / "alcohols.smi")
    assert suite_of(data) is on_molecules
    found = {m.name: m for m in Examiner(data, Protocol(samples=60))(Memory(data)).measurements}
    assert found["valid"].value == 1
    assert found["novel"].value == 0
    assert "logP distance" in found


def test_molecules_are_held_against_what_they_were_asked_to_be(tmp_path):
    smiles = ["C" * k + "O" for k in range(1, 40)] + ["c1ccccc1" + "C" * k for k in range(1, 40)]
    (tmp_path / "alcohols.smi").write_text("\n".join(smiles) + "\n")
    for given in ("logP", ["logP", "rings"]):
        data = genzoo.read(tmp_path / "alcohols.smi", given=given)
        found = {m.name: m for m in Examiner(data, Protocol(samples=60))(Memory(data, data.given_space)).measurements}
        error = found["logP error"]
        assert error.floor == pytest.approx(0, abs=1e-4)
        assert error.control > 1
        assert error.value == pytest.approx(error.control, rel=0.5)  # a memory that asks for nothing
        assert ("rings error" in found) == (given != "logP")


def test_samples_are_held_against_complete_rows_and_likelihoods_are_of_all(tmp_path):
    x = genzoo.core.Noise(0).normal(900, 3)
    lines = [f"{a:.4f},{'' if i % 4 == 0 else format(b, '.4f')},{c:.4f}" for i, (a, b, c) in enumerate(x.tolist())]
    (tmp_path / "gaps.csv").write_text("\n".join(["a,b,c", *lines]))
    data = genzoo.read(tmp_path / "gaps.csv", missing="keep")
    run = genzoo.train("gaussian", data, out=tmp_path / "run")
    found = {m.name: m for m in Examiner(data, Protocol(samples=200))(run.model).measurements}
    assert all(m.value == m.value for m in found.values())
    assert found["−log p"].n == len(data.test)


def test_pooling_takes_the_larger_error():
    data = genzoo.read("ring")
    made = Examiner(data, Protocol(samples=500))(Memory(data)).measurements[0]
    apart = [dataclasses.replace(made, value=value, error=0.1) for value in (1.0, 3.0)]
    assert pooled(apart).value == 2
    assert pooled(apart).error == pytest.approx(1.0)
    together = [dataclasses.replace(made, value=1.0, error=0.1)] * 4
    assert pooled(together).error == pytest.approx(0.05)
