"""Precision: chosen by what the device has, written down, and sound in every model."""

from dataclasses import replace

import pytest
import torch

import genzoo
from genzoo.core import Noise
from genzoo.training import TrainConfig, train
from genzoo.training.callbacks import Callback
from genzoo.training.precision import half_on, resolved
from genzoo.training.team import Team
from genzoo.zoo import store
from tests.logged import logged
from tests.training.toys import Line, Rows, normal_rows
from tests.zoo import ZOO, ready
from tests.zoo.entry import batch

CPU = torch.device("cpu")
AUTO = TrainConfig(precision="auto", device="cpu")
HALVED = [
    name for name in ZOO if "/" not in name or name in ("wgan_gp/conv", "vae/given/several", "latent/wgan_gp/given")
]


@pytest.fixture
def processor(monkeypatch):
    """Pretends a processor."""

    def pretend(most: str = "", **has: bool) -> None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "cpu_name": "bf16", **has})
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", most)

    return pretend


def test_auto_asks_the_processor(processor):
    for has, most, quick in (
        ({}, "", False),
        ({"avx512_f": True, "avx512_bf16": False}, "", False),
        ({"avx512_bf16": True}, "", True),
        ({"amx_bf16": True, "avx512_bf16": True}, "", True),
        ({"bf16": True, "sve_bf16": False}, "", True),  # ARM
        ({"amx_bf16": True}, "AVX2", False),
        ({"amx_bf16": True}, "avx512_core_vnni", False),
        ({"amx_bf16": True}, "AVX512_CORE_BF16", True),
        ({"amx_bf16": True}, "DEFAULT", True),
    ):
        processor(most, **has)
        assert half_on(CPU).quick is quick, (has, most)
        assert resolved(AUTO).precision == ("bf16" if quick else "float32")
        assert resolved(TrainConfig(precision="bf16", device="cpu")).precision == "bf16"  # forced


def test_a_run_keeps_the_precision_that_it_began_with(tmp_path, processor, capsys):
    processor(amx_bf16=True)
    data = genzoo.read(torch.randint(0, 3, (40, 4)).to(torch.uint8))
    with logged("genzoo") as messages:
        run = genzoo.train("made", data, out=tmp_path / "run", settings={"width": 8}, steps=2, device="cpu")
    assert run.config.train.precision == store.read_config(run.path).train.precision == "bf16"
    assert "precision auto is bf16: this processor has amx_bf16" in messages
    assert "slow" not in capsys.readouterr().out
    processor()
    again = genzoo.resume(run.path, data=data, steps=3)
    assert again.config.train.precision == "bf16"
    assert "bf16 is slow here: this processor has no products in bfloat16" in capsys.readouterr().out
    other = genzoo.train("made", data, out=tmp_path / "other", settings={"width": 8}, steps=2, device="cpu")
    assert other.config.train.precision == "float32"


def test_the_engine_settles_auto_too(processor):
    processor()
    seen = []

    class Look(Callback):
        def on_start(self, state):
            seen.append((state.config.precision, state.team.precision))

    train(Line(), normal_rows(8), AUTO.model_copy(update={"steps": 1, "batch_size": 8}), callbacks=[Look()])
    assert seen == [("float32", "float32")]


def test_new_tensors_are_doubles_in_double_precision():
    with Team(TrainConfig(precision="float64", device="cpu")).autocast():
        assert torch.zeros(1).dtype == Noise(0).uniform(1).dtype == torch.float64
    assert torch.zeros(1).dtype == torch.float32


def test_every_model_takes_steps_in_half_precision():
    for name in HALVED:
        model = ready(name).train()
        if model.can("direct_fit"):
            continue
        for page in range(2):
            for player in model.players():
                model.zero_grad()
                with torch.autocast("cpu", torch.bfloat16):
                    loss = player.loss(replace(batch(model, 8, page), progress=page / 2))
                loss = loss["loss"] if isinstance(loss, dict) else loss
                loss.backward()
                grads = [p.grad for p in player.parameters() if p.grad is not None]
                assert loss.isfinite(), name
                assert all(grad.isfinite().all() for grad in grads), name
                with torch.no_grad():
                    for p in player.parameters():
                        if p.grad is not None:
                            p -= 1e-3 * p.grad.sign()


def test_direct_fits_are_never_of_half_precision():
    for name in ("gaussian_mixture/diag", "sparse_coding"):
        fits = []
        for precision in ("bf16", "float32"):
            model = ready(name)
            rows = Rows(batch(model, 32).x)
            config = TrainConfig(precision=precision, device="cpu", steps=4, batch_size=16)
            train(model, rows, config, valid=rows)
            fits.append(model.state_dict())
        assert all(torch.equal(a, b) for a, b in zip(fits[0].values(), fits[1].values(), strict=True)), name


def test_diffusions_draw_in_the_precision_that_they_were_trained_in(tmp_path, processor):
    processor(amx_bf16=True)
    small = {"width": 8, "depth": 1, "sampling_steps": 3}
    data = genzoo.read(torch.randint(0, 256, (16, 1, 8, 8), dtype=torch.uint8))
    run = genzoo.train("ddpm", data, out=tmp_path / "run", settings=small, steps=2, batch_size=8, device="cpu")
    again, model = genzoo.load(run.path), run.generative
    half = model.sample(6, seed=0)
    assert model.in_half
    assert torch.equal(again.model.sample(6, seed=0), half)
    assert torch.equal(torch.cat([model.sample(2, seed=0, start=k) for k in (0, 2, 4)]), half)  # whatever the batch
    model.in_half = False
    whole = model.sample(6, seed=0)
    assert (whole.int() - half.int()).abs().max() <= 1
    assert torch.equal(model.log_prob(data.train.x[:2]), again.generative.log_prob(data.train.x[:2]))  # in float32
    processor()
    assert torch.equal(genzoo.load(run.path).model.sample(6, seed=0), whole)
