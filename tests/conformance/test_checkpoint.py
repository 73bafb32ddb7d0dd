"""Weights in a file, a fresh process, the same samples."""

import os
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from tests.zoo import ZOO, batch, ready

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from pathlib import Path
import torch
from safetensors.torch import load_file, save_file
from tests.zoo import ZOO, batch

torch.manual_seed(99)
for i, name in enumerate(ZOO):
    model = ZOO[name].make()
    model.load_state_dict(load_file(Path(sys.argv[1]) / f"{i}.safetensors"))
    x = model.sample(7, batch(model, 7).given, seed=4)
    save_file({"x": x.contiguous()}, Path(sys.argv[1]) / f"{i}.samples")
"""


def test_a_fresh_process_makes_the_same_samples(tmp_path: Path) -> None:
    for i, name in enumerate(ZOO):
        save_file({key: t.contiguous() for key, t in ready(name).state_dict().items()}, tmp_path / f"{i}.safetensors")
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
    subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], check=True, env=environment, timeout=100)
    for i, name in enumerate(ZOO):
        model = ready(name)
        assert torch.equal(
            load_file(tmp_path / f"{i}.samples")["x"], model.sample(7, batch(model, 7).given, seed=4)
        ), name
