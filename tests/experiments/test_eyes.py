"""What sees the samples of a comparison: a judge, never raw pixels."""

import dataclasses
import functools

import pytest
import torch

from genzoo.core import Noise
from genzoo.data import Data, read
from genzoo.evaluation import Examiner, Protocol, frechet_of_features
from genzoo.evaluation.nearest import nearest_judge, recognition
from genzoo.experiments import own_judges
from genzoo.experiments.eyes import Eye, eye_for, eye_named
from genzoo.experiments.own_judges import judge_of_labels, judge_of_views, label_of
from genzoo.models.classical import Gaussian
from genzoo.models.dequantized import Dequantized


@functools.cache
def unseen() -> Data:
    """Digits of another name: no judge was made for them."""
    return dataclasses.replace(read("digits", given="label"), name="signs")


@pytest.fixture(autouse=True)
def short(monkeypatch, tmp_path_factory):
    monkeypatch.setattr(own_judges, "PASSES", 3)
    monkeypatch.setenv("GENZOO_CACHE", str(tmp_path_factory.getbasetemp() / "judges"))


def test_labels_are_found_whether_or_not_models_are_conditioned_on_them():
    alone = dataclasses.replace(read("digits"), name="signs")
    for data in (unseen(), alone):
        label = label_of(data)
        assert (label.name, label.classes) == ("label", tuple("0123456789"))
        assert torch.equal(label.rows, unseen().given)
    assert label_of(read(torch.zeros(90, 1, 8, 8, dtype=torch.uint8))) is None


def test_a_judge_learns_the_labels_of_unseen_pictures_once():
    eye = eye_for(unseen(), 1.0)
    judge = eye.extractor
    assert judge.name == "a judge of the labels of signs"
    assert "validation rows rightly" in eye.why
    assert f"{judge.record['steps']:,} steps" in eye.why
    assert judge.record["accuracy"] > 0.6 > judge.record["chance"]
    assert judge.record["budget"] == 20.0
    right = (judge.probabilities(unseen().valid.x).argmax(1) == unseen().valid.given).double().mean()
    assert right == pytest.approx(judge.record["accuracy"], abs=0.02)
    again = eye_for(dataclasses.replace(read("digits"), name="signs"), 1.0).extractor
    assert again.fingerprint == judge.fingerprint  # from the cache, though these data have no condition
    assert judge.knows(unseen())


def test_labels_without_sense_make_no_judge():
    """Labels drawn at random cannot be learned: another judge looks, and says that it was made for other data."""
    x = unseen().x[:700]
    data = read((x, Noise(0).integers(10, len(x))))
    assert judge_of_labels(data, 10.0) is None
    eye = eye_for(data, 1.0)
    assert eye.extractor.name.startswith("judge-")
    assert "made for other data" in eye.why
    assert not eye.extractor.knows(data)


def test_pictures_that_no_judge_can_be_shown_teach_one_of_their_own():
    x = Noise(0).integers(4, 120, 2, 8, 8).to(torch.uint8)
    eye = eye_for(read(x, levels=4), 1.0)
    assert eye.extractor.name == "a judge of views of tensor"
    assert "trained on" in eye.why
    assert "images alone" in eye.why
    assert eye.extractor(x).shape == (120, 96)  # and not of all stages: there are too few rows


def test_a_judge_of_grey_images_is_not_near_to_colors():
    colors = read(Noise(0).integers(256, 60, 3, 32, 32).to(torch.uint8))
    assert nearest_judge(colors, ["mnist", "fashion-mnist"]) is None
    assert nearest_judge(colors, ["mnist", "natural"]).settings.data == "natural"


def test_the_judge_of_color_images_sees_that_color_is_gone():
    patches = Noise(1).uniform(2600, 3, 4, 4).float()
    x = (255 * torch.nn.functional.interpolate(patches, (32, 32), mode="bilinear")).to(torch.uint8)
    eye = nearest_judge(read(x))
    x = x[:600]
    grey = x.float().mean(1, keepdim=True).expand_as(x).to(torch.uint8)
    real, gone = (frechet_of_features(eye(part[300:]), eye(x[:300])).value for part in (x, grey))
    assert gone > 3 * real


def test_a_judge_of_views_tells_images_apart():
    data = unseen()
    few = dataclasses.replace(data, splits={**data.splits, "train": data.splits["train"][:256]})
    fewer = dataclasses.replace(data, splits={**data.splits, "train": data.splits["train"][:100]})
    judge = judge_of_views(few, 10.0)
    assert judge.record["rows"] == 256
    units = judge(few.train.x)
    assert judge.dims == 16 + 16 + 32 + 64
    torch.testing.assert_close(units.mean(0), torch.zeros(judge.dims), atol=1e-4, rtol=0)
    assert 0.9 < units.std(0).median() < 1.1
    assert judge.on(data.space).fingerprint == judge.fingerprint != judge_of_views(fewer, 10.0).fingerprint
    assert not judge.knows(data)
    assert recognition(judge, data.valid.x, data.space) > 10 / len(data.valid)


def test_points_keep_their_values():
    assert eye_for(read("ring"), 1.0) == Eye()
    assert eye_named("values", read("ring"), 1.0).extractor.name == "values"


def test_raw_values_and_random_features_stand_beside_and_lead_nothing():
    data = unseen()
    model = Dequantized(Gaussian(dataclasses.replace(data.space, levels=None)), 17)
    few = Protocol(rows=20, samples=120)
    found = {m.name: m for m in Examiner(data, few, eye_for(data, 1.0).extractor)(model).measurements}
    leading = [name for name, m in found.items() if m.leads]
    assert leading[0] == "Fréchet"
    beside = {"sliced Wasserstein (raw values)", "Fréchet (random features)"}
    assert beside <= set(found)
    assert not beside & set(leading)
    assert "values" in found["sliced Wasserstein (raw values)"].protocol["extractor"]
    for name in ("values", "random"):
        asked = Examiner(data, few, eye_named(name, data, 1.0).extractor)(model).measurements
        assert not any(m.leads for m in asked)


def test_real_pictures_of_any_range_are_seen_alike():
    """Brightness between −1 and 1, or −50 and 30, is the same picture: the same features of the nearest judge."""
    x = unseen().x.float() / 16
    eyes = [nearest_judge(read(scale * x + shift)) for scale, shift in ((1.0, 0.0), (2.0, -1.0), (80.0, -50.0))]
    features = [
        eye(scale * x[:20] + shift)
        for eye, (scale, shift) in zip(eyes, ((1.0, 0.0), (2.0, -1.0), (80.0, -50.0)), strict=True)
    ]
    assert len({eye.name for eye in eyes}) == 1
    for other in features[1:]:
        torch.testing.assert_close(other, features[0], atol=1e-3, rtol=1e-3)
    assert len({eye.fingerprint for eye in eyes}) == 3
