#!/usr/bin/env bash
# onnxruntime: log(Sigmoid(x)) is -inf from x = -18 on, and ReduceLogSumExp is -inf where one term is and others are far.
#
# What one expects: float32 holds sigmoid(-18) = 1.5e-8 and its logarithm easily; and log(exp(-inf) + exp(-110)) = -110,
# as a sum that takes its greatest term out first says, and as PyTorch, SciPy and NumPy say.
# What happens: the processor's Sigmoid is exactly 0 below -18. ReduceLogSumExp takes the greatest term out, but not where
# a term is infinite, and then loses all that underflows: below -104 in float32, below -745 in float64.
# Where it is met: likelihoods of bits and levels by logsigmoid, which PyTorch's exporter writes as Log(Sigmoid(x)); and
# mixtures with impossible components, such as those of other classes: their densities are -inf for rows far from all.
# genzoo writes both otherwise (`genzoo.artifacts.translations`) and asks graphs for rows far out before they are written.
#
# Seen with onnxruntime 1.32.0 (CPU), what is right in brackets:
#   log(Sigmoid(x)): -15: -14.8438 (-15) -17: -16.2301 (-17) -18: -inf (-18) -20: -inf (-20) -30: -inf (-30)
#   ReduceLogSumExp float32 (-inf, -80): -80 (-inf, -110): -inf (-inf, -800): -inf (-900, -800): -800
#   ReduceLogSumExp float64 (-inf, -80): -80 (-inf, -110): -110 (-inf, -800): -inf (-900, -800): -800
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
python3 -m venv "$home/venv"
"$home/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0
cd "$home"
"$home/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper


def run(nodes, x, constants=()):
    kind = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}[str(x.dtype)]
    given = helper.make_tensor_value_info("x", kind, x.shape)
    said = helper.make_tensor_value_info("y", kind, None)
    graph = helper.make_graph(nodes, "graph", [given], [said], list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]


print("onnxruntime", onnxruntime.__version__)
log_sigmoid = [helper.make_node("Sigmoid", ["x"], ["s"]), helper.make_node("Log", ["s"], ["y"])]
x = np.array([-15, -17, -18, -20, -30], np.float32)
found = run(log_sigmoid, x)
print("log(Sigmoid(x)):", *(f"{a:g}: {b:.6g} ({-np.logaddexp(0, -a):.6g})" for a, b in zip(x.astype(float), found)))
assert np.isneginf(found[2:]).all() and np.isfinite(found[:2]).all(), "onnxruntime has changed: look again"
axis = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
total = [helper.make_node("ReduceLogSumExp", ["x", "axes"], ["y"], keepdims=0)]
for dtype in ("float32", "float64"):
    x = np.array([[-np.inf, -80], [-np.inf, -110], [-np.inf, -800], [-900, -800]], dtype)
    found = run(total, x, [axis])
    print("ReduceLogSumExp", dtype, *(f"({a:g}, {b:g}): {y:g}" for (a, b), y in zip(x, found)))
    assert np.isneginf(found[2]) and found[3] == -800, "onnxruntime has changed: look again"
PYTHON
