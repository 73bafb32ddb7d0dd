#!/usr/bin/env bash
# PyTorch: torch.optim.Muon computes its matrices in bfloat16 whatever the processor, and on one that has no products in
# bfloat16 a step of it takes many times what the model's own forward and backward pass take.
#
# What one expects: an optimizer costs a small part of a step; for matrices of 128 by 512 the five iterations of Newton
# and Schulz are some 0.1 GFLOP each, a few milliseconds.
# What happens: the gradient is rounded to bfloat16 in `_zeropower_via_newtonschulz`, for which there is no option; a
# processor without such instructions (x86 without AVX512-BF16 or AMX) multiplies number by number. The same iteration
# in float32 gives the same directions to a few percent.
# Where it is met: a GPT of four blocks of 128 took 1.1 core-seconds a step, 0.83 of them in Muon. genzoo takes torch's
# where bfloat16 is quick and its own iteration elsewhere (`training/muon.py`), at 0.035.
#
# Seen with torch 2.13.0+cpu, on an AMD EPYC without products in bfloat16:
#   Muon 0.83 s a step, the same iteration in float32 0.03 s
# On a processor with bfloat16 there is nothing to see, and the script says so.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
python3 -m venv "$home/venv"
"$home/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$home"
OMP_NUM_THREADS=1 "$home/venv/bin/python" - <<'PYTHON'
import time

import torch

if any(there is True and "bf16" in name for name, there in torch.cpu.get_capabilities().items()):
    print("this processor has products in bfloat16: nothing to see here")
    raise SystemExit
torch.manual_seed(0)
shapes = [(384, 128), (128, 128), (512, 128), (128, 512)] * 4
weights = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
for p in weights:
    p.grad = torch.randn_like(p)
optimizer = torch.optim.Muon(weights, lr=1e-3)


def spent(step):
    step()
    began = time.process_time()
    step()
    return time.process_time() - began


def in_float32():
    for p in weights:
        x = p.grad.T if p.shape[0] > p.shape[1] else p.grad
        x = x / x.norm()
        for _ in range(5):
            gram = x @ x.T
            x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=-4.775, alpha=2.0315), x, beta=3.4445)


theirs, plain = spent(optimizer.step), spent(in_float32)
print(f"Muon {theirs:.2f} s a step, the same iteration in float32 {plain:.2f} s")
assert theirs > 5 * plain, (theirs, plain)
PYTHON
