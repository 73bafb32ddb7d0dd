#!/usr/bin/env bash
# torch.onnx.export: a value that is clamped by two chains of clamps becomes a graph that onnxruntime refuses.
#
# What one expects: x.clamp(max=3).clamp(min=1) and x.clamp(min=0).clamp(max=2) of the same x are two operations.
# What happens: onnxscript's optimizer, which the exporter runs by default, joins each chain into one Clip and names its
# ends after what is clamped, x_min and x_max; of the second chain they have the same names, take the place of the first's
# in the list of constants, and the first Clip reads constants that are nowhere. The exporter reports success, and
# onnx's checker and onnxruntime refuse the model. With optimize=False it is right.
# Where it is met: samplers that bound what they predict at each step, in pictures or in variances.
# genzoo puts the lost constants back before it writes a graph.
#
# Seen with torch 2.13.0, onnxscript 0.7.2, onnx 1.23.2, onnxruntime 1.32.0 (CPU):
#   one chain: runs
#   two chains of two values: runs
#   two chains of one value: Node input 'x_min_1' is not a graph input, initializer, or output of a previous node.
#   two chains of one value, optimize=False: runs
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
python3 -m venv "$home/venv"
"$home/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0
"$home/venv/bin/pip" install --quiet --disable-pip-version-check onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0
cd "$home"
cat > clips.py <<'PYTHON'
import logging
import warnings

import onnxruntime
import torch

logging.disable(logging.ERROR)
warnings.simplefilter("ignore")


class Chains(torch.nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, x):
        return self.answer(x)


def said(name, answer, **options):
    x = torch.tensor([[-1.0, 0.5, 1.5, 4.0]])
    program = torch.onnx.export(Chains(answer), (x,), dynamo=True, verbose=False, **options)
    try:
        session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    except Exception as error:
        print(f"{name}:", str(error).split("Invalid model. ")[-1])
        return False
    assert torch.equal(torch.from_numpy(session.run(None, {"x": x.numpy()})[0]), answer(x))
    print(f"{name}: runs")
    return True


print("torch", torch.__version__, "onnxruntime", onnxruntime.__version__)
upper = lambda x: x.clamp(max=3.0).clamp(min=1.0)
lower = lambda x: x.clamp(min=0.0).clamp(max=2.0)
assert said("one chain", upper)
assert said("two chains of two values", lambda x: upper(x) + lower(x * 2))
assert not said("two chains of one value", lambda x: upper(x) + lower(x)), "onnxscript has changed: look again"
assert said("two chains of one value, optimize=False", lambda x: upper(x) + lower(x), optimize=False)
PYTHON
"$home/venv/bin/python" clips.py
