"""Weights in a file, a fresh process, the same samples."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from tests.fresh import Fresh
from tests.zoo import ZOO, ready, shown

SOME = [name for name in ZOO if "/" not in name]
SCRIPT = """
import sys
from pathlib import Path
import torch
from safetensors.torch import load_file, save_file
from tests.zoo import ZOO, shown

SOME = [name for name in ZOO if "/" not in name]
torch.manual_seed(99)
for i, name in enumerate(SOME):
    model = ZOO[name].make()
    model.load_state_dict(load_file(Path(sys.argv[1]) / f"{i}.safetensors"))
    x = shown(model.eval(), 7, seed=4)
    save_file({"x": x.contiguous()}, Path(sys.argv[1]) / f"{i}.samples")
"""


def test_a_fresh_process_makes_the_same_samples(tmp_path: Path, fresh: Fresh) -> None:
    for i, name in enumerate(SOME):
        save_file({key: t.contiguous() for key, t in ready(name).state_dict().items()}, tmp_path / f"{i}.safetensors")
    done = fresh(SCRIPT, tmp_path)
    assert done.returncode == 0, done.stderr
    for i, name in enumerate(SOME):
        model = ready(name)
        assert torch.equal(load_file(tmp_path / f"{i}.samples")["x"], shown(model, 7, seed=4)), name
