"""Runs: what training leaves loads back the same, and refuses to be mistaken for another."""

import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader, TensorDataset

import genzoo
from genzoo import Mistake
from genzoo.core.noise import Noise
from genzoo.zoo import store

RECIPES = ("gaussian_mixture", "vae", "wgan_gp")


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    return genzoo.train("vae", "digits", given="label", out=tmp_path_factory.mktemp("runs") / "vae", steps=6)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(("data", "given"), [("digits", "label"), ("moons", None)])
def test_what_is_trained_loads_back_the_same(tmp_path, recipe, data, given):
    run = genzoo.train(recipe, data, given=given, out=tmp_path / "run", steps=3, seed=5)
    again = genzoo.load(tmp_path / "run")
    condition = torch.arange(8) if given else None
    assert torch.equal(run.model.sample(8, condition, seed=1), again.model.sample(8, condition, seed=1))
    assert again.codec == run.codec
    assert again.data_name == data
    assert not again.model.training


def test_a_fresh_process_makes_the_same_samples(vae, fresh):
    code = f"import genzoo; print(genzoo.load({str(vae.path)!r}).model.sample(4, seed=2).sum().item())"
    done = fresh(code)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == int(vae.model.sample(4, seed=2).sum())


def test_using_a_model_loads_no_compiler(vae, fresh):
    code = """
    import sys, genzoo
    genzoo.load(sys.argv[1]).model.sample(2, seed=0)
    print([name for name in ("torch._dynamo", "sympy", "lightning_fabric") if name in sys.modules])
    """
    assert fresh(code, vae.path).stdout.split() == ["[]"]


def test_the_folder_says_all(vae):
    config = store.read_config(vae.path)
    assert config.recipe.arguments["latent"] is None
    assert config.data.rows["train"] + config.data.rows["valid"] + config.data.rows["test"] == 1797
    assert config.data.given == ["label"]
    assert config.versions["genzoo"] == genzoo.__version__
    assert {"config.json", "codec.json", "model.safetensors", "metrics.jsonl", "metrics.csv", "README.md"} <= {
        path.name for path in vae.path.iterdir()
    }
    assert list((vae.path / "samples").glob("*.png"))
    assert "genzoo.load" in (vae.path / "README.md").read_text()
    assert vae.data().fingerprint == config.data.fingerprint


@pytest.mark.parametrize("recipe", RECIPES)
def test_resuming_a_finished_run_changes_nothing(tmp_path, recipe):
    genzoo.train(recipe, "moons", out=tmp_path / "run", steps=4)
    before = load_file(tmp_path / "run" / "model.safetensors")
    genzoo.resume(tmp_path / "run")
    after = load_file(tmp_path / "run" / "model.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_seeds_name_the_start(tmp_path):
    first, same, other = (
        genzoo.train("vae", "moons", out=tmp_path / str(i), steps=0, seed=seed).model.sample(3, seed=0)
        for i, seed in enumerate((1, 1, 2))
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_own_tensors_are_data(tmp_path):
    x, label = Noise(0).normal(60, 3), torch.arange(60) % 2
    run = genzoo.train("gaussian_mixture", (x, label), out=tmp_path / "run", steps=2, settings={"components": 2})
    assert run.model.sample(4, torch.tensor([0, 1, 0, 1]), seed=0).shape == (4, 3)
    with pytest.raises(Mistake, match="trained on tensors"):
        genzoo.resume(tmp_path / "run")
    with pytest.raises(Mistake, match="got others"):
        genzoo.resume(tmp_path / "run", data=(x + 1, label))
    genzoo.resume(tmp_path / "run", data=(x, label))


def test_a_foreign_loader_is_data(tmp_path):
    loader = DataLoader(TensorDataset(Noise(0).normal(60, 3)), batch_size=20)
    run = genzoo.train("vae", loader, out=tmp_path / "run", steps=4)
    assert run.model.sample(4, seed=0).shape == (4, 3)
    assert run.config.train.keep == "last"


def test_a_plain_loop_trains_too():
    data = genzoo.read("moons")
    model = genzoo.recipe_named("vae")(data.space).model
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for page in range(60):
        loss = model.loss(genzoo.Batch(data.train.x[:256], noise=Noise(0).tick(page)))
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) < sum(losses[:10])


def test_a_folder_is_taken_once(vae):
    with pytest.raises(Mistake, match="already holds a run"):
        genzoo.train("vae", "digits", out=vae.path, steps=1)


def test_a_recipe_keeps_its_own_rate(tmp_path):
    with pytest.raises(Mistake, match="sets lr itself"):
        genzoo.train("wgan_gp", "moons", out=tmp_path / "run", steps=1, lr=1e-3)


def test_numbers_of_one_field_say_so(tmp_path):
    with pytest.raises(Mistake, match=r"no train setting 'stepz'\. Did you mean 'steps'"):
        genzoo.train("vae", "moons", out=tmp_path / "run", stepz=1)


# --- folders that are not what they should be ----------------------------------------------------------------------


@pytest.fixture
def copied(vae, tmp_path):
    for name in ("config.json", "codec.json", "model.safetensors"):
        (tmp_path / name).write_bytes((vae.path / name).read_bytes())
    return tmp_path


def edited(path, **changes):
    fields = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(fields | changes))


