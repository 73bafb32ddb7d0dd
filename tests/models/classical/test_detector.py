"""A detector finds what a blur takes away, and goes on to where pictures were squeezed in between."""

import pytest
import torch

import genzoo
from genzoo.core import Noise, Space
from genzoo.models.classical import Detector
from genzoo.models.classical.detector import spoiled
from genzoo.nn.spoiled import blurred
from genzoo.zoo import Mistake


def test_pictures_that_lack_fine_waves_are_found(tmp_path) -> None:
    real = genzoo.read("digits").x[:600]
    soft = blurred(real.float() / 8 - 1, torch.full((600,), 0.6)).add(1).mul(8).round().to(torch.uint8)
    pictures, label = torch.cat([real[:300], soft[300:]]), torch.arange(600) // 300
    data = genzoo.read({"made": label, "image": pictures}, x="made", given="image")
    settings = {"width": 4, "spoil": 0.2}
    run = genzoo.train("detector", data, settings=settings, steps=100, lr=5e-3, out=tmp_path / "run", device="cpu")
    held = genzoo.read("digits").x[1000:1100]
    fake = blurred(held.float() / 8 - 1, torch.full((100,), 0.6)).add(1).mul(8).round().to(torch.uint8)
    told = [run.model.log_probs(x).argmax(1).double().mean() for x in (held, fake)]
    assert told[0] < 0.25
    assert told[1] > 0.75


def test_training_spoils_as_many_as_it_is_told() -> None:
    x = torch.rand(400, 1, 8, 8) * 2 - 1
    changed = (spoiled(x, 0.5, Noise(0)) - x).abs().flatten(1).amax(1) > 1e-3
    assert abs(changed.double().mean() - 0.75) < 0.1
    assert torch.allclose(spoiled(x, 0.0, Noise(0)), x, atol=1e-5)
    assert torch.equal(spoiled(x, 0.5, Noise(1))[:3], spoiled(x[:3], 0.5, Noise(1)))


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="one label of one picture"):
        Detector(Space((), levels=2), Space((4,)))
    for wrong in ({"width": 0}, {"spoil": 1.5}):
        with pytest.raises(ValueError, match="at least 1"):
            Detector(Space((), levels=2), Space((1, 8, 8)), **wrong)
    with pytest.raises(Mistake, match="label given its picture"):
        genzoo.train("detector", "moons", steps=1)
