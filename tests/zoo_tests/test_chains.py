"""Runs of three stages, runs that stand on other runs, and runs that start from the weights of others."""

import dataclasses
import gc
import json
import shutil
import weakref

import pytest
import torch
from safetensors.torch import load_file

import genzoo
from genzoo.core import Noise, Trainable
from genzoo.data import ImageCodec
from genzoo.models.autoencoders import VAE
from genzoo.training.callbacks import Callback
from genzoo.zoo import Mistake, recipes, store
from genzoo.zoo.recipe import Recipe, unconditional
from genzoo.zoo.stages import stages_of
from tests.zoo_tests.test_stages import Stop, without_clock
from tests.zoo_tests.unclip import CONFIG, Contrast, FromCodes, OfCodes, student, unclip

SMALL = {"steps": 16, "checkpoint_every": 2, "device": "cpu"}
STAGES = ("stage-1", "stage-2", ".")


@pytest.fixture(autouse=True, scope="module")
def installed():
    with pytest.MonkeyPatch.context() as patch:
        for info in (unclip, student):
            patch.setitem(recipes(), info.name, info)
        yield


@pytest.fixture(scope="module")
def moons(tmp_path_factory):
    return genzoo.train("vae", "moons", out=tmp_path_factory.mktemp("moons") / "run", steps=4, device="cpu")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of all three stages, to be looked at."""
    return trained(tmp_path_factory.mktemp("unclip") / "whole")


def trained(path, **more):
    return genzoo.train("unclip", "digits", given="label", out=path, **SMALL | more)


def same(one, other):
    assert (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
    assert without_clock(one) == without_clock(other)


# --- three stages -------------------------------------------------------------------------------------------------


def test_a_recipe_is_followed_to_its_end(whole):
    data = genzoo.read("digits", given="label")
    built = [type(stage.model) for stage in stages_of(unclip(data.space, data.given_space))]
    assert built == [Contrast, OfCodes, FromCodes]
    assert isinstance(whole.model, FromCodes)
    assert [type(genzoo.load(whole.path / part).model) for part in STAGES] == built
    assert [genzoo.load(whole.path / part).config.stage for part in STAGES] == [1, 2, 3]
    again = genzoo.load(whole.path)
    assert torch.equal(again.model.sample(3, data.test.gather(torch.arange(3))[1], seed=1),
                       whole.model.sample(3, data.test.gather(torch.arange(3))[1], seed=1))  # fmt: skip


def test_the_stages_share_the_budget_by_their_parts(whole):
    assert [without_clock(whole.path / part)[-1]["step"] for part in STAGES] == [4, 4, 8]
    assert sum(genzoo.load(whole.path / part).config.train.steps for part in STAGES) == 16


def test_every_stage_keeps_what_the_one_before_learned(whole):
    first, second, third = (load_file(whole.path / part / "model.safetensors") for part in STAGES)
    assert all(torch.equal(tensor, second[f"encoder.{name}"]) for name, tensor in first.items())
    assert all(torch.equal(tensor, third[f"codes.{name}"]) for name, tensor in second.items())


@pytest.mark.parametrize(("stage", "step"), [(1, 1), (2, 3), (3, 1), (3, 5)])
def test_a_kill_in_any_stage_changes_nothing(tmp_path, whole, stage, step):
    with pytest.raises(ConnectionAbortedError):
        trained(tmp_path / "cut", callbacks=[Stop(stage, step)])
    genzoo.resume(tmp_path / "cut")
    for part in STAGES:
        same(whole.path / part, tmp_path / "cut" / part)


def test_a_stage_that_only_codes_has_no_samples(whole):
    run = whole
    assert not (run.path / "stage-1" / "samples").exists()
    assert list((run.path / "samples").glob("*.png"))
    assert list((run.path / "stage-2" / "samples").glob("*.npy"))  # codes are no pictures
    encoder = genzoo.load(run.path / "stage-1")
    assert isinstance(encoder.model, Trainable)
    with pytest.raises(Mistake, match="must be of a model of x to be asked this, got Contrast"):
        _ = encoder.generative
    assert run.generative is run.model


def test_a_stage_sees_the_rows_and_conditions_that_it_says(tmp_path, monkeypatch):
    seen = []

    class Look(Contrast):
        def loss(self, batch):
            seen.append((len(batch), not batch.given))
            return self.code(batch.x).square().mean() + sum(p.square().sum() for p in self.label.parameters())

    def few(data):
        return dataclasses.replace(data, splits={**data.splits, "train": data.splits["train"][:40]})

    built = unclip.function

    def changed(space, given=None):
        then = built(space, given).then
        return Recipe(Look(space, given), CONFIG, then=then, sees=lambda data: few(unconditional(data)))

    monkeypatch.setattr(unclip, "function", changed)
    trained(tmp_path / "run", batch_size=40, valid_rows=7)
    assert {size for size, _ in seen} == {40, 7}
    assert all(unconditional for _, unconditional in seen)


def test_no_model_is_alive_that_is_not_trained(tmp_path, monkeypatch):
    counts, kinds, made = [], (VAE, Contrast, OfCodes, FromCodes), weakref.WeakSet()

    def counted(method):
        def call(self, *args, **options):
            made.add(self)
            return method(self, *args, **options)

        return call

    for kind in kinds:
        for birth in ("__init__", "__setstate__"):  # the second is that of copies
            monkeypatch.setattr(kind, birth, counted(getattr(kind, birth)))

    class Count(Callback):
        def on_step(self, state):
            if state.step == 1:
                gc.collect()
                counts.append([sum(type(model) is kind for model in made) for kind in kinds])

    trained(tmp_path / "run", callbacks=[Count()])
    genzoo.train("vae", "digits", out=tmp_path / "vae", callbacks=[Count()], ema=None, **SMALL)
    # A frozen copy lives in the model above it: the encoder in the prior of codes, both in the decoder.
    assert counts == [[0, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 1], [1, 0, 0, 0]]


# --- runs as arguments --------------------------------------------------------------------------------------------


def test_a_run_that_stands_on_another_outlives_it(tmp_path, moons):
    shutil.copytree(moons.path, tmp_path / "teacher")
    run = genzoo.train("student", "moons", out=tmp_path / "run", settings={"teacher": tmp_path / "teacher"}, **SMALL)
    x = run.model.sample(5, seed=3)
    shutil.rmtree(tmp_path / "teacher")
    assert torch.equal(genzoo.load(run.path).model.sample(5, seed=3), x)
    assert run.config.recipe.arguments == {"teacher": str(tmp_path / "teacher"), "others": []}
    assert store.run_folders(tmp_path) == [run.path]


def test_a_run_that_stands_on_another_goes_on_without_it(tmp_path, moons):
    def go(path, **more):
        shutil.copytree(moons.path, tmp_path / "teacher", dirs_exist_ok=True)
        return genzoo.train("student", "moons", out=path, settings={"teacher": tmp_path / "teacher"}, **SMALL, **more)

    go(tmp_path / "whole")
    with pytest.raises(ConnectionAbortedError):
        go(tmp_path / "cut", callbacks=[Stop(1, 3)])
    shutil.rmtree(tmp_path / "teacher")
    genzoo.resume(tmp_path / "cut")
    same(tmp_path / "whole", tmp_path / "cut")


def test_runs_stand_on_runs_that_stand_on_runs(tmp_path, moons):
    first = genzoo.train("student", "moons", out=tmp_path / "one", settings={"teacher": moons.path}, **SMALL)
    settings = {"teacher": moons.path, "others": [moons.path, first.path]}
    second = genzoo.train("student", "moons", out=tmp_path / "two", settings=settings, **SMALL)
    x = second.model.sample(2, seed=0)
    shutil.rmtree(first.path)
    assert torch.equal(genzoo.load(second.path).model.sample(2, seed=0), x)


def test_an_argument_that_names_no_run_is_a_mistake(tmp_path):
    with pytest.raises(Mistake, match="must be a folder"):
        genzoo.train("student", "moons", out=tmp_path / "run", settings={"teacher": "no/run"}, **SMALL)
    assert not (tmp_path / "run").exists()


# --- starting from a run ------------------------------------------------------------------------------------------

STARTS = [
    ("vae", "digits", "label", {"latent": 3}),
    ("gpt", "verse", None, {"width": 8, "depth": 1}),
    ("wgan_gp", "digits", None, {}),
    ("realnvp", "moons", None, {"depth": 2}),
    ("gaussian_mixture", "moons", None, {"components": 3}),
    ("kde", "moons", None, {}),
    ("latent_flow", "digits", None, {"latent": 2, "depth": 2}),
]


@pytest.mark.parametrize(("recipe", "data", "given", "settings"), STARTS, ids=[start[0] for start in STARTS])
def test_every_recipe_starts_from_a_finished_run_of_it(tmp_path, recipe, data, given, settings):
    small = {"steps": 2, "device": "cpu"}
    first = genzoo.train(recipe, data, given=given, out=tmp_path / "first", settings=settings, seed=1, **small)
    weights = {}

    class Keep(Callback):
        def on_start(self, state):
            weights[len(weights)] = {name: tensor.clone() for name, tensor in state.model.state_dict().items()}

    second = genzoo.train(
        recipe, data, given=given, out=tmp_path / "second", start=first.path, callbacks=[Keep()], **small
    )
    folders = store.stage_folders(first.path, first.config)
    for begun, folder in zip(weights.values(), folders, strict=True):
        kept = load_file(folder / "model.safetensors")
        assert all(torch.equal(begun[name], kept[name]) for name in kept)
    assert second.config.recipe.arguments == first.config.recipe.arguments
    assert second.config.start == str(first.path)


def test_a_run_that_started_from_another_goes_on_without_it(tmp_path):
    def go(path, **more):
        shutil.copytree(tmp_path / "first", tmp_path / "moved", dirs_exist_ok=True)
        return genzoo.train("unclip", "digits", given="label", out=path, start=tmp_path / "moved", **SMALL, **more)

    trained(tmp_path / "first", seed=5)
    go(tmp_path / "whole")
    with pytest.raises(ConnectionAbortedError):
        go(tmp_path / "cut", callbacks=[Stop(1, 3)])
    shutil.rmtree(tmp_path / "moved")
    genzoo.resume(tmp_path / "cut")
    for part in STAGES:
        same(tmp_path / "whole" / part, tmp_path / "cut" / part)


def test_weights_that_do_not_fit_are_refused_before_anything_is_written(tmp_path, moons):
    with pytest.raises(Mistake, match=r"must fit the new model; .* has shape .*, not"):
        genzoo.train("vae", "moons", out=tmp_path / "run", start=moons.path, settings={"latent": 5}, **SMALL)
    with pytest.raises(Mistake, match="must start from a whole run of it, got one of vae"):
        genzoo.train("realnvp", "moons", out=tmp_path / "run", start=moons.path, **SMALL)
    with pytest.raises(Mistake, match="must be a folder"):
        genzoo.train("vae", "moons", out=tmp_path / "run", start=tmp_path / "nothing", **SMALL)
    assert not (tmp_path / "run").exists()


# --- settings -----------------------------------------------------------------------------------------------------


def test_none_switches_off_what_a_recipe_sets(tmp_path):
    data = genzoo.read("digits")
    published = recipes()["vae"](data.space).config
    assert published.ema is not None
    assert published.clip_norm is not None
    off = {"minutes": None, "ema": None, "clip_norm": None}
    run = genzoo.train("vae", data, out=tmp_path / "run", steps=3, device="cpu", **off)
    assert (run.config.train.ema, run.config.train.clip_norm, run.config.train.steps) == (None, None, 3)
    with pytest.raises(Mistake, match="lr"):
        genzoo.train("vae", data, out=tmp_path / "other", steps=3, lr=None)


def test_a_run_keeps_the_codecs_of_its_conditions(tmp_path):
    for number, side in enumerate(("left", "right")):
        x = Noise(number).integers(256, 30, 1, 4, 4).to(torch.uint8)
        ImageCodec().save_each(x, tmp_path / "pairs" / side)
    data = genzoo.read(tmp_path / "pairs", x="right", given=["left"])
    assert set(data.given_codecs) == {"left"}
    run = genzoo.train("vae", data, out=tmp_path / "run", steps=2, device="cpu")
    assert dict(genzoo.load(run.path).given_codecs) == dict(data.given_codecs) == dict(run.given_codecs)
    assert set(json.loads((run.path / "codec.json").read_text())) == {"x", "given"}
