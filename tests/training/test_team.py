import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from genzoo.training import TrainConfig
from genzoo.training.team import Team

TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.mark.parametrize("kind", ["line", "duel", "moments", "vae", "wgan_gp", "gaussian_mixture"])
@pytest.mark.slow
def test_two_processes_with_half_the_batch_each_equal_one_with_the_whole(tmp_path, kind):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for name, launcher in (("one", []), ("two", TORCHRUN)):
        command = [sys.executable, *launcher, "-m", "tests.training.together", kind, str(tmp_path / name)]
        subprocess.run(command, check=True, env=environment, capture_output=True, timeout=100)
    one, two = load_file(tmp_path / "one"), load_file(tmp_path / "two")
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=0, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize(("device", "message"), [("gpu", "must be auto"), ("cuda:0", "no cuda is here")])
def test_a_device_must_exist(device, message):
    if device.startswith("cuda") and torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(ValueError, match=message):
        Team(TrainConfig(device=device))
