"""Judges: as accurate as they say, for any levels of their shape, small, and with their papers in order."""

import dataclasses
import json
import os
from importlib import resources
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from genzoo.core import Batch, Noise, Space
from genzoo.data import read
from genzoo.data.codecs.audio import companded
from genzoo.evaluation.extractors import Extractor
from genzoo.evaluation.judge import (
    Judge,
    JudgeSettings,
    judge_made_for,
    judges,
    read_judge,
    shipped_judge,
    write_judge,
)
from genzoo.evaluation.nearest import nearest_judge
from genzoo.training import TrainConfig, train

RECORDS = Path(__file__).resolve().parents[2] / "experiments" / "records"
NEEDS_DATA = pytest.mark.skipif("GENZOO_DATA" not in os.environ, reason="set GENZOO_DATA to the folder of real data")


@pytest.fixture(scope="module")
def digits():
    return read("digits", given="label")


def accuracy(judge: Judge, x: torch.Tensor, label: torch.Tensor) -> float:
    return (judge.probabilities(x).argmax(1) == label).double().mean().item()


def test_the_judge_of_digits_is_as_accurate_as_it_says(digits):
    judge = shipped_judge("digits")
    assert accuracy(judge, digits.test.x, digits.test.given) == pytest.approx(judge.accuracy, abs=1e-9)
    assert judge.accuracy > 0.97
    assert judge.classes == digits.classes[""]


def test_levels_are_a_matter_of_scale(digits):
    """The same digits in 17 and 256 levels and as reals get the same features."""
    judge, x = shipped_judge("digits"), digits.test.x
    expected = judge.on(digits.space)(x)
    torch.testing.assert_close(judge.on(Space((1, 8, 8)))(x / 16), expected)
    bytes_ = (x.double() * 255 / 16).round().to(torch.uint8)
    torch.testing.assert_close(judge.on(Space((1, 8, 8), levels=256))(bytes_), expected, atol=0.05, rtol=0.05)
    binary = read("digits", given="label", binarize="threshold")
    assert accuracy(judge.on(binary.space), binary.test.x, binary.test.given) > 0.8


def test_features_tell_classes_apart(digits):
    """The nearest other row by features shows the same digit more often than the nearest by pixels."""
    judge, x, label = shipped_judge("digits").on(digits.space), digits.test.x, digits.test.given

    def alike(features: torch.Tensor) -> float:
        distance = torch.cdist(features, features).fill_diagonal_(torch.inf)
        return (label[distance.argmin(1)] == label).double().mean().item()

    assert alike(judge(x)) > alike(x.flatten(1).float())


def test_other_color_images_are_judged_as_natural_ones():
    data = read(Noise(0).integers(256, 30, 3, 32, 32).to(torch.uint8))
    judge = nearest_judge(data, ["natural"])
    assert judge.name == "judge-natural"
    assert (judge(data.x).shape, judge.maps(data.x).shape) == ((30, 96), (30, 96))


def test_every_shipped_judge_has_its_record():
    for name in judges():
        judge = shipped_judge(name)
        assert isinstance(judge, Extractor)
        assert judge.record["fingerprint"] == judge.fingerprint
        kept = json.loads((RECORDS / f"judge-{name}.json").read_text(encoding="utf-8"))
        assert kept == judge.record
        assert 0.5 < judge.accuracy <= 1
        assert {"config", "fingerprint_of_data", "core_seconds", "versions", "rows"} <= set(kept)


def test_the_weights_are_small_and_licensed():
    folder = resources.files("genzoo.evaluation") / "weights"
    sizes = [len(entry.read_bytes()) for entry in folder.iterdir() if entry.name.endswith(".safetensors")]
    assert sum(sizes) <= 2_000_000
    notice = (folder / "NOTICE.md").read_text(encoding="utf-8")
    assert all(f"judge-{name}.safetensors" in notice for name in judges())


def test_the_judge_of_data_goes_by_name_and_shape(digits):
    assert judge_made_for(digits).name == "judge-digits"
    renamed = dataclasses.replace(digits, name="mnist")
    assert judge_made_for(renamed) is None  # the name alone is not enough
    assert judge_made_for(read("ring")) is None
    assert judge_made_for(read(torch.zeros(30, 1, 28, 28, dtype=torch.uint8))) is None


