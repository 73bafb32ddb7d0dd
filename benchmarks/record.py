"""What every benchmark writes beside what it prints."""

import json
import os
import platform
from pathlib import Path
from typing import Any

import torch

import genzoo

FOLDER = Path(__file__).parent / "records"


def write(name: str, figures: dict[str, Any]) -> Path:
    """Keeps a benchmark's figures with what they depend on."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    setting = {
        "genzoo": genzoo.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
    path.write_text(json.dumps({"benchmark": name, "setting": setting, **figures}, indent=1) + "\n")
    return path


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
