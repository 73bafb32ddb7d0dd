import json

import pytest
import torch

from genzoo.training.checkpoint import Checkpoint, CheckpointError, checkpoints, newest, save, write_json


def same(checkpoint):
    return checkpoint


def checkpoint_of(step):
    tied = torch.full((3,), float(step))
    return Checkpoint(step, {"best": 0.1 * step}, {"model": {"w": tied, "tied": tied}, "course": {}})


def test_a_checkpoint_comes_back_as_it_was_and_the_newest_two_are_kept(tmp_path):
    for step in (1, 2, 13):
        save(tmp_path, checkpoint_of(step))
    found = newest(tmp_path, pytest.fail, same)
    assert found.step == 13
    assert found.state == {"best": 1.3}
    assert torch.equal(found.tensors["model"]["tied"], torch.full((3,), 13.0))
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000013", "step-00000002"]


@pytest.mark.parametrize("file", ["model.safetensors", "state.json", "manifest.json"])
@pytest.mark.parametrize("harm", ["truncate", "flip", "empty", "remove"])
def test_a_spoilt_checkpoint_is_named_and_the_one_before_is_used(tmp_path, file, harm):
    save(tmp_path, checkpoint_of(1))
    path = save(tmp_path, checkpoint_of(2)) / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    spoilt = {"truncate": content[:-5], "flip": content, "empty": b""}
    path.unlink() if harm == "remove" else path.write_bytes(spoilt[harm])
    heard = []
    assert newest(tmp_path, heard.append, same).step == 1
    assert len(heard) == 1
    assert "step-00000002 is spoilt" in heard[0]


def test_when_all_are_spoilt_nothing_is_resumed(tmp_path):
    (save(tmp_path, checkpoint_of(1)) / "state.json").write_text("{}")
    with pytest.raises(CheckpointError, match="only spoilt ones: step-00000001"):
        newest(tmp_path, lambda remark: None, same)


def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    save(tmp_path, checkpoint_of(1))
    monkeypatch.setattr("genzoo.training.checkpoint.save_file", _disk_full)
    with pytest.raises(OSError, match="No space left"):
        save(tmp_path, checkpoint_of(2))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    assert newest(tmp_path, pytest.fail, same).step == 1


def test_what_a_kill_left_is_swept(tmp_path):
    (tmp_path / ".draft-00000005").mkdir()
    (tmp_path / ".draft-00000005" / "model.safetensors").write_bytes(b"half")
    save(tmp_path, checkpoint_of(6))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000006"]


WRONG = [
    "{}",
    "null",
    "[1]",
    "[" * 100_000,
    '"state.json"',
    '{"state.json": 3}',
    "1e999",
    '{"state.json": "0", "x": 1}',
]


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:20])
def test_a_manifest_that_is_json_and_wrong_is_passed_over(tmp_path, text):
    save(tmp_path, checkpoint_of(1))
    (save(tmp_path, checkpoint_of(2)) / "manifest.json").write_text(text)
    heard = []
    assert newest(tmp_path, heard.append, same).step == 1
    assert len(heard) == 1


def test_what_cannot_be_used_is_passed_over_and_a_refusal_is_not(tmp_path):
    for step in (1, 2):
        save(tmp_path, checkpoint_of(step))

    def use(found):
        return {1: "used"}[found.step]

    def refuse(found):
        raise CheckpointError("of another training")

    assert newest(tmp_path, lambda remark: None, use) == "used"
    with pytest.raises(CheckpointError, match="another training"):
        newest(tmp_path, lambda remark: None, refuse)


def test_a_manifest_that_points_elsewhere_is_spoilt(tmp_path):
    path = save(tmp_path / "checkpoints", checkpoint_of(1))
    write_json(tmp_path / "outside.json", {})
    sums = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(sums | {"../../outside.json": "0"}))
    with pytest.raises(CheckpointError):
        newest(tmp_path / "checkpoints", lambda remark: None, same)


def _disk_full(tensors, path):
    path.write_bytes(b"half")
    raise OSError(28, "No space left on device")