def test_images_of_another_size_are_resized_and_the_name_says_so():
    """An enlarged digit is the digit that it was, and nearly so one in white on a card of three colors."""
    digits, small = read("digits"), shipped_judge("digits")
    x = digits.test.x
    large = x.repeat_interleave(3, 2).repeat_interleave(3, 3)
    judge = small.on(Space((1, 24, 24), levels=17))
    assert judge.name == "judge-digits, resized from 24×24×1 to 8×8×1"
    assert judge.fingerprint != small.fingerprint
    assert (judge.probabilities(large).argmax(1) == small.probabilities(x).argmax(1)).double().mean() > 0.95
    colored = large.expand(-1, 3, -1, -1)
    torch.testing.assert_close(small.on(Space((3, 24, 24), levels=17))(colored), judge(large), atol=1e-3, rtol=1e-3)
    clear = torch.cat([colored, torch.full_like(large, 16)], 1)
    torch.testing.assert_close(small.on(Space((4, 24, 24), levels=17))(clear), judge(large), atol=1e-3, rtol=1e-3)
    assert torch.equal(small.on(Space((1, 8, 8), levels=17))(x), small(x))


def test_what_is_no_image_is_refused():
    for shape in [(64,), (1, 2, 8), (2, 8, 8)]:
        with pytest.raises(ValueError, match=r"judges grey or color images of 4 pixels a side or more"):
            shipped_judge("digits").on(Space(shape, levels=17))
    with pytest.raises(ValueError, match="A judge must be one of"):
        shipped_judge("letters")


def test_a_judge_is_written_and_read(tmp_path, digits):
    settings = JudgeSettings("digits", (1, 8, 8), tuple("0123456789"), (4, 8), 17, stride=1)
    judge = Judge(settings, {"accuracy": 0.5}).eval()
    again = read_judge(write_judge(judge, tmp_path / "judge.safetensors"))
    assert (again.settings, again.record, again.accuracy) == (settings, {"accuracy": 0.5}, 0.5)
    torch.testing.assert_close(again(digits.test.x), judge(digits.test.x), atol=2e-3, rtol=2e-3)
    assert again.fingerprint != judge.fingerprint  # half precision is another judge
    assert again.fingerprint == read_judge(tmp_path / "judge.safetensors").fingerprint


def test_other_files_are_no_judges(tmp_path):
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"other.safetensors must hold a judge"):
        read_judge(tmp_path / "other.safetensors")


def test_the_engine_trains_a_judge(digits):
    torch.manual_seed(0)
    judge = Judge(JudgeSettings("digits", (1, 8, 8), tuple("0123456789"), (8, 16), 17, stride=1)).on(digits.space)
    first = judge.loss(Batch(digits.train.x[:64], digits.train.given[:64])).item()
    trained = train(judge, digits.train, TrainConfig(steps=60, lr=5e-3, batch_size=64), say=lambda _: None)
    assert trained.metrics[-1]["loss"] < 0.6 * first
    assert accuracy(trained.model, digits.test.x, digits.test.given) > 0.7


def test_a_judge_needs_labels(digits):
    with pytest.raises(ValueError, match="one label per row, got none"):
        shipped_judge("digits").loss(Batch(digits.test.x))


def test_sounds_are_heard_alike_in_every_form():
    """Reals and the μ-law, padded or not: one sound, one feature; volume does not count."""
    settings = JudgeSettings("tones", (2000,), ("low", "high"), (4, 8), None, rate=8000)
    judge = Judge(settings).eval()
    sound = 0.5 * torch.sin(torch.arange(1500.0) * 0.3)[None]
    expected = judge.on(Space((1500,)))(sound)
    padded = torch.nn.functional.pad(sound, (0, 300), value=torch.nan)
    assert torch.equal(judge.on(Space((1800,), ragged=True))(padded), expected)
    torch.testing.assert_close(judge.on(Space((1500,)))(0.5 * sound), expected, atol=1e-4, rtol=1e-4)
    levels = torch.nn.functional.pad(companded(sound).long(), (0, 300), value=256)
    heard = judge.on(Space((1800,), levels=256, ragged=True))(levels)
    assert (heard - expected).norm() < 0.3 * expected.norm()


def test_sounds_vary_in_training_only():
    judge = Judge(JudgeSettings("tones", (2000,), ("low", "high"), (4, 8), None, rate=8000, dropout=0.0)).on(
        Space((2000,))
    )
    batch = Batch(Noise(1).normal(6, 2000), torch.tensor([0, 1] * 3), Noise(0))
    other = Batch(batch.x, batch.given, Noise(1))
    judge.train()
    assert judge.loss(batch) == judge.loss(batch)
    assert judge.loss(batch) != judge.loss(other)
    judge.eval()
    assert judge.loss(batch) == judge.loss(other)


@NEEDS_DATA
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "fsdd", "cifar10-subset"])
def test_judges_know_their_data(name):
    data = read(name, given="digit" if name == "fsdd" else "label")
    judge = judge_made_for(data)
    x, label = data.test.head(300)
    sure = 4 * (judge.accuracy * (1 - judge.accuracy) / 300) ** 0.5
    assert accuracy(judge, x, label) > judge.accuracy - max(sure, 0.02)
