"""Averages by powers of time: what they weigh, and what is made of them afterwards."""

import math

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from typer.testing import CliRunner

import genzoo
from genzoo.apps.cli.root import app
from genzoo.training.power import LENGTHS, LONGEST, Powers, Profile, exponent, rebuilt, shares
from genzoo.zoo.averaging import averaged, best_average
from genzoo.zoo.mistakes import Mistake

STEPS = 400


def path_of(step: int) -> float:
    """Where a weight is after a step: on its way from 0 to 1, and shaken."""
    return 1 - math.exp(-step / 100) + 0.3 * math.sin(step / 5)


def walked(folder, lengths=LENGTHS):
    line = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(line.weight)
    powers = Powers(line, STEPS, lengths)
    for step in range(1, STEPS + 1):
        with torch.no_grad():
            line.weight.fill_(path_of(step))
        powers.follow(step)
        if step % (STEPS // 10) == 0:
            powers.save(folder)
    return powers


def test_a_length_is_the_deviation_of_what_is_averaged() -> None:
    for length in (0.01, 0.05, 0.1, 0.2, LONGEST):
        power = exponent(length)
        t = (torch.arange(100_000).double() + 0.5) / 100_000
        p = (power + 1) * t**power
        mean = (p * t).mean()
        assert math.isclose((p * (t - mean).square()).mean().sqrt(), length, rel_tol=1e-3)
    for length in (0.0, -0.1, 0.3):
        with pytest.raises(ValueError, match=r"above 0 and at most 0\.28"):
            exponent(length)


def test_any_length_is_rebuilt_from_two(tmp_path) -> None:
    steps = torch.arange(1, STEPS + 1).double()
    path = torch.tensor([path_of(int(step)) for step in steps]).double()
    powers = walked(tmp_path)
    for mean, power in zip(powers.means, powers.exponents, strict=True):
        part = (steps / STEPS) ** (power + 1) - ((steps - 1) / STEPS) ** (power + 1)
        assert torch.allclose(mean["weight"].double(), (part * path).sum(), atol=1e-5)
    for length in (0.04, 0.05, 0.07, 0.1, 0.15):
        power = exponent(length)
        part = (steps / STEPS) ** (power + 1) - ((steps - 1) / STEPS) ** (power + 1)
        found = rebuilt(tmp_path, length)["weight"]
        assert abs(float(found) - float((part * path).sum())) < 0.01, length
    with pytest.raises(ValueError, match="Train with averages=true"):
        rebuilt(tmp_path / "none", 0.1)


def test_shares_of_one_that_is_there_are_itself_alone() -> None:
    kept = [Profile(power, step) for step in (50, 100) for power in (7.0, 17.0)]
    assert shares(kept, Profile(7.0, 100)) == pytest.approx([0, 0, 1, 0], abs=1e-6)
    assert sum(shares(kept, Profile(10.0, 100))) == pytest.approx(1)


def test_a_run_is_averaged_over_another_length(tmp_path) -> None:
    tiny, cli = {"width": 4, "depth": 1}, CliRunner()
    run = genzoo.train(
        "flow_matching",
        "moons",
        settings=tiny,
        steps=24,
        averages=True,
        batch_size=32,
        out=tmp_path / "a",
        device="cpu",
    )
    found = best_average(run, run.data().valid, (0.1, 0.25))
    assert sorted(each.length for each in found) == [0, 0.1, 0.25]
    assert found[0].loss <= min(each.loss for each in found[1:])
    said = cli.invoke(app, ["average", str(run.path), "--length", "0.1", "--out", str(tmp_path / "b")])
    assert said.exit_code == 0, said.output
    other = genzoo.load(tmp_path / "b").model.state_dict()
    assert all(torch.equal(other[name], tensor) for name, tensor in averaged(run, 0.1).items())
    assert any(not torch.equal(other[name], tensor) for name, tensor in run.model.state_dict().items())
    said = cli.invoke(app, ["average", str(run.path), "--out", str(tmp_path / "c")])
    assert said.exit_code == 0, said.output
    assert "valid loss" in said.output
    again = cli.invoke(app, ["average", str(run.path), "--length", "0.1", "--out", str(tmp_path / "b")])
    assert again.exit_code == 2
    assert "a new folder" in again.output
    newest = max((run.path / "averages").iterdir())
    good = load_file(newest)
    for other, said in (({}, "be of one model"), ({"w": torch.tensor([torch.nan])}, "hold finite")):
        save_file(other, newest)
        with pytest.raises(Mistake, match=said):
            averaged(run, 0.1)
    for path in (run.path / "averages").iterdir():
        save_file({name: tensor[None] for name, tensor in good.items()}, path)
    with pytest.raises(Mistake, match="of the run's weights"):
        averaged(run, 0.1)
    with pytest.raises(Mistake, match="Averages must lie"):
        averaged(genzoo.load(tmp_path / "b"), 0.1)
