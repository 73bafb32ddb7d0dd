#!/usr/bin/env bash
# torch.onnx.export: numbers of Python's in a float64 graph are rounded to float32, so that guards against log(0) vanish.
#
# What one expects: a module whose tensors are float64 is written as a graph of doubles that computes what it computes,
# to the last digits; a program of torch.export, which the exporter reads, holds the numbers with all their digits.
# What happens: a Python number becomes a constant of type float and is cast to double after. x * 0.1 is off by 1e-8;
# clamp(min=1e-300) becomes clamp(min=0), whose logarithm is -inf; clamp(max=1 - 1e-12) becomes clamp(max=1), so that
# log1p(-p) is -inf where it was -27.6. Nothing is said, and nothing shows on rows that stay away from the guard.
# Where it is met: likelihoods and quantiles that are computed in double because single precision does not do.
# genzoo writes guards and fills with all their digits (`genzoo.artifacts.translations`), and holds its graphs against the
# model far out.
#
# Seen with torch 2.13.0, onnxscript 0.7.2, onnx 1.23.2, onnxruntime 1.32.0 (CPU):
#   x * 0.1                       largest difference 1.5e-09
#   torch.full_like(x, 0.1)       largest difference 1.5e-09
#   x.clamp(min=1e-300).log()     torch [-690.775527898, -690.775527898], graph [-inf, -inf]
#   (-x.clamp(max=guard)).log1p() torch [-27.631043238, -27.631043238], graph [-inf, -inf]; guard = 1 - 1e-12
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
python3 -m venv "$home/venv"
"$home/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0
"$home/venv/bin/pip" install --quiet --disable-pip-version-check onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0
cd "$home"
cat > double.py <<'PYTHON'
import logging
import warnings

import onnxruntime
import torch

logging.disable(logging.ERROR)
warnings.simplefilter("ignore")


class Answer(torch.nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, x):
        return self.answer(x)


def both(answer, *x):
    rows = torch.tensor(x, dtype=torch.float64)
    program = torch.onnx.export(Answer(answer), (rows,), dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    return answer(rows), torch.from_numpy(session.run(None, {"x": rows.numpy()})[0])


print("torch", torch.__version__, "onnxruntime", onnxruntime.__version__)
for name, answer in {
    "x * 0.1": lambda x: x * 0.1,
    "torch.full_like(x, 0.1)": lambda x: torch.full_like(x, 0.1),
}.items():
    said, found = both(answer, 1.0, 0.5)
    assert said.dtype == found.dtype == torch.float64
    print(name, "largest difference", f"{(said - found).abs().max():.1e}")
    assert (said - found).abs().max() > 1e-10, "torch has changed: look again"
for name, answer, x in (
    ("x.clamp(min=1e-300).log()", lambda x: x.clamp(min=1e-300).log(), (0.0, -1.0)),
    ("(-x.clamp(max=guard)).log1p()", lambda x: (-x.clamp(max=1 - 1e-12)).log1p(), (1.0, 2.0)),
):
    said, found = both(answer, *x)
    print(name, "torch", [round(value, 9) for value in said.tolist()], "graph", found.tolist())
    assert said.isfinite().all() and found.isneginf().all(), "torch has changed: look again"
PYTHON
"$home/venv/bin/python" double.py
