"""What ONNX lacks, or its runtime knows in single precision alone, says what torch says, far out too."""

import pytest
import torch
from torch import Tensor, nn

from genzoo.artifacts.formats import written_onnx
from genzoo.artifacts.graph import Program

P = torch.cat([torch.linspace(0, 1, 1001), 10.0 ** -torch.linspace(0, 300, 301), torch.tensor([-1.0, 2.0, torch.nan])])
X = torch.cat(
    [torch.linspace(-40, 40, 2003), 10.0 ** -torch.linspace(0, 20, 21), torch.tensor([torch.inf, -torch.inf])]
)
P, X = P.double(), X.double()


class Functions(nn.Module):
    def forward(self, p: Tensor, x: Tensor) -> Tensor:
        near = [x.atan(), x.erf(), x.erfc(), nn.functional.softplus(x, 0.7), nn.functional.logsigmoid(x)]
        far = [torch.special.ndtr(x), torch.special.log_ndtr(x)]
        return torch.cat([torch.special.ndtri(p), *near, *far])


@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-13), (torch.float32, 1e-6)])
def test_they_are_torchs(dtype: torch.dtype, close: float) -> None:
    p, x = P.to(dtype), X.to(dtype)
    said = Functions()(p, x)
    sizes = {0: torch.export.Dim("p")}, {0: torch.export.Dim("x")}
    program = torch.export.export(Functions(), (p, x), dynamic_shapes=sizes)
    run = written_onnx(Program(program, ("p", "x"), (), (), {}, said, 1), "said").run
    found = run([p, x])
    assert found.dtype == said.dtype
    torch.testing.assert_close(found, said, rtol=close, atol=close, equal_nan=True)
