"""Asks the oracles again and freezes what they answer: `make golden`.

Every module beside this one that has a function `answers` is an oracle's: its answers go to a file of its name. Tests
read the files, so that they need no oracle.
"""

import importlib
from pathlib import Path

from safetensors.torch import save_file

HERE = Path(__file__).parent
LARGEST = 1 << 20

for path in sorted(HERE.glob("*.py")):
    module = importlib.import_module(f"tests.golden.{path.stem}") if path.stem != "__main__" else None
    if answers := getattr(module, "answers", None):
        file = path.with_suffix(".safetensors")
        try:
            found = answers()
        except ModuleNotFoundError as error:  # an oracle that wants an environment of its own
            print(f"{file.name}: not asked again, {error.name} is not installed")
            continue
        save_file({name: tensor.contiguous() for name, tensor in found.items()}, file)
        size = file.stat().st_size
        if size > LARGEST:
            raise SystemExit(f"{file.name} must be at most 1 MB, got {size:,} bytes. Ask for less.")
        print(f"{file.name}: {size:,} bytes")
