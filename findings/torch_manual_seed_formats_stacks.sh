#!/usr/bin/env bash
# PyTorch: torch.manual_seed writes out the whole call stack three times, so that its price grows with the depth of it.
#
# What one expects: to seed the generator of the processor is to set one number; a microsecond, wherever it is called.
# What happens: where no accelerator is in use yet, the seed is also kept for CUDA, XPU and MTIA until they are, each
# time with a formatted trace of the whole stack. From a script that is a hundred times the price of the generator's
# own manual_seed, from within a test runner, a notebook or a web server a thousand times and more.
# Where it is met: a seed before every row, batch, test or request, such as for samples that do not depend on others.
# genzoo seeds generators alone (`genzoo.core.seeded`), and draws from noise that is keyed and needs no seeding.
#
# Seen with PyTorch 2.13.0 (CPU), microseconds a call:
#   depth   3: manual_seed 153, the generator's own 1.6: 98 times
#   depth 103: manual_seed 3831, the generator's own 1.6: 2447 times
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
python3 -m venv "$home/venv"
"$home/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$home"
"$home/venv/bin/python" - <<'PYTHON'
import time

import torch


def cost(seed, deeper):
    """Microseconds of one call, from so many frames further down."""
    if deeper:
        return cost(seed, deeper - 1)
    start = time.perf_counter()
    for number in range(300):
        seed(number)
    return (time.perf_counter() - start) / 300 * 1e6


print("PyTorch", torch.__version__, "CUDA in use:", torch.cuda.is_initialized())
ratios = []
for deeper in (0, 100):
    ours, own = (min(cost(seed, deeper) for _ in range(3)) for seed in (torch.manual_seed, torch.default_generator.manual_seed))
    ratios.append(ours / own)
    print(f"depth {deeper + 3:3}: manual_seed {ours:.0f}, the generator's own {own:.1f}: {ratios[-1]:.0f} times")
torch.manual_seed(5)
one = torch.rand(3)
torch.default_generator.manual_seed(5)
assert torch.equal(one, torch.rand(3)), "the numbers are the same"
assert ratios[0] > 20 and ratios[1] > 4 * ratios[0], "PyTorch has changed: look again"
PYTHON
