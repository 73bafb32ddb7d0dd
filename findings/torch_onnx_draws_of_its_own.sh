#!/usr/bin/env bash
# PyTorch: an exported sampler forgets its seed, and torch.multinomial without replacement draws with it.
#
# What one expects: a module that seeds and draws says the same at each call, exported or not; or the exporter refuses. Four
# draws without replacement out of four classes are each class once.
# What happens: the call that seeds leaves no trace in the graph of torch.export, nor in that of ONNX, whose random nodes
# carry no seed: every call says something else, without a warning. ONNX's Multinomial knows no other way than with
# replacement, and stands in for both.
# Where it is met: samplers of VAEs, flows and diffusions, exported whole; top-k candidates, shuffles, subsets.
# genzoo hands noise to its graphs as inputs, and refuses a graph that draws for itself (`genzoo.artifacts`).
#
# Seen with PyTorch 2.13.0, onnx 1.23.2, onnxscript 0.7.2 and onnxruntime 1.32.0 (CPU):
#   twice alike: eager True, torch.export False, ONNX False
#   rows with a class twice, of 64: eager 0, ONNX 57 (by chance 56.25 +- 2.6 with replacement: 1 - 4!/4^4 = 0.906)
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
python3 -m venv "$home/venv"
"$home/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0
cd "$home"
"$home/venv/bin/python" -W ignore - <<'PYTHON'
import onnxruntime
import torch


class Seeded(torch.nn.Module):
    def forward(self, x):
        torch.manual_seed(0)
        return torch.randn_like(x)


class Without(torch.nn.Module):
    def forward(self, p):
        return torch.multinomial(p, 4, replacement=False)


def by_onnx(module, x):
    model = torch.onnx.export(module, (x,), dynamo=True, verbose=False).model_proto
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return lambda: torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])


def repeats(rows):
    return sum(len(set(row)) < 4 for row in rows.tolist())


x, p = torch.zeros(5), torch.full((64, 4), 0.25)
module, graph = torch.export.export(Seeded(), (x,)).module(), by_onnx(Seeded(), x)
ways = {"eager": lambda: Seeded()(x), "torch.export": lambda: module(x), "ONNX": graph}
alike = {name: torch.equal(say(), say()) for name, say in ways.items()}
print("twice alike:", ", ".join(f"{name} {said}" for name, said in alike.items()))
found = repeats(Without()(p)), repeats(by_onnx(Without(), p)())
print(f"rows with a class twice, of 64: eager {found[0]}, ONNX {found[1]}")
assert alike == {"eager": True, "torch.export": False, "ONNX": False}, "PyTorch has changed: look again"
assert found[0] == 0 < found[1], "PyTorch has changed: look again"
PYTHON
