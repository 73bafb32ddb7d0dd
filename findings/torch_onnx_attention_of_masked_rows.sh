#!/usr/bin/env bash
# PyTorch: exported to ONNX below opset 23, attention of which everything is masked looks at everything.
#
# What one expects: a row of scaled_dot_product_attention that may look at nothing is zero, as it is in PyTorch.
# What happens: at the opsets that torch.onnx.export takes by default, the mask becomes the least finite number, so that all
# scores of such a row are alike: its answer is the mean of all values, the hidden ones of other rows and of padding among
# them. From opset 23 on, where ONNX has an operation for attention, the row is zero.
# Where it is met: padding, missing conditions, cross-attention to an empty text.
# genzoo asks every graph for rows with null conditions and holds them against the model (`genzoo.artifacts.parity`).
#
# Seen with PyTorch 2.13.0, onnx 1.23.2, onnxscript 0.7.2 and onnxruntime 1.32.0 (CPU), a masked row over values 1 and 5:
#   PyTorch 0, opset 18: 3, opset 20: 3, opset 21: 3, opset 23: 0
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
python3 -m venv "$home/venv"
"$home/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0
cd "$home"
"$home/venv/bin/python" -W ignore - <<'PYTHON'
import onnxruntime
import torch


class Look(torch.nn.Module):
    def forward(self, q, k, v, mask):
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)


q, k, v = torch.randn(1, 1, 2, 1), torch.randn(1, 1, 2, 1), torch.tensor([[[[1.0], [5.0]]]])
given = q, k, v, torch.tensor([[[[True, False], [False, False]]]])
found = {"PyTorch": Look()(*given)[0, 0, 1].item()}
for opset in (18, 20, 21, 23):
    model = torch.onnx.export(Look(), given, dynamo=True, opset_version=opset, verbose=False).model_proto
    session = onnxruntime.InferenceSession(model.SerializeToString())
    named = {each.name: x.numpy() for each, x in zip(session.get_inputs(), given)}
    found[f"opset {opset}"] = session.run(None, named)[0][0, 0, 1].item()
print(", ".join(f"{name}: {said:g}" for name, said in found.items()))
assert list(found.values()) == [0, 3, 3, 3, 0], "PyTorch has changed: look again"
PYTHON