def refused(path, text):
    with pytest.raises(Mistake, match=text) as caught:
        genzoo.load(path)
    assert caught.value.cause
    assert caught.value.fix


def test_no_folder(tmp_path):
    refused(tmp_path / "nothing", "must be a folder")


def test_not_a_run(tmp_path):
    refused(tmp_path, "must hold config.json")


def test_missing_weights(copied):
    (copied / "model.safetensors").unlink()
    refused(copied, "must hold model.safetensors")


def test_spoilt_weights(copied):
    (copied / "model.safetensors").write_bytes(b"no tensors")
    refused(copied, "must be a safetensors file")


@pytest.mark.parametrize("version", [store.FORMAT + 1, store.FORMAT - 1])
def test_another_format(copied, version):
    edited(copied, format_version=version, versions={"genzoo": "0.0.1"})
    refused(copied, f"format_version {version}, and this genzoo reads format {store.FORMAT}. .*wrote it .0.0.1.")


def test_spoilt_config(copied):
    (copied / "config.json").write_text("{")
    refused(copied, "must be JSON")
    (copied / "config.json").write_text("[]")
    refused(copied, "must hold a JSON object")
    (copied / "config.json").write_text('{"format_version": 2}')
    refused(copied, "must be a run's configuration")


def test_spoilt_codec(copied):
    (copied / "codec.json").write_text('{"kind": "unknown"}')
    refused(copied, "codec.json")
    (copied / "codec.json").write_text('{"x": {"kind": "image"}, "given": {"text": {"kind": "imag"}}}')
    refused(copied, "codec.json")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda w: {**w, "extra": torch.zeros(1)}, "extra is unknown"),
        (lambda w: dict(list(w.items())[1:]), "is missing"),
        (lambda w: {name: tensor[:1] if tensor.ndim else tensor for name, tensor in w.items()}, "has shape"),
        (lambda w: {name: tensor.double() for name, tensor in w.items()}, "is torch.float64, not torch.float32"),
    ],
)
def test_weights_of_another_model(copied, change, text):
    weights = {name: tensor.contiguous() for name, tensor in change(load_file(copied / "model.safetensors")).items()}
    save_file(weights, copied / "model.safetensors")
    refused(copied, text)


def test_missing_values_are_refused_before_anything_is_trained(tmp_path):
    x = torch.randn(50, 2)
    x[3, 1] = torch.nan
    data = dataclasses.replace(genzoo.read(torch.randn(50, 2)), x=x)
    with pytest.raises(genzoo.Mistake, match="no missing values for vae, got 1"):
        genzoo.train("vae", data, out=tmp_path / "run", steps=2)
    assert not (tmp_path / "run").exists()


def test_data_read_from_a_path_are_read_again_on_resume(tmp_path, monkeypatch):
    (tmp_path / "table.csv").write_text("a,b,c\n" + "\n".join(f"{i},{i % 7},{i % 3}" for i in range(60)))
    data = genzoo.read(tmp_path / "table.csv", x=["a", "b"], given="c")
    run = genzoo.train("vae", data, out=tmp_path / "run", steps=3, checkpoint_every=2)
    assert run.config.data.origin["x"] == ["a", "b"]
    assert genzoo.load(tmp_path / "run").data().fingerprint == data.fingerprint
    assert genzoo.resume(tmp_path / "run").metrics[-1]["step"] == 3
