"""A diffusion that stands on the run of a classifier."""

import shutil

import pytest
import torch

import genzoo
from genzoo.core import Noise
from genzoo.models import Standardized
from genzoo.models.diffusion import ClassifiedDiffusion
from genzoo.zoo.mistakes import Mistake

TINY = {"width": 4, "depth": 1}


def test_the_classifiers_run_is_copied_and_its_units_are_those_of_the_diffusion(tmp_path) -> None:
    label, rows = Noise(0).integers(3, 60), 5 + Noise(1).normal(60, 2) * torch.tensor([1.0, 9.0])
    of_rows, short = genzoo.read((rows, label)), {"steps": 2, "device": "cpu", "batch_size": 16}
    told = genzoo.train(
        "noisy_classifier", genzoo.read((label, rows), levels=3), settings=TINY, out=tmp_path / "told", **short
    )
    assert told.model.log_prob(label[:4], rows[:4]).shape == (4,)
    asked = TINY | {"classifier": told.path}
    run = genzoo.train("ddpm", of_rows, settings=asked, out=tmp_path / "led", **short)
    units = told.model.conditions[0]
    shutil.rmtree(told.path)
    model = genzoo.load(run.path).model
    assert isinstance(model, Standardized)
    assert isinstance(model.model, ClassifiedDiffusion)
    assert torch.equal(model.shift, units.shift)
    assert torch.equal(model.scale, units.scale)
    options = {"seed": 0, "steps": 3, "sampler": "ddim"}
    drawn = [model.sample(5, 1, guidance=weight, **options) for weight in (0.0, 4.0)]
    assert torch.allclose(drawn[0], model.sample(5, -1, **options))
    assert not torch.allclose(*drawn)
    with pytest.raises(Mistake, match="must be a run of noisy_classifier"):
        genzoo.train("ddpm", of_rows, settings=TINY | {"classifier": run.path}, out=tmp_path / "no", **short)
    with pytest.raises(Mistake, match="--x label --given image"):
        genzoo.train("noisy_classifier", of_rows, settings=TINY, out=tmp_path / "no2", **short)
