import pytest
import torch
from safetensors.torch import load_file

from genzoo.training import TrainConfig, train
from genzoo.training.checkpoint import newest
from genzoo.training.team import Team
from tests.training import together


def test_two_processes_with_half_the_batch_each_equal_one_with_the_whole(tmp_path, fresh):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    done = fresh("import sys; from tests.training.together import main; main(*sys.argv[1:])", tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    for kind in together.ROUNDS:
        one, two = load_file(tmp_path / "one" / kind), load_file(tmp_path / "two" / kind)
        assert one.keys() == two.keys()
        worst = max(float((one[name] - two[name]).abs().max()) for name in one if one[name].numel())
        assert worst < 1e-6, f"{kind}: parameters differ by {worst}"
    for kind in together.HALTS:
        halted, alone = (load_file(tmp_path / name / kind / "model.safetensors") for name in ("passes", "alone"))
        whole = load_file(tmp_path / "two" / kind)
        assert all(torch.equal(halted[name], whole[name]) for name in whole)
        for name in whole:
            torch.testing.assert_close(alone[name], whole[name])
    one, two = (load_file(tmp_path / name / "rows") for name in ("one", "two"))
    assert torch.equal(one["drawn"], two["drawn"])
    assert torch.equal(one["scores"], two["scores"])
    one, two = (newest(tmp_path / run / "checkpoints", print, lambda found: found) for run in ("whole", "shards"))
    assert {len(list(step.glob("shard-*"))) for step in (tmp_path / "shards" / "checkpoints").iterdir()} == {0, 2}
    for file, tensors in one.tensors.items():
        for name, tensor in tensors.items():
            torch.testing.assert_close(two.tensors[file][name], tensor, rtol=1e-3, atol=1e-3)
    assert one.state["best"] == pytest.approx(two.state["best"], rel=1e-4)


@pytest.mark.parametrize("kind", ["duel", "vae", "gaussian_mixture"])
def test_what_cannot_be_sharded_is_refused_by_one_process_too(kind):
    model, rows = together.build(kind)
    with pytest.raises(ValueError, match=f"a transformer or a U-Net, got {type(model).__name__}"):
        train(model, rows, TrainConfig(steps=1, shard=True, device="cpu"), say=lambda remark: None)


@pytest.mark.parametrize(("device", "message"), [("gpu", "must be auto"), ("cuda:0", "no cuda is here")])
def test_a_device_must_exist(device, message):
    if device.startswith("cuda") and torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(ValueError, match=message):
        Team(TrainConfig(device=device))
